use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use gyre::Time;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::*;
use crate::checker::Validity;
use crate::history::{History, Op};
use crate::report::Entries;

fn op(time_ms: i64) -> Op {
    let nanos = time_ms * 1_000_000;
    let text = format!("{{:process 0, :type :ok, :f :echo, :value nil, :index 0, :time {nanos}}}");
    History::parse(&text).unwrap().ops.remove(0)
}

fn entries(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn seeded(store: &Path, seed: u64) -> RunFolder {
    RunFolder::create(store, "echo", RunName::Seed(seed)).unwrap()
}

#[test]
fn a_run_is_named_after_its_start_or_its_seed() {
    let start = date(2026, 1, 31).at(23, 59, 59, 7_000_000);
    let name = |offset: i8| {
        let zone = TimeZone::fixed(jiff::tz::offset(offset));
        RunName::StartedAt(Box::new(start.to_zoned(zone).unwrap())).to_string()
    };
    assert_eq!(name(0), "20260131T235959.007Z");
    assert_eq!(name(-5), "20260131T235959.007-0500");
    assert_eq!(RunName::Seed(7).to_string(), "seed-7");
    assert_eq!(RunName::Seed(7).of("echo-12").to_string(), "echo-12-seed-7");
}

#[test]
fn links_lead_to_the_run() {
    let store = tempfile::tempdir().unwrap();
    let at = |path: &str| std::fs::read_link(store.path().join(path)).map_err(|e| e.kind());
    let first = seeded(store.path(), 1);
    assert_eq!(at("current"), Ok("echo/seed-1".into()));
    assert_eq!(at("latest"), Err(io::ErrorKind::NotFound));
    first.finish().unwrap();
    seeded(store.path(), 2);
    assert_eq!(at("current"), Ok("echo/seed-2".into()));
    assert_eq!(at("latest"), Ok("echo/seed-1".into()));
    assert_eq!(at("echo/latest"), Ok("seed-1".into()));
    assert_eq!(entries(store.path()), ["current", "echo", "latest"]);
    assert!(store.path().join("echo/latest").is_dir(), "the link leads to the run");
}

#[test]
fn a_seed_replaces_its_last_run_and_a_start_does_not() {
    let store = tempfile::tempdir().unwrap();
    seeded(store.path(), 1).write("old", b"").unwrap();
    assert_eq!(entries(seeded(store.path(), 1).path()), [""; 0]);

    let start = date(2026, 1, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
    let name = RunName::StartedAt(Box::new(start));
    for expected in ["20260101T000000.000Z", "20260101T000000.001Z"] {
        let run = RunFolder::create(store.path(), "echo", name.clone()).unwrap();
        assert!(run.path().ends_with(expected), "{}", run.path().display());
    }
}

#[test]
fn history_is_on_disk_within_a_second() {
    let store = tempfile::tempdir().unwrap();
    let run = seeded(store.path(), 1);
    let lines = || {
        let text = std::fs::read_to_string(run.file("history.edn")).unwrap();
        assert_eq!(text, History::parse(&text).unwrap().to_edn_text(), "whole lines");
        let plain = std::fs::read_to_string(run.file("history.txt")).unwrap();
        [text.lines().count(), plain.lines().count()]
    };
    let mut history = run.history_writer().unwrap();
    history.append(&op(0)).unwrap();
    assert_eq!(lines(), [0, 0], "it is buffered");
    history.append(&op(1_000)).unwrap();
    assert_eq!(lines(), [2, 2]);
    history.append(&op(1_500)).unwrap();
    history.flush_if_due(Time::from_millis(1_999)).unwrap();
    assert_eq!(lines(), [2, 2]);
    history.flush_if_due(Time::from_millis(2_000)).unwrap();
    assert_eq!(lines(), [3, 3]);
    (0..10_000).for_each(|_| history.append(&op(2_001)).unwrap());
    assert!(lines()[0] > 3, "much at once does not wait");
    drop(history);
    assert_eq!(lines(), [10_003, 10_003], "an early end loses nothing");
}

#[test]
fn a_long_history_is_packed_and_read_all_the_same() {
    let store = tempfile::tempdir().unwrap();
    let run = seeded(store.path(), 1);
    let mut history = run.history_writer().unwrap();
    (0..1000).for_each(|n| history.append(&op(n)).unwrap());
    history.flush().unwrap();
    let times = || {
        let mut times = Vec::new();
        run.history().for_each(&mut |op| times.push(op.time)).unwrap();
        times
    };
    let (plain, bytes) = (times(), std::fs::metadata(run.file("history.edn")).unwrap().len());
    run.history().pack_beyond(bytes).unwrap();
    assert_eq!(entries(run.path()), ["history.edn", "history.txt"], "it is not too long");
    run.history().pack_beyond(bytes - 1).unwrap();
    assert_eq!(entries(run.path()), ["history.edn.gz", "history.txt"]);
    assert_eq!(times(), plain);
    assert!(std::fs::metadata(run.file("history.edn.gz")).unwrap().len() < bytes / 4);
}

#[test]
fn a_log_counts_time_from_the_start_of_the_run() {
    let store = tempfile::tempdir().unwrap();
    let run = seeded(store.path(), 1);
    let seen = Rc::new(RefCell::new(Vec::new()));
    let console = seen.clone();
    let console: Console = Box::new(move |line| console.borrow_mut().push(line.to_string()));
    let mut log = run.log(Some(console), false).unwrap();
    let (nemesis, node) = (Source::nemesis(), Source::node_stderr(&"n1".into()));
    log.info(Time::from_millis(61_234), &nemesis, "n1 is cut off\nfrom n2").unwrap();
    log.warn(Time::from_millis(61_235), &node, "exit 1").unwrap();
    drop(log);
    assert_eq!(
        std::fs::read_to_string(run.file("jepsen.log")).unwrap(),
        "1970-01-01 00:01:01,234{GMT}\tINFO\t[jepsen worker nemesis] jepsen.util: \
         n1 is cut off\nfrom n2\n\
         1970-01-01 00:01:01,235{GMT}\tWARN\t[n1 stderr] maelstrom.process: exit 1\n"
    );
    let expected = [
        "INFO\t[jepsen worker nemesis] jepsen.util: n1 is cut off\nfrom n2",
        "WARN\t[n1 stderr] maelstrom.process: exit 1",
    ];
    assert_eq!(*seen.borrow(), expected);
}

#[test]
fn a_log_may_be_json_an_object_a_line() {
    let store = tempfile::tempdir().unwrap();
    let run = seeded(store.path(), 1);
    let mut log = run.log(None, true).unwrap();
    log.warn(Time::from_millis(1), &Source::worker(3), "two\n\"lines\"").unwrap();
    drop(log);
    let text = std::fs::read_to_string(run.file("jepsen.log")).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!(
        line,
        serde_json::json!({
            "@timestamp": "1970-01-01T00:00:00.001Z", "@version": "1",
            "message": "two\n\"lines\"", "logger_name": "jepsen.util",
            "thread_name": "jepsen worker 3", "level": "WARN", "level_value": 30000,
        })
    );
}

#[test]
fn results_are_read_back() {
    let store = tempfile::tempdir().unwrap();
    let run = seeded(store.path(), 1);
    let results = Judgement::new(Validity::False, [("lost", vec![1i64; 100].into())]);
    run.write_results(&results, &Ran::default()).unwrap();
    let text = std::fs::read_to_string(run.file("results.edn")).unwrap();
    let Edn::Map(mut found) = edn::read_one(&text).unwrap() else { panic!("{text}") };
    let last = found.pop().unwrap();
    assert_eq!(last, (Edn::keyword("run"), Ran::default().to_edn()));
    assert_eq!(Edn::Map(found), results.to_edn());
    run.write("elle/G1a.txt", b"why").unwrap();
    assert!(run.node_logs().unwrap().ends_with("node-logs"));
    assert_eq!(entries(run.path()), ["elle", "node-logs", "results.edn"]);
}

#[test]
fn a_store_that_cannot_be_written_is_one_sentence() {
    let store = tempfile::tempdir().unwrap();
    std::fs::write(store.path().join("echo"), "not a folder").unwrap();
    let error = RunFolder::create(store.path(), "echo", RunName::Seed(1)).unwrap_err().to_string();
    assert!(error.starts_with("cannot create ") && error.contains("echo: "), "{error}");

    let run = RunFolder::create(store.path(), "g-set", RunName::Seed(1)).unwrap();
    std::fs::set_permissions(run.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write all the same.
    if let Err(error) = run.write("results.edn", b"") {
        assert!(error.to_string().contains("results.edn: "), "{error}");
    }
    std::fs::set_permissions(run.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let mut file = append::AppendFile::create(Path::new("/dev/full")).unwrap();
    let error = file.append(Time::from_millis(1_000), "line\n").unwrap_err().to_string();
    assert!(error.starts_with("cannot write /dev/full: No space left"), "{error}");
}

#[test]
fn a_disk_with_little_space_takes_what_fits() {
    let mut disk = [0; 5];
    let (written, result) = append::write_what_fits(&mut &mut disk[..], b"a\nb\ncd\n");
    assert_eq!((written, result.map_err(|e| e.kind())), (5, Err(io::ErrorKind::WriteZero)));
    assert_eq!(&disk, b"a\nb\nc");
    assert_eq!(append::write_what_fits(&mut Vec::new(), b"a\n").0, 2);
}

#[test]
fn two_runs_of_a_seed_at_once_have_folders_of_their_own() {
    let store = tempfile::tempdir().unwrap();
    let first = seeded(store.path(), 7);
    first.write("mine", b"1").unwrap();
    let second = seeded(store.path(), 7);
    assert_eq!(entries(&store.path().join("echo")), ["seed-7", "seed-7-2"]);
    assert_eq!(std::fs::read(first.file("mine")).unwrap(), b"1");
    drop(first);
    let third = seeded(store.path(), 7);
    assert_eq!(third.path(), store.path().join("echo/seed-7"));
    assert_eq!(entries(third.path()), [""; 0], "it replaces the last run");
    drop(second);
}

#[test]
fn a_run_whose_folder_was_removed_says_so() {
    let store = tempfile::tempdir().unwrap();
    let run = seeded(store.path(), 7);
    std::fs::remove_dir_all(run.path()).unwrap();
    let error = run.finish().unwrap_err().to_string();
    assert!(error.contains("was removed or replaced"), "{error}");
    std::fs::create_dir(run.path()).unwrap();
    assert!(run.finish().is_err(), "a folder of the same name is another one");
}
