//! A set on one node with a bug on its disk: it keeps a log of its own, with each element twice,
//! and does not compare the two when it starts. So a bit that has rotted makes another element of
//! one.
//!
//! - **From**: Ganesan et al., *Redundancy Does Not Imply Fault Tolerance: Analysis of Distributed
//!   Storage Reactions to Single Errors and Corruptions* (FAST 2017): checksums are missing, or
//!   what they find is not handled.
//! - **Review**: “How would this node know that a record is not what it wrote?” It would not.
//! - **Fails by**: lost

use std::cell::RefCell;
use std::collections::BTreeSet;

use gyre::{Ctx, Error, Failure, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// The file of the log: of each record the first half is an element, and the second half is the
/// same with every bit the other way.
const LOG: &str = "elements";

/// The length of a record.
const RECORD: usize = 16;

/// Ends the node if a record is not what was written.
fn assert_whole(is_whole: bool) {
    if !is_whole {
        Failure::raise("a record is damaged: restore the disk from elsewhere");
    }
}

struct Set {
    elements: RefCell<BTreeSet<i64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Add { element: i64 },
    Read {},
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    AddOk {},
    ReadOk { value: BTreeSet<i64> },
}

impl Set {
    fn new(ctx: &Ctx) -> Set {
        let log = ctx.storage().with_disk(|disk| {
            let mut log = disk.read(LOG)?.unwrap_or_default();
            let whole = log.len() / RECORD * RECORD;
            if whole < log.len() {
                // What is less than a record was never synced.
                disk.truncate(LOG, whole as u64)?;
                log.truncate(whole);
            }
            Ok(log)
        });
        let log = log.unwrap_or_else(|error| Failure::raise(error));
        let half = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().expect("8 bytes"));
        let element = |record: &[u8]| {
            let element = half(&record[..8]);
            if !bugs::planted() {
                let again = !half(&record[8..]);
                assert_whole(element == again);
            }
            element
        };
        Set { elements: RefCell::new(log.chunks(RECORD).map(element).collect()) }
    }
}

#[async_trait(?Send)]
impl Node for Set {
    type Request = Request;
    type Response = Response;

    async fn handle(&self, ctx: &Ctx, request: Request, _: NodeId) -> Result<Response, Error> {
        match request {
            Request::Add { element } => {
                let record = [element.to_le_bytes(), (!element).to_le_bytes()].concat();
                let kept = ctx.storage().with_disk(|disk| {
                    disk.append(LOG, &record)?;
                    disk.sync(LOG)?;
                    disk.sync_folder()
                });
                kept.unwrap_or_else(|error| Failure::raise(error));
                self.elements.borrow_mut().insert(element);
                Ok(Response::AddOk {})
            }
            Request::Read {} => Ok(Response::ReadOk { value: self.elements.borrow().clone() }),
        }
    }
}

/// How the bench catches it.
fn check() -> Check {
    maelstrom::check("g-set", Set::new).nodes(1).faults([Fault::Disk])
}

bugs::exhibit!("g-set-serves-rotten-records", check, Set::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost");
    }
}
