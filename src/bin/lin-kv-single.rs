//! A linearizable key-value store on one node. With nobody to agree with, that is easy; but
//! when its only node is down, so is the store. See `lin-kv` for one that goes on.
//!
//! A change is on disk before its client hears of it, and a read is answered when all that it
//! has seen is there, so a crash takes nothing away that anybody knows of.
//!
//! Chapter 6 of the book, `book/06-one-leader.md`, reads this.

use std::process::ExitCode;

use gyre::driver::Driver;
use gyre::key_value::{Change, Registers, Request, Response};
use gyre::single::Single;
use gyre::{Ctx, Error, Node, NodeId, async_trait};

struct LinKvSingle {
    registers: Driver<Single<Registers>>,
}

impl LinKvSingle {
    fn new(ctx: &Ctx) -> LinKvSingle {
        LinKvSingle { registers: Driver::start(ctx, |records, _, _| Single::new(records)) }
    }
}

#[async_trait(?Send)]
impl Node for LinKvSingle {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        if ctx.nodes().len() > 1 {
            let text = "this store is for one node only: run it with --node-count 1";
            return Err(Error::not_supported(text));
        }
        let (change, response) = match request {
            Request::Read { key } => {
                let value = self.registers.read(|single| single.state().read(&key)).await?;
                return Ok(Response::ReadOk { value });
            }
            Request::Write { key, value } => (Change::Write(key, value), Response::WriteOk {}),
            Request::Cas { key, from, to, create_if_not_exists: false } => {
                (Change::Cas(key, from, to), Response::CasOk {})
            }
            Request::Cas { key, from, to, create_if_not_exists: true } => {
                (Change::CasOrCreate(key, from, to), Response::CasOk {})
            }
        };
        self.registers.request(change).await?;
        Ok(response)
    }
}

fn main() -> ExitCode {
    gyre::run(LinKvSingle::new)
}

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::LinKvSingle;

    #[test]
    fn sim() {
        maelstrom::check("lin-kv", LinKvSingle::new)
            .nodes(1)
            .options(|options| options.concurrency = 4)
            .faults([Fault::Kill, Fault::Pause, Fault::Skew])
            .named("lin-kv-single")
            .seeds(0..100);
    }
}
