//! Histories of one register whose verdicts are known from elsewhere.
//!
//! `GYRE_VERDICTS` names a folder with `cas-register.tsv`, one history a line: its file in the
//! same folder, the verdict, and the result map. Without it there is nothing to compare with,
//! and the test says so.
#![expect(clippy::disallowed_methods, reason = "the histories are files that the caller names")]

use std::path::Path;

use checker::edn::read_one;
use checker::history::History;
use checker::linear;

#[test]
fn verdicts_are_those_that_are_known() {
    let Ok(folder) = std::env::var("GYRE_VERDICTS") else {
        println!("GYRE_VERDICTS names no folder, so no verdicts were compared");
        return;
    };
    let folder = Path::new(&folder);
    let table = std::fs::read_to_string(folder.join("cas-register.tsv")).unwrap();
    let mut wrong = Vec::new();
    for line in table.lines() {
        let [file, _, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("cas-register.tsv has a line that is not of three columns: {line}");
        };
        let expected = read_one(expected).unwrap();
        let history = std::fs::read_to_string(folder.join(file)).unwrap();
        let history = History::parse(&history).unwrap();
        let found = linear::check_model("cas-register", None, &history).unwrap().to_edn();
        if found.get("valid?") != expected.get("valid?") {
            wrong.push(format!("{file}: {found} instead of {expected}"));
        }
    }
    println!("{} verdicts compared", table.lines().count());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
