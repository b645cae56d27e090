//! Results and files have the form of the original's, for every workload.
//!
//! `tests/shapes/<workload>.txt` says what the original's runs had: a line for each place in its
//! `results.edn`, with the types of value there, and a line for each file. Two comparisons:
//!
//! - small histories of this test are judged and reported here, and compared with those lines;
//! - where the original's runs stand beside the checkout (`../shared/original`, or the folder that
//!   `GYRE_ORIGINAL` names), the lines are made again and must be the same, and every one of its
//!   histories is judged here, with its own results to compare with.
//!
//! What differs on purpose stands in [`DIFFERENCES`], each with its reason. To write the lines
//! anew: `GYRE_WRITE_SHAPES=1 cargo test -p maelstrom --test all shapes`.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "these tests read files, and say what they could not compare"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use maelstrom::checker::Judgement;
use maelstrom::edn::{self, Edn};
use maelstrom::history::History;
use maelstrom::journal::{Journal, MessageCount, NetStats};
use maelstrom::options::TestOptions;
use maelstrom::ran::Ran;
use maelstrom::report::{self, Activity, Recorded};
use maelstrom::results::Results;
use maelstrom::workload;

/// What is here and not there, or there and not here: how its line begins, and why.
const DIFFERENCES: [(&str, &str); 14] = [
    ("file net-journal/", "a binary format that only the original's own code reads"),
    ("file test.jepsen", "the same; test.edn says what it says of the run"),
    ("file test.edn", "in the place of test.jepsen"),
    ("file index.html", "the page of the run, which the original does not have"),
    ("file orders/", "the original draws a log only where it contradicts itself"),
    ("file realtime-lag-key/", "a plot of each key by itself: thousands of files in a long run"),
    ("file realtime-lag-thread/", "the same for each thread"),
    ("file realtime-lag-thread-key/", "the same for each pair"),
    ("file elle/sccs/", "drawings of all that is in a cycle, valid or not; ours show anomalies"),
    ("file rate.png", "the original leaves it out when nothing ended in the first ten seconds"),
    (":run", "what ran: in the original it is in test.jepsen"),
    (":workload :consume-counts", "in results, too; there only in consume-counts.edn"),
    (":workload :anomalies {} [] :steps () :value", "only edges about values have it"),
    (":workload :omitted-cases", "the original shows some and does not say how many it left out"),
];

/// Under these keys the names are the run's, not the format's.
const NAMES_BELOW: [&str; 2] = [":by-f", ":anomalies"];

/// Values that may be anything: what operations carry.
const ANYTHING: [&str; 4] = [":value", ":value'", ":range", ":known-value"];

/// Of each place, which types of value it has.
type Shape = BTreeMap<String, BTreeSet<String>>;

fn add(shape: &mut Shape, path: &str, value: &Edn) {
    let mut note = |name: &str| {
        shape.entry(path.into()).or_default().insert(name.into());
    };
    if ANYTHING.iter().any(|name| path.ends_with(&format!(" {name}"))) {
        return note("anything");
    }
    let (kind, items) = match value {
        Edn::Nil => return note("nil"),
        Edn::Bool(_) => return note("boolean"),
        Edn::Int(_) => return note("integer"),
        Edn::Float(_) => return note("float"),
        Edn::Str(_) => return note("string"),
        Edn::Keyword(_) => return note("keyword"),
        Edn::Symbol(_) => return note("symbol"),
        Edn::List(items) => ("()", items),
        Edn::Vector(items) => ("[]", items),
        Edn::Set(items) => ("#{}", items),
        Edn::Tagged(tag, value) => {
            note(&format!("#{tag}"));
            return add(shape, path, value);
        }
        Edn::Map(entries) => {
            note("{}");
            let are_names = NAMES_BELOW.iter().any(|name| path.ends_with(name));
            for (key, value) in entries {
                let step = match key {
                    Edn::Keyword(name) if !are_names => format!(":{name}"),
                    _ => "{}".into(),
                };
                add(shape, format!("{path} {step}").trim_start(), value);
            }
            return;
        }
    };
    note(kind);
    for item in items {
        add(shape, &format!("{path} {kind}"), item);
    }
}

/// The lines for the results of a run.
fn shape_of(results: &Edn) -> Shape {
    let mut shape = Shape::new();
    add(&mut shape, "", results);
    shape.remove("");
    shape
}

fn lines(shape: &Shape) -> BTreeSet<String> {
    let types = |types: &BTreeSet<String>| types.iter().cloned().collect::<Vec<_>>().join(" | ");
    shape.iter().map(|(path, found)| format!("{path}\t{}", types(found))).collect()
}

/// A file's line: numbers in names are the run's.
fn file_line(path: &str) -> String {
    let mut name = String::new();
    for c in path.chars() {
        match c {
            '0'..='9' if name.ends_with('N') => {}
            '0'..='9' => name.push('N'),
            c => name.push(c),
        }
    }
    format!("file {name}")
}

