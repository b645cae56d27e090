//! What there is to choose from: a node, settings that show it well, and words.
//!
//! A scene is a small file, `playground/scenes/<name>.edn`: a tape, mostly of edits, that
//! `maelstrom test --tape` takes too. The comment at its beginning is JSON and says the rest:
//! a title, words, the node's program, the flags of the bench, and words for moments of the run.
//! Each exhibit of the museum is a scene, too: its smallest run, as it was recorded, on the nodes
//! of its simulated test.

use std::collections::BTreeMap;

use gyre::NodeId;
use maelstrom::options::TestOptions;
use maelstrom::tape::TapeFile;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::{BoxedCluster, MakeCluster};
use crate::museum::Exhibit;
use crate::{exhibits, nodes};

/// A node with its workload, its settings and what happens to it.
pub struct Scene {
    /// Its name in a link.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// What to look at, and what to try: sentences.
    pub words: String,
    /// Under what heading it stands in the list.
    pub group: &'static str,
    /// The node's program, and its arguments.
    pub program: Vec<String>,
    /// The options of the bench.
    pub options: TestOptions,
    /// The seed, and what is decided besides.
    pub tape: TapeFile,
    /// What to say from which second on.
    pub moments: Vec<(f64, String)>,
    make: MakeCluster,
}

/// The flags of every scene that does not say otherwise: slow enough to watch.
const USUAL: &[(&str, &str)] = &[
    ("--node-count", "5"),
    ("--rate", "5"),
    ("--time-limit", "20"),
    ("--latency", "50"),
    ("--latency-dist", "uniform"),
    ("--nemesis-interval", "4"),
];

macro_rules! files {
    ($($name:literal)+) => {
        &[$(($name, include_str!(concat!("../scenes/", $name, ".edn")))),+]
    };
}

/// The scenes that have a file, in the order of the list.
const FILES: &[(&str, &str)] = files!(
    "lin-kv"
    "split-vote"
    "figure-7"
    "figure-8"
    "partial-partition"
    "membership"
    "membership-joint"
    "stale-read"
    "g-single"
    "merge-g-set"
    "merge-g-counter"
    "merge-pn-counter"
    "broadcast-direct"
    "broadcast-hub"
    "echo"
    "unique-ids"
    "broadcast"
    "g-set"
    "g-counter"
    "pn-counter"
    "g-counter-kv"
    "lin-kv-single"
    "lin-kv-proxy"
    "kafka"
    "kafka-kv"
    "kafka-single"
    "txn-list-append"
    "txn-list-append-datomic"
    "txn-rw-register"
    "txn-rw-register-raft"
);

/// What the comment of a scene's file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    title: String,
    words: Vec<String>,
    program: Vec<String>,
    flags: BTreeMap<String, String>,
    #[serde(default)]
    moments: Vec<(f64, String)>,
}

/// What the first line of an exhibit's run says that its tape does not.
#[derive(Deserialize)]
struct RunFacts {
    nodes: Vec<String>,
    concurrency: usize,
    time_limit_secs: f64,
    calm_secs: f64,
    latency_ms: u64,
    latency_distribution: String,
    #[serde(default)]
    member_count: Option<usize>,
}

impl Scene {
    /// The scene with this name.
    ///
    /// # Errors
    /// A sentence, when there is none.
    pub fn by_name(name: &str) -> Result<Scene, String> {
        let file = FILES.iter().find(|(file, _)| *file == name);
        let exhibit = || exhibits::ALL.iter().find(|exhibit| exhibit.name == name);
        match file {
            Some((name, text)) => Scene::of_file(name, text),
            None => exhibit().map(Scene::of_exhibit).unwrap_or_else(|| {
                Err(format!("There is no scene {name}: choose one from the list."))
            }),
        }
    }

    fn of_file(name: &'static str, text: &str) -> Result<Scene, String> {
        let comment: String =
            text.lines().map_while(|line| line.strip_prefix(';')).map(str::trim_start).collect();
        let facts: Facts = serde_json::from_str(&comment).map_err(|error| error.to_string())?;
        let flags = facts.flags.iter().map(|(flag, value)| (flag.as_str(), value.as_str()));
        let mut options = TestOptions::default();
        set_flags(&mut options, USUAL.iter().copied().chain(flags))?;
        let program = facts.program.join(" ");
        let (_, make) = node(&program)?;
        Ok(Scene {
            name,
            title: facts.title,
            words: facts.words.join(" "),
            group: if name == program { "Nodes" } else { "Scenes" },
            program: facts.program,
            options,
            tape: TapeFile::parse(text)?,
            moments: facts.moments,
            make,
        })
    }

