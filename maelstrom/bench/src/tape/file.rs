//! A tape as a file: lines of EDN, of which `book/tape.md` says what each may be.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::time::Duration;

use gyre::{NodeId, Time};
use rustc_hash::FxHasher;

use super::{Link, TapedOperation, TapedStrike, Tracks};
use crate::edn::{Edn, Reader};
use crate::nemesis::{Clock, DiskFault, Fault, Victims};
use crate::net::Verdict;
use crate::workload::Workload;

/// The version of the format that is written, and the only one that is read.
const VERSION: i64 = 2;

/// Eleven days: no time on a tape is longer.
const NANOS_MAX: u64 = 1_000_000_000_000_000;

/// A tape with what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TapeFile {
    /// The workload whose operations these are.
    pub workload: String,
    /// Where everything is drawn from that the tape does not say.
    pub seed: u64,
    /// Whether it says only what is other than in the run that the seed draws.
    pub edits: bool,
    /// What it says.
    pub tracks: Tracks,
}

impl TapeFile {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence with the number of the line that is wrong.
    pub fn parse(text: &str) -> Result<TapeFile, String> {
        let lines = text.lines().enumerate().filter(|(_, line)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with(';')
        });
        let mut file: Option<TapeFile> = None;
        for (number, line) in lines {
            let wrong = |problem: String| format!("line {} of the tape: {problem}", number + 1);
            let mut reader = Reader::new(line);
            while let Some(entry) = reader.next_value().map_err(|error| wrong(error.to_string()))? {
                match &mut file {
                    None => file = Some(header(&entry).map_err(wrong)?),
                    Some(file) => add(&mut file.tracks, &entry).map_err(wrong)?,
                }
            }
        }
        if let Some(file) = &mut file {
            file.tracks.sort();
        }
        file.ok_or_else(|| "the tape is empty".into())
    }

    /// A number that tells tapes apart.
    pub fn digest(&self) -> u64 {
        let mut hasher = FxHasher::default();
        hasher.write(self.to_text().as_bytes());
        hasher.finish()
    }

    /// Checks that this is a tape of the workload, operation by operation.
    ///
    /// # Errors
    /// A sentence, when it is not.
    pub fn validate(&self, workload: &dyn Workload) -> Result<(), String> {
        let name = workload.name();
        if self.workload != name {
            let other = &self.workload;
            return Err(format!("this is a tape of {other}: run it with -w {other}, not {name}"));
        }
        let mut operations = self.tracks.operations.iter();
        match operations.find(|taped| workload.operation(&taped.f, &taped.value).is_none()) {
            Some(TapedOperation { f, value, .. }) => {
                Err(format!("the tape has an operation that {name} does not know: {f} {value}"))
            }
            None => Ok(()),
        }
    }

    /// The tape as one line, for a command line.
    pub fn to_line(&self) -> String {
        self.to_text().lines().collect::<Vec<_>>().join(" ")
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let Tracks { operations, strikes, fates, draws, node_seeds } = &self.tracks;
        let mut header = vec![
            ("tape", Edn::Int(VERSION)),
            ("workload", Edn::from(self.workload.as_str())),
            ("seed", whole(self.seed)),
        ];
        if self.edits {
            header.push(("edits", Edn::Bool(true)));
        }
        let header = keyed(header);
        let operations = operations.iter().map(operation_entry);
        let strikes = strikes.values().flatten().map(strike_entry);
        let fates = fates.iter().map(|(link, fates)| {
            Edn::map([
                ("from", Edn::from(link.src.as_str())),
                ("to", Edn::from(link.dest.as_str())),
                ("type", Edn::from(&*link.kind)),
                ("fates", Edn::Vector(fates.iter().map(fate_entry).collect())),
            ])
        });
        let seeds = node_seeds.iter().map(|(node, seeds)| {
            Edn::map([("node", Edn::from(node.as_str())), ("seeds", wholes(seeds))])
        });
        let draws = draws.iter().map(|(name, draws)| {
            Edn::map([("for", Edn::from(name.as_str())), ("draws", wholes(draws))])
        });
        let rest = operations.chain(strikes).chain(fates).chain(seeds).chain(draws);
        std::iter::once(header).chain(rest).map(|entry| format!("{entry}\n")).collect()
    }
}

