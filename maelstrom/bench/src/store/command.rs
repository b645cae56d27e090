//! `test.edn`: what a run was asked to do, so that `analyze` can judge it again and a reader can
//! repeat it.
//!
//! ```text
//! {:name "echo", :argv ["test" "-w" "echo" "--bin" "./echo"], :seed nil, :version "0.1.0",
//!  :run {:program "./echo", …}, :ended :complete, :messages {:clients [40 40], :servers [0 0]}}
//! ```
//!
//! It takes the place of the original's `test.jepsen`, which is a binary format of its own.

use super::RunFolder;
use crate::edn::{Edn, pretty, read_one};
use crate::journal::{MessageCount, NetStats};
use crate::ran::{RUN_KEY, Ran};

/// The file's name.
pub const COMMAND_FILE: &str = "test.edn";

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has not, or its bench was killed.
    NotYet,
    /// Everything that was asked for was done.
    Complete,
    /// It broke off, and why.
    BrokeOff(String),
}

/// What a run was asked to do, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCommand {
    /// The workload.
    pub workload: String,
    /// The arguments of the command line, without the program's name.
    pub argv: Vec<String>,
    /// The seed of a run in virtual time. With `--test-count` it is not the one in `argv`.
    pub seed: Option<u64>,
    /// What ran, for whoever shows it. Empty in a file of an older version.
    pub ran: Ran,
    /// How it ended.
    pub ended: Ended,
    /// How many messages its network carried, once it has ended.
    pub messages: Option<NetStats>,
}

impl RunCommand {
    /// Writes it into the run's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &RunFolder) -> anyhow::Result<()> {
        let ended = match &self.ended {
            Ended::NotYet => Edn::Nil,
            Ended::Complete => Edn::keyword("complete"),
            Ended::BrokeOff(sentence) => Edn::from(&**sentence),
        };
        let argv: Vec<Edn> = self.argv.iter().map(|argument| Edn::from(&**argument)).collect();
        // A seed may be larger than the integers of EDN.
        let seed = self.seed.map(|seed| Edn::from(seed.to_string()));
        let entries = [
            ("name", Edn::from(&*self.workload)),
            ("argv", Edn::Vector(argv)),
            ("seed", seed.into()),
            ("version", env!("CARGO_PKG_VERSION").into()),
            (RUN_KEY, self.ran.to_edn()),
            ("ended", ended),
            ("messages", self.messages.map(messages_edn).into()),
        ];
        folder.write(COMMAND_FILE, format!("{}\n", pretty(&Edn::map(entries))).as_bytes())
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// A clause, when it is not what [`RunCommand::write`] writes.
    pub fn parse(text: &str) -> Result<RunCommand, String> {
        let edn = read_one(text).map_err(|error| error.problem)?;
        let missing = |name: &str| format!("it has no :{name} of the form that a run writes");
        let workload = edn.get("name").and_then(Edn::as_str).ok_or_else(|| missing("name"))?;
        let argv = edn.get("argv").and_then(Edn::as_slice).ok_or_else(|| missing("argv"))?;
        let argv: Option<Vec<String>> =
            argv.iter().map(|argument| argument.as_str().map(str::to_owned)).collect();
        let seed = edn.get("seed").and_then(Edn::as_str);
        let ended = match edn.get("ended") {
            Some(Edn::Keyword(name)) if &**name == "complete" => Ended::Complete,
            Some(Edn::Str(sentence)) => Ended::BrokeOff(sentence.to_string()),
            _ => Ended::NotYet,
        };
        Ok(RunCommand {
            workload: workload.to_owned(),
            argv: argv.ok_or_else(|| missing("argv"))?,
            seed: seed.and_then(|seed| seed.parse().ok()),
            ran: edn.get(RUN_KEY).and_then(Ran::from_edn).unwrap_or_default(),
            ended,
            messages: edn.get("messages").and_then(messages_of),
        })
    }
}

/// How many messages were sent and received, from or to clients and between servers.
fn messages_edn(stats: NetStats) -> Edn {
    let pair = |count: MessageCount| {
        Edn::Vector([count.send_count, count.recv_count].map(|count| Edn::Int(count as i64)).into())
    };
    Edn::map([("clients", pair(stats.clients)), ("servers", pair(stats.servers))])
}

fn messages_of(edn: &Edn) -> Option<NetStats> {
    let pair = |name: &str| {
        let [send, recv] = edn.get(name)?.as_slice()? else { return None };
        let count = |value: &Edn| u64::try_from(value.as_i64()?).ok();
        Some(MessageCount { send_count: count(send)?, recv_count: count(recv)? })
    };
    Some(NetStats { clients: pair("clients")?, servers: pair("servers")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunName;

    #[test]
    fn what_was_written_is_read_back() {
        let store = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(store.path(), "echo", RunName::Seed(1)).unwrap();
        for ended in [Ended::NotYet, Ended::Complete, Ended::BrokeOff("a \"reason\"".into())] {
            let argv = ["test", "--bin", "a b", ""].map(str::to_owned).to_vec();
            let count = MessageCount { send_count: 7, recv_count: 6 };
            let messages = Some(NetStats { clients: count, servers: MessageCount::default() });
            let (workload, seed) = ("echo".into(), Some(u64::MAX));
            let ran = Ran { program: "a b".into(), seed, ..Ran::default() };
            let command = RunCommand { workload, argv, seed, ran, ended, messages };
            command.write(&folder).unwrap();
            let text = std::fs::read_to_string(folder.file(COMMAND_FILE)).unwrap();
            assert_eq!(RunCommand::parse(&text), Ok(command));
        }
        for wrong in ["", "{", "7", "{:name \"echo\"}", "{:name \"echo\", :argv [1]}"] {
            assert!(RunCommand::parse(wrong).is_err(), "{wrong}");
        }
    }
}
