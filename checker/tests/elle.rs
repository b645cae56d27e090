//! Each anomaly by its smallest example, and histories that nobody should have to judge.

pub(crate) mod database;
mod notation;
pub(crate) mod verify;
pub(crate) mod version_orders;

use std::collections::BTreeSet;

use checker::Judgement;
use checker::edn::Edn;
use checker::elle::{self, Options};
use checker::history::History;
use checker::{Drawing, Validity, micro_op};
use notation::Claim;
use version_orders::version_orders;

type Judge = fn(&History, &Options) -> Judgement;

fn names(report: &Judgement, key: &str) -> BTreeSet<String> {
    let result = report.to_edn();
    let names = result.get(key).and_then(Edn::as_slice).unwrap_or_default();
    names.iter().filter_map(Edn::as_keyword).map(str::to_string).collect()
}

fn check_examples(text: &str, check: Judge) {
    for example in notation::examples(text) {
        let title = &example.title;
        let under = |model: &str| check(&example.history, &Options::new(&[model]).unwrap());
        let report = check(&example.history, &Options::default());
        for claim in &example.claims {
            match claim {
                Claim::Finds(claimed) => {
                    assert_eq!(names(&report, "anomaly-types"), *claimed, "{title}");
                    let verdict = report.verdict;
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
                        let result = under(model);
                        assert_eq!(result.verdict, Validity::True, "{title}: {model}: {result:?}");
                    }
                }
            }
        }
        for model in names(&report, "not").union(&names(&report, "also-not")) {
            assert_eq!(under(model).verdict, Validity::False, "{title}: {model}");
        }
    }
}

#[test]
fn lists_show_each_anomaly() {
    check_examples(include_str!("elle/list-append.txt"), elle::list_append);
}

#[test]
fn registers_show_each_anomaly() {
    check_examples(include_str!("elle/rw-register.txt"), elle::rw_register);
}

fn judge_text(judge: Judge, text: &str) -> String {
    judge(&History::parse(text).unwrap(), &Options::default()).to_edn().to_string()
}

#[test]
fn what_cannot_be_judged_is_unknown_and_says_why() {
    let txn = |process: i64, value: &str| {
        format!(
            "{{:process {process}, :type :invoke, :f :txn, :value {value}}}
             {{:process {process}, :type :ok, :f :txn, :value {value}}}\n"
        )
    };
    let twice = txn(0, "[[:append 1 1]]") + &txn(1, "[[:append 1 1]]");
    let invoke = "{:process 0, :type :invoke, :f :txn, :value [[:append 1 1]]}\n";
    for (kind, history) in [
        ("duplicate-appends", twice.clone()),
        ("duplicate-appends", txn(0, "[[:append :k [1 {}]] [:append :k [1 {}]]]")),
        ("unexpected-txn-micro-op-types", txn(0, "[[:w 1 1]]")),
        ("unexpected-txn-micro-op-types", txn(0, "[[7 1 1]]")),
        ("unexpected-txn-micro-op-types", txn(0, "[[:append 1 nil]]")),
        ("malformed-read", txn(0, "[[:r 1 7]]").replacen(":value [[:r 1 7]]", ":value []", 1)),
        ("malformed-transaction", txn(0, "7")),
        ("malformed-transaction", txn(0, "nil")),
        ("malformed-transaction", txn(0, "[7]")),
        ("malformed-transaction", txn(0, "[[:r]]")),
        ("malformed-transaction", txn(0, "{:a 1}")),
        ("overlapping-operations", [invoke, invoke].concat()),
    ] {
        let result = judge_text(elle::list_append, &history);
        assert!(result.starts_with("{:valid? :unknown, :error \""), "{history}: {result}");
        assert!(result.ends_with(&format!(":type :{kind}}}")), "{history}: {result}");
    }
    let twice = twice.replace(":append", ":w");
    assert!(judge_text(elle::rw_register, &twice).ends_with(":type :duplicate-writes}"));
    assert!(judge_text(elle::rw_register, "").starts_with("{:valid? :unknown, :error"));
    assert!(judge_text(elle::list_append, "").starts_with("{:valid? :unknown, :error"));
}

