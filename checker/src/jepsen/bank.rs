//! Bank: money moves between accounts, and no read may see some of it missing.
//!
//! A read shows the balance of each account. It is wrong when it has an account that there is
//! not, a balance that is nil, another total than the bank's, or a balance below zero where none
//! is allowed. Of several faults of one read the first in this order counts. Transfers are not
//! looked at.
//!
//! Accounts and total are given, or else they are those of the first read.
//!
//! Source: `jepsen.tests.bank/checker`, and elle-cli's `bank` for what is taken from the first
//! read. As there, a read that lacks an account is right if the others have its money, and a
//! total that is a decimal number equals no integer. A history without reads is valid there and
//! here: nothing in it is wrong.
//!
//! Cost: the balances of each read are looked at once; memory does not grow with the history.

use std::collections::BTreeSet;

use super::number::Number;
use super::{Problem, is_ok};
use crate::edn::Edn;
use crate::history::Op;
use crate::{Checker, Finding, Findings, Judgement, Validity, count};

/// What a bank is like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Its accounts; `None` for those of the first read.
    pub accounts: Option<Vec<Edn>>,
    /// What all of them hold together; `None` for what the first read shows.
    pub total: Option<i64>,
    /// Whether an account may hold less than nothing.
    pub negative_balances: bool,
}

/// The faults of a read, in the order in which they are looked for.
const FAULTS: [&str; 4] = ["unexpected-key", "nil-balance", "wrong-total", "negative-value"];

/// Judges the reads of a bank.
pub struct Bank {
    accounts: Option<BTreeSet<String>>,
    total: Option<Number>,
    negative_balances: bool,
    read_count: usize,
    /// For each of [`FAULTS`], how many reads have it.
    counts: [usize; 4],
    /// The first wrong read: its fault and its index.
    first: Option<(usize, usize)>,
    findings: Findings,
    problem: Problem,
}

impl Bank {
    /// A judge of a bank with these rules.
    pub fn new(rules: &Rules) -> Bank {
        Bank {
            accounts: rules.accounts.as_ref().map(|all| all.iter().map(name).collect()),
            total: rules.total.map(|total| Number::Int(total.into())),
            negative_balances: rules.negative_balances,
            read_count: 0,
            counts: [0; 4],
            first: None,
            findings: Findings::default(),
            problem: Problem::default(),
        }
    }

    /// The fault of a read, by its place in [`FAULTS`], and a sentence about it.
    ///
    /// # Errors
    /// A clause, when the balances are none.
    fn fault(&mut self, balances: &[(Edn, Edn)]) -> Result<Option<(usize, String)>, String> {
        if self.accounts.is_none() {
            self.accounts = Some(balances.iter().map(|(account, _)| name(account)).collect());
        }
        // Where the total is not given, the first read must have one.
        let mut sum = None;
        if self.total.is_none() {
            let total = Number::sum(balances.iter().map(|(_, balance)| balance))?;
            (self.total, sum) = (Some(total), Some(total));
        }
        let (Some(accounts), Some(total)) = (&self.accounts, self.total) else {
            unreachable!("both have just been set");
        };
        if let Some((account, _)) = balances.iter().find(|(a, _)| !accounts.contains(&name(a))) {
            return Ok(Some((0, format!("it shows account {account}, which the bank lacks"))));
        }
        if let Some((account, _)) = balances.iter().find(|(_, balance)| balance.is_nil()) {
            return Ok(Some((1, format!("account {account} has no balance"))));
        }
        let sum = match sum {
            Some(sum) => sum,
            None => Number::sum(balances.iter().map(|(_, balance)| balance))?,
        };
        if sum != total {
            return Ok(Some((2, format!("all accounts together hold {sum} instead of {total}"))));
        }
        let negative = balances.iter().find(|(_, balance)| Number::is_negative(balance));
        if let Some((account, balance)) = negative.filter(|_| !self.negative_balances) {
            return Ok(Some((3, format!("account {account} holds {balance}"))));
        }
        Ok(None)
    }
}

/// An account's name without what tells a number from a string: in JSON, all names are strings.
fn name(account: &Edn) -> String {
    match account {
        Edn::Str(text) | Edn::Keyword(text) => text.to_string(),
        other => other.canonical().to_string(),
    }
}

impl Checker for Bank {
    fn has_problem(&self) -> bool {
        self.problem.is_some()
    }

    fn push(&mut self, op: &Op) {
        if !is_ok(op, "read") || self.problem.is_some() {
            return;
        }
        self.read_count += 1;
        let fault = match &op.value {
            Edn::Map(balances) => self.fault(balances),
            Edn::Nil => self.fault(&[]),
            other => Err(format!("{other} is no map of accounts to balances")),
        };
        match fault {
            Ok(None) => {}
            Ok(Some((fault, words))) => {
                self.counts[fault] += 1;
                self.first.get_or_insert((fault, op.index));
                let index = op.index;
                self.findings.add(FAULTS[fault], || {
                    Finding::new(format!("The read at index {index} is wrong: {words}."))
                        .about(index, "read")
                });
            }
            Err(problem) => self.problem.set(op, &problem),
        }
    }

    fn finish(self: Box<Self>) -> Judgement {
        if let Some(judgement) = self.problem.judgement() {
            return judgement;
        }
        let error_count = self.counts.iter().sum::<usize>();
        let mut judgement = Judgement::new(
            Validity::from(error_count == 0),
            [("read-count", self.read_count.into()), ("error-count", error_count.into())],
        );
        let Some((fault, index)) = self.first else { return judgement };
        let first = [("type", Edn::keyword(FAULTS[fault])), ("index", index.into())];
        let by_type = FAULTS.iter().zip(self.counts).filter(|(_, count)| *count > 0);
        let by_type = by_type.map(|(fault, count)| (Edn::keyword(fault), count.into())).collect();
        judgement.results.push((Edn::keyword("first-error"), Edn::map(first)));
        judgement.results.push((Edn::keyword("errors"), Edn::Map(by_type)));
        let reads = count(self.read_count, "read");
        judgement.summed_up(format!("{error_count} of {reads} wrong")).with(self.findings)
    }
}
