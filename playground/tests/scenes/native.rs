//! The command under a scene makes the scene's history, byte for byte.

use serde_json::{Value, json};

use crate::{command, told};

#[test]
fn the_command_under_a_scene_makes_the_same_history_byte_for_byte() {
    let kills = "{:at 3000000000, :fault :kill, :starts true, :adds true, :nodes [\"n1\"]}";
    for asked in [
        json!({ "scene": "lin-kv", "edits": kills }),
        json!({ "scene": "figure-8" }),
        json!({ "scene": "broadcast-hub" }),
        json!({ "scene": "membership-joint" }),
        json!({ "scene": "lin-kv --joint", "workload": "lin-kv", "seed": "7",
            "flags": [["--concurrency", "2n"], ["--nemesis", "membership"]] }),
        json!({ "scene": "g-counter-kv", "flags": [["--nemesis", "partition,kill"]] }),
        json!({ "scene": "txn-list-append", "seed": "18446744073709551615" }),
    ] {
        let told = told(&asked);
        let history: Vec<&str> = told
            .iter()
            .filter(|line| line[0] == "operation")
            .map(|line| line[2].as_str().unwrap())
            .collect();
        let command = told[0][1]["command"].as_str().unwrap_or_else(|| panic!("{asked}: {told:?}"));
        let Some(native) = command::history_of(command) else { return };
        assert!(native.lines().count() > 10, "{command}: {native}");
        assert!(native == history.concat(), "another history: {command}");
    }
}

/// A run of the bench that links to the playground is the same run there.
#[test]
fn a_run_of_the_bench_is_asked_for_by_its_program_and_flags() {
    let run = told(&json!({ "scene": "broadcast --preset=low-traffic", "workload": "broadcast",
        "seed": "7", "flags": [["--nodes", "a,b,d"], ["--rate", "20"], ["--time-limit", "3"]] }));
    let what: &Value = &run[0][1];
    let expected = "target/release/maelstrom test -w broadcast --bin target/release/broadcast \
        --nodes a,b,d --rate 20 --time-limit 3 --seed 7 -- --preset=low-traffic";
    assert_eq!(what["command"], expected);
    let refused = told(&json!({ "scene": "my-node", "workload": "echo", "seed": "7" }));
    assert_eq!(refused, [json!(["refused", "The playground has no node my-node."])]);
}
