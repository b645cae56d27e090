//! `maelstrom demo`: every node of Gyre against its workload, as the original runs its own demo
//! nodes. It shows that bench and nodes work here, and what a passing run looks like.

#![expect(clippy::disallowed_methods, reason = "it looks whether the programs are there")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::flags::{RunFlags, TestFlags};
use super::prepared::{Prepared, prepare, print_notes, run_one};
use super::{CRASH, bad_arguments, crashed, parse_test, terminal};

/// The flags of `maelstrom demo`: those of a test, but for what is tested.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true, allow_negative_numbers = true)]
pub struct DemoFlags {
    /// The folder with the nodes' programs. The default is the one in which this program is.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    nodes_in: Option<PathBuf>,

    #[command(flatten)]
    run: RunFlags,
}

/// For nodes that answer every request even while they are cut off.
const THROUGH_PARTITIONS: &str = "--nemesis partition --availability total";

const TWO_CLIENTS_A_NODE: &str = "--concurrency 2n";

const SINGLE_NODE: &str = "--node-count 1 --concurrency 2n";

/// Every node of Gyre: its workload, its program, and flags that come after the user's.
const DEMOS: [(&str, &str, &[&str]); 17] = [
    ("echo", "echo", &[]),
    ("unique-ids", "unique-ids", &["--rate 1000", THROUGH_PARTITIONS]),
    ("broadcast", "broadcast", &[]),
    ("g-set", "g-set", &[]),
    ("g-counter", "g-counter", &[]),
    ("g-counter", "g-counter-kv", &[]),
    ("pn-counter", "pn-counter", &[]),
    ("kafka", "kafka", &[TWO_CLIENTS_A_NODE]),
    ("kafka", "kafka-single", &[SINGLE_NODE]),
    ("kafka", "kafka-kv", &[TWO_CLIENTS_A_NODE]),
    ("lin-kv", "lin-kv", &[TWO_CLIENTS_A_NODE]),
    ("lin-kv", "lin-kv-single", &[SINGLE_NODE]),
    ("lin-kv", "lin-kv-proxy", &[TWO_CLIENTS_A_NODE]),
    ("txn-list-append", "txn-list-append", &[]),
    ("txn-list-append", "txn-list-append-datomic", &[]),
    (
        "txn-rw-register",
        "txn-rw-register",
        &["--node-count 2 --rate 100 --consistency-models read-committed", THROUGH_PARTITIONS],
    ),
    ("txn-rw-register", "txn-rw-register-raft", &[]),
];

/// A demonstration that is ready to run.
struct Ready {
    flags: TestFlags,
    prepared: Prepared,
    /// The test that it is, as a command line.
    argv: Vec<String>,
}

impl DemoFlags {
    /// The folder with the nodes' programs.
    fn folder(&self) -> Result<PathBuf, String> {
        let beside = || terminal::own_folder();
        self.nodes_in.clone().or_else(beside).ok_or_else(|| {
            "the folder of this program is not known: name that of the nodes with --nodes-in".into()
        })
    }

    fn ready(&self, demo: &(&str, &str, &[&str]), given: &[String]) -> Result<Ready, String> {
        let (workload, node, needs) = demo;
        let program = self.folder()?.join(node);
        if !program.is_file() {
            return Err(format!(
                "there is no program {}: build the nodes first, and name their folder with \
                 --nodes-in",
                program.display()
            ));
        }
        let program = program.to_string_lossy();
        let mut argv = ["test", "-w", workload, "--bin", &program].map(str::to_owned).to_vec();
        argv.extend(given.iter().cloned());
        let needs = needs.iter().flat_map(|flags| flags.split(' '));
        argv.extend(needs.map(str::to_owned));
        let flags = parse_test(&argv)?;
        let prepared = prepare(&flags.workload, &flags.run)?;
        Ok(Ready { flags, prepared, argv })
    }
}

/// The user's flags of a test: what follows `demo`, without the folder of the nodes.
fn flags_of_tests(argv: &[String]) -> Vec<String> {
    let mut flags = Vec::new();
    let mut words = argv.iter().skip(1);
    while let Some(word) = words.next() {
        if word == "--nodes-in" {
            words.next();
        } else if !word.starts_with("--nodes-in=") {
            flags.push(word.clone());
        }
    }
    flags
}

/// Runs them all and prints a summary; returns the exit status.
pub(super) fn demo(flags: &DemoFlags, argv: &[String]) -> u8 {
    let given = flags_of_tests(argv);
    let ready: Result<Vec<Ready>, String> =
        DEMOS.iter().map(|demo| flags.ready(demo, &given)).collect();
    let ready = match ready {
        Ok(ready) => ready,
        Err(sentence) => return bad_arguments(&sentence),
    };
    print_notes(&flags.run);
    let mut ended: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for Ready { flags, prepared, argv } in &ready {
        let report = run_one(prepared, flags, argv, 0);
        let (status, folder) = match &report {
            Some(report) => (report.exit_status(), report.folder.display().to_string()),
            None => (CRASH, "no folder".into()),
        };
        let program = flags.bin.display();
        ended.entry(status).or_default().push(format!("{program}: {folder}"));
    }
    if let Err(error) = terminal::print(&summary(&ended)) {
        return crashed(&format!("the summary could not be printed: {error}"));
    }
    // As in the original, what broke off counts most, then what nobody knows.
    [CRASH, 2, 1].into_iter().find(|status| ended.contains_key(status)).unwrap_or(0)
}

/// The original's summary: what ended in each way, and how many.
fn summary(ended: &BTreeMap<u8, Vec<String>>) -> String {
    const KINDS: [(u8, &str, &str); 4] = [
        (0, "Successful tests", "successes"),
        (2, "Indeterminate tests", "unknown"),
        (CRASH, "Crashed tests", "crashed"),
        (1, "Failed tests", "failures"),
    ];
    let mut text = String::new();
    for (status, title, _) in KINDS {
        if let Some(runs) = ended.get(&status) {
            text += &format!("\n# {title}\n\n{}\n", runs.join("\n"));
        }
    }
    for (status, _, name) in KINDS {
        text += &format!("\n{} {name}", ended.get(&status).map_or(0, Vec::len));
    }
    text
}
