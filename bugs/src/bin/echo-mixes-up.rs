//! An echo with a bug: now and then it echoes what another request said.
//!
//! The classic mistake of a buffer that is kept from one request to the next.
//!
//! - **Found in**: redis-py: redis/redis-py issue 2624 (2023): a connection that went back to
//!   its pool with an answer unread gave it to the next request; ChatGPT showed users what
//!   belonged to others.
//! - **Review**: “What does this handler know that does not come from its own request?” The last
//!   one’s text.
//! - **Fails by**: wrong-reply

use std::cell::RefCell;

use gyre::{Ctx, Error, Json, Node, NodeId, async_trait};
use maelstrom::simulation::Check;
use rand::RngExt;
use serde::{Deserialize, Serialize};

struct Echo {
    last: RefCell<Json>,
}

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

impl Echo {
    fn new(_: &Ctx) -> Echo {
        Echo { last: RefCell::new(Json::null()) }
    }
}

#[async_trait(?Send)]
impl Node for Echo {
    type Request = Request;
    type Response = Response;

    // ANCHOR: handle
    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request;
        let last = self.last.replace(echo.clone());
        let mixed_up = ctx.rng().random_range(0..100) == 0;
        let echo = if bugs::planted() { if mixed_up { last } else { echo } } else { echo };
        Ok(Response::EchoOk { echo })
    }
    // ANCHOR_END: handle
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("echo", Echo::new)
}

bugs::exhibit!("echo-mixes-up", check, Echo::new);

#[cfg(test)]
mod tests {
    use super::Echo;

    // ANCHOR: caught
    #[test]
    fn is_caught() {
        let failure = maelstrom::check("echo", Echo::new).first_anomaly(0..100);
        let failure = failure.expect("the checker must catch an echo that mixes up requests");
        assert!(failure.sentence.contains("wrong-reply: "), "{}", failure.sentence);
    }
    // ANCHOR_END: caught
}
