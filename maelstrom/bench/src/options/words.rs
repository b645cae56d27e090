//! Options in words: the inverse of [`TestOptions::flags`], for whoever is given flags without a
//! command line, as the test program of a node is by `make sim-…` and by a sweep.

use std::collections::BTreeSet;
use std::str::FromStr;

use gyre::NodeId;

use super::{TestOptions, numbered_nodes};
use crate::checker::availability::Availability;
use crate::nemesis::Fault;
use crate::net::LatencyDistribution;

impl TestOptions {
    /// Changes what this flag says. A number of nodes, without one of clients, is also that of
    /// clients.
    ///
    /// # Errors
    /// A sentence, when there is no such flag here, or its value is none.
    pub fn set(&mut self, flag: &str, value: &str) -> Result<(), String> {
        let list = || value.split(',').map(|word| word.trim().to_owned());
        match flag {
            "--node-count" => {
                let count = number(flag, value, |count| (1..=10_000).contains(count))?;
                self.nodes = numbered_nodes(count);
                self.concurrency = count;
            }
            "--nodes" => {
                self.nodes = list().map(NodeId::from).collect();
                self.concurrency = self.nodes.len();
            }
            "--concurrency" => {
                let (digits, factor) = match value.strip_suffix('n') {
                    Some(digits) => (digits, self.nodes.len()),
                    None => (value, 1),
                };
                let count: usize = number(flag, digits, |count| (1..=10_000).contains(count))?;
                self.concurrency = count * factor;
            }
            "--rate" => self.rate = number(flag, value, is_sensible)?,
            "--time-limit" => self.time_limit_secs = number(flag, value, is_sensible)?,
            "--calm" => self.calm_secs = number(flag, value, is_sensible)?,
            "--latency" => self.latency_ms = number(flag, value, |ms| *ms <= 1_000_000)?,
            "--latency-dist" => {
                let found = LatencyDistribution::ALL.into_iter().find(|it| it.name() == value);
                self.latency_distribution = found.ok_or_else(|| wrong(flag, value))?;
            }
            "--availability" => {
                let share: Availability = value.parse().map_err(|_| wrong(flag, value))?;
                self.availability = Some(share);
            }
            "--nemesis" => {
                let fault = |name: String| {
                    let found = Fault::ALL.into_iter().find(|fault| fault.name() == name);
                    found.ok_or_else(|| wrong(flag, &name))
                };
                let names = list().filter(|name| !name.is_empty());
                self.faults = names.map(fault).collect::<Result<BTreeSet<_>, _>>()?;
            }
            "--nemesis-interval" => {
                let is_long_enough = |seconds: &f64| (0.001..=1e6).contains(seconds);
                self.nemesis_interval_secs = number(flag, value, is_long_enough)?;
            }
            "--member-count" => {
                let can_be = |count: &usize| (1..=10_000).contains(count);
                self.member_count = Some(number(flag, value, can_be)?);
            }
            "--administrators" => {
                self.administrators = number(flag, value, |count| (1..=100).contains(count))?;
            }
            "--topology" => self.topology = value.to_owned(),
            "--consistency-models" => self.consistency_models = list().collect(),
            "--initial-state" => {
                self.version_orders.initial_state = number(flag, value, |_| true)?;
            }
            "--wfr-keys" => self.version_orders.wfr_keys = number(flag, value, |_| true)?,
            "--sequential-keys" => {
                self.version_orders.sequential_keys = number(flag, value, |_| true)?;
            }
            "--linearizable-keys" => {
                self.version_orders.linearizable_keys = number(flag, value, |_| true)?;
            }
            "--monotonic-commits" => self.monotonic_commits = number(flag, value, |_| true)?,
            "--key-count" => self.key_count = Some(number(flag, value, |count| *count > 0)?),
            "--max-txn-length" => self.max_txn_length = number(flag, value, |count| *count > 0)?,
            "--max-writes-per-key" => {
                self.max_writes_per_key = number(flag, value, |count| *count > 0)?;
            }
            _ => return Err(format!("a simulated node cannot be run with {flag}")),
        }
        Ok(())
    }
}

/// The flags in some words: `--rate 5 --nemesis=kill`.
///
/// # Errors
/// A sentence, when a word is no flag, or a flag has no value.
pub fn flags_of(words: &str) -> Result<Vec<(String, String)>, String> {
    let mut flags = Vec::new();
    let mut words = words.split_whitespace();
    while let Some(word) = words.next() {
        if !word.starts_with("--") {
            return Err(format!("{word} is not a flag: flags begin with two dashes"));
        }
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value)),
            None => (word, words.next()),
        };
        let value = value.ok_or_else(|| format!("{flag} needs a value"))?;
        flags.push((flag.to_owned(), value.to_owned()));
    }
    Ok(flags)
}

/// Up to eleven days, or a million a second.
fn is_sensible(number: &f64) -> bool {
    (0.0..=1e6).contains(number)
}

fn number<T: FromStr>(flag: &str, text: &str, is_good: impl Fn(&T) -> bool) -> Result<T, String> {
    text.parse().ok().filter(is_good).ok_or_else(|| wrong(flag, text))
}

fn wrong(flag: &str, value: &str) -> String {
    format!("{value} is no value for {flag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_understood_as_it_is_said() {
        let mut options = TestOptions {
            nodes: numbered_nodes(3),
            concurrency: 6,
            rate: 0.5,
            time_limit_secs: 3.25,
            latency_ms: 7,
            latency_distribution: LatencyDistribution::Uniform,
            availability: Some(Availability::Within(2.5)),
            faults: Fault::ALL.into(),
            nemesis_interval_secs: 0.5,
            calm_secs: 1.5,
            member_count: Some(2),
            administrators: 3,
            topology: "line".into(),
            consistency_models: vec!["read-atomic".into(), "causal".into()],
            monotonic_commits: true,
            key_count: Some(3),
            max_txn_length: 2,
            max_writes_per_key: 9,
            ..TestOptions::default()
        };
        options.version_orders.wfr_keys = false;
        options.version_orders.linearizable_keys = true;
        let mut read = TestOptions::default();
        for (flag, value) in options.flags() {
            read.set(flag, &value).unwrap();
        }
        assert_eq!(read, options);
        assert_eq!(read.flags(), options.flags());
    }

    #[test]
    fn what_is_no_flag_is_a_sentence() {
        let mut options = TestOptions::default();
        for (flag, value, part) in [
            ("--rate", "fast", "fast is no value for --rate"),
            ("--rate", "-1", "no value"),
            ("--nemesis", "kill,flood", "flood is no value for --nemesis"),
            ("--bin", "x", "cannot be run with --bin"),
        ] {
            let sentence = options.set(flag, value).unwrap_err();
            assert!(sentence.contains(part), "{sentence}");
        }
        let flags = flags_of("--rate 5 --nemesis=kill").unwrap();
        assert_eq!(flags[1], ("--nemesis".to_owned(), "kill".to_owned()));
        assert!(flags_of("rate 5").unwrap_err().contains("is not a flag"));
        assert!(flags_of("--rate").unwrap_err().contains("needs a value"));
    }
}
