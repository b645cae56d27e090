//! Unique ids: every id that any node ever generates is different from all others.

use gyre::Body;
use rand_chacha::ChaCha8Rng;

use super::Workload;
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{Client, Exact, Operation, ReplyFault, Step, read_reply};
use crate::edn::Edn;
use crate::generator::{Generator, InTurn};
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;

/// The unique-ids workload.
pub struct UniqueIds;

impl Workload for UniqueIds {
    fn name(&self) -> &'static str {
        checker::Workload::UniqueIds.name()
    }

    fn about(&self) -> &'static str {
        "Every id that any node ever gives out is different from all others."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        let generate = Operation::new("generate", Edn::Nil);
        vec![Rpc::of::<GenerateOk>("Asks for a new id.", &mut UniqueIdsClient, &generate)]
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::UniqueIds.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(UniqueIdsClient)
    }

    fn keeps_client_name(&self) -> bool {
        true
    }

    fn generator(&self, _options: &TestOptions) -> Box<dyn Generator> {
        Box::new(InTurn(|_: &mut ChaCha8Rng| Operation::new("generate", Edn::Nil)))
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        (f == "generate").then(|| Operation::new("generate", value.clone()))
    }
}

struct UniqueIdsClient;

reply! {
    /// A new id, of any type.
    GenerateOk = "generate_ok" { id: Exact }
}

impl Client for UniqueIdsClient {
    fn invoke(&mut self, _operation: &Operation) -> Step {
        Step::ask("generate", [])
    }

    fn on_reply(&mut self, _operation: &Operation, reply: &Body) -> Result<Step, ReplyFault> {
        let GenerateOk { id, .. } = read_reply(reply)?;
        Ok(Step::ok(id.0))
    }
}
