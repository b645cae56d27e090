//! Transactions over lists, strict-serializable: a store on Raft. The whole node is
//! [`ReplicatedStore`], in `src/txn/replicated.rs`; what a transaction does is in `src/txn.rs`.

use std::process::ExitCode;

use gyre::txn::Lists;
use gyre::txn::replicated::ReplicatedStore;

fn main() -> ExitCode {
    gyre::run::<ReplicatedStore<Lists>>()
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::*;

    #[test]
    fn sim() {
        maelstrom::check::<ReplicatedStore<Lists>>("txn-list-append")
            .named("txn-list-append")
            .faults(Fault::ALL)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }
}
