//! A run that fails, made small: the bench's shrinker with the nodes of the page.

use std::sync::Mutex;

use maelstrom::engine::Engine;
use maelstrom::options::TestOptions;
use maelstrom::results;
use maelstrom::shrink::{self, Bench, Left, Listener, Shrunk, Source, Trial, Watch};
use maelstrom::tape::Tape;
use serde_json::{Value, json};

use crate::request::Request;

/// Shrinks the run that the page asks for, JSON, until nothing can be taken out of it any more or
/// `is_over` says so. What happens goes to `tell`, one JSON array after another:
///
/// | line | what it says |
/// |---|---|
/// | `["left", words]` | a smaller run that fails was found |
/// | `["shrunk", {…}]` | the smallest one, as the page can ask for it: its `flags` and its `tape`, and words |
/// | `["refused", sentence]` | there is nothing to shrink |
pub fn shrink(asked: &str, tell: impl FnMut(&str) + Send, is_over: impl Fn() -> bool + Sync) {
    let watch = Told { tell: Mutex::new(tell), is_over };
    let shrunk = Request::parse(asked).and_then(|request| {
        let Request { workload, options, tape, .. } = &request;
        let source = Source::Tape(tape.clone());
        shrink::shrink(options, *workload, &source, None, &InPage(&request), &watch)
    });
    watch.say(&match shrunk {
        Ok(shrunk) => json!(["shrunk", found(&shrunk)]),
        Err(sentence) => json!(["refused", sentence]),
    });
}

fn found(shrunk: &Shrunk) -> Value {
    let Shrunk { case, kind, before, left, is_unfinished } = shrunk;
    let options = &case.options;
    let names: Vec<&str> = options.nodes.iter().map(|name| name.as_str()).collect();
    // All that the shrinker changes, whether or not that is what the scene has.
    let flags = [
        ("--nodes", names.join(",")),
        ("--concurrency", options.concurrency.to_string()),
        ("--time-limit", options.time_limit_secs.to_string()),
        ("--calm", options.calm_secs.to_string()),
        ("--latency", options.latency_ms.to_string()),
        ("--latency-dist", options.latency_distribution.name().to_owned()),
    ];
    json!({
        "flags": flags,
        "tape": case.tape.to_text(),
        "seed": case.tape.seed.to_string(),
        "kind": kind.to_string(),
        "words": format!("Before: {before}. Now: {left}."),
        "isUnfinished": is_unfinished,
    })
}

/// The nodes of a scene.
struct InPage<'a>(&'a Request);

impl Bench for InPage<'_> {
    fn run(&self, options: &TestOptions, tape: Tape, listens: bool) -> Trial {
        let Request { scene, workload, .. } = self.0;
        let mut listener = Listener::new(listens);
        let mut cluster = scene.cluster(&options.nodes);
        let engine = Engine::new(options, *workload, &mut *cluster, &mut listener, tape, 0);
        let outcome = engine.run();
        let judgement = results::check(&outcome, *workload, options);
        shrink::trial(outcome, &judgement, options, listener.transcript)
    }
}

struct Told<T, O> {
    tell: Mutex<T>,
    is_over: O,
}

impl<T: FnMut(&str), O> Told<T, O> {
    fn say(&self, line: &Value) {
        let mut tell = self.tell.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        tell(&line.to_string());
    }
}

impl<T: FnMut(&str) + Send, O: Fn() -> bool + Sync> Watch for Told<T, O> {
    fn on_progress(&self, left: &Left) {
        self.say(&json!(["left", left.to_string()]));
    }

    fn is_over(&self) -> bool {
        (self.is_over)()
    }
}
