//! Flags of `check` for histories of other tests than this bench's: which model, and what the
//! model must be told.
//!
//! The names are Jepsen's. Those of elle-cli are taken as well, where they mean the same, so that
//! a script goes on with another program: `elle-cli -m bank -n file` is `maelstrom check -m bank
//! -n file`. Flags of elle-cli that only say how long to draw or search are taken and do nothing:
//! nothing here is cut off by time, and a file's format is told from its first line.

use clap::{Args, ValueEnum};

use crate::checker::jepsen::{self, bank};
use crate::edn::{Edn, read_one};

/// Ranges of accounts are not longer than this.
const MOST_ACCOUNTS: i64 = 1_000_000;

/// The flags.
#[derive(Args, Clone, Debug)]
pub struct ModelFlags {
    /// bank: the accounts, as 0-7 or a,b,c. Without it, those of the first read.
    #[arg(long, value_name = "NAMES", help_heading = "Models", value_parser = accounts)]
    accounts: Option<Accounts>,

    /// bank: what all accounts hold together. Without it, what the first read shows.
    #[arg(
        short = 'o',
        long,
        visible_alias = "total-amount",
        value_name = "AMOUNT",
        allow_negative_numbers = true,
        help_heading = "Models"
    )]
    total: Option<i64>,

    /// bank: an account may hold less than nothing.
    #[arg(short, long, visible_alias = "allow-negative-balances", help_heading = "Models")]
    negative_balances: bool,

    /// long-fork: how many keys a read shows.
    #[arg(short, long, value_name = "KEYS", default_value_t = 2, help_heading = "Models")]
    group_size: usize,

    /// sequential: how many subkeys a key has. Without it, as many as the first read shows.
    #[arg(long, value_name = "NUMBER", help_heading = "Models")]
    key_count: Option<usize>,

    /// set-full: a read must show each element whose addition ended before it began.
    #[arg(long, help_heading = "Models")]
    linearizable: bool,

    /// Linearizable objects: every value is [key value], and each key is an object.
    #[arg(
        long,
        visible_alias = "independent",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        help_heading = "Models"
    )]
    pub per_key: Option<bool>,

    #[command(flatten)]
    unused: UnusedFlags,
}

/// Flags of elle-cli that change nothing here.
#[derive(Args, Clone, Debug)]
struct UnusedFlags {
    #[arg(short, long, hide = true)]
    format: Option<Format>,
    #[arg(short, long, hide = true)]
    verbose: bool,
    #[arg(short = 's', long, hide = true)]
    cycle_search_timeout: Option<u64>,
    #[arg(short, long, hide = true)]
    plot_format: Option<String>,
    #[arg(short = 't', long, hide = true)]
    plot_timeout: Option<u64>,
    #[arg(short = 'b', long, hide = true)]
    max_plot_bytes: Option<u64>,
    #[arg(long, hide = true)]
    max_transfer: Option<u64>,
}

/// In which form a history is written. It is told from the history itself.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Edn,
    Json,
}

/// The names of a bank's accounts.
#[derive(Clone, Debug)]
struct Accounts(Vec<Edn>);

/// Reads `0-7`, `0,1,2` or `a,b`.
fn accounts(text: &str) -> Result<Accounts, String> {
    let range = text
        .split_once('-')
        .and_then(|(first, last)| Some((first.parse::<i64>().ok()?, last.parse::<i64>().ok()?)));
    match range {
        Some((first, last)) if first <= last && last - first < MOST_ACCOUNTS => {
            Ok(Accounts((first..=last).map(Edn::Int).collect()))
        }
        Some(_) => Err("a range is like 0-7, from the first account to the last".into()),
        None => {
            let name = |name: &str| {
                read_one(name).map_err(|_| format!("{name:?} is no name of an account"))
            };
            text.split(',').map(name).collect::<Result<_, _>>().map(Accounts)
        }
    }
}

impl ModelFlags {
    /// What they say to the checkers of Jepsen's tests.
    pub fn options(&self) -> jepsen::Options {
        jepsen::Options {
            bank: bank::Rules {
                accounts: self.accounts.as_ref().map(|accounts| accounts.0.clone()),
                total: self.total,
                negative_balances: self.negative_balances,
            },
            group_size: self.group_size,
            key_count: self.key_count,
            is_linearizable: self.linearizable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_a_range_or_names() {
        let names = |text| {
            let Accounts(names) = accounts(text).unwrap();
            names.iter().map(Edn::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("0-3"), "0 1 2 3");
        assert_eq!(names("7,:a,b"), "7 :a b");
        for wrong in ["3-1", "0-99999999999", "1,,2", "["] {
            assert!(accounts(wrong).is_err(), "{wrong}");
        }
    }
}