#[test]
fn odd_histories_are_judged_as_far_as_they_go() {
    for (judge, history, expected) in [
        // Keys and values of any kind.
        (
            elle::list_append as Judge,
            "[{:process 0, :type :invoke, :value [[:append {:a [1]} \"x\"] [:append nil #{1}]]}
              {:process 0, :type :ok, :value [[:append {:a [1]} \"x\"] [:append nil #{1}]]}
              {:process 1, :type :invoke, :value [[:r {:a (1)} nil] [:r nil nil]]}
              {:process 1, :type :ok, :value [[:r {:a (1)} [\"x\"]] [:r nil nil]]}]",
            "{:valid? false, :anomaly-types (:G-single-item),",
        ),
        // Completions without invocations, as in a history that was cut off at the front.
        (
            elle::list_append,
            "{:process 0, :type :ok, :value [[:append 1 1]]}
             {:process 0, :type :ok, :value [[:r 1 [1]]]}",
            "{:valid? true}",
        ),
        // An invocation that never ends, and one whose completion says nothing.
        (
            elle::list_append,
            "{:process 0, :type :invoke, :value [[:append 1 1]]}
             {:process 1, :type :invoke, :value [[:append 1 2]]}
             {:process 1, :type :info, :value nil}
             {:process 2, :type :invoke, :value [[:r 1 nil]]}
             {:process 2, :type :ok, :value [[:r 1 [2 1]]]}",
            "{:valid? true}",
        ),
        // A failure whose completion says nothing.
        (
            elle::rw_register,
            "{:process 1, :type :invoke, :value [[:w 1 2]]}
             {:process 1, :type :fail, :value :timeout}
             {:process 2, :type :invoke, :value [[:r 1 nil]]}
             {:process 2, :type :ok, :value [[:r 1 2]]}",
            "{:valid? false, :anomaly-types (:G1a :empty-transaction-graph),",
        ),
        // Values that nobody wrote.
        (
            elle::list_append,
            "{:process 2, :type :invoke, :value [[:append 1 1] [:r 1 nil]]}
             {:process 2, :type :ok, :value [[:append 1 1] [:r 1 [7 1]]]}
             {:process 2, :type :invoke, :value [[:r 1 nil]]}
             {:process 2, :type :ok, :value [[:r 1 [7 1]]]}",
            "{:valid? :unknown, :anomaly-types (:unwritten-read),",
        ),
        (
            elle::rw_register,
            "{:process 2, :type :invoke, :value [[:w 1 1]]}
             {:process 2, :type :ok, :value [[:w 1 1]]}
             {:process 2, :type :invoke, :value [[:r 1 nil]]}
             {:process 2, :type :ok, :value [[:r 1 7]]}",
            "{:valid? :unknown, :anomaly-types (:unwritten-read),",
        ),
        // The nemesis is no transaction.
        (
            elle::list_append,
            "{:process :nemesis, :type :info, :f :start-partition, :value nil}",
            "{:valid? :unknown, :error",
        ),
    ] {
        let result = judge_text(judge, history);
        assert!(result.starts_with(expected), "{history}: {result}");
    }
}

/// A transaction of any size takes time in proportion to it.
#[test]
fn a_transaction_of_200_000_steps_is_judged_at_once() {
    let count = 100_000;
    for (judge, write, reads_list) in
        [(elle::list_append as Judge, "append", true), (elle::rw_register as Judge, "w", false)]
    {
        let mut history = History::new();
        let steps = (0..count).flat_map(|i: i64| {
            let found = if reads_list { Edn::from(vec![i]) } else { Edn::from(i) };
            [micro_op(write, i, i), micro_op("r", i, found)]
        });
        let steps: Vec<Edn> = steps.collect();
        history.invoke(0, "txn", steps.clone());
        history.ok(0, steps);
        let found = if reads_list { Edn::from(vec![0i64]) } else { Edn::from(0i64) };
        history.invoke(1, "txn", vec![micro_op("r", 0, found.clone())]);
        history.ok(1, vec![micro_op("r", 0, found)]);
        assert_eq!(judge(&history, &Options::default()).verdict, Validity::True);
    }
}

/// By default nothing is known of the order of two blind writes; more assumptions tell more.
#[test]
fn the_order_of_a_registers_versions_can_be_assumed_from_more() {
    let g0 = "x:1 y:2\nx:2 y:1\np1 0-1 x=1\np1 2-3 x=2\np2 0-1 y=1\np2 2-3 y=2";
    let stale = "p1 0-1 x:1\np1 2-3 x:2\np1 4-5 x=1";
    let elsewhere = "p1 0-1 x:1\np2 2-3 x:2\np3 4-5 x=1";
    let from_initial = "0-9 x= y:1\n0-9 y= x:1";
    for (history, sources, expected) in [
        (g0, &["initial-state", "wfr-keys"][..], "{:valid? true, :anomaly-types ()"),
        (g0, &["sequential-keys"], " :G0)"),
        (g0, &["linearizable-keys"], " :G0)"),
        (stale, &["wfr-keys"], "{:valid? true, :anomaly-types ()"),
        (stale, &["sequential-keys"], "(:cyclic-versions)"),
        (stale, &["linearizable-keys", "initial-state"], "(:cyclic-versions)"),
        (elsewhere, &["sequential-keys", "initial-state"], "{:valid? true, :anomaly-types ()"),
        (elsewhere, &["linearizable-keys"], "(:cyclic-versions)"),
        (from_initial, &["initial-state"], "(:G2-item)"),
        (from_initial, &["wfr-keys"], "(:empty-transaction-graph)"),
    ] {
        let history = notation::history(history.lines());
        let options = Options::default().with_version_orders(version_orders(sources));
        let result = elle::rw_register(&history, &options).to_edn().to_string();
        assert!(result.contains(expected), "{sources:?}: {result}");
    }
}

/// Elle has it since 0.2.7 (June 2026).
#[test]
fn what_a_transaction_did_not_write_cannot_appear_between_its_reads() {
    let judges: [(Judge, &str); 2] =
        [(elle::list_append, "x+1\nx[] x[1]"), (elle::rw_register, "x:1\nx= x=1")];
    for (judge, history) in judges {
        let history = notation::history(history.lines());
        let found = names(&judge(&history, &Options::default()), "anomaly-types");
        assert!(found.contains("internal"), "{found:?}");
        let allowed = judge(&history, &Options::new(&["read-committed"]).unwrap());
        assert_eq!(allowed.verdict, Validity::True);
    }
}

/// Nothing is true that was not checked.
#[test]
fn models_without_a_check_are_unknown_and_say_why() {
    let aborted = notation::history("fail x+1\nx[1]".lines());
    let skewed = notation::history("x[] y+1\ny[] x+1\nx+2\nx[1,2]".lines());
    for model in "linearizable sequential causal PRAM read-your-writes view-serializable 1SR \
                  session-serializable"
        .split_whitespace()
    {
        let judge = |models: &[&str], history: &History| {
            elle::list_append(history, &Options::new(models).unwrap())
        };
        for history in [&aborted, &skewed] {
            let result = judge(&[model], history);
            assert_eq!(result.verdict, Validity::Unknown, "{model}: {result}");
            let error = result.to_edn().get("error").cloned().unwrap().to_string();
            assert!(error.contains(&format!("no check for {model}")), "{error}");
            assert!(!result.summary.is_empty());
        }
        // What is checked beside it decides as far as it goes.
        let verdict = |models: &[&str]| judge(models, &aborted).verdict;
        assert_eq!(verdict(&[model, "read-uncommitted"]), Validity::Unknown);
        assert_eq!(verdict(&["read-committed", model]), Validity::False);
    }
}

#[test]
fn a_case_names_its_operations_and_is_drawn() {
    let history = notation::history("p1 0-1 x+1\np2 2-3 x[]\np3 4-5 x[1]".lines());
    let result = elle::list_append(&history, &Options::default());
    assert_eq!(result.summary, "G-single-item-realtime: not strong-snapshot-isolation");
    let [finding] = &result.findings[..] else { panic!("{result}") };
    assert_eq!(finding.kind, "G-single-item-realtime");
    let operations = finding.operations.iter().map(|op| (op.index, &*op.role));
    assert_eq!(operations.collect::<Vec<_>>(), [(3, "T1"), (1, "T2")]);
    let Some(Drawing::Cycle(cycle)) = &finding.drawing else { panic!("{finding:?}") };
    let relations: Vec<&str> = cycle.arrows.iter().map(|arrow| arrow.relation).collect();
    assert_eq!((cycle.rows.len(), relations), (2, vec!["rw", "realtime"]));

    let history = notation::history("fail x+1\nx[1]".lines());
    let result = elle::list_append(&history, &Options::default());
    let misread = result.findings.iter().find(|finding| finding.kind == "G1a").unwrap();
    let roles: Vec<&str> = misread.operations.iter().map(|op| &*op.role).collect();
    assert_eq!(roles, ["read it", "appended it"]);
}

#[test]
fn several_models_are_judged_at_once() {
    let history = notation::history("x[] y+1\ny[] x+1\n0-1 z+1\n2-3 z[]".lines());
    let types = |models: &[&str]| {
        names(&elle::list_append(&history, &Options::new(models).unwrap()), "anomaly-types")
    };
    let set = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    assert_eq!(types(&["snapshot-isolation"]), set(&[]));
    assert_eq!(types(&["serializable", "read-atomic"]), set(&["G2-item"]));
    let strong = "strong-snapshot-isolation";
    assert_eq!(types(&[strong]), set(&["G-single-item-realtime"]));
    assert_eq!(types(&[strong, "PL-2.99"]), set(&["G-single-item-realtime", "G2-item"]));
}