fn operation_entry(operation: &TapedOperation) -> Edn {
    Edn::map([
        ("at", nanos(operation.at)),
        ("thread", operation.thread.into()),
        ("f", Edn::keyword(&operation.f)),
        ("value", operation.value.clone()),
    ])
}

fn strike_entry(strike: &TapedStrike) -> Edn {
    let mut entries = vec![
        ("at", nanos(strike.at)),
        ("fault", Edn::keyword(strike.fault.name())),
        ("starts", Edn::Bool(strike.starts)),
    ];
    if strike.adds {
        entries.push(("adds", Edn::Bool(true)));
    }
    if strike.plan != Edn::Nil {
        entries.push(("plan", strike.plan.clone()));
    }
    entries.extend(victims_entries(&strike.victims));
    if !strike.note.is_empty() {
        entries.push(("note", Edn::from(strike.note.as_str())));
    }
    keyed(entries)
}

fn keyed(entries: Vec<(&str, Edn)>) -> Edn {
    Edn::Map(entries.into_iter().map(|(key, value)| (Edn::keyword(key), value)).collect())
}

fn victims_entries(victims: &Victims) -> Vec<(&'static str, Edn)> {
    let name = |node: &NodeId| Edn::from(node.as_str());
    let link = |(from, to): &(NodeId, NodeId)| Edn::Vector(vec![name(from), name(to)]);
    let clock = |clock: &Clock| {
        let numbers = [clock.rate_per_mille, clock.jump.as_millis() as u64].map(whole);
        Edn::Vector([name(&clock.node)].into_iter().chain(numbers).collect())
    };
    let names = |nodes: &[NodeId]| Edn::Vector(nodes.iter().map(name).collect());
    match victims {
        Victims::Nobody => vec![],
        Victims::Links(links) => vec![("links", Edn::Vector(links.iter().map(link).collect()))],
        Victims::Nodes(nodes) => vec![("nodes", names(nodes))],
        Victims::Members { wanted, ends } => {
            vec![("nodes", names(wanted)), ("ends", Edn::Bool(*ends))]
        }
        Victims::Messages(per_mille) => vec![("per-mille", whole(u64::from(*per_mille)))],
        Victims::Clocks(clocks) => {
            vec![("clocks", Edn::Vector(clocks.iter().map(clock).collect()))]
        }
        Victims::Disks(disks) => {
            let disk = |(node, fault): &(NodeId, DiskFault)| {
                let (kind, number) = fault.in_words();
                let words = [name(node), Edn::keyword(kind)].into_iter();
                Edn::Vector(words.chain(number.map(whole)).collect())
            };
            vec![("disks", Edn::Vector(disks.iter().map(disk).collect()))]
        }
    }
}

/// When it was sent, and then what becomes of it.
fn fate_entry((sent, fate): &(Time, Verdict)) -> Edn {
    let mut entry = vec![whole(sent.as_nanos())];
    match *fate {
        Verdict::Deliver(after) => entry.push(nanos(after)),
        Verdict::Duplicate(first, second) => entry.extend([nanos(first), nanos(second)]),
        Verdict::Drop => entry.push(Edn::Nil),
    }
    Edn::Vector(entry)
}

fn nanos(time: Duration) -> Edn {
    whole(time.as_nanos() as u64)
}

/// A number of 64 bits. Beyond those of Clojure's integers it has an N behind it.
fn whole(number: u64) -> Edn {
    i64::try_from(number).map_or_else(|_| Edn::Symbol(format!("{number}N").into()), Edn::Int)
}

fn wholes<'a>(numbers: impl IntoIterator<Item = &'a u64>) -> Edn {
    Edn::Vector(numbers.into_iter().map(|number| whole(*number)).collect())
}

fn header(entry: &Edn) -> Result<TapeFile, String> {
    match entry.get("tape") {
        Some(Edn::Int(VERSION)) => {}
        Some(version) => {
            return Err(format!("this bench reads version {VERSION} of tapes, not {version}"));
        }
        None => {
            return Err(format!(
                "a tape begins with {{:tape {VERSION}, :workload \"…\", :seed …}}, not {entry}"
            ));
        }
    }
    let workload = text_at(entry, "workload")?.to_owned();
    let seed = whole_of(at(entry, "seed")?)?;
    let edits = entry.get("edits") == Some(&Edn::Bool(true));
    Ok(TapeFile { workload, seed, edits, tracks: Tracks::default() })
}

