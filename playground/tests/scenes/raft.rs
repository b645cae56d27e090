//! The scenes of Raft's paper: the real nodes come to the states that their words speak of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What nodes said of themselves in a scene: when, in nanoseconds, and who, and what.
struct Seen {
    states: Vec<(u64, String, Value)>,
    operations: Vec<String>,
}

impl Seen {
    fn of(scene: &str) -> Seen {
        let (mut states, mut operations) = (Vec::new(), Vec::new());
        playground::run(&json!({ "scene": scene }).to_string(), |line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |place: usize| line[place].as_str().unwrap().to_owned();
            match line[0].as_str().unwrap() {
                "state" => {
                    let state = serde_json::from_str(&text(3)).unwrap();
                    states.push((line[1].as_u64().unwrap(), text(2), state));
                }
                "operation" if text(3) != ":nemesis" => {
                    operations.push(format!("{} {} {}", text(4), text(5), text(6)));
                }
                "refused" => panic!("{scene}: {line}"),
                "end" => assert!(line[2].is_null(), "{scene}: {line}"),
                _ => {}
            }
        });
        Seen { states, operations }
    }

    /// When a node is first seen as a leader of a term.
    fn leads(&self, node: &str, term: u64) -> u64 {
        let leads = |state: &Value| state["role"] == "leader" && state["term"] == term;
        let found = self.states.iter().find(|(_, who, state)| who == node && leads(state));
        found.unwrap_or_else(|| panic!("{node} never leads term {term}")).0
    }

    /// What each node said last, at this time.
    fn at(&self, time: u64) -> BTreeMap<&str, &Value> {
        let until = self.states.iter().take_while(|(when, ..)| *when <= time);
        until.map(|(_, node, state)| (&**node, state)).collect()
    }

    /// With which entry each log ends at this time: index@term.
    fn ends(&self, time: u64) -> String {
        let end = |state: &Value| format!("{}@{}", state["last"]["index"], state["last"]["term"]);
        let ends = self.at(time).into_iter().map(|(node, state)| format!("{node} {}", end(state)));
        ends.collect::<Vec<_>>().join(", ")
    }
}

const MS: u64 = 1_000_000;

#[test]
fn figure_7_is_there_when_the_leader_of_term_8_comes_to_power_and_all_logs_become_its_own() {
    let seen = Seen::of("figure-7");
    // All but the end of a log follows from who led: each term's entries were made by one leader.
    for (node, term, before, entries) in [
        ("n2", 1, "0@0", 3),
        ("n7", 2, "3@1", 3),
        ("n7", 3, "6@2", 5),
        ("n6", 4, "3@1", 4),
        ("n4", 5, "5@4", 2),
        ("n4", 6, "7@5", 4),
        ("n5", 7, "10@6", 2),
        ("n1", 8, "10@6", 0),
    ] {
        let since = seen.leads(node, term);
        assert!(seen.ends(since - 1).contains(&format!("{node} {before}")), "term {term}");
        let made = |state: &Value| state["last"]["term"] == term && state["term"] == term;
        let last = seen.states.iter().rfind(|(_, who, state)| who == node && made(state));
        let end = last.unwrap().2["last"]["index"].as_u64().unwrap();
        let begin: u64 = before.split('@').next().unwrap().parse().unwrap();
        assert!(term == 8 || end - begin == entries, "term {term} ends at {end}");
    }
    let power = seen.leads("n1", 8);
    let figure = "n1 10@6, n2 9@6, n3 4@4, n4 11@6, n5 12@7, n6 7@4, n7 11@3";
    assert_eq!(seen.ends(power - 1), figure);
    let repaired = seen.at(power + 300 * MS);
    assert!(repaired.values().all(|state| state["last"] == repaired["n1"]["last"]), "{repaired:?}");
}

#[test]
fn figure_8_has_an_old_entry_on_a_majority_that_is_not_committed_and_is_overwritten() {
    let seen = Seen::of("figure-8");
    let (first, third) = (seen.leads("n1", 2), seen.leads("n5", 3));
    assert_eq!(seen.ends(first + 150 * MS), "n1 3@2, n2 3@2, n3 1@1, n4 1@1, n5 1@1");
    assert_eq!(seen.ends(third + 150 * MS), "n1 3@2, n2 3@2, n3 1@1, n4 1@1, n5 3@3");
    // (c): entries 2 and 3, of term 2, are on n1, n2 and n3; entry 4, of term 4, is not.
    let fourth = seen.leads("n1", 4);
    let c = fourth + 310 * MS;
    assert_eq!(seen.ends(c), "n1 4@4, n2 3@2, n3 4@4, n4 1@1, n5 3@3");
    assert!(seen.at(c).values().all(|state| state["commit"].as_u64() <= Some(1)));
    // (d): and nobody has them any more.
    let fifth = seen.leads("n5", 5);
    assert_eq!(seen.ends(fifth + 400 * MS), "n1 4@4, n2 4@5, n3 4@5, n4 4@5, n5 4@5");
    assert_eq!(seen.ends(u64::MAX), "n1 4@5, n2 4@5, n3 4@5, n4 4@5, n5 4@5");
    let said = [
        "invoke write [0 2]",
        "info write [0 2]",
        "invoke write [0 3]",
        "info write [0 3]",
        "invoke read [0 nil]",
        "ok read [0 3]",
    ];
    let mut operations = seen.operations;
    operations.sort();
    assert_eq!(operations.len(), said.len());
    assert!(said.iter().all(|said| operations.iter().any(|saw| saw == said)), "{operations:?}");
}

#[test]
fn a_term_of_a_split_vote_has_two_candidates_with_two_votes_each_and_no_leader() {
    let seen = Seen::of("split-vote");
    let of_term = |term: u64| seen.states.iter().filter(move |(.., state)| state["term"] == term);
    let votes: BTreeMap<&str, &str> = of_term(2)
        .filter_map(|(_, node, state)| Some((&**node, state["vote"].as_str()?)))
        .collect();
    let expected = [("n0", "n0"), ("n1", "n4"), ("n3", "n0"), ("n4", "n4")];
    assert_eq!(votes, BTreeMap::from(expected));
    assert!(of_term(2).all(|(.., state)| state["role"] != "leader"));
    assert_eq!(seen.leads("n3", 3) / MS, 3_091);
}
