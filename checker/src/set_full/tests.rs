use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::edn::read_one;
use crate::history::{Op, OpType, ProcessId};

/// A history in a short notation: one operation a line, `process type f value`, each ten
/// milliseconds after the one before.
fn history(text: &str) -> History {
    let mut edn = String::new();
    for (i, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let [process, kind, f, value] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else {
            panic!("four words: {line}");
        };
        let time = i * 10_000_000;
        edn += &format!("{{:process {process}, :type :{kind}, :f :{f}, :value {value}");
        edn += &format!(", :time {time}}}\n");
    }
    History::parse(&edn).unwrap()
}

fn check_text(text: &str) -> Judgement {
    check(&history(text), "add")
}

/// The entries under these names, on one line.
fn entries(result: &Judgement, names: &str) -> String {
    let edn = result.to_edn();
    let entries = names.split(' ').map(|name| match edn.get(name) {
        Some(value) => value.to_string(),
        None => "-".into(),
    });
    entries.collect::<Vec<_>>().join(" ")
}

const COUNTS: &str = "valid? stable-count lost-count never-read-count stale-count";

#[test]
fn an_element_is_stable_lost_or_never_read() {
    for (name, counts, text) in [
        (
            "read at once",
            "true 1 0 0 0",
            "0 invoke add 1\n 0 ok add 1\n 0 invoke read nil\n 0 ok read [1]",
        ),
        (
            "read late",
            "true 1 0 0 1",
            "0 invoke add 1\n 0 ok add 1\n 0 invoke read nil\n 0 ok read []
          0 invoke read nil\n 0 ok read [1]",
        ),
        (
            "lost after it was shown",
            "false 0 1 0 0",
            "0 invoke add 1\n 0 ok add 1\n 0 invoke read nil\n 0 ok read [1]
          0 invoke read nil\n 0 ok read []",
        ),
        (
            "lost and never shown",
            "false 0 1 0 0",
            "0 invoke add 1\n 0 ok add 1\n 0 invoke read nil\n 0 ok read nil",
        ),
        (
            "a read that began before the addition ended says nothing",
            ":unknown 0 0 1 0",
            "0 invoke add 1\n 1 invoke read nil\n 0 ok add 1\n 1 ok read []",
        ),
        (
            "but it does when it shows the element",
            "true 1 0 0 0",
            "0 invoke add 1\n 1 invoke read nil\n 0 ok add 1\n 1 ok read [1]",
        ),
        (
            "an addition that failed and is shown counts",
            "true 1 0 0 0",
            "0 invoke add 1\n 0 fail add 1\n 0 invoke read nil\n 0 ok read [1]",
        ),
        (
            "an addition that may have failed need not be shown",
            ":unknown 0 0 1 0",
            "0 invoke add 1\n 0 info add 1\n 1 invoke read nil\n 1 ok read []",
        ),
        (
            "once shown it must stay",
            "false 0 1 0 0",
            "0 invoke add 1\n 0 info add 1\n 1 invoke read nil\n 1 ok read [1]
          1 invoke read nil\n 1 ok read []",
        ),
        (
            "the last read to begin decides, not the last to end",
            "true 1 0 0 1",
            "0 invoke add 1\n 0 ok add 1\n 1 invoke read nil\n 2 invoke read nil
          2 ok read [1]\n 1 ok read []",
        ),
        (
            "a read that failed says nothing",
            ":unknown 0 0 1 0",
            "0 invoke add 1\n 0 ok add 1\n 0 invoke read nil\n 0 fail read nil",
        ),
        (
            "what was never added does not count",
            ":unknown 0 0 0 0",
            "0 invoke read nil\n 0 ok read [1 2]",
        ),
    ] {
        assert_eq!(entries(&check_text(text), COUNTS), counts, "{name}");
    }
}