    /// A run of this program, given with its arguments, under a workload: no scene of the list.
    ///
    /// # Errors
    /// A sentence, when the playground has no such node.
    pub fn of_program(program: &str, workload: String) -> Result<Scene, String> {
        let (name, make) = node(program)?;
        Ok(Scene {
            name,
            title: program.to_owned(),
            words: String::new(),
            group: "Nodes",
            program: program.split(' ').map(str::to_owned).collect(),
            options: TestOptions::default(),
            tape: TapeFile { workload, seed: 0, edits: true, tracks: Default::default() },
            moments: Vec::new(),
            make,
        })
    }

    fn of_exhibit(exhibit: &Exhibit) -> Result<Scene, String> {
        let Exhibit { name, header, run, .. } = *exhibit;
        let facts = run.lines().next().and_then(|line| line.strip_prefix("; "));
        let facts: RunFacts =
            serde_json::from_str(facts.unwrap_or_default()).map_err(|error| error.to_string())?;
        let mut options = TestOptions {
            nodes: facts.nodes.iter().map(|name| name.as_str().into()).collect(),
            concurrency: facts.concurrency,
            time_limit_secs: facts.time_limit_secs,
            calm_secs: facts.calm_secs,
            latency_ms: facts.latency_ms,
            // The tape says which faults there are.
            faults: Default::default(),
            ..(exhibit.options)()
        };
        options.member_count = facts.member_count.or(options.member_count);
        options.set("--latency-dist", &facts.latency_distribution)?;
        Ok(Scene {
            name,
            title: name.to_owned(),
            words: words_of(header),
            // The page knows exhibits by it.
            group: "The museum of bugs",
            program: vec![name.to_owned()],
            options,
            tape: TapeFile::parse(run)?,
            moments: Vec::new(),
            make: exhibit.make,
        })
    }

    /// The nodes with these names, none of them started.
    pub fn cluster(&self, names: &[NodeId]) -> BoxedCluster {
        (self.make)(names)
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "title": self.title,
            "words": self.words,
            "group": self.group,
            "seed": self.tape.seed.to_string(),
            // Chance decides nothing in it.
            "isTape": !self.tape.edits,
            "flags": self.options.flags(),
            "moments": self.moments,
        })
    }
}

/// The node of this program, given with its arguments.
fn node(program: &str) -> Result<(&'static str, MakeCluster), String> {
    let exhibits = exhibits::ALL.iter().map(|exhibit| (exhibit.name, exhibit.make));
    let mut nodes = nodes::ALL.iter().copied().chain(exhibits);
    let found = nodes.find(|(node, _)| *node == program);
    found.ok_or_else(|| format!("The playground has no node {program}."))
}

/// Sets these flags. A number of nodes is also that of clients, so what says it comes first.
///
/// # Errors
/// A sentence: there is no such flag, or not with this value.
pub fn set_flags<'a>(
    options: &mut TestOptions,
    flags: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), String> {
    let (counts, others): (Vec<_>, Vec<_>) =
        flags.into_iter().partition(|(flag, _)| ["--node-count", "--nodes"].contains(flag));
    counts.into_iter().chain(others).try_for_each(|(flag, value)| options.set(flag, value))
}

/// What an exhibit is, and what would have caught it in review, without marks.
fn words_of(header: &str) -> String {
    let lines = || header.lines().map(str::trim);
    let what = lines().take_while(|line| !line.starts_with("- **"));
    let review = lines()
        .skip_while(|line| !line.starts_with("- **Review**"))
        .take_while(|line| !line.starts_with("- **Fails by**"));
    let words: Vec<&str> = what.chain(review).filter(|line| !line.is_empty()).collect();
    words.join(" ").replace("- **Review**: ", "In review: ").replace(['`', '*'], "")
}

/// The names of all scenes, in the order of the list.
pub fn names() -> impl Iterator<Item = &'static str> {
    let files = FILES.iter().map(|(name, _)| *name);
    let exhibits = exhibits::ALL.iter().map(|exhibit| exhibit.name);
    files.chain(exhibits)
}

/// All scenes, as JSON.
///
/// # Panics
/// When the file of a scene cannot be read: they are part of this program.
pub fn list() -> String {
    let scenes = names().map(|name| {
        let scene = Scene::by_name(name).unwrap_or_else(|error| panic!("scene {name}: {error}"));
        scene.to_json()
    });
    json!(scenes.collect::<Vec<_>>()).to_string()
}