/// Adds what a line says.
fn add(tracks: &mut Tracks, entry: &Edn) -> Result<(), String> {
    if entry.get("f").is_some() {
        tracks.operations.push_back(operation(entry)?);
    } else if entry.get("fault").is_some() {
        let strike = strike(entry)?;
        tracks.strikes.entry(strike.fault).or_default().push_back(strike);
    } else if let Some(fates) = entry.get("fates") {
        let link = Link {
            src: NodeId::from(text_at(entry, "from")?),
            dest: NodeId::from(text_at(entry, "to")?),
            kind: text_at(entry, "type")?.into(),
        };
        tracks.fates.entry(link).or_default().extend(list_of(fates, fate_of)?);
    } else if let Some(seeds) = entry.get("seeds") {
        let node = NodeId::from(text_at(entry, "node")?);
        tracks.node_seeds.entry(node).or_default().extend(list_of(seeds, whole_of)?);
    } else if entry.get("for").is_some() {
        let draws = list_of(at(entry, "draws")?, whole_of)?;
        tracks.draws.entry(text_at(entry, "for")?.to_owned()).or_default().extend(draws);
    } else {
        return Err(format!("this is nothing that a tape can say: {entry}"));
    }
    Ok(())
}

fn operation(entry: &Edn) -> Result<TapedOperation, String> {
    let thread = whole_of(at(entry, "thread")?)?;
    Ok(TapedOperation {
        at: time_of(at(entry, "at")?)?,
        thread: usize::try_from(thread).map_err(|_| format!("there is no thread {thread}"))?,
        f: name_of(at(entry, "f")?)?.to_owned(),
        value: at(entry, "value")?.clone(),
    })
}

fn strike(entry: &Edn) -> Result<TapedStrike, String> {
    let name = name_of(at(entry, "fault")?)?;
    let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
    let fault = fault.ok_or_else(|| format!("there is no fault {name}"))?;
    let starts = *at(entry, "starts")? == Edn::Bool(true);
    let adds = entry.get("adds") == Some(&Edn::Bool(true));
    Ok(TapedStrike {
        at: time_of(at(entry, "at")?)?,
        fault,
        starts,
        adds,
        plan: entry.get("plan").cloned().unwrap_or(Edn::Nil),
        victims: if starts || adds { victims(fault, entry)? } else { Victims::Nobody },
        note: entry.get("note").and_then(Edn::as_str).unwrap_or_default().to_owned(),
    })
}

/// Whom a fault strikes that starts, or whom alone it lets go as it stops.
fn victims(fault: Fault, entry: &Edn) -> Result<Victims, String> {
    Ok(match fault {
        Fault::Partition | Fault::OneWay => {
            Victims::Links(list_of(at(entry, "links")?, link_of)?.into_iter().collect())
        }
        Fault::Kill | Fault::Pause => Victims::Nodes(list_of(at(entry, "nodes")?, node_of)?),
        Fault::Membership => Victims::Members {
            wanted: list_of(at(entry, "nodes")?, node_of)?,
            ends: entry.get("ends") == Some(&Edn::Bool(true)),
        },
        Fault::Disk => Victims::Disks(list_of(at(entry, "disks")?, disk_of)?),
        Fault::Skew => Victims::Clocks(list_of(at(entry, "clocks")?, clock_of)?),
        Fault::Loss | Fault::Duplicate => match whole_of(at(entry, "per-mille")?)? {
            share @ 0..=1000 => Victims::Messages(share as u32),
            share => return Err(format!("{share} in a thousand messages are too many")),
        },
    })
}

fn node_of(value: &Edn) -> Result<NodeId, String> {
    let name = value.as_str().ok_or_else(|| format!("expected a node's name, and not {value}"));
    name.map(NodeId::from)
}

fn link_of(value: &Edn) -> Result<(NodeId, NodeId), String> {
    match value.as_slice() {
        Some([from, to]) => Ok((node_of(from)?, node_of(to)?)),
        _ => Err(format!("a link is the names of two nodes, not {value}")),
    }
}

