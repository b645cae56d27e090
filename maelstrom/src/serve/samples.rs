//! What the comparison shows of a run's history: the latencies of the operations that succeeded.
//!
//! The history is read entry by entry, packed or not, and only its latencies are kept: it may be
//! larger than memory.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::open_regular;
use crate::history::OpType;
use crate::store::HistoryFile;

/// The operations of a run that succeeded: by function, when each ended, in seconds, and how long
/// it took, in milliseconds, the quickest first. Or a sentence that says why nobody knows.
pub type Samples = Result<BTreeMap<String, Vec<(f64, f64)>>, String>;

/// Those of the run in this folder.
pub fn of(folder: &Path) -> Samples {
    let mut samples: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let mut open = BTreeMap::new();
    let history = HistoryFile::at(folder.join("history.edn"));
    let read = history.read(|path| open_regular(folder, path), &mut |op| {
        if op.kind == OpType::Invoke {
            open.insert(op.process, op.time);
            return;
        }
        // What nobody began, as a fault, has no latency.
        let Some(began) = open.remove(&op.process).filter(|_| op.kind == OpType::Ok) else {
            return;
        };
        let latency_ms = op.time.saturating_sub(began).max(0) as f64 / 1e6;
        let ended_secs = op.time.max(0) as f64 / 1e9;
        samples.entry(op.f.to_string()).or_default().push((ended_secs, latency_ms));
    });
    // The page names the run, and not where it lies on this machine.
    read.map_err(|error| format!("{error:#}").replace(&format!("{}/", folder.display()), ""))?;
    samples.values_mut().for_each(|sample| sample.sort_unstable_by(|a, b| a.1.total_cmp(&b.1)));
    Ok(samples)
}
