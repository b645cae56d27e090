//! Echo: the node sends back what it was sent.
//!
//! Chapter 14 of the book, `book/14-your-own.md`, reads this.

use gyre::Body;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Workload;
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{Client, Exact, Operation, ReplyFault, Step, read_reply};
use crate::edn::Edn;
use crate::generator::{Anyone, Generator};
use crate::options::TestOptions;
use crate::protocol::Rpc;
use crate::reply;

/// The echo workload.
pub struct Echo;

// ANCHOR: workload
impl Workload for Echo {
    fn name(&self) -> &'static str {
        checker::Workload::Echo.name()
    }

    fn about(&self) -> &'static str {
        "A node sends back what it was sent."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        let echo = Operation::new("echo", "Please echo 35".into());
        vec![Rpc::of::<EchoOk>("Asks for the payload back.", &mut EchoClient, &echo)]
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::Echo.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(EchoClient)
    }

    fn generator(&self, _options: &TestOptions) -> Box<dyn Generator> {
        Box::new(Anyone(|rng: &mut ChaCha8Rng| {
            let text = format!("Please echo {}", rng.random_range(0..128));
            Operation::new("echo", Edn::from(text))
        }))
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        (f == "echo").then(|| Operation::new("echo", value.clone()))
    }
}
// ANCHOR_END: workload

struct EchoClient;

reply! {
    /// The payload again.
    EchoOk = "echo_ok" { echo: Exact }
}

// ANCHOR: client
impl Client for EchoClient {
    fn invoke(&mut self, operation: &Operation) -> Step {
        Step::ask("echo", [("echo", &operation.value)])
    }

    /// The history shows the whole body of the reply, as the original's does.
    fn on_reply(&mut self, _operation: &Operation, reply: &Body) -> Result<Step, ReplyFault> {
        let EchoOk { echo, msg_id, in_reply_to, .. } = read_reply(reply)?;
        let mut body = vec![
            (Edn::keyword("echo"), echo.0),
            (Edn::keyword("in_reply_to"), Edn::Int(in_reply_to)),
            (Edn::keyword("type"), Edn::from("echo_ok")),
        ];
        if let Some(msg_id) = msg_id {
            body.insert(2, (Edn::keyword("msg_id"), Edn::Int(msg_id)));
        }
        Ok(Step::ok(Edn::Map(body)))
    }
}
// ANCHOR_END: client
