//! Every scene, without a browser: it can be read, runs, and shows what it is there to show.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "the tests list folders, read recorded runs, and run the commands of scenes"
)]

#[path = "../common/command.rs"]
mod command;
mod native;
mod raft;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use maelstrom::simulation::panic_sentence;
use serde_json::{Value, json};

/// What happens in a run, line by line.
fn told(asked: &Value) -> Vec<Value> {
    told_until(asked).0
}

/// The same, and what a node said that broke it off.
fn told_until(asked: &Value) -> (Vec<Value>, Option<String>) {
    let mut told = Vec::new();
    let run = AssertUnwindSafe(|| {
        playground::run(&asked.to_string(), |line| told.push(serde_json::from_str(line).unwrap()));
    });
    let broken = catch_unwind(run).err().map(|panic| panic_sentence(&*panic));
    (told, broken)
}

/// What the checker says in the end. An error is what broke the run off.
fn judged(asked: &Value) -> Result<Value, String> {
    let (told, broken) = told_until(asked);
    if let Some(sentence) = broken {
        return Err(sentence);
    }
    let operations: Vec<&Value> = told.iter().filter(|line| line[0] == "operation").collect();
    let history: String = operations.iter().map(|line| line[2].as_str().unwrap()).collect();
    let end = told.last().unwrap();
    assert!(end[0] == "end" && end[2].is_null(), "{asked}: {end}");
    let judgement = playground::judge(&asked.to_string(), operations.len(), &history);
    Ok(serde_json::from_str(&judgement).unwrap())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of the files in a folder, without their endings.
fn files(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(entry.unwrap().path())).collect()
}

fn is_exhibit(name: &str) -> bool {
    root().join(format!("bugs/src/bin/{name}.rs")).exists()
}

#[test]
fn no_file_and_no_exhibit_is_left_out() {
    let listed: BTreeSet<String> = playground::scene_names().map(str::to_owned).collect();
    let mut there = files("playground/scenes");
    there.extend(files("bugs/src/bin"));
    assert_eq!(listed, there);
}

#[test]
fn every_workload_and_every_node_has_a_scene() {
    let scenes: Value = serde_json::from_str(&playground::scenes()).unwrap();
    let commands: Vec<String> = playground::scene_names()
        .map(|name| told(&json!({ "scene": name, "flags": [["--time-limit", "0.1"]] })))
        .map(|told| told[0][1]["command"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(commands.len(), scenes.as_array().unwrap().len());
    for node in files("src/bin") {
        let flag = format!("--bin target/release/{node} ");
        assert!(commands.iter().any(|command| command.contains(&flag)), "{node}");
    }
}

#[test]
fn a_right_node_is_judged_right() {
    for name in playground::scene_names().filter(|name| !is_exhibit(name)) {
        let judgement = judged(&json!({ "scene": name })).expect("no right node panics");
        let expected = if ["stale-read", "g-single"].contains(&name) { "false" } else { "true" };
        assert_eq!(judgement["verdict"], expected, "{name}: {judgement}");
    }
}

/// Whether an exhibit is seen to fail as its recorded run did: by an anomaly of this kind, by too
/// little that is answered, or by a node that breaks the run off.
fn is_seen(seen: &Result<Value, String>, part: &str, kind: &str) -> bool {
    match seen {
        // Of what was said, any number is recorded as `#`.
        Err(sentence) => part == "run" && kind.split('#').all(|words| sentence.contains(words)),
        Ok(judgement) => {
            let mut findings = judgement["findings"].as_array().unwrap().iter();
            judgement["verdict"] == "false"
                && judgement["part"] == part
                && (kind.is_empty() || findings.any(|finding| finding["kind"] == kind))
        }
    }
}

#[test]
fn an_exhibit_shows_what_is_recorded() {
    let mut wrong = Vec::new();
    for name in playground::scene_names().filter(|name| is_exhibit(name)) {
        let run = std::fs::read_to_string(root().join(format!("bugs/runs/{name}.edn"))).unwrap();
        let facts = run.lines().next().unwrap().strip_prefix("; ").unwrap();
        let facts: Value = serde_json::from_str(facts).unwrap();
        let (part, kind) = (facts["part"].as_str().unwrap(), facts["kind"].as_str().unwrap());
        let seen = judged(&json!({ "scene": name }));
        if !is_seen(&seen, part, kind) {
            wrong.push(format!("{name}: {part} {kind} is recorded, and seen is {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_standstill_is_wrong_when_it_has_lasted_too_long() {
    let judgement = judged(&json!({ "scene": "lin-kv-leads-unheard" })).unwrap();
    let words = judgement["words"].as_str().unwrap();
    assert!(words.starts_with("availability is false: nothing was answered for 5."), "{words}");
    // As the programs under the bench: patience for longer, and nothing is wrong.
    let patient = json!({ "scene": "lin-kv-leads-unheard", "flags": [["--availability", "9s"]] });
    assert_eq!(judged(&patient).unwrap()["verdict"], "true");
}

#[test]
fn what_cannot_be_run_is_refused_with_a_sentence() {
    for (asked, part) in [
        (json!({ "scene": "raft-on-mars" }), "There is no scene raft-on-mars"),
        (json!({ "scene": "echo", "seed": "-1" }), "The seed -1 is no whole number"),
        (json!({ "scene": "echo", "flags": [["--node-count", "26"]] }), "at most 25"),
        (json!({ "scene": "echo", "flags": [["--rate", "x"]] }), "--rate"),
        (json!({ "scene": "echo", "edits": "{:at 1, :fault :flood}" }), "flood"),
        (json!({ "scene": "echo", "edits": "{:at" }), "the tape"),
        (json!(7), "This is no run"),
    ] {
        let told = told(&asked);
        let sentence = told[0][1].as_str().unwrap();
        assert_eq!((told.len(), &told[0][0]), (1, &json!("refused")), "{asked}");
        assert!(sentence.contains(part) && sentence.ends_with('.'), "{asked}: {sentence}");
    }
}

#[test]
fn an_exhibit_can_be_struck_like_any_other_run() {
    let kill = "{:at 0, :fault :kill, :starts true, :adds true, :nodes [\"n0\"]}";
    let told = told(&json!({ "scene": "echo-mixes-up", "edits": kill }));
    assert!(told.iter().any(|line| line[0] == "strike" && line[3] == "kill"), "{told:?}");
    let command = told[0][1]["command"].as_str().unwrap();
    assert!(command.contains("--tape") && command.contains(":adds true"), "{command}");
}
