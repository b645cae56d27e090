//! What a user does with the smallest run: the command that runs it, and a test to paste.

use super::{Case, Kind};
use crate::net::LatencyDistribution;
use crate::options::{TestOptions, numbered_nodes};

/// A tape of so many bytes stands on the command line itself.
const INLINE_BYTES: usize = 200;

/// The arguments that run this case: `test` and its flags. `program` is what runs a node, with
/// the flags that belong to it; `tape_file` is where the tape is, should it be too long.
pub fn command(
    case: &Case,
    program: &[String],
    tape_file: &str,
    arguments: &[String],
) -> Vec<String> {
    let TestOptions { nodes, concurrency, .. } = &case.options;
    let mut words = vec!["test".to_owned(), "-w".into(), case.tape.workload.clone()];
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if *nodes == numbered_nodes(nodes.len()) {
        flag("--node-count", nodes.len().to_string());
    } else {
        let names: Vec<&str> = nodes.iter().map(gyre::NodeId::as_str).collect();
        flag("--nodes", names.join(","));
    }
    flag("--concurrency", concurrency.to_string());
    flag("--time-limit", case.options.time_limit_secs.to_string());
    flag("--latency", case.options.latency_ms.to_string());
    match case.options.latency_distribution {
        LatencyDistribution::Constant => {}
        LatencyDistribution::Uniform => flag("--latency-dist", "uniform".into()),
        LatencyDistribution::Exponential => flag("--latency-dist", "exponential".into()),
    }
    if let Some(members) = case.options.member_count {
        flag("--member-count", members.to_string());
    }
    if case.tape.workload == "broadcast" {
        flag("--topology", case.options.topology.clone());
    }
    if case.tape.workload.starts_with("txn-") {
        flag("--consistency-models", case.options.consistency_models.join(","));
    }
    if let Some(share) = case.options.availability {
        flag("--availability", share.to_string());
    }
    if case.options.monotonic_commits {
        flag("--monotonic-commits", "true".into());
    }
    let inline = case.tape.to_line();
    flag("--tape", if inline.len() <= INLINE_BYTES { inline } else { tape_file.into() });
    words.extend(program.iter().cloned());
    if !arguments.is_empty() {
        words.push("--".into());
        words.extend(arguments.iter().cloned());
    }
    words
}

/// A test in Rust for a node on the runtime, which the bench's own process runs: `node` is the
/// node's type.
pub fn in_process_test(case: &Case, kind: &Kind, node: &str) -> String {
    let node = node.split('<').next().unwrap_or_default();
    let node = node.rsplit("::").next().unwrap_or(node);
    let TestOptions { nodes, concurrency, latency_ms, .. } = &case.options;
    let names: Vec<String> =
        nodes.iter().map(|name| format!("{:?}.into()", name.as_str())).collect();
    let mut options = vec![
        format!("options.nodes = vec![{}];", names.join(", ")),
        format!("options.concurrency = {concurrency};"),
        format!("options.latency_ms = {latency_ms};"),
        format!("options.time_limit_secs = {:?};", case.options.time_limit_secs),
    ];
    if case.options.calm_secs > 0.0 {
        options.push(format!("options.calm_secs = {:?};", case.options.calm_secs));
    }
    if let Some(members) = case.options.member_count {
        options.push(format!("options.member_count = Some({members});"));
    }
    if let Some(share) = case.options.availability {
        options.push(format!("options.set(\"--availability\", \"{share}\").unwrap();"));
    }
    if case.options.monotonic_commits {
        options.push("options.monotonic_commits = true;".into());
    }
    if case.tape.workload.starts_with("txn-") {
        let models: Vec<String> = case
            .options
            .consistency_models
            .iter()
            .map(|model| format!("{model:?}.into()"))
            .collect();
        options.push(format!("options.consistency_models = vec![{}];", models.join(", ")));
    }
    let options: String = options.iter().map(|line| format!("            {line}\n")).collect();
    let statements = format!(
        "    maelstrom::check({workload:?}, {node}::new)\n        \
         .options(|options| {{\n{options}        }})\n        \
         .passes(tape);\n",
        workload = case.tape.workload,
    );
    rust_test(case, kind, &statements)
}

