//! Faults as spans of time, and what each did in words.
//!
//! The history has what a fault did as data, in Jepsen's form: a partition, for instance, as
//! each node with those that it does not hear. So the words are right for runs of the original
//! too.

use std::collections::BTreeMap;

use crate::edn::Edn;
use crate::history::Op;
use crate::nemesis::Fault;

/// A time in which a fault was in force.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpan {
    /// The fault's name: `partition`.
    pub name: String,
    /// When it struck, in nanoseconds since the main phase began.
    pub start: i64,
    /// When it ended; `None` if it lasted to the end.
    pub stop: Option<i64>,
    /// What it did, in words; empty if the history does not say.
    pub effect: String,
    /// The nodes that it struck, if only some.
    pub nodes: Vec<String>,
}

/// So many spans are kept, the first ones: a drawing has no room for more.
const SPANS: usize = 100_000;

/// The faults of a history. Each fault's entries come in twos: it begins, and then it is done
/// and says what it did.
#[derive(Default)]
pub struct Faults {
    spans: Vec<FaultSpan>,
    /// Where each fault stands that is in force.
    open: BTreeMap<String, usize>,
}

impl Faults {
    /// Takes in the next entry of the nemesis.
    pub fn push(&mut self, op: &Op) {
        let (name, starts) = fault_of(&op.f);
        match (self.open.get(name), starts) {
            (None, true) if self.spans.len() < SPANS => {
                self.open.insert(name.to_owned(), self.spans.len());
                self.spans.push(begin(name, op));
            }
            (Some(&span), true) => {
                let start = self.spans[span].start;
                self.spans[span] = FaultSpan { start, ..begin(name, op) };
            }
            (Some(&span), false) => {
                self.spans[span].stop = Some(op.time);
                self.open.remove(name);
            }
            (None, _) => {}
        }
    }

    /// The faults so far, by name and then by time.
    pub fn spans(&self) -> Vec<FaultSpan> {
        let mut spans = self.spans.clone();
        spans.sort_by(|a, b| (&a.name, a.start).cmp(&(&b.name, b.start)));
        spans
    }
}

fn begin(name: &str, op: &Op) -> FaultSpan {
    let (effect, nodes) = (effect(&op.value), nodes(&op.value));
    FaultSpan { name: name.to_owned(), start: op.time, stop: None, effect, nodes }
}

/// The fault that an operation of the nemesis starts or stops. Names that this bench does not
/// have are read by their form, for histories of other benches.
fn fault_of(f: &str) -> (&str, bool) {
    for fault in Fault::ALL {
        let (start, stop) = fault.operations();
        if f == start || f == stop {
            return (fault.name(), f == start);
        }
    }
    match (f.strip_prefix("start-"), f.strip_prefix("stop-")) {
        (Some(name), _) => (name, true),
        (_, Some(name)) => (name, false),
        _ => (f, f != "stop"),
    }
}

/// The nodes that a fault says it struck: a list of names.
fn nodes(value: &Edn) -> Vec<String> {
    let names = value.as_slice().unwrap_or_default().iter();
    let names: Option<Vec<String>> = names.map(|name| Some(name.as_str()?.to_owned())).collect();
    names.unwrap_or_default()
}

fn effect(value: &Edn) -> String {
    match value {
        Edn::Nil => String::new(),
        Edn::Float(share) if share.0 <= 1.0 => {
            format!("{}% of the messages between nodes", (share.0 * 1000.0).round() / 10.0)
        }
        value => match (value.as_slice(), nodes(value)) {
            (Some([Edn::Keyword(kind), Edn::Map(unheard)]), _) if &**kind == "isolated" => {
                not_hearing(unheard)
            }
            (_, struck) if !struck.is_empty() => struck.join(", "),
            _ => value.to_string().trim_start_matches(':').to_owned(),
        },
    }
}

/// `n1, n2 do not hear n3; n3 does not hear n1, n2`: those who do not hear the same are named
/// together.
fn not_hearing(unheard: &[(Edn, Edn)]) -> String {
    let mut receivers: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (receiver, senders) in unheard {
        let mut senders: Vec<String> =
            senders.as_slice().unwrap_or_default().iter().map(plain).collect();
        senders.sort_unstable();
        match receivers.iter_mut().find(|(_, known)| *known == senders) {
            Some((group, _)) => group.push(plain(receiver)),
            None => receivers.push((vec![plain(receiver)], senders)),
        }
    }
    let clauses = receivers.iter().map(|(group, senders)| {
        let verb = if group.len() == 1 { "does" } else { "do" };
        format!("{} {verb} not hear {}", group.join(", "), senders.join(", "))
    });
    clauses.collect::<Vec<_>>().join("; ")
}

fn plain(name: &Edn) -> String {
    name.as_str().map_or_else(|| name.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    #[test]
    fn a_fault_lasts_from_its_start_to_its_stop() {
        let history = History::parse(
            "{:process :nemesis, :type :info, :f :start-partition, :value :one, :time 5}
             {:process :nemesis, :type :info, :f :start-partition, :value [:isolated {}], :time 6}
             {:process :nemesis, :type :info, :f :kill, :value :one, :time 7}
             {:process :nemesis, :type :info, :f :stop-partition, :value nil, :time 9}",
        )
        .unwrap();
        let span = |name: &str, start, stop, effect: &str| FaultSpan {
            name: name.into(),
            start,
            stop,
            effect: effect.into(),
            nodes: Vec::new(),
        };
        let expected = [span("kill", 7, None, "one"), span("partition", 5, Some(9), "")];
        let mut faults = Faults::default();
        history.ops.iter().for_each(|op| faults.push(op));
        assert_eq!(faults.spans(), expected);
    }

    #[test]
    fn what_a_fault_did_is_said_in_words() {
        for (value, words) in [
            (
                r#"[:isolated {"n1" #{"n3"}, "n2" #{"n3"}, "n3" #{"n1" "n2"}}]"#,
                "n1, n2 do not hear n3; n3 does not hear n1, n2",
            ),
            (r#"["n1" "n2"]"#, "n1, n2"),
            ("0.01", "1% of the messages between nodes"),
            ("nil", ""),
            ("[7 {}]", "[7 {}]"),
        ] {
            assert_eq!(effect(&crate::edn::read_one(value).unwrap()), words);
        }
        assert_eq!(nodes(&crate::edn::read_one(r#"["n1" "n2"]"#).unwrap()), ["n1", "n2"]);
        assert!(nodes(&crate::edn::read_one("[1 2]").unwrap()).is_empty());
    }
}
