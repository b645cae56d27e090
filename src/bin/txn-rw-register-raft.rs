//! Transactions over registers, strict-serializable: a store on Raft. The whole node is
//! [`ReplicatedStore`], in `src/txn/replicated.rs`; what a transaction does is in `src/txn.rs`.

use std::process::ExitCode;

use gyre::transactions::Registers;
use gyre::transactions::replicated::ReplicatedStore;

fn main() -> ExitCode {
    gyre::run(ReplicatedStore::<Registers>::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::*;

    #[test]
    fn sim() {
        maelstrom::check("txn-rw-register", ReplicatedStore::<Registers>::new)
            .named("txn-rw-register-raft")
            .faults(Fault::ALL)
            .time_limit_secs(30.0)
            .seeds(0..50);
    }
}