fn is_on_purpose(line: &str) -> bool {
    DIFFERENCES.iter().any(|(start, _)| line.starts_with(start))
}

/// What one has and the other has not, in words.
fn compare(theirs: &BTreeSet<String>, ours: &BTreeSet<String>) -> String {
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>, who: &str| -> String {
        let lines = a.difference(b).filter(|line| !is_on_purpose(line));
        lines.map(|line| format!("only {who}: {line}\n")).collect()
    };
    only(theirs, ours, "there") + &only(ours, theirs, "here")
}

fn results_of(workload: &str, options: &TestOptions, history: &History) -> Judgement {
    let mut results = Results::new(workload::by_name(workload).unwrap(), options);
    history.ops.iter().for_each(|op| results.push(op));
    let count = MessageCount { send_count: 10, recv_count: 10 };
    results.finish(&NetStats { clients: count, servers: count }, false)
}

/// The results and the files that a history gets here.
fn judged(workload: &str, options: &TestOptions, history: &History) -> (Edn, BTreeSet<String>) {
    let results = results_of(workload, options, history);
    let recorded = Recorded {
        workload,
        options,
        ran: &Ran::default(),
        playground: None,
        activity: &Activity::of(history),
        history,
        journal: &Journal::new(0),
        results: &results,
        failure: None,
    };
    // What the store itself writes; `drop_in.rs` sees to that.
    let store = ["history.edn", "history.txt", "jepsen.log", "node-logs/n0.log", "results.edn"];
    let mut files: BTreeSet<String> = store.map(file_line).into();
    files.insert(file_line("test.edn"));
    report::write(&recorded, &mut |_| (), &mut |path, _| {
        files.insert(file_line(path));
        Ok(())
    })
    .unwrap();
    (results.to_edn(), files)
}

/// Histories that together have all that the original's runs had, by workload.
const HISTORIES: [(&str, &[&str]); 10] = [
    (
        "broadcast",
        &["0 invoke broadcast 7|1 invoke read nil|0 ok broadcast 7|1 ok read []|\
           1 invoke read nil|1 ok read []|1 invoke read nil|1 ok read [7]"],
    ),
    ("echo", &["0 invoke echo \"hi\"|0 ok echo {:echo \"hi\", :type \"echo_ok\", :in_reply_to 1}"]),
    (
        "g-counter",
        &["0 invoke add 3|0 ok add 3|0 invoke read nil|0 ok read 3|\
           0 invoke read nil :final|0 ok read 3 :final"],
    ),
    (
        "g-set",
        &["0 invoke add 7|1 invoke read nil|0 ok add 7|1 ok read []|\
           1 invoke read nil|1 ok read []|1 invoke read nil|1 ok read [7]"],
    ),
    (
        "kafka",
        &["0 invoke crash nil|0 info crash nil|1 invoke assign [\"0\"]|1 ok assign [\"0\"]|\
           1 invoke send [[:send \"0\" 1]]|1 ok send [[:send \"0\" [0 1]]]|\
           1 invoke poll [[:poll]]|1 ok poll [[:poll {\"0\" [[0 1]]}]]|\
           2 invoke send [[:send \"0\" 2]]|2 info send [[:send \"0\" 2]] :timeout"],
    ),
    (
        "lin-kv",
        &["0 invoke write [0 3]|0 ok write [0 3]|0 invoke cas [0 [3 4]]|0 info cas [0 [3 4]]|\
           1 invoke read [0 nil]|1 ok read [0 4]|1 invoke cas [0 [4 1]]|1 ok cas [0 [4 1]]"],
    ),
    (
        "pn-counter",
        &["0 invoke add -3|0 ok add -3|0 invoke read nil|0 ok read -3|\
           0 invoke read nil :final|0 ok read -3 :final"],
    ),
    (
        "txn-list-append",
        &["0 invoke txn [[:append 0 1]]|0 ok txn [[:append 0 1]]|\
           1 invoke txn [[:r 0 nil]]|1 ok txn [[:r 0 [1]]]"],
    ),
    (
        "txn-rw-register",
        &[
            "0 invoke txn [[:w 0 1]]|0 ok txn [[:w 0 1]]|\
             1 invoke txn [[:r 0 nil]]|1 ok txn [[:r 0 1]]",
            // A read that is stale in real time, and one that goes around by data alone.
            "0 invoke txn [[:w 0 1]]|0 ok txn [[:w 0 1]]|1 invoke txn [[:r 0 nil] [:r 1 nil]]|\
             1 ok txn [[:r 0 nil] [:r 1 nil]]|0 invoke txn [[:w 2 1] [:w 3 1]]|\
             0 ok txn [[:w 2 1] [:w 3 1]]|1 invoke txn [[:r 2 nil] [:r 3 nil]]|\
             1 ok txn [[:r 2 1] [:r 3 nil]]",
        ],
    ),
    (
        "unique-ids",
        &[
            "0 invoke generate nil|0 ok generate \"a-1\"|1 invoke generate nil|1 ok generate \"b-1\"",
        ],
    ),
];