fn clock_of(value: &Edn) -> Result<Clock, String> {
    let Some([node, rate, jump]) = value.as_slice() else {
        return Err(format!(
            "a clock is a node's name, its rate in thousandths, and a jump in ms, not {value}"
        ));
    };
    let (rate_per_mille, jump_ms) = (whole_of(rate)?, whole_of(jump)?);
    if !(1..=1_000_000).contains(&rate_per_mille) || jump_ms > NANOS_MAX / 1_000_000 {
        return Err(format!("no clock runs like this: {value}"));
    }
    let jump = Duration::from_millis(jump_ms);
    Ok(Clock { node: node_of(node)?, rate_per_mille, jump })
}

fn disk_of(value: &Edn) -> Result<(NodeId, DiskFault), String> {
    let (node, kind, number) = match value.as_slice() {
        Some([node, kind]) => (node, kind, None),
        Some([node, kind, number]) => (node, kind, Some(whole_of(number)?)),
        _ => return Err(format!("a disk is a node's name and what happens to it, not {value}")),
    };
    let fault = DiskFault::from_words(name_of(kind)?, number);
    Ok((node_of(node)?, fault.ok_or_else(|| format!("nothing like this befalls a disk: {value}"))?))
}

fn at<'a>(entry: &'a Edn, key: &str) -> Result<&'a Edn, String> {
    entry.get(key).ok_or_else(|| format!(":{key} is missing in {entry}"))
}

fn text_at<'a>(entry: &'a Edn, key: &str) -> Result<&'a str, String> {
    let value = at(entry, key)?;
    value.as_str().ok_or_else(|| format!(":{key} should be a text, and is {value}"))
}

fn name_of(value: &Edn) -> Result<&str, String> {
    value.as_keyword().ok_or_else(|| format!("expected a keyword, and not {value}"))
}

fn list_of<T>(value: &Edn, item: fn(&Edn) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items = value.as_slice().ok_or_else(|| format!("expected a vector, and not {value}"))?;
    items.iter().map(item).collect()
}

fn whole_of(value: &Edn) -> Result<u64, String> {
    let number = match value {
        Edn::Int(number) => u64::try_from(*number).ok(),
        Edn::Symbol(text) => text.trim_end_matches('N').parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("expected a whole number of 64 bits, and not {value}"))
}

fn time_of(value: &Edn) -> Result<Duration, String> {
    let nanos = whole_of(value)?;
    if nanos > NANOS_MAX {
        return Err(format!("a time of {nanos} ns is too long; the longest is {NANOS_MAX} ns"));
    }
    Ok(Duration::from_nanos(nanos))
}

fn fate_of(value: &Edn) -> Result<(Time, Verdict), String> {
    let (sent, fate) = match value.as_slice() {
        Some([sent, Edn::Nil]) => (sent, Verdict::Drop),
        Some([sent, after]) => (sent, Verdict::Deliver(time_of(after)?)),
        Some([sent, first, second]) => {
            (sent, Verdict::Duplicate(time_of(first)?, time_of(second)?))
        }
        _ => {
            return Err(format!(
                "a fate is when the message is sent, and then nil, a time or two, not {value}"
            ));
        }
    };
    Ok((Time::ZERO + time_of(sent)?, fate))
}

