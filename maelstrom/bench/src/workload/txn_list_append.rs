//! Transactions over lists: a micro-operation reads a list, or appends to its end.
//!
//! A list shows the order in which it came about, so from the reads follows nearly everything
//! that there is to know about the order of the transactions. Which consistency models are
//! asked for, `--consistency-models` says.

use super::Workload;
use super::txn::{self, TxnClient};
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{Client, Operation, is_integer};
use crate::edn::Edn;
use crate::generator::Generator;
use crate::options::TestOptions;
use crate::protocol::Rpc;

/// The txn-list-append workload.
pub struct TxnListAppend;

impl Workload for TxnListAppend {
    fn name(&self) -> &'static str {
        checker::Workload::TxnListAppend.name()
    }

    fn about(&self) -> &'static str {
        "A store of lists by key, with transactions: each reads lists and appends to lists. Read \
         and append may stand in any order and number."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        txn::rpcs("append")
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::TxnListAppend.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(TxnClient { is_readable: is_list })
    }

    fn explanations(&self) -> Option<&'static str> {
        Some("elle")
    }

    fn keeps_client_name(&self) -> bool {
        true
    }

    fn generator(&self, options: &TestOptions) -> Box<dyn Generator> {
        txn::generator(options, "append")
    }

    fn validate(&self, options: &TestOptions) -> Result<(), String> {
        options.check_options().elle().map(drop)
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        txn::operation(f, value, "append")
    }
}

/// Whether a key can hold this: a list of numbers, because only numbers are appended, or null,
/// if the key does not exist.
pub(super) fn is_list(value: &Edn) -> bool {
    value.is_nil() || matches!(value, Edn::Vector(list) if list.iter().all(is_integer))
}
