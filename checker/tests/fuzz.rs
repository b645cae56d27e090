//! Damaged and hostile histories: whatever the bytes, every reader and every judge comes to an end,
//! and gives a sentence or a judgement.
//!
//! The histories are those of `verdicts/histories`, as EDN and as JSON, in which pieces were
//! replaced, doubled, cut out; and whatever stands in `corpus`, as it stands. What once was trouble
//! is kept there. The same is done to the models in `models`.
//!
//! `make fuzz` goes on for an hour. It names a folder in `FUZZ_KEEP`: there stands what is being
//! read, for the case that the program hangs or is killed by it; and what was found last, which is
//! the smallest that proptest could make of it.

#![expect(clippy::disallowed_methods, reason = "the test reads the files it is about")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use checker::edn::{Edn, read_one};
use checker::history::{Batch, History, Parser};
use checker::{Budget, CheckOptions, Judge, Model, Validity, Workload};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What is put in.
const PIECES: &[&[u8]] = &[
    b"nil",
    b"null",
    b":ok",
    b":info",
    b":fail",
    b":invoke",
    b"\"ok\"",
    b"-1",
    b"0",
    b"0.5",
    b"1/3",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"99999999999999999999",
    b"##NaN",
    b"##Inf",
    b"\"a",
    b"\"",
    b"\\",
    b"\\u12",
    b"[",
    b"]",
    b"{",
    b"}",
    b"(",
    b")",
    b"#{",
    b"#",
    b"#_",
    b"^",
    b"#a",
    b";",
    b":",
    b",",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"[1 2]",
    b"[]",
    b"{}",
    b"#{1 1}",
    b"[nil nil]",
    b"[[:append 1 1]]",
    b"[[:r 1 [1 1]]]",
    b"[[:w nil nil]]",
    b"[[:r]]",
    b"[1 [2 3]]",
    b":process 0",
    b":process -1",
    b":process nil",
    b":process :nemesis",
    b":index -5",
    b":index 9223372036854775807",
    b":time -9",
    b":f :read",
    b":f :txn",
    b":f :add",
    b":f nil",
    b":value nil",
    b":value 7",
    b":type nil",
    b"{:a 1, :a 2}",
    b"true",
    b"1e400",
    b"[[[[[[[[",
];

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// So many lines of a history are enough.
const LINES: usize = 24;

/// Histories that are right, in both notations.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut seeds = Vec::new();
    for file in files("verdicts/histories") {
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = text.lines().take(LINES).collect();
        let in_json = |line: &&str| read_one(line).unwrap().to_json_text();
        let json: Vec<String> = lines.iter().map(in_json).collect();
        seeds.push(lines.join("\n").into_bytes());
        seeds.push(format!("[{}]", json.join(",\n")).into_bytes());
    }
    seeds
});

/// All judges there are.
fn judges() -> Vec<(String, Judge)> {
    let budget = Budget { steps: 20_000, bytes: 64 << 20, interrupt: None };
    let mut judges = Vec::new();
    for per_key in [None, Some(true), Some(false)] {
        let options = CheckOptions { budget: budget.clone(), per_key, ..CheckOptions::default() };
        for name in Judge::names() {
            judges.push((name.to_owned(), Judge::named(name, None, &options).unwrap()));
        }
        for workload in Workload::all().filter(|_| per_key.is_none()) {
            judges.push((workload.name().to_owned(), workload.judge(&options).unwrap()));
        }
    }
    for text in [include_str!("../models/log.edn"), include_str!("../models/stack.edn")] {
        let model = Model::written(text, None).unwrap().within(budget.clone());
        judges.push(("written".into(), model.into()));
    }
    judges
}

/// The history in some bytes that come in pieces of a size.
fn parse(bytes: &[u8], size: usize) -> Result<History, String> {
    let mut batch = Batch::default();
    let mut parser = Parser::default();
    for piece in bytes.chunks(size) {
        parser.feed(piece, &mut batch)?;
    }
    parser.finish(&mut batch)?;
    Ok(History { ops: batch.ops().collect() })
}

/// What is being read, as a file, if somebody wants to have it.
struct UnderWay(Option<PathBuf>);

impl UnderWay {
    fn new(bytes: &[u8]) -> UnderWay {
        let folder = std::env::var_os("FUZZ_KEEP").map(PathBuf::from);
        let thread = std::thread::current();
        let path = folder.map(|folder| folder.join(thread.name().unwrap_or("input")));
        if let Some(path) = &path {
            std::fs::write(path, bytes).expect("the input can be kept");
        }
        UnderWay(path)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Some(path) = &self.0 else { return };
        let done = if std::thread::panicking() {
            std::fs::rename(path, path.with_extension("found"))
        } else {
            std::fs::remove_file(path)
        };
        done.expect("the input was kept");
    }
}