#[test]
fn the_result_has_every_key() {
    let result = check_text(
        "0 invoke add 2
         0 ok add 2
         0 invoke read nil
         0 ok read []
         0 invoke add 1
         0 ok add 1
         0 invoke add 3
         0 info add 3
         1 invoke read nil
         1 ok read [2 1 2]
         1 invoke read nil
         1 ok read (2)",
    );
    let worst = "{:element 2, :outcome :stable, :stable-latency 10, :lost-latency nil, \
        :known #jepsen.history.Op{:index 1, :time 10000000, :type :ok, :process 0, :f :add, \
        :value 2}, \
        :last-absent #jepsen.history.Op{:index 2, :time 20000000, :type :invoke, :process 0, \
        :f :read, :value nil}}";
    assert_eq!(
        result.to_edn().to_string(),
        format!(
            "{{:valid? false, :attempt-count 3, :stable-count 1, :lost-count 1, :lost (1), \
             :never-read-count 1, :never-read (3), :stale-count 1, :stale (2), \
             :worst-stale ({worst}), :stable-latencies {{0 10, 0.5 10, 0.95 10, 0.99 10, 1 10}}, \
             :lost-latencies {{0 30, 0.5 30, 0.95 30, 0.99 30, 1 30}}, \
             :duplicated-count 1, :duplicated {{2 2}}}}"
        )
    );
}

