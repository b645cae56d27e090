//! Each anomaly by its smallest example, and histories that nobody should have to judge.

#[path = "elle/notation.rs"]
mod notation;

use std::collections::BTreeSet;

use maelstrom::checker::Validity;
use maelstrom::checker::elle::{self, Options, Report};
use maelstrom::edn::Edn;
use maelstrom::history::History;
use notation::Claim;

fn names(report: &Report, key: &str) -> BTreeSet<String> {
    let result = report.result.to_edn();
    let names = result.get(key).and_then(Edn::as_slice).unwrap_or_default();
    names.iter().filter_map(Edn::as_keyword).map(str::to_string).collect()
}

fn check_examples(text: &str, check: impl Fn(&History, &Options) -> Report) {
    for example in notation::examples(text) {
        let title = &example.title;
        let under = |model: &str| check(&example.history, &Options::new(&[model]).unwrap());
        let report = check(&example.history, &Options::default());
        for claim in &example.claims {
            match claim {
                Claim::Finds(claimed) => {
                    assert_eq!(names(&report, "anomaly-types"), *claimed, "{title}");
                    let verdict = report.result.valid;
                    assert_eq!(claimed.is_empty(), verdict == Validity::True, "{title}");
                }
                Claim::Under(model, claimed) => {
                    assert_eq!(names(&under(model), "anomaly-types"), *claimed, "{title}");
                }
                Claim::RulesOut(claimed) => {
                    assert_eq!(names(&report, "not"), *claimed, "{title}");
                }
                Claim::Allows(models) => {
                    for model in models {
                        let result = under(model).result;
                        assert_eq!(result.valid, Validity::True, "{title}: {model}: {result:?}");
                    }
                }
            }
        }
        for model in names(&report, "not").union(&names(&report, "also-not")) {
            assert_eq!(under(model).result.valid, Validity::False, "{title}: {model}");
        }
    }
}

#[test]
fn lists_show_each_anomaly() {
    check_examples(include_str!("elle/list-append.txt"), elle::list_append);
}