impl Tracks {
    /// Puts everything in the order of time: what happens at the same time stays as it stands.
    fn sort(&mut self) {
        let by = |operations: &mut VecDeque<TapedOperation>| {
            operations.make_contiguous().sort_by_key(|operation| operation.at);
        };
        by(&mut self.operations);
        for strikes in self.strikes.values_mut() {
            strikes.make_contiguous().sort_by_key(|strike| strike.at);
        }
        for fates in self.fates.values_mut() {
            fates.make_contiguous().sort_by_key(|(sent, _)| *sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAPE: &str = r#"{:tape 2, :workload "lin-kv", :seed 18446744073709551615N}
{:at 900, :thread 0, :f :read, :value [0 nil]}
{:at 1200, :thread 3, :f :cas, :value [0 [1 2]]}
{:at 5000000000, :fault :partition, :starts true, :plan :one, :links [["n0" "n1"] ["n1" "n0"]], :note "n0 \"cut off\""}
{:at 9000000000, :fault :partition, :starts false}
{:at 9000000001, :fault :partition, :starts false, :adds true, :links [["n0" "n1"]]}
{:at 1, :fault :kill, :starts true, :plan :all, :nodes ["n0" "n1"]}
{:at 2, :fault :loss, :starts true, :plan 0.3, :per-mille 300}
{:at 3, :fault :skew, :starts true, :plan :one, :clocks [["n1" 500 100]]}
{:at 4, :fault :membership, :starts true, :nodes ["n0" "n2"], :ends true}
{:at 5, :fault :disk, :starts true, :disks [["n0" :power-cut] ["n1" :full] ["n2" :slow 300] ["n3" :rot 17]]}
{:from "n0", :to "n1", :type "append", :fates [[0 3000000] [1 nil] [2 1 2] [2 0]]}
{:from "n0", :to "n1", :type "vote", :fates [[4 5]]}
{:node "n0", :seeds [1 2]}
{:for "service seq-kv n1", :draws [4 5]}
"#;

    #[test]
    fn what_is_written_is_what_was_read() {
        let file = TapeFile::parse(TAPE).unwrap();
        assert_eq!(file.to_text(), TAPE);
        assert_eq!(file.seed, u64::MAX);
        assert_eq!(file.tracks.operations[1].at, Duration::from_nanos(1200));
        let edits = TAPE.replacen("N}", "N, :edits true}", 1);
        assert_eq!(TapeFile::parse(&edits).unwrap(), TapeFile { edits: true, ..file.clone() });
        assert_eq!(TapeFile::parse(&edits).unwrap().to_text(), edits);
        let with_comments = TAPE.replace('\n', "\n\n; a comment\n");
        assert_eq!(TapeFile::parse(&with_comments).unwrap(), file);
        assert_eq!(TapeFile::parse(&file.to_line()).unwrap(), file);
    }

    #[test]
    fn a_tape_may_be_written_in_any_order() {
        let mut lines: Vec<&str> = TAPE.lines().collect();
        lines[1..].reverse();
        let file = TapeFile::parse(&lines.join("\n")).unwrap();
        assert_eq!(file.to_text(), TAPE);
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        let header = "{:tape 2, :workload \"echo\", :seed 1}";
        for (line, problem) in [
            ("{:at 1, :thread 0, :value nil}", "nothing that a tape can say"),
            ("{:at 1, :thread 0, :f :read}", ":value is missing"),
            ("{:at -1, :thread 0, :f :read, :value nil}", "whole number"),
            ("{:at 1000000000000001, :thread 0, :f :read, :value nil}", "too long"),
            ("{:at 1, :fault :fire, :starts true}", "there is no fault fire"),
            ("{:at 1, :fault :kill, :starts true}", ":nodes is missing"),
            ("{:at 1, :fault :kill, :starts true, :nodes [7]}", "a node's name"),
            ("{:at 1, :fault :one-way, :starts true, :links [\"n0\"]}", "two nodes"),
            ("{:at 1, :fault :loss, :starts true, :per-mille 1001}", "too many"),
            ("{:at 1, :fault :skew, :starts true, :clocks [[\"n0\" 0 0]]}", "no clock"),
            ("{:at 1, :fault :disk, :starts true, :disks [\"n0\"]}", "what happens to it"),
            ("{:at 1, :fault :disk, :starts true, :disks [[\"n0\" :slow]]}", "befalls a disk"),
            ("{:at 1, :fault :disk, :starts true, :disks [[\"n0\" :wet 1]]}", "befalls a disk"),
            ("{:from \"a\", :to \"b\", :type \"c\", :fates [[1]]}", "when the message is sent"),
            ("{:from \"a\", :to \"b\", :type \"c\", :fates [3]}", "when the message is sent"),
            ("{:from \"a\", :to \"b\", :type \"c\", :fates 3}", "vector"),
            ("{:node 3, :seeds []}", "a text"),
            ("{:at", "line 2 of the tape"),
        ] {
            let error = TapeFile::parse(&format!("{header}\n{line}\n")).unwrap_err();
            assert!(error.starts_with("line 2 of the tape: "), "{line}: {error}");
            assert!(error.contains(problem), "{line}: {error}");
        }
        assert!(TapeFile::parse("").unwrap_err().contains("empty"));
        assert!(TapeFile::parse("{:tape 1}").unwrap_err().contains("version 2"));
        assert!(TapeFile::parse("{:process 0}").unwrap_err().contains("begins with"));
    }
}
