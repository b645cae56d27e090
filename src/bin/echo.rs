//! Echo: every request is answered with what it said. The smallest node there is.
//!
//! Chapter 1 of the book, `book/01-echo.md`, reads this.

// ANCHOR: node
use std::process::ExitCode;

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

struct Echo;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Echo { echo: Json },
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    EchoOk { echo: Json },
}

#[async_trait(?Send)]
impl Node for Echo {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Echo { echo } => Ok(Response::EchoOk { echo }),
        }
    }
}

fn main() -> ExitCode {
    gyre::run(|_| Echo)
}
// ANCHOR_END: node

#[cfg(test)]
mod tests {
    use maelstrom::Fault;

    use super::Echo;

    // ANCHOR: sim
    /// Everything but a kill or a pause: a request that gets no answer is not an echo.
    #[test]
    fn sim() {
        let faults = [Fault::Partition, Fault::OneWay, Fault::Loss, Fault::Duplicate, Fault::Skew];
        maelstrom::check("echo", |_| Echo).faults(faults).seeds(0..100);
    }
    // ANCHOR_END: sim
}
