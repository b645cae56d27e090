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

use serde_json::{Value, json};

/// What happens in a run, line by line.
fn told(asked: &Value) -> Vec<Value> {
    let mut told = Vec::new();
    // A node may panic: what was told so far stays.
    let run = AssertUnwindSafe(|| {
        playground::run(&asked.to_string(), |line| told.push(serde_json::from_str(line).unwrap()));
    });
    catch_unwind(run).ok();
    told
}

/// What the checker says in the end, if there is one.
fn judged(asked: &Value) -> Option<Value> {
    let told = told(asked);
    let operations: Vec<&Value> = told.iter().filter(|line| line[0] == "operation").collect();
    let history: String = operations.iter().map(|line| line[2].as_str().unwrap()).collect();
    let end = told.last().filter(|line| line[0] == "end")?;
    assert!(end[2].is_null(), "{asked}: {end}");
    let judgement = playground::judge(&asked.to_string(), operations.len(), &history);
    Some(serde_json::from_str(&judgement).unwrap())
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
    there.retain(|name| !playground::UNSEEN.contains(&&**name));
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

/// What is seen of an exhibit: what kinds of anomalies the checker finds, or a panic.
fn seen(name: &str) -> String {
    let Some(judgement) = judged(&json!({ "scene": name })) else { return "panic".into() };
    if judgement["verdict"] != "false" {
        return judgement["verdict"].as_str().unwrap().into();
    }
    let findings = judgement["findings"].as_array().unwrap();
    let kinds = findings.iter().map(|finding| finding["kind"].as_str().unwrap());
    kinds.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_exhibit_shows_what_is_recorded() {
    let mut wrong = Vec::new();
    for name in playground::scene_names().filter(|name| is_exhibit(name)) {
        let run = std::fs::read_to_string(root().join(format!("bugs/runs/{name}.edn"))).unwrap();
        let facts = run.lines().next().unwrap().strip_prefix("; ").unwrap();
        let facts: Value = serde_json::from_str(facts).unwrap();
        let recorded = facts["kind"].as_str().unwrap();
        // A node that notices by itself that something is wrong panics, and the run breaks off.
        let expected = if facts["part"] == "run" { "panic" } else { recorded };
        let seen = seen(name);
        if !seen.split(' ').any(|kind| kind == expected) {
            wrong.push(format!("{name}: {expected} is recorded, and seen is {seen}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in playground::UNSEEN {
        assert_eq!(seen(name), "true", "{name} can be seen: it should be a scene");
    }
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
