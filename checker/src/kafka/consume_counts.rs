//! How often each subscribed process consumed each message: once, if all is well.
//!
//! Only for consumers that subscribe, and so share the messages among them; one that assigns
//! keys to itself may consume them as often as it likes. Maelstrom's clients only assign, so
//! this is for histories of other benches. As in Jepsen it is information, not a verdict.

use std::collections::{BTreeMap, BTreeSet};

use super::events::{Action, Events, MessageId};
use crate::edn::Edn;
use crate::history::ProcessId;

/// This many of the messages that were consumed more than once are shown.
const SHOWN: usize = 32;

/// `:distribution`, from a count to how many messages were consumed so often by one process;
/// and `:dup-counts`, the messages that were consumed more than once, by key.
pub fn count(events: &Events) -> Edn {
    let mut subscribed: BTreeSet<ProcessId> = BTreeSet::new();
    let mut counts: BTreeMap<(ProcessId, MessageId), usize> = BTreeMap::new();
    for event in events.list.iter().filter(|event| event.is_ok()) {
        match &event.action {
            Action::Subscribe { .. } => {
                subscribed.insert(event.process);
            }
            Action::Data { .. } if subscribed.contains(&event.process) => {
                for read in events.reads(event) {
                    *counts.entry((event.process, read.message)).or_default() += 1;
                }
            }
            _ => {}
        }
    }
    let mut distribution: BTreeMap<i64, usize> = BTreeMap::new();
    let mut duplicates: BTreeMap<Edn, BTreeMap<Edn, Edn>> = BTreeMap::new();
    let mut shown = 0;
    for (&(_, message), &count) in &counts {
        *distribution.entry(count as i64).or_default() += 1;
        if count > 1 && shown < SHOWN {
            let of_key = duplicates.entry(events.key(events.key_of(message))).or_default();
            of_key.insert(events.message(message), count.into());
            shown += 1;
        }
    }
    Edn::map([("distribution", distribution.into()), ("dup-counts", duplicates.into())])
}