/// Reads and judges whatever this is.
fn survives(bytes: &[u8], size: usize) {
    let _under_way = UnderWay::new(bytes);
    let history = match parse(bytes, size) {
        Ok(history) => history,
        Err(sentence) => {
            assert!(sentence.starts_with("line ") && sentence.contains(", column "), "{sentence}");
            return;
        }
    };
    let text = history.to_edn_text();
    let again = History::parse(&text).unwrap_or_else(|error| panic!("{error}, in\n{text}"));
    assert_eq!(again.ops.len(), history.ops.len());
    let is_empty = !history.ops.iter().any(checker::history::Op::is_client);
    for (name, judge) in judges() {
        let judgement = judge.judge(&history);
        let result = judgement.to_edn().to_string();
        assert!(read_one(&result).is_ok(), "{name}: {result}");
        assert!(!is_empty || judgement.verdict != Validity::True, "{name}: {result}");
        let has_reason = judgement.verdict != Validity::Unknown
            || !judgement.summary.is_empty()
            || judgement.to_edn().get("valid?") == Some(&Edn::keyword("unknown"));
        assert!(has_reason, "{name}: {result}");
    }
}

/// What is put into a model.
const WORDS: &[&[u8]] = &[
    b"nil",
    b"true",
    b"value",
    b"asked",
    b"ok?",
    b"client",
    b"items",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b":state",
    b":operations",
    b":when",
    b":then",
    b"(+ 9223372036854775807 1)",
    b"(mod 1 0)",
    b"(count 7)",
    b"(sum [nil])",
    b"(let [x 1] x)",
    b"(map [x items] (conj items x))",
    b"(rest nil)",
    b"(get items -1)",
    b"(if value 1 2)",
    b"(and)",
    b"(filter [x x] x)",
    b"#{}",
    b"-1",
    b"0.5",
];

/// The models that come with the package.
static MODELS: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| files("../models").iter().map(|file| std::fs::read(file).unwrap()).collect());

/// Reads whatever this is as a model; and judges histories by it, if it is one.
fn model_survives(bytes: &[u8]) {
    let _under_way = UnderWay::new(bytes);
    let text = String::from_utf8_lossy(bytes);
    for seed in SEEDS.iter() {
        let model = match Model::written(&text, None) {
            Ok(model) => model,
            Err(sentence) => return assert!(!sentence.is_empty()),
        };
        let budget = Budget { steps: 2_000, bytes: 16 << 20, interrupt: None };
        let history = parse(seed, seed.len()).expect("it is right");
        let judgement = history.judge(model.within(budget));
        assert!(judgement.verdict != Validity::Unknown || !judgement.summary.is_empty());
    }
}

/// What is done to a history: at some place so many bytes are taken out, and others put in.
type Edit = (Index, usize, &'static [u8], bool);

fn damaged(seed: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (place, length, piece, doubles) in edits {
        let start = place.index(bytes.len() + 1);
        let end = (start + length).min(bytes.len());
        let taken: Vec<u8> = bytes[start..end].to_vec();
        let put = if *doubles { [&taken[..], piece, &taken].concat() } else { piece.to_vec() };
        bytes.splice(start..end, put);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_histories_are_no_trouble(
        seed in any::<Index>(),
        edits in prop::collection::vec(
            (any::<Index>(), 0..40usize, select(PIECES), any::<bool>()), 0..8),
        size in 1..4096usize,
    ) {
        survives(&damaged(&SEEDS[seed.index(SEEDS.len())], &edits), size);
    }

    #[test]
    fn pieces_of_histories_are_no_trouble(
        pieces in prop::collection::vec(select(PIECES), 0..40), size in 1..100usize,
    ) {
        survives(&pieces.join(&b' '), size);
        survives(&pieces.concat(), size);
    }

    #[test]
    fn damaged_models_are_no_trouble(
        seed in any::<Index>(),
        edits in prop::collection::vec(
            (any::<Index>(), 0..40usize, select(WORDS), any::<bool>()), 0..8),
    ) {
        model_survives(&damaged(&MODELS[seed.index(MODELS.len())], &edits));
    }

    #[test]
    fn bytes_are_no_trouble(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1..100usize) {
        survives(&bytes, size);
    }
}

#[test]
fn what_once_was_trouble_is_none() {
    let files = files("corpus");
    assert!(files.len() >= 20, "there are only {}", files.len());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for size in [1, 7, bytes.len().max(1)] {
            survives(&bytes, size);
        }
    }
}
