//! Why one transaction depends on another: what each workload must be able to say.

use super::cycles::Step;
use super::graph::Relation;
use super::transaction::{MicroOp, Transactions};
use crate::edn::Edn;

/// The reason for one step.
pub struct Reason {
    /// What it is about, such as the key and its values.
    pub entries: Vec<(&'static str, Edn)>,
    /// The places, in the two transactions, of the micro-operations that it is about.
    pub places: [Option<usize>; 2],
    /// The same as a clause, with the names of the two transactions.
    pub text: String,
}

impl Reason {
    /// The same as data.
    pub fn edn(&self, relation: Relation) -> Edn {
        // Of what a predicate reads, Elle has another name.
        let is_predicate = self.entries.iter().any(|(name, _)| *name == "predicate?");
        let name = match relation {
            Relation::WriteRead if is_predicate => "wrp",
            relation => relation.name(),
        };
        let mut entries = vec![("type", Edn::keyword(name))];
        entries.extend(self.entries.iter().cloned());
        let places = ["a-mop-index", "b-mop-index"].into_iter().zip(self.places);
        entries.extend(places.filter_map(|(name, place)| Some((name, Edn::from(place?)))));
        Edn::Map(entries.into_iter().map(|(key, value)| (Edn::keyword(key), value)).collect())
    }

    /// What stands beside its arrow: the key, or for time nothing.
    pub fn label(&self) -> String {
        let key = self.entries.iter().find(|(name, _)| *name == "key");
        key.map_or(String::new(), |(_, key)| format!("key {key}"))
    }
}

/// A workload that can say why one transaction depends on another.
pub trait Explain {
    /// The transactions that it judges.
    fn transactions(&self) -> &Transactions;

    /// A transaction as it is printed.
    fn edn(&self, txn: u32) -> Edn;

    /// A micro-operation as it is printed.
    fn micro_op_edn(&self, op: &MicroOp) -> Edn;

    /// The parts of a transaction, as they are drawn.
    fn boxes(&self, txn: u32) -> Vec<String> {
        let micro_ops = self.transactions().micro_ops(txn).iter();
        micro_ops.map(|op| self.micro_op_edn(op).to_string()).collect()
    }

    /// Why the second transaction of a `ww`, `wr` or `rw` step depends on the first. `names`
    /// are those of the two.
    fn reason(&self, step: &Step, names: [&str; 2]) -> Reason;
}