/// A test in Rust for a node that is any program: it runs the bench.
pub fn program_test(arguments: &[String], case: &Case, kind: &Kind) -> String {
    let tape = arguments.iter().position(|word| word == "--tape").map(|place| place + 1);
    let words = arguments.iter().enumerate().map(|(place, word)| {
        let word = if Some(place) == tape { "tape".to_owned() } else { format!("{word:?}") };
        format!("        {word},\n")
    });
    let words: String = words.collect();
    let statements = format!(
        "    let arguments = [\n{words}    ];\n    \
         let status = std::process::Command::new(\"maelstrom\").args(arguments).status();\n    \
         assert!(status.unwrap().success());\n"
    );
    rust_test(case, kind, &statements)
}

/// A test that has the tape of this case in `tape`, and does this with it.
fn rust_test(case: &Case, kind: &Kind, statements: &str) -> String {
    format!(
        "/// The smallest run that was found that fails by: {kind}.\n\
         #[test]\n\
         fn {name}() {{\n    \
         let tape = r#\"{tape}\"#;\n\
         {statements}\
         }}\n",
        name = test_name(kind),
        tape = case.tape.to_text(),
    )
}

fn test_name(kind: &Kind) -> String {
    let letters = kind.kind.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    let name: String = letters.collect::<String>().to_lowercase();
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).take(6).collect();
    format!("does_not_fail_by_{}", words.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::TapeFile;

    fn case(tape: &str) -> Case {
        let options = TestOptions {
            nodes: numbered_nodes(2),
            concurrency: 2,
            time_limit_secs: 0.25,
            ..TestOptions::default()
        };
        Case { options, tape: TapeFile::parse(tape).unwrap() }
    }

    #[test]
    fn a_short_tape_stands_in_the_command_and_a_long_one_in_a_file() {
        let program = ["--bin".to_owned(), "./node".into()];
        let tape =
            "{:tape 2, :workload \"echo\", :seed 0}{:at 0, :thread 0, :f :echo, :value \"a\"}";
        let line = command(&case(tape), &program, "x/tape.edn", &["-v".into()]).join(" ");
        assert_eq!(
            line,
            "test -w echo --node-count 2 --concurrency 2 --time-limit 0.25 --latency 0 --tape \
             {:tape 2, :workload \"echo\", :seed 0} {:at 0, :thread 0, :f :echo, :value \"a\"} \
             --bin ./node -- -v"
        );
        let long = format!("{tape}{}", "{:at 9, :thread 0, :f :echo, :value \"b\"}".repeat(4));
        let words = command(&case(&long), &program, "x/tape.edn", &[]);
        assert!(words.contains(&"x/tape.edn".to_owned()), "{words:?}");
    }

    #[test]
    fn what_is_asked_of_the_run_is_asked_again() {
        let mut case = case("{:tape 2, :workload \"kafka\", :seed 0}");
        case.options.set("--availability", "0.5").unwrap();
        case.options.monotonic_commits = true;
        let line = command(&case, &[], "x/tape.edn", &[]).join(" ");
        assert!(line.contains("--availability 0.5 --monotonic-commits true"), "{line}");
        let kind = Kind { part: "workload".into(), kind: "lost".into(), object: "nothing" };
        let text = in_process_test(&case, &kind, "Node");
        assert!(text.contains("options.set(\"--availability\", \"0.5\").unwrap();"), "{text}");
        assert!(text.contains("options.monotonic_commits = true;"), "{text}");
    }

    #[test]
    fn a_test_has_the_tape_and_says_what_it_is_about() {
        let tape = "{:tape 2, :workload \"lin-kv\", :seed 0}";
        let kind = Kind { part: "workload".into(), kind: "G-single".into(), object: "nothing" };
        let text = in_process_test(&case(tape), &kind, "bugs::Node<x::Y>");
        assert!(text.contains("fn does_not_fail_by_g_single()"), "{text}");
        assert!(text.contains("maelstrom::check(\"lin-kv\", Node::new)"), "{text}");
        assert!(text.contains(tape), "{text}");
        let arguments = ["test".to_owned(), "--tape".into(), "tape.edn".into()];
        let text = program_test(&arguments, &case(tape), &kind);
        assert!(text.contains("\"--tape\",\n        tape,\n"), "{text}");
    }
}
