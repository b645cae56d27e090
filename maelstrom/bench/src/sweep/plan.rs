//! What is swept, and which part of it a shard is.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::options::TestOptions;

/// What a case is, and which seeds of it a sweep runs: the first line of a shard's file. Only
/// shards for which all of it is the same, but for `shard` and `replay`, are parts of one sweep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The version of the bench.
    pub version: String,
    /// The case's name: that of its files, too.
    pub case: String,
    /// The name of the node's program.
    pub program: String,
    /// A digest of the program's bytes, in hexadecimal.
    pub digest: String,
    /// The workload.
    pub workload: String,
    /// The faults that are asked for, by name.
    pub faults: Vec<String>,
    /// The flags that are not the default ones.
    pub settings: BTreeMap<String, String>,
    /// The command that runs one seed, which stands where it says `{seed}`.
    pub replay: String,
    /// The seeds of the whole sweep.
    pub seeds: Seeds,
    /// Which part of them.
    pub shard: Shard,
}

impl Plan {
    /// The seeds of the shard.
    pub fn range(&self) -> Range<u64> {
        self.shard.of(self.seeds)
    }

    /// The name of the shard's file.
    pub fn file_name(&self) -> String {
        format!("{}.{}-of-{}.jsonl", self.case, self.shard.index, self.shard.count)
    }

    /// What about the other plan is not as in this one, if it cannot be a part of the same sweep.
    pub fn difference(&self, other: &Plan) -> Option<String> {
        for (what, mine, theirs) in [
            ("version", &self.version, &other.version),
            ("program", &self.program, &other.program),
            ("build of the program", &self.digest, &other.digest),
            ("workload", &self.workload, &other.workload),
            ("range of seeds", &self.seeds.to_string(), &other.seeds.to_string()),
        ] {
            if mine != theirs {
                return Some(format!("the {what} is {mine} in one and {theirs} in the other"));
            }
        }
        let flags = self.settings.keys().chain(other.settings.keys());
        for flag in flags {
            let (mine, theirs) = (self.settings.get(flag), other.settings.get(flag));
            if mine != theirs {
                let shown =
                    |value: Option<&String>| value.map_or("the default", |it| it).to_owned();
                let (mine, theirs) = (shown(mine), shown(theirs));
                return Some(format!("{flag} is {mine} in one and {theirs} in the other"));
            }
        }
        None
    }

    /// The command that runs this seed.
    pub fn command(&self, seed: u64) -> String {
        self.replay.replace("{seed}", &seed.to_string())
    }
}

/// A range of seeds: `A..B`, without B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// The first.
    pub from: u64,
    /// The one after the last.
    pub to: u64,
}

impl Seeds {
    /// How many.
    pub fn count(self) -> u64 {
        self.to - self.from
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
        let parts = text.split_once("..").map(|(from, to)| (number(from), number(to)));
        let Some((Some(from), Some(to))) = parts else {
            return Err("expected a range of seeds such as 0..1000, which ends before 1000".into());
        };
        if from >= to {
            return Err(format!(
                "the range {from}..{to} is empty: its end must be the larger number"
            ));
        }
        Ok(Seeds { from, to })
    }
}

/// A part of a range, `i/n`: the parts are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Its number.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

impl Shard {
    /// The whole.
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// Its part of the seeds. The parts are as large as one another, or larger by one seed.
    pub fn of(self, seeds: Seeds) -> Range<u64> {
        let length = u128::from(seeds.count());
        let place = |index: u64| {
            let before = length * u128::from(index) / u128::from(self.count);
            seeds.from + before as u64
        };
        place(self.index)..place(self.index + 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        match text.split_once('/').map(|(index, count)| (number(index), number(count))) {
            Some((Some(index), Some(count))) if index < count => Ok(Shard { index, count }),
            Some((Some(index), Some(count))) => Err(format!(
                "there is no shard {index} of {count}: the first is 0, and the last {}",
                count.saturating_sub(1)
            )),
            _ => Err("expected a shard such as 0/50, the first of fifty".into()),
        }
    }
}

/// The [settings](Plan::settings) of a case: these options, and the kinds of failure that are none.
pub fn settings(options: &TestOptions, allowed: &[String]) -> BTreeMap<String, String> {
    let flags = options.flags().into_iter();
    let mut settings: BTreeMap<String, String> =
        flags.map(|(flag, value)| (flag.to_owned(), value)).collect();
    if !allowed.is_empty() {
        settings.insert("--allow".into(), allowed.join(","));
    }
    settings
}

/// The [faults](Plan::faults) of these options.
pub fn fault_names(options: &TestOptions) -> Vec<String> {
    options.faults.iter().map(|fault| fault.name().to_owned()).collect()
}

/// A name that can be that of a file.
pub fn file_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    text.chars().take(80).map(plain).collect()
}

/// FNV-1a (Fowler, Noll, Vo, 1991) of some bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    let step =
        |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_shards_are_read_or_refused_with_a_sentence() {
        assert_eq!("0..1_000".parse(), Ok(Seeds { from: 0, to: 1000 }));
        for (text, part) in
            [("5..5", "empty"), ("9..3", "empty"), ("7", "such as"), ("a..b", "such")]
        {
            assert!(text.parse::<Seeds>().unwrap_err().contains(part), "{text}");
        }
        assert_eq!("0/50".parse(), Ok(Shard { index: 0, count: 50 }));
        for (text, part) in [("50/50", "the last 49"), ("1/0", "no shard"), ("3", "such as")] {
            assert!(text.parse::<Shard>().unwrap_err().contains(part), "{text}");
        }
    }

    #[test]
    fn shards_are_the_whole_and_nothing_twice() {
        for (from, to, count) in [(0, 10, 3), (5, 1000, 7), (0, u64::MAX, 50), (3, 4, 1), (0, 2, 5)]
        {
            let seeds = Seeds { from, to };
            let mut next = from;
            for index in 0..count {
                let part = Shard { index, count }.of(seeds);
                assert_eq!(part.start, next);
                next = part.end;
                let fair = seeds.count() / count;
                assert!((fair..=fair + 1).contains(&(part.end - part.start)));
            }
            assert_eq!(next, to);
        }
    }
}
