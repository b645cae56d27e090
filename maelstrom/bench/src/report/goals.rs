//! What the Gossip Glomers' challenges ask for, and whether a run gives it.
//!
//! Most ask for a valid run and no more: their flags say under which faults. Two ask for figures
//! besides, those of an efficient broadcast; Gyre has goals of its own there, which are harder.
//!
//! Source: <https://fly.io/dist-sys/>; the arithmetic of ours is in the book's page on broadcast.

use crate::checker::{Judgement, Validity};

use super::figures::number;

/// A challenge.
#[derive(Debug, PartialEq)]
pub struct Challenge {
    /// Its name: `3d`.
    pub name: &'static str,
    /// What is asked for.
    pub about: &'static str,
    limits: &'static [Limit],
}

/// A figure that must be below a limit.
#[derive(Debug, PartialEq)]
struct Limit {
    what: &'static str,
    /// Where it stands in the results.
    path: &'static [&'static str],
    unit: &'static str,
    /// Below this the challenge is met.
    theirs: f64,
    /// Below this ours is.
    ours: f64,
}

const MESSAGES: [&str; 3] = ["net", "servers", "msgs-per-op"];
const MEDIAN: [&str; 3] = ["workload", "stable-latencies", "0.5"];
const GREATEST: [&str; 3] = ["workload", "stable-latencies", "1"];

const fn limits(theirs: [f64; 3], ours: [f64; 3]) -> [Limit; 3] {
    [
        Limit {
            what: "messages between servers for each operation",
            path: &MESSAGES,
            unit: "",
            theirs: theirs[0],
            ours: ours[0],
        },
        Limit {
            what: "median latency",
            path: &MEDIAN,
            unit: " ms",
            theirs: theirs[1],
            ours: ours[1],
        },
        Limit {
            what: "greatest latency",
            path: &GREATEST,
            unit: " ms",
            theirs: theirs[2],
            ours: ours[2],
        },
    ]
}

/// All of them.
pub const CHALLENGES: [Challenge; 14] = [
    valid("1", "every echo comes back"),
    valid("2", "no id is given out twice, and every request is answered during partitions"),
    valid("3a", "one node keeps what is broadcast"),
    valid("3b", "five nodes pass it on"),
    valid("3c", "five nodes pass it on, though the network is cut"),
    Challenge {
        name: "3d",
        about: "25 nodes pass it on, quickly and with few messages",
        limits: &limits([30.0, 400.0, 600.0], [12.0, 200.0, 300.0]),
    },
    Challenge {
        name: "3e",
        about: "25 nodes pass it on, with fewer messages still",
        limits: &limits([20.0, 1000.0, 2000.0], [2.0, 350.0, 450.0]),
    },
    valid("4", "three nodes count, though the network is cut"),
    valid("5a", "one node keeps logs"),
    valid("5b", "two nodes keep logs"),
    valid("5c", "two nodes keep logs, efficiently"),
    valid("6a", "one node runs transactions"),
    valid("6b", "two nodes run transactions that read no dirty write, available during partitions"),
    valid("6c", "two nodes run read-committed transactions, available during partitions"),
];

const fn valid(name: &'static str, about: &'static str) -> Challenge {
    Challenge { name, about, limits: &[] }
}

impl Challenge {
    /// The challenge of this name.
    ///
    /// # Errors
    /// A sentence that lists them, when there is none.
    pub fn named(name: &str) -> Result<&'static Challenge, String> {
        CHALLENGES.iter().find(|challenge| challenge.name == name).ok_or_else(|| {
            let names: Vec<&str> = CHALLENGES.iter().map(|challenge| challenge.name).collect();
            format!("there is no challenge {name}; there are {}", names.join(", "))
        })
    }

    /// Whether these results meet its goal, and a line for each figure that it asks for.
    pub fn outcome(&self, results: &Judgement) -> (bool, Vec<String>) {
        let mut is_met = results.verdict == Validity::True;
        let mut lines = Vec::new();
        for Limit { what, path, unit, theirs, ours } in self.limits {
            let found = number(results, path);
            let is_below = |limit: f64| found.is_some_and(|found| found < limit);
            is_met &= is_below(*theirs);
            let mark = |is_below| if is_below { "✓" } else { "✗" };
            let found = found.map_or("unknown".into(), |found| format!("{}{unit}", plain(found)));
            lines.push(format!(
                "{what}: {found}; below {theirs}{unit} {}, below Gyre's own {ours}{unit} {}",
                mark(is_below(*theirs)),
                mark(is_below(*ours))
            ));
        }
        (is_met, lines)
    }

    /// The same as text.
    pub fn sentence(&self, results: &Judgement) -> String {
        let (is_met, lines) = self.outcome(results);
        let (name, about) = (self.name, self.about);
        let outcome = if is_met { "its goal is met" } else { "its goal is NOT met" };
        let lines: String = lines.iter().map(|line| format!("\n  {line}")).collect();
        format!("Challenge {name}, {about}: {outcome}.{lines}")
    }
}

fn plain(number: f64) -> String {
    let digits = if number.fract() == 0.0 { 0 } else { 2 };
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edn::read_one;

    fn results(verdict: Validity, messages: f64, median: u64, greatest: u64) -> Judgement {
        let part = |name: &'static str, text: &str| {
            let value = read_one(text).unwrap();
            Judgement::new(verdict, [(name, value)])
        };
        let net = part("servers", &format!("{{:msgs-per-op {messages:?}}}"));
        let latencies = format!("{{0 0, 0.5 {median}, 0.95 1, 0.99 1, 1 {greatest}}}");
        let parts = [("net", net), ("workload", part("stable-latencies", &latencies))];
        Judgement::of_parts(parts)
    }

    #[test]
    fn a_challenge_with_limits_is_met_below_them_and_when_valid() {
        let challenge = Challenge::named("3d").unwrap();
        for (results, is_met) in [
            (results(Validity::True, 11.7, 119, 131), true),
            (results(Validity::True, 30.0, 119, 131), false),
            (results(Validity::True, 11.7, 400, 500), false),
            (results(Validity::True, 11.7, 119, 600), false),
            (results(Validity::False, 11.7, 119, 131), false),
            (Judgement::of_parts([]), false),
        ] {
            assert_eq!(challenge.outcome(&results).0, is_met, "{results}");
        }
        let text = challenge.sentence(&results(Validity::True, 11.72, 250, 310));
        assert!(text.contains("its goal is met.\n  messages between servers"), "{text}");
        assert!(text.contains("11.72; below 30 ✓, below Gyre's own 12 ✓"), "{text}");
        assert!(text.contains("250 ms; below 400 ms ✓, below Gyre's own 200 ms ✗"), "{text}");
    }

    #[test]
    fn a_challenge_without_limits_is_met_by_a_valid_run() {
        let challenge = Challenge::named("6c").unwrap();
        assert!(challenge.outcome(&Judgement::new(Validity::True, [])).0);
        assert!(!challenge.outcome(&Judgement::new(Validity::Unknown, [])).0);
        assert!(Challenge::named("7").unwrap_err().contains("5c"));
    }
}
