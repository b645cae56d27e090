//! G-set: a set that only grows.

use gyre::Body;

use super::Workload;
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{
    Client, Completion, List, Operation, ReplyFault, RequestError, Step, crash, read_reply,
};
use crate::edn::Edn;
use crate::generator::{Generator, adds_and_reads};
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;

/// The g-set workload.
pub struct GSet;

impl Workload for GSet {
    fn name(&self) -> &'static str {
        checker::Workload::GSet.name()
    }

    fn about(&self) -> &'static str {
        "A set to which elements are added, and from which none is ever taken away."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        let (add, read) = (Operation::new("add", Edn::Int(7)), Operation::new("read", Edn::Nil));
        vec![
            Rpc::of::<AddOk>("Adds an element to the set.", &mut GSetClient, &add),
            Rpc::of::<ReadOk>("Asks for the set.", &mut GSetClient, &read),
        ]
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::GSet.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(GSetClient)
    }

    fn generator(&self, _options: &TestOptions) -> Box<dyn Generator> {
        Box::new(adds_and_reads("add"))
    }

    /// Not marked as final, unlike broadcast's and the counters': so it is in the original.
    fn final_operation(&self) -> Option<Operation> {
        Some(Operation::new("read", Edn::Nil))
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        let f = match f {
            "read" => "read",
            "add" => "add",
            _ => return None,
        };
        Some(Operation::new(f, value.clone()))
    }
}

struct GSetClient;

reply! {
    /// The element was added.
    AddOk = "add_ok" {}
}

reply! {
    /// Every element that the node knows. As in the original, `null` is an empty list.
    ReadOk = "read_ok" { value: Option<List> }
}

impl Client for GSetClient {
    fn invoke(&mut self, operation: &Operation) -> Step {
        match operation.f {
            "add" => Step::ask("add", [("element", &operation.value)]),
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
                Step::ok(List::or_empty(value))
            }
        })
    }

    /// This client does not look at errors: whatever goes wrong, the operation is indeterminate.
    fn on_error(&mut self, _operation: &Operation, error: RequestError) -> Completion {
        crash(error)
    }
}
