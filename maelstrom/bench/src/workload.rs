//! Workloads: each is one file with its client, its generator, its final phase and its checker.

mod broadcast;
mod echo;
mod g_counter;
mod g_set;
mod kafka;
mod keys;
mod lin_kv;
mod pn_counter;
pub mod topology;
mod txn;
mod txn_list_append;
mod txn_rw_register;
mod unique_ids;

use gyre::{Body, NodeId};

use crate::checker::{CheckOptions, Judge};
use crate::client::{Client, Operation, ReplyFault};
use crate::edn::Edn;
use crate::generator::Generator;
use crate::options::TestOptions;
use crate::protocol::Rpc;

pub use broadcast::Broadcast;
pub use echo::Echo;
pub use g_counter::GCounter;
pub use g_set::GSet;
pub use kafka::Kafka;
pub use lin_kv::LinKv;
pub use pn_counter::PnCounter;
pub use txn_list_append::TxnListAppend;
pub use txn_rw_register::TxnRwRegister;
pub use unique_ids::UniqueIds;

/// One kind of system to test.
pub trait Workload: Sync {
    /// The name on the command line and in `store/`.
    fn name(&self) -> &'static str;

    /// What a node has to be, in a sentence or two for whoever writes one.
    fn about(&self) -> &'static str;

    /// What it asks of a node.
    fn rpcs(&self) -> Vec<Rpc>;

    /// What judges its histories.
    ///
    /// # Errors
    /// A sentence, when the options ask for what there is not.
    fn judge(&self, options: &CheckOptions) -> Result<Judge, String>;

    /// Whether its operations are on logs, which its reports then draw, with how far their
    /// readers lag behind.
    fn has_logs(&self) -> bool {
        false
    }

    /// The folder of a run in which the original explains what is wrong, if it does.
    fn explanations(&self) -> Option<&'static str> {
        None
    }

    /// A client. Each thread has one, and gets a fresh one when its process is replaced.
    fn client(&self, options: &TestOptions) -> Box<dyn Client>;

    /// Whether a client goes on under the same network name after an indeterminate operation.
    fn keeps_client_name(&self) -> bool {
        false
    }

    /// How long a client waits for a reply, in milliseconds.
    fn timeout_ms(&self, _options: &TestOptions) -> u64 {
        5000
    }

    /// What every node is told after all have been initialised.
    fn setup(&self, _nodes: &[NodeId], _options: &TestOptions) -> Option<Body> {
        None
    }

    /// Checks that a reply, other than an error, answers what [`Workload::setup`] sent.
    ///
    /// # Errors
    /// When it does not.
    fn check_setup_reply(&self, _reply: &Body) -> Result<(), ReplyFault> {
        Ok(())
    }

    /// The operations of the main phase.
    fn generator(&self, options: &TestOptions) -> Box<dyn Generator>;

    /// The operation that a tape says, if it is one of this workload's.
    fn operation(&self, f: &str, value: &Edn) -> Option<Operation>;

    /// What every thread does at the end, after the faults have been healed and ten quiet
    /// seconds have passed; `None` for a workload without a final phase.
    fn final_operation(&self) -> Option<Operation> {
        None
    }

    /// Whether there is a final phase: after `final_operation`, or without one at once, every
    /// thread goes on with what the generator's `next_final` says.
    fn has_final_phase(&self) -> bool {
        self.final_operation().is_some()
    }

    /// Checks the options.
    ///
    /// # Errors
    /// A sentence, when this workload cannot run with them.
    fn validate(&self, _options: &TestOptions) -> Result<(), String> {
        Ok(())
    }
}

/// All workloads, a row each: for `test`, for `check`, for simulated tests and for reports.
pub const ALL: &[&dyn Workload] = &[
    &Broadcast,
    &Echo,
    &GCounter,
    &GSet,
    &Kafka,
    &LinKv,
    &PnCounter,
    &TxnListAppend,
    &TxnRwRegister,
    &UniqueIds,
];

/// The workload with this name.
///
/// # Errors
/// A sentence, when there is none.
pub fn by_name(name: &str) -> Result<&'static dyn Workload, String> {
    ALL.iter().find(|workload| workload.name() == name).copied().ok_or_else(|| {
        let names = ALL.iter().map(|workload| workload.name()).collect::<Vec<_>>().join(", ");
        format!("there is no workload {name}; there are: {names}")
    })
}
