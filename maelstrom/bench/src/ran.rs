//! What ran: the program, its arguments, the flags that are not the default ones, the seed, and
//! the command that does it again.
//!
//! Every view of a run begins with this: its page, the table of runs, the comparison of two, its
//! `results.edn` under `:run`, the last lines on the terminal. The name of a seeded run's folder
//! is made of it, too: so two programs, or two settings of one, keep their files apart though
//! their seed is the same.

use std::fmt::Write;

use crate::edn::Edn;
use crate::options::TestOptions;

/// The key in `results.edn` and `test.edn` under which it stands.
pub const RUN_KEY: &str = "run";

/// What ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// The program of the nodes, as it was named: `target/release/echo`.
    pub program: String,
    /// The arguments that each node got.
    pub arguments: Vec<String>,
    /// The flags that are not the default ones, without the seed: `("--rate", "50")`; the value is
    /// empty for a flag that has none.
    pub flags: Vec<(String, String)>,
    /// The seed of a run in virtual time.
    pub seed: Option<u64>,
    /// The version of the bench.
    pub version: String,
    /// The command that does the same again; empty where it is not known.
    pub again: String,
}

impl Ran {
    /// A run of this program with these options, of this version of the bench.
    pub fn new(program: impl Into<String>, options: &TestOptions) -> Ran {
        let flags = options.flags().into_iter();
        Ran {
            program: program.into(),
            flags: flags.map(|(flag, value)| (flag.to_owned(), value)).collect(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Ran::default()
        }
    }

    /// The program's own name, without the folder that it is in.
    pub fn name(&self) -> &str {
        self.program.rsplit(['/', '\\']).next().unwrap_or_default()
    }

    /// The flags on one line: `--rate 50 --nemesis kill`.
    pub fn flags_line(&self) -> String {
        let words = self.flags.iter().map(|(flag, value)| format!("{flag} {value}"));
        words.map(|word| word.trim_end().to_owned()).collect::<Vec<_>>().join(" ")
    }

    /// The name of the folder of a seeded run, before the seed: the program's name, and six
    /// digits that stand for the program, its arguments and the flags.
    pub fn folder_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let name: String = self.name().chars().take(60).map(plain).collect();
        format!("{name}-{:06x}", self.digest() >> 40)
    }

