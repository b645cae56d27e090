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

    /// A little longer than others, and with longer quiet spells: with all faults at once there is
    /// often no majority, and a run in which nobody is ever served shows nothing.
    #[test]
    fn sim() {
        maelstrom::check::<ReplicatedStore<Lists>>("txn-list-append")
            .named("txn-list-append")
            .faults(Fault::ALL)
            .time_limit_secs(40.0)
            .options(|options| options.nemesis_interval_secs = 4.0)
            .seeds(0..50);
    }
}
