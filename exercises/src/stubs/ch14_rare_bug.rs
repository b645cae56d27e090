//! Exercise 14-rare-bug: a bug that not every run shows.
//!
//! A planted bug that every run shows says little about a bench. Let this echo be wrong so rarely
//! that some of 30 runs find it, and at least ten do not. All chance must come from `ctx.rng()`:
//! otherwise the same seed is not the same run. A run here has about 600 requests.

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use serde::{Deserialize, Serialize};

use crate::{Task, answer};

/// How many runs there are.
const RUNS: u64 = 30;

/// How many of them, at most, may show it.
const SHOWN_MAX: usize = 20;

/// The node.
pub struct Echo;

/// What clients ask.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    Echo { echo: Json },
}

/// What they are answered.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    EchoOk { echo: Json },
}

#[async_trait(?Send)]
impl Node for Echo {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, _: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request;
        // To do: this node is right.
        Ok(Response::EchoOk { echo })
    }
}

/// Counts the runs that show the bug.
///
/// # Errors
/// When they are too few or too many, or the same seed gives two runs.
pub fn judge<N: Node>(make: fn(&Ctx) -> N) -> Result<(), String> {
    let check = || maelstrom::check("echo", make).rate(60.0).time_limit_secs(10.0);
    let fails = |seed| check().fails(seed).is_some();
    let shown: Vec<u64> = (0..RUNS).filter(|seed| fails(*seed)).collect();
    match shown.len() {
        0 => Err(format!("none of {RUNS} runs shows a bug")),
        count if count > SHOWN_MAX => Err(format!("{count} of {RUNS} runs show it: too many")),
        _ if !fails(shown[0]) => Err(format!("seed {} shows it only once", shown[0])),
        _ => Ok(()),
    }
}

/// The node above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(|_| Echo))
}
