//! The node `lin-kv` with something broken: what, says the type parameter.

use std::marker::PhantomData;

use gyre::registers::{Change, Registers, Request, Response};
use gyre::replicated::{Incoming, Options, Replicated};
use gyre::{Ctx, Error, Node, NodeId, async_trait};

/// One planted bug.
pub trait Bug: 'static {
    /// The options of a replica that has it.
    fn options() -> Options;
}

/// `lin-kv` with a bug.
pub struct LinKv<B> {
    registers: Replicated<Registers>,
    bug: PhantomData<B>,
}

#[async_trait(?Send)]
impl<B: Bug> Node for LinKv<B> {
    type Request = Incoming<Request, Registers>;
    type Response = Option<Response>;

    fn new(ctx: &Ctx) -> LinKv<B> {
        LinKv { registers: Replicated::new(ctx, B::options()), bug: PhantomData }
    }

    async fn handle(
        &self,
        _: &Ctx,
        request: Self::Request,
        from: NodeId,
    ) -> Result<Self::Response, Error> {
        let (change, response) = match request {
            Incoming::Raft(message) => return self.registers.receive(from, message).map(|()| None),
            Incoming::Client(Request::Read { key }) => {
                let value = self.registers.read(|registers| registers.read(&key)).await??;
                return Ok(Some(Response::ReadOk { value }));
            }
            Incoming::Client(Request::Write { key, value }) => {
                (Change::Write(key, value), Response::WriteOk {})
            }
            Incoming::Client(Request::Cas { key, from, to, .. }) => {
                (Change::Cas(key, from, to), Response::CasOk {})
            }
        };
        self.registers.execute(change).await??;
        Ok(Some(response))
    }
}
