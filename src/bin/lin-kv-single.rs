//! A linearizable key-value store on one node. With nobody to agree with, that is easy; but
//! when its only node is down, so is the store. See `lin-kv` for one that goes on.
//!
//! A change is on disk before its client hears of it, so a crash takes nothing away that
//! anybody knows of. When the log of changes is long, a snapshot takes its place.

use std::cell::RefCell;
use std::process::ExitCode;

use gyre::key_value::{Change, Registers, Request, Response};
use gyre::replicated::StateMachine;
use gyre::{Ctx, Error, Node, NodeId, Storage, async_trait, json};

struct LinKvSingle {
    registers: RefCell<Registers>,
    storage: Storage,
}

impl LinKvSingle {
    /// Carries out a change, if it can be, and makes it durable.
    fn change(&self, change: &Change) -> Result<(), Error> {
        self.registers.borrow_mut().apply(change)?;
        let record = serde_json::to_vec(change).expect("a change is made of JSON");
        // If the disk fails the change is in memory only, and nobody must ever see it there.
        let saved = self.storage.append(&record).and_then(|()| self.storage.sync());
        saved.and_then(|()| self.compact()).unwrap_or_else(|error| panic!("{error}"));
        Ok(())
    }

    fn compact(&self) -> Result<(), Error> {
        if !self.storage.is_log_long() {
            return Ok(());
        }
        let snapshot = serde_json::to_vec(&*self.registers.borrow()).expect("they are JSON");
        self.storage.save_snapshot(&snapshot)
    }
}

impl LinKvSingle {
    fn new(ctx: &Ctx) -> LinKvSingle {
        let storage = ctx.storage();
        let recovered = storage.load().unwrap_or_else(|error| panic!("{error}"));
        let snapshot = recovered.snapshot.first().map(|snapshot| json::read_own(snapshot));
        let mut registers: Registers =
            snapshot.transpose().expect("the snapshot is one of ours").unwrap_or_default();
        for record in recovered.records {
            let change = json::read_own(&record).expect("only changes are stored");
            registers.apply(&change).expect("only what succeeded is stored");
        }
        LinKvSingle { registers: RefCell::new(registers), storage }
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
        Ok(match request {
            Request::Read { key } => {
                Response::ReadOk { value: self.registers.borrow().read(&key)? }
            }
            Request::Write { key, value } => {
                self.change(&Change::Write(key, value))?;
                Response::WriteOk {}
            }
            Request::Cas { key, from, to, create_if_not_exists: false } => {
                self.change(&Change::Cas(key, from, to))?;
                Response::CasOk {}
            }
            Request::Cas { key, from, to, create_if_not_exists: true } => {
                self.change(&Change::CasOrCreate(key, from, to))?;
                Response::CasOk {}
            }
        })
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
