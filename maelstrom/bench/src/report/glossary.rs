//! What the names of anomalies mean, for whoever meets them for the first time.
//!
//! The names are those of Adya ("Weak Consistency: A Generalized Theory and Optimistic
//! Implementations for Distributed Transactions", 1999) and of Elle (Kingsbury and Alvaro,
//! "Elle: Inferring Isolation Anomalies from Experimental Observations", 2020).

/// What an anomaly is, in a sentence; empty for a name that is not known. A name may end in
/// `-process` or `-realtime`: then the cycle needs such an arrow, too.
pub fn meaning(anomaly: &str) -> String {
    let base = base_meaning(anomaly);
    let needs = match () {
        () if base.is_empty() => "",
        () if anomaly.ends_with("-realtime") => " (Or else it would have to run before it began.)",
        () if anomaly.ends_with("-process") => {
            " (Or else its process would have to run things in another order.)"
        }
        () => "",
    };
    format!("{base}{needs}")
}

fn base_meaning(anomaly: &str) -> &'static str {
    let name = anomaly.trim_end_matches("-realtime").trim_end_matches("-process");
    let name = name.strip_suffix("-item").unwrap_or(name);
    match name {
        "G0" => "Transactions overwrote each other's writes in a circle.",
        "G1a" => "A transaction read what another wrote that failed.",
        "G1b" => "A transaction read a value that its writer itself replaced afterwards.",
        "G1c" => "Each transaction read or overwrote what the one before it wrote, in a circle.",
        "G-single" => {
            "A transaction saw what another did with one key, and missed what should have come \
             before it with another: read skew."
        }
        "G-nonadjacent" => {
            "In this circle several transactions missed a later write, but never two in a row."
        }
        "G2" => {
            "Each of these transactions missed what the next one wrote, so that none can have \
             been first: write skew."
        }
        "internal" => "A transaction did not see what it had itself done or seen before.",
        "dirty-update" => "A transaction built on a write that failed.",
        "lost-update" => "Two transactions changed the same version of a key: one change is lost.",
        "future-read" => "A transaction read what it wrote itself only afterwards.",
        "duplicate-elements" => "An element that was appended once is there more than once.",
        "incompatible-order" => "Two reads show the elements of a list in different orders.",
        "unwritten-read" => "A transaction read a value that nobody is known to have written.",
        "cyclic-versions" => "The versions of a key replaced each other in a circle.",
        "long-fork" => "Two readers saw two writes in opposite orders.",
        "missing-write" => {
            "A read shows a write, and lacks another that had ended before that one began."
        }
        "out-of-order" => "A read shows what a client wrote later, and lacks what it wrote before.",
        "not-causal" => "A client did not see what it had itself done before.",
        "out-of-bounds" => "A counter showed less than was surely added, or more than ever was.",
        "unexpected-dequeue" => "A queue gave out what was not in it.",
        "wrong-total" => "A read of all accounts saw a transfer by half.",
        "negative-value" => "An account held less than nothing.",
        "nil-balance" => "An account had no balance.",
        "unexpected-key" => "A read shows an account that the bank does not have.",
        _ => meaning_elsewhere(name),
    }
}

/// Sets, counters, ids and logs. Those of logs have their names from Jepsen's `tests/kafka.clj`.
fn meaning_elsewhere(name: &str) -> &'static str {
    match name {
        "lost" => "An element was known, and later reads lack it.",
        "stale" => "A read lacked an element that was known by then.",
        "duplicated" => "The same id was given out more than once.",
        "wrong-sum" => "A final read shows a sum that the additions cannot make.",
        "wrong-reply" => "A reply does not answer its request.",
        "never-ok" => "Operations of this kind never succeeded, so nothing is known of them.",
        "duplicate" => "A message stands in its log at two offsets.",
        "inconsistent-offsets" => "Two different messages were seen at one offset of a log.",
        "no-writer-of-value" => "A message was polled that nobody sent.",
        "precommitted-read" => "A transaction polled a message that it sends itself.",
        "lost-write" => {
            "A message was acknowledged, and nobody polled it though they polled later ones."
        }
        "unseen" => "A message was acknowledged, and nobody had polled it when the run ended.",
        "poll-skip" => "From one poll to its next, a process left out messages of a log.",
        "nonmonotonic-poll" => "From one poll to its next, a process went back in a log.",
        "int-poll-skip" => "Within one operation, a process left out messages of a log.",
        "int-nonmonotonic-poll" => "Within one operation, a process went back in a log.",
        "nonmonotonic-send" => "What a process sent later stands before what it sent earlier.",
        "int-nonmonotonic-send" => "Within one operation, messages stand in the wrong order.",
        "int-send-skip" => "Between two messages of one operation stand those of others.",
        "unprocessed-commit" => "An offset was committed that nobody had polled.",
        "nonmonotonic-commit" => "A committed offset went back.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_anomaly_that_can_be_reported_has_a_meaning() {
        let names = "G0 G0-realtime G1a G1b G1c-process G-single G-single-item \
             G-single-item-realtime G-nonadjacent-item G2 G2-item-process internal dirty-update \
             lost-update future-read duplicate-elements incompatible-order cyclic-versions \
             unwritten-read long-fork missing-write out-of-order not-causal out-of-bounds \
             unexpected-dequeue wrong-total negative-value nil-balance unexpected-key lost stale \
             duplicated wrong-sum wrong-reply never-ok duplicate inconsistent-offsets \
             no-writer-of-value precommitted-read lost-write unseen poll-skip nonmonotonic-poll \
             int-poll-skip int-nonmonotonic-poll nonmonotonic-send int-nonmonotonic-send \
             int-send-skip unprocessed-commit nonmonotonic-commit";
        for name in names.split_whitespace() {
            assert!(!meaning(name).is_empty(), "{name}");
        }
        assert_eq!(meaning("none"), "");
    }
}
