//! A run from its beginning to its end.

use maelstrom::engine::Engine;

use crate::events::Events;
use crate::request::Request;

/// Runs what the page asks for, JSON, and gives what happens to `tell`: one JSON array
/// after another. What they say is described in `events`.
pub fn run(asked: &str, tell: impl FnMut(&str)) {
    let mut events = Events::new(tell);
    match Request::parse(asked) {
        Err(sentence) => events.refuse(&sentence),
        Ok(request) => {
            events.begin(&request);
            let Request { scene, workload, options, tape } = request;
            let mut cluster = scene.cluster(&options.nodes);
            let engine = Engine::new(&options, workload, &mut *cluster, &mut events, tape, 0);
            let outcome = engine.without_history().run();
            events.end(outcome.failure.as_deref());
        }
    }
}
