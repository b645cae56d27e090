//! What comes out does not depend on how many threads there are.

#![expect(clippy::disallowed_methods, reason = "the test runs the program and reads its files")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use gyre::{Ctx, Error, Node, NodeId, async_trait};
use rand::RngExt;
use rayon::ThreadPoolBuilder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() {
            let inside = self::files(&path).into_iter();
            files.extend(inside.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

/// A store of 40 keys with a stale read in every seventh, and longer histories of later keys.
fn history(file: usize) -> String {
    let mut text = String::new();
    for key in 0..40 {
        let mut run = |f: &str, asked: String, told: String| {
            for (kind, value) in [("invoke", asked), ("ok", told)] {
                text +=
                    &format!(":process 0, :type :{kind}, :f :{f}, :value [{key} {value}]}}\n{{");
            }
        };
        for value in 1..=key + file {
            run("write", value.to_string(), value.to_string());
        }
        let seen = if key % 7 == 3 { key + 1 } else { key + file };
        run("read", "nil".into(), seen.max(1).to_string());
    }
    format!("{{{}", text.trim_end_matches('{'))
}

#[test]
fn files_are_judged_and_explained_alike() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (1..9).map(|file| format!("{file}.edn")).collect();
    for (file, name) in names.iter().enumerate() {
        std::fs::write(folder.path().join(name), history(file + 2)).unwrap();
    }
    let check = |threads: &str| {
        let out = folder.path().join(threads);
        let output = Command::new(env!("CARGO_BIN_EXE_maelstrom"))
            .current_dir(folder.path())
            .env("RAYON_NUM_THREADS", threads)
            .args(["check", "-w", "lin-kv", "--out"])
            .arg(&out)
            .args(&names)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        (output.stdout, files(&out))
    };
    let (one, four) = (check("1"), check("4"));
    assert!(one == four, "one thread and four differ");
    let lines = String::from_utf8(one.0).unwrap();
    let judged: Vec<&str> = lines.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(judged, names);
    for file in ["results.edn", "independent/3/explanation.txt", "independent/3/linear.svg"] {
        assert!(one.1.contains_key(&format!("1-1/{file}")), "{file}");
    }
}

/// Echoes something else now and then.
struct Liar;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Echo { echo: Value },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Response {
    EchoOk { echo: Value },
}

#[async_trait(?Send)]
impl Node for Liar {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        let Request::Echo { echo } = request;
        let is_lie = ctx.rng().random_range(0..4000) == 0;
        Ok(Response::EchoOk { echo: if is_lie { json!("lie") } else { echo } })
    }
}

#[test]
fn the_first_seed_that_fails_is_the_lowest() {
    let check = maelstrom::check("echo", |_| Liar);
    let slow = (0..60).find(|seed| check.fails(*seed).is_some()).expect("some seed fails");
    for threads in [1, 4] {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let failure = pool.install(|| check.first_failure(0..60)).unwrap();
        assert_eq!(failure.seed, slow);
        let (_, alone) = check.run(slow);
        assert_eq!(failure.results, alone);
    }
}
