//! Transactions over lists: a micro-operation reads a list, or appends to its end.
//!
//! A list shows the order in which it came about, so from the reads follows nearly everything
//! that there is to know about the order of the transactions. Which consistency models are
//! asked for, `--consistency-models` says.

use serde_json::Value;

use super::Workload;
use super::txn::{self, TxnClient};
use crate::checker::Judgement;
use crate::checker::elle;
use crate::client::Client;
use crate::generator::Generator;
use crate::history::History;
use crate::options::TestOptions;

/// The txn-list-append workload.
pub struct TxnListAppend;

impl Workload for TxnListAppend {
    fn name(&self) -> &'static str {
        "txn-list-append"
    }

    fn client(&self, _options: &TestOptions) -> Box<dyn Client> {
        // A key that does not exist is read as null.
        let is_readable = |value: &Value| value.is_array() || value.is_null();
        Box::new(TxnClient { write: "append", is_readable })
    }

    fn keeps_client_name(&self) -> bool {
        true
    }

    fn generator(&self, options: &TestOptions) -> Box<dyn Generator> {
        txn::generator(options, "append")
    }

    fn validate(&self, options: &TestOptions) -> Result<(), String> {
        elle::Options::new(&options.consistency_models).map(drop)
    }

    fn check(&self, history: &History, options: &TestOptions) -> Judgement {
        match elle::Options::new(&options.consistency_models) {
            Ok(options) => elle::list_append(history, &options).result,
            Err(sentence) => Judgement::unknown(sentence),
        }
    }
}
