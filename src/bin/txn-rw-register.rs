//! Transactions over registers, totally available: every node does every transaction at once,
//! on its own replica, whatever becomes of the network. Read-atomic and causal, and no more:
//! see [`gyre::causal`] for what that means, why it holds, and how nodes exchange what they
//! lack.
//!
//! Chapter 10 of the book, `book/10-transactions.md`, reads this.

use std::process::ExitCode;

use gyre::causal::CausalStore;
use gyre::driver::Driver;
use gyre::transactions::{Registers, Request, Response};
use gyre::{Ctx, Error, Node, NodeId, async_trait};

struct TxnRwRegister {
    store: Driver<CausalStore>,
}

impl TxnRwRegister {
    fn new(ctx: &Ctx) -> TxnRwRegister {
        let store = Driver::start(ctx, |records, now, rng| {
            CausalStore::new(ctx.id(), ctx.nodes(), records, now, rng)
        });
        TxnRwRegister { store }
    }
}

#[async_trait(?Send)]
impl Node for TxnRwRegister {
    type Request = Request<Registers>;
    type Response = Response<Registers>;

    async fn handle(
        &self,
        _: &Ctx,
        Request::Txn { txn }: Request<Registers>,
        _: NodeId,
    ) -> Result<Response<Registers>, Error> {
        // ANCHOR: handle
        let txn = self.store.request(txn).await?;
        Ok(Response::TxnOk { txn })
        // ANCHOR_END: handle
    }
}

fn main() -> ExitCode {
    gyre::run(TxnRwRegister::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;
    use maelstrom::simulation::Check;

    use super::TxnRwRegister;

    fn at(model: &str) -> Check {
        maelstrom::check("txn-rw-register", TxnRwRegister::new)
            .options(|options| options.consistency_models = vec![model.into()])
    }

    #[test]
    fn sim() {
        at("read-atomic").faults(Fault::COMMON).seeds(0..60);
    }

    /// Everybody is answered, whatever the network does.
    #[test]
    fn sim_total_availability() {
        let faults = [Fault::Partition, Fault::OneWay, Fault::Loss, Fault::Duplicate, Fault::Skew];
        at("read-atomic")
            .faults(faults)
            .options(|options| {
                options.availability = Some(maelstrom::checker::availability::Availability::Total)
            })
            .seeds(0..40);
    }

    /// It is as strong as it claims to be, and no stronger.
    #[test]
    fn is_not_serializable() {
        let failure = at("serializable").faults([Fault::Partition]).first_failure(0..50);
        let failure = failure.expect("two sides of a partition cannot be serializable");
        assert!(failure.sentence.contains("lost-update"), "{}", failure.sentence);
        assert!(at("read-atomic").faults([Fault::Partition]).fails(failure.seed).is_none());
    }
}
