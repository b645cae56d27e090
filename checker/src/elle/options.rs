//! What is asked of a history of transactions.

use std::collections::BTreeSet;

use super::cycles;
use super::model::{self, Name};
use super::order::Timing;
use super::version_order::VersionOrders;

/// What is expected of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The consistency models that it must satisfy.
    pub(super) models: Vec<Name>,
    /// Anomalies that must not be, whatever the models say.
    anomalies: Vec<Name>,
    /// What the order of a register's versions is told from.
    pub(super) version_orders: VersionOrders,
}

impl Default for Options {
    /// The strongest model there is.
    fn default() -> Options {
        Options {
            models: vec!["strong-serializable"],
            anomalies: Vec::new(),
            version_orders: VersionOrders::default(),
        }
    }
}

impl Options {
    /// These consistency models, by any of their names; the default if there are none.
    ///
    /// # Errors
    /// A sentence that lists the known models, when one of the names is none.
    pub fn new<S: AsRef<str>>(models: &[S]) -> Result<Options, String> {
        if models.is_empty() {
            return Ok(Options::default());
        }
        let models =
            models.iter().map(|name| model::model(name.as_ref())).collect::<Result<_, _>>()?;
        Ok(Options { models, ..Options::default() })
    }

    /// The same, and none of these anomalies may be, whatever the models say.
    ///
    /// # Errors
    /// A sentence that lists the known anomalies, when one of the names is none.
    pub fn with_anomalies<S: AsRef<str>>(self, anomalies: &[S]) -> Result<Options, String> {
        let anomalies = anomalies.iter().map(|name| model::anomaly(name.as_ref()));
        Ok(Options { anomalies: anomalies.collect::<Result<_, _>>()?, ..self })
    }

    /// The order of a register's versions is told from these.
    pub fn with_version_orders(self, version_orders: VersionOrders) -> Options {
        Options { version_orders, ..self }
    }

    /// The anomalies that the models forbid, and those that were named besides.
    pub fn forbidden(&self) -> BTreeSet<Name> {
        let mut forbidden = model::forbidden_by(&self.models);
        forbidden.extend(model::with_worse(&self.anomalies));
        forbidden
    }

    /// The order of time that the models speak of. Real time contains the order of processes.
    pub fn timing(&self) -> Timing {
        let forbidden = self.forbidden();
        let needs = |timing| cycles::names(timing).any(|name| forbidden.contains(name));
        if needs(Timing::Realtime) {
            Timing::Realtime
        } else if needs(Timing::Process) {
            Timing::Process
        } else {
            Timing::Ignored
        }
    }
}