/// A history from lines of process, type, function and value, a second apart.
fn history(text: &str) -> History {
    let mut edn = String::new();
    for (number, line) in text.split('|').enumerate() {
        let parts: Vec<&str> = line.trim().splitn(4, ' ').collect();
        let [process, kind, f, rest] = parts[..] else { panic!("{line}") };
        let (value, extra) = match rest.rsplit_once(" :") {
            Some((value, "final")) => (value, ", :final? true"),
            Some((value, "timeout")) => (value, ", :error :net-timeout"),
            _ => (rest, ""),
        };
        let time = (number as i64 + 1) * 1_000_000_000;
        edn += &format!(
            "{{:process {process}, :type :{kind}, :f :{f}, :value {value}, :index {number}, \
             :time {time}{extra}}}\n"
        );
    }
    History::parse(&edn).unwrap()
}

fn table(workload: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shapes");
    folder.join(format!("{workload}.txt"))
}

#[test]
fn results_and_files_are_those_of_the_original() {
    let mut wrong = String::new();
    for (workload, histories) in HISTORIES {
        let (mut shape, mut ours) = (Shape::new(), BTreeSet::new());
        for text in histories {
            let (results, files) = judged(workload, &TestOptions::default(), &history(text));
            for (path, types) in shape_of(&results) {
                shape.entry(path).or_default().extend(types);
            }
            ours.extend(files);
        }
        ours.extend(lines(&shape));
        let text = std::fs::read_to_string(table(workload)).unwrap();
        let theirs: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        // Which anomalies there are is the history's affair.
        let is_anomaly = |line: &String| line.starts_with("file elle/");
        let [theirs, ours] =
            [theirs, ours].map(|set| set.into_iter().filter(|line| !is_anomaly(line)).collect());
        let differences = compare(&theirs, &ours);
        if !differences.is_empty() {
            wrong += &format!("{workload}\n{differences}");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A run of the original.
struct Run {
    name: String,
    workload: String,
    models: Option<String>,
    total: bool,
    folder: PathBuf,
}

/// Its runs, if they are here.
fn originals() -> Vec<Run> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/original");
    let folder = std::env::var_os("GYRE_ORIGINAL").map_or(beside, PathBuf::from);
    let Ok(runs) = std::fs::read_to_string(folder.join("runs.tsv")) else {
        println!("no runs of the original in {}: only its shapes are compared", folder.display());
        return Vec::new();
    };
    let run = |line: &str| {
        let [name, _, flags] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let words: Vec<&str> = flags.split(' ').collect();
        let after = |flag: &str| {
            let place = words.iter().position(|word| *word == flag)?;
            Some(words[place + 1].to_owned())
        };
        Run {
            name: name.into(),
            workload: after("-w").unwrap(),
            models: after("--consistency-models"),
            total: after("--availability").is_some(),
            folder: folder.join(name),
        }
    };
    runs.lines().map(run).collect()
}

fn original_results(run: &Run) -> Edn {
    edn::read_one(&std::fs::read_to_string(run.folder.join("results.edn")).unwrap()).unwrap()
}

/// The lines of all runs, by workload.
fn tables(runs: &[Run]) -> BTreeMap<&str, BTreeSet<String>> {
    let (mut shapes, mut tables) = (BTreeMap::new(), BTreeMap::new());
    for run in runs {
        let shape: &mut Shape = shapes.entry(&*run.workload).or_default();
        for (path, types) in shape_of(&original_results(run)) {
            shape.entry(path).or_default().extend(types);
        }
        let files = std::fs::read_to_string(run.folder.join("files.txt")).unwrap();
        let table: &mut BTreeSet<String> = tables.entry(&*run.workload).or_default();
        table.extend(files.lines().map(file_line));
    }
    for (workload, shape) in &shapes {
        tables.entry(workload).or_default().extend(lines(shape));
    }
    tables
}

#[test]
fn the_lines_are_those_of_the_originals_runs() {
    let runs = originals();
    for (workload, lines) in tables(&runs) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        if std::env::var_os("GYRE_WRITE_SHAPES").is_some() {
            std::fs::write(table(workload), &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(table(workload)).unwrap(), text, "{workload}");
    }
}

#[test]
fn every_history_of_the_original_gets_results_of_its_form() {
    let mut wrong = String::new();
    for run in originals() {
        let file = std::fs::File::open(run.folder.join("history.edn.gz")).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        let history = History::parse(&text).unwrap();
        let mut options = TestOptions::default();
        if let Some(models) = &run.models {
            options.consistency_models = vec![models.clone()];
        }
        if run.total {
            options.availability = Some("total".parse().unwrap());
        }
        let ours = results_of(&run.workload, &options, &history).to_edn();
        let theirs = original_results(&run);
        let differences = compare(&lines(&shape_of(&theirs)), &lines(&shape_of(&ours)));
        if !differences.is_empty() || theirs.get("valid?") != ours.get("valid?") {
            wrong += &format!("{}\n{differences}", run.name);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
