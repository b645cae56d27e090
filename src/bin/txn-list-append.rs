//! Transactions over lists, strict-serializable: a store on Raft. The whole node is
//! [`ReplicatedStore`], in `src/txn/replicated.rs`; what a transaction does is in `src/txn.rs`.

use std::process::ExitCode;

use gyre::transactions::Lists;
use gyre::transactions::replicated::ReplicatedStore;

fn main() -> ExitCode {
    gyre::run(ReplicatedStore::<Lists>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::*;

    #[test]
    fn sim() {
        maelstrom::check("txn-list-append", ReplicatedStore::<Lists>::new)
            .named("txn-list-append")
            .faults(Fault::ALL)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }
}