#[test]
fn elements_may_be_anything() {
    let result = check_text(
        "0 invoke add {:a 1, :b 2}\n 0 ok add {:a 1, :b 2}\n 0 invoke add \"x\"\n 0 ok add \"x\"
         0 invoke read nil\n 0 ok read [{:b 2, :a 1} \"x\" nil {:a 1, :b 2}]",
    );
    assert_eq!(entries(&result, COUNTS), "true 2 0 0 0");
    assert_eq!(entries(&result, "duplicated"), "{{:a 1, :b 2} 2}");
}

#[test]
fn what_cannot_be_judged_is_unknown() {
    for (text, reason) in [
        ("", "no operation"),
        ("0 ok read [1]", "never began"),
        ("0 invoke read nil\n 0 ok read 7", "not a collection"),
        ("0 invoke add 1\n 0 ok add 1", "No read shows"),
    ] {
        let result = check_text(text);
        assert_eq!(result.verdict, Validity::Unknown);
        assert!(entries(&result, "error").contains(reason), "{}", result.to_edn());
    }
}

#[test]
fn quantiles_are_taken_from_the_sorted_latencies() {
    assert_eq!(quantiles(vec![]), None);
    let text = |latencies: Vec<i64>| quantiles(latencies).unwrap().to_string();
    assert_eq!(text(vec![7]), "{0 7, 0.5 7, 0.95 7, 0.99 7, 1 7}");
    assert_eq!(text((1..=100).rev().collect()), "{0 1, 0.5 51, 0.95 96, 0.99 100, 1 100}");
}

/// The positions of an element's entries: added, known, last present, last absent.
type Positions = (usize, Option<usize>, Option<usize>, Option<usize>);

/// The rules as they are told, one element and one read at a time.
fn slow_scan(history: &History) -> (BTreeMap<Edn, Positions>, BTreeMap<Edn, usize>) {
    let mut elements: BTreeMap<Edn, Positions> = BTreeMap::new();
    let mut duplicated = BTreeMap::new();
    let mut began = BTreeMap::new();
    for (position, op) in history.ops.iter().enumerate() {
        let value = op.value.canonical().into_owned();
        match (&*op.f, op.kind) {
            ("add", OpType::Invoke) => {
                elements.insert(value, (position, None, None, None));
            }
            ("add", OpType::Ok) => {
                let element = elements.get_mut(&value);
                element.map(|(_, known, ..)| known.get_or_insert(position));
            }
            ("read", OpType::Invoke) => drop(began.insert(op.process, position)),
            ("read", OpType::Ok) => {
                let begin = began[&op.process];
                let shown: Vec<Edn> = value.as_slice().unwrap().to_vec();
                for (value, (_, known, last_present, last_absent)) in &mut elements {
                    let last = if shown.contains(value) {
                        known.get_or_insert(position);
                        last_present
                    } else {
                        last_absent
                    };
                    *last = (*last).max(Some(begin));
                }
                for value in &shown {
                    let copies = shown.iter().filter(|other| *other == value).count();
                    if copies > 1 {
                        let most: &mut usize = duplicated.entry(value.clone()).or_default();
                        *most = copies.max(*most);
                    }
                }
            }
            _ => {}
        }
    }
    (elements, duplicated)
}

/// Four processes that add and read a few elements in any order, with any outcome.
fn random_history(rng: &mut impl Rng) -> History {
    let element = |rng: &mut dyn Rng| match rng.random_range(0..14) {
        12 => read_one("{:a 1, :b 2}").unwrap(),
        13 => read_one("{:b 2, :a 1}").unwrap(),
        int => Edn::Int(int),
    };
    let mut open: [Option<Op>; 4] = Default::default();
    let mut history = History::default();
    for index in 0..rng.random_range(0..80) {
        let process = rng.random_range(0..4);
        let mut op = match open[process].take() {
            Some(begun) => {
                let kinds = [OpType::Ok, OpType::Ok, OpType::Ok, OpType::Info, OpType::Fail];
                let kind = kinds[rng.random_range(0..kinds.len())];
                let mut op = Op { kind, ..begun };
                if &*op.f == "read" {
                    let length = rng.random_range(0..20);
                    op.value = Edn::Vector((0..length).map(|_| element(rng)).collect());
                }
                op
            }
            None => {
                let (f, value) = match rng.random_bool(0.5) {
                    true => ("add", element(rng)),
                    false => ("read", Edn::Nil),
                };
                let process = ProcessId::Client(process as i64);
                let (kind, f, extra) = (OpType::Invoke, f.into(), Vec::new());
                Op { index: 0, time: 0, kind, process, f, value, extra }
            }
        };
        (op.index, op.time) = (index, index as i64 * 1_000_000);
        if op.kind == OpType::Invoke {
            open[process] = Some(op.clone());
        }
        history.ops.push(op);
    }
    history
}

#[test]
fn the_scan_agrees_with_the_rules_as_they_are_told() {
    for seed in 0..10_000 {
        let history = random_history(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut scan = Scan::new("add");
        history.ops.iter().for_each(|op| scan.push(op).unwrap());
        let Elements { list, duplicated } = scan.finish();
        let begin = |read: Option<Rc<Begin>>| read.map(|read| read.position);
        let positions = |element: Element| {
            let Element { value, added, known, last_present, last_absent } = element;
            let known = known.map(|known| known.entry.position);
            (value, (added.position, known, begin(last_present), begin(last_absent)))
        };
        let fast = (list.into_iter().map(positions).collect(), duplicated);
        assert_eq!(fast, slow_scan(&history), "seed {seed}:\n{}", history.to_edn_text());
    }
}

/// Reads that show nothing between reads that show everything cost no more than what they show,
/// and nothing is kept of any of them.
#[test]
fn a_read_that_lacks_everything_is_as_cheap_as_it_is_short() {
    let elements = 20_000;
    let mut scan = Scan::new("add");
    let mut push = |index: usize, kind, f: &str, value: Edn| {
        let op = Op {
            index,
            time: 0,
            kind,
            process: ProcessId::Client(0),
            f: f.into(),
            value,
            extra: Vec::new(),
        };
        scan.push(&op).unwrap();
    };
    for element in 0..elements {
        push(4 * element, OpType::Invoke, "add", element.into());
        push(4 * element + 1, OpType::Ok, "add", element.into());
        push(4 * element + 2, OpType::Invoke, "read", Edn::Nil);
        push(4 * element + 3, OpType::Ok, "read", Edn::Nil);
    }
    let all = Edn::Vector((0..elements).map(Edn::from).collect());
    push(4 * elements, OpType::Invoke, "read", Edn::Nil);
    push(4 * elements + 1, OpType::Ok, "read", all);
    let found = scan.finish().list;
    assert_eq!(found.len(), elements);
    let last = |read: &Option<Rc<Begin>>| read.as_ref().map(|read| read.position);
    assert!(found.iter().all(|e| last(&e.last_absent) == Some(4 * elements - 2)));
    assert!(found.iter().all(|e| last(&e.last_present) == Some(4 * elements)));
}