    /// FNV-1a, as its authors give it (Fowler, Noll, Vo, 1991), over everything but the seed and
    /// the version. It is the same on every machine.
    fn digest(&self) -> u64 {
        let mut digest = 0xcbf2_9ce4_8422_2325;
        let mut add = |text: &str| {
            // A byte that no text has in UTF-8 tells "ab" "c" from "a" "bc".
            for byte in text.bytes().chain([0xff]) {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        };
        add(&self.program);
        self.arguments.iter().for_each(|argument| add(argument));
        for (flag, value) in &self.flags {
            add(flag);
            add(value);
        }
        // The last bytes that were added have not reached the upper bits yet.
        digest ^ (digest << 32)
    }

    /// As it stands in `results.edn`.
    pub fn to_edn(&self) -> Edn {
        let text = |text: &String| Edn::from(&**text);
        let flags = self.flags.iter().map(|(flag, value)| (text(flag), text(value)));
        Edn::map([
            ("program", text(&self.program)),
            ("arguments", Edn::Vector(self.arguments.iter().map(text).collect())),
            ("flags", Edn::Map(flags.collect())),
            // A seed may be larger than the integers of EDN.
            ("seed", self.seed.map(|seed| Edn::from(seed.to_string())).into()),
            ("version", text(&self.version)),
            ("again", text(&self.again)),
        ])
    }

    /// Reads what [`Ran::to_edn`] gives; what is missing is empty. `None` for something else.
    pub fn from_edn(edn: &Edn) -> Option<Ran> {
        let text = |value: &Edn| value.as_str().map(str::to_owned);
        let field = |name: &str| edn.get(name).and_then(text).unwrap_or_default();
        let arguments = edn.get("arguments").and_then(Edn::as_slice).unwrap_or_default();
        let flags = match edn.get("flags") {
            Some(Edn::Map(entries)) => &entries[..],
            _ => &[],
        };
        Some(Ran {
            program: edn.get("program").and_then(text)?,
            arguments: arguments.iter().filter_map(text).collect(),
            flags: flags.iter().filter_map(|(k, v)| Some((text(k)?, text(v)?))).collect(),
            seed: field("seed").parse().ok(),
            version: field("version"),
            again: field("again"),
        })
    }
}

/// The command line of a test that does one run again: the same, with the seed of this run where
/// it has one, and not as one of several tests.
pub fn again(argv: &[String], seed: Option<u64>) -> Vec<String> {
    let mut again = Vec::new();
    let mut words = argv.iter();
    let mut node_arguments = Vec::new();
    while let Some(word) = words.next() {
        let flag = word.split('=').next().unwrap_or_default();
        match flag {
            "--" => {
                node_arguments.push(word.clone());
                node_arguments.extend(words.by_ref().cloned());
            }
            "--test-count" | "--seed" => {
                if !word.contains('=') {
                    words.next();
                }
            }
            _ => again.push(word.clone()),
        }
    }
    let is_tape = again.iter().any(|word| word.split('=').next() == Some("--tape"));
    if let Some(seed) = seed.filter(|_| !is_tape) {
        again.extend(["--seed".into(), seed.to_string()]);
    }
    again.extend(node_arguments);
    again
}

/// A command line as a shell would take it.
pub fn shell_line(program: &str, argv: &[String]) -> String {
    let mut line = shell_word(program);
    for word in argv {
        write!(line, " {}", shell_word(word)).expect("text");
    }
    line
}

fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%~".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran() -> Ran {
        let options = TestOptions { rate: 50.0, ..TestOptions::default() };
        let arguments = vec!["--preset".into(), "a b".into()];
        let again = "maelstrom test --seed 7".into();
        Ran { arguments, seed: Some(u64::MAX), again, ..Ran::new("target/release/echo", &options) }
    }

    #[test]
    fn it_is_read_back_as_it_was_written() {
        let ran = ran();
        assert_eq!(Ran::from_edn(&ran.to_edn()), Some(ran.clone()));
        assert_eq!(ran.flags, [("--rate".to_owned(), "50".to_owned())]);
        assert_eq!(Ran::from_edn(&Edn::Nil), None);
    }

    #[test]
    fn programs_arguments_and_flags_have_folders_of_their_own_and_seeds_have_not() {
        let name = ran().folder_name();
        assert!(name.starts_with("echo-") && name.len() == "echo-".len() + 6, "{name}");
        assert_eq!(Ran { seed: None, version: "9".into(), ..ran() }.folder_name(), name);
        for other in [
            Ran { program: "other/echo".into(), ..ran() },
            Ran { arguments: vec!["--preset".into(), "a".into(), "b".into()], ..ran() },
            Ran { flags: Vec::new(), ..ran() },
            Ran { flags: vec![("--rate".into(), "51".into())], ..ran() },
        ] {
            assert_ne!(other.folder_name(), name, "{other:?}");
        }
        assert!(Ran { program: "a/../..".into(), ..ran() }.folder_name().starts_with("__-"));
    }

    #[test]
    fn the_command_that_repeats_a_run_has_its_seed() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (line, seed, expected) in [
            ("test --seed 3 --test-count 4 -w echo", Some(5), "test -w echo --seed 5"),
            ("test --seed=3 x -- --seed 9", Some(3), "test x --seed 3 -- --seed 9"),
            ("test -w echo", None, "test -w echo"),
            ("test --tape my.edn", Some(3), "test --tape my.edn"),
        ] {
            assert_eq!(again(&words(line), seed), words(expected), "{line}");
        }
    }

    #[test]
    fn what_a_shell_would_split_is_quoted() {
        let argv = ["test", "--bin", "it's here", ""].map(str::to_owned);
        assert_eq!(shell_line("maelstrom", &argv), r"maelstrom test --bin 'it'\''s here' ''");
    }
}
