//! Pn-counter: a counter that goes up and down.

use gyre::Body;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Workload;
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{
    Client, Completion, Integer, Operation, ReplyFault, RequestError, Step, crash, read_reply,
};
use crate::edn::Edn;
use crate::generator::{Generator, InTurn};
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;

/// The pn-counter workload.
pub struct PnCounter;

impl Workload for PnCounter {
    fn name(&self) -> &'static str {
        checker::Workload::PnCounter.name()
    }

    fn about(&self) -> &'static str {
        "A counter that goes up and down: the sum of all that was added, of which a node knows \
         more and more. What is added may be negative."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        counter_rpcs()
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::PnCounter.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(CounterClient)
    }

    fn generator(&self, _options: &TestOptions) -> Box<dyn Generator> {
        Box::new(InTurn(add_or_read))
    }

    fn final_operation(&self) -> Option<Operation> {
        Some(final_read())
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        counter_operation(f, value)
    }
}

/// Adds -5 to 4, or reads, with equal chance.
pub(super) fn add_or_read(rng: &mut ChaCha8Rng) -> Operation {
    if rng.random_bool(0.5) {
        Operation::new("read", Edn::Nil)
    } else {
        Operation::new("add", Edn::Int(rng.random_range(-5..5)))
    }
}

/// What either counter asks of a node.
pub(super) fn counter_rpcs() -> Vec<Rpc> {
    let add = Operation::new("add", Edn::Int(3));
    vec![
        Rpc::of::<AddOk>("Adds to the counter.", &mut CounterClient, &add),
        Rpc::of::<ReadOk>("Asks for the counter's value.", &mut CounterClient, &final_read()),
    ]
}

/// An operation of either counter.
pub(super) fn counter_operation(f: &str, value: &Edn) -> Option<Operation> {
    match (f, value) {
        ("read", _) => Some(Operation::new("read", Edn::Nil)),
        ("add", Edn::Int(_)) => Some(Operation::new("add", value.clone())),
        _ => None,
    }
}

/// A read by which the counter is judged.
pub(super) fn final_read() -> Operation {
    Operation { is_final: true, ..Operation::new("read", Edn::Nil) }
}

/// The client of both counters.
pub(super) struct CounterClient;

reply! {
    /// The delta was added.
    AddOk = "add_ok" {}
}

reply! {
    /// The counter, as far as the node knows.
    ReadOk = "read_ok" { value: Integer }
}

impl Client for CounterClient {
    fn invoke(&mut self, operation: &Operation) -> Step {
        match operation.f {
            "add" => Step::ask("add", [("delta", &operation.value)]),
            _ => Step::ask("read", []),
        }
    }

    fn on_reply(&mut self, operation: &Operation, reply: &Body) -> Result<Step, ReplyFault> {
        Ok(match operation.f {
            "add" => {
                read_reply::<AddOk>(reply)?;
                Step::ok(operation.value.clone())
            }
            _ => {
                let ReadOk { value, .. } = read_reply(reply)?;
                Step::ok(value.0)
            }
        })
    }

    /// This client does not look at errors: whatever goes wrong, the operation is indeterminate.
    fn on_error(&mut self, _operation: &Operation, error: RequestError) -> Completion {
        crash(error)
    }
}
