//! Transactions over registers: a micro-operation reads a register, or writes it.
//!
//! A register shows only its present value. What came before what is known where a transaction
//! first reads a key and then writes it, and nowhere else; so fewer anomalies can be seen than
//! with lists. Which consistency models are asked for, `--consistency-models` says.

use super::Workload;
use super::txn::{self, TxnClient};
use crate::checker::{self, CheckOptions, Judge};
use crate::client::{Client, Operation, is_integer};
use crate::edn::Edn;
use crate::generator::Generator;
use crate::options::TestOptions;
use crate::protocol::Rpc;

/// The txn-rw-register workload.
pub struct TxnRwRegister;

impl Workload for TxnRwRegister {
    fn name(&self) -> &'static str {
        checker::Workload::TxnRwRegister.name()
    }

    fn about(&self) -> &'static str {
        "A store of values by key, with transactions: each reads keys and writes keys. Read and \
         write may stand in any order and number."
    }

    fn rpcs(&self) -> Vec<Rpc> {
        txn::rpcs("w")
    }

    fn judge(&self, options: &CheckOptions) -> Result<Judge, String> {
        checker::Workload::TxnRwRegister.judge(options)
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        Box::new(TxnClient { is_readable: is_number })
    }

    fn explanations(&self) -> Option<&'static str> {
        Some("elle")
    }

    fn keeps_client_name(&self) -> bool {
        true
    }

    fn generator(&self, options: &TestOptions) -> Box<dyn Generator> {
        txn::generator(options, "w")
    }

    fn validate(&self, options: &TestOptions) -> Result<(), String> {
        options.check_options().elle().map(drop)
    }

    fn operation(&self, f: &str, value: &Edn) -> Option<Operation> {
        txn::operation(f, value, "w")
    }
}

/// Whether a key can hold this: a number, because only numbers are written, or null, if the key
/// does not exist.
pub(super) fn is_number(value: &Edn) -> bool {
    value.is_nil() || is_integer(value)
}
