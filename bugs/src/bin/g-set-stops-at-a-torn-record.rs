//! A set on one node with a bug on its disk: it keeps a log of its own, and when it starts it
//! takes a torn record for the end of the log. It leaves the torn one there. So at the next start
//! all that was written behind it is gone.
//!
//! - **From**: Pillai et al., *All File Systems Are Not Created Equal: On the Complexity of
//!   Crafting Crash-Consistent Applications* (OSDI 2014): an append may leave a part of what was
//!   written, and applications do not expect it.
//! - **Review**: “What stands behind the place where this reader stops?” All that the node writes
//!   from now on.
//! - **Fails by**: lost

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use gyre::{Ctx, Error, Failure, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// The file of the log: of each record the first half is an element, and the second half is the
/// same with every bit the other way.
const LOG: &str = "elements";

/// The length of a record.
const RECORD: usize = 16;

/// How long a record waits for others before it is synced.
const SYNC_AFTER: Duration = Duration::from_millis(10);

/// The element of a record, if the two halves agree.
fn element_of(record: &[u8]) -> Option<i64> {
    let half = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().expect("8 bytes"));
    let element = half(&record[..8]);
    (element == !half(&record[8..])).then_some(element)
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
        let elements = ctx.storage().with_disk(|disk| {
            let log = disk.read(LOG)?.unwrap_or_default();
            let records: Vec<i64> = log.chunks_exact(RECORD).map_while(element_of).collect();
            let whole = records.len() * RECORD;
            if !bugs::planted() {
                // What is behind that was never synced.
                if whole < log.len() {
                    disk.truncate(LOG, whole as u64)?;
                }
            }
            if !log.is_empty() {
                // What only the process's end has left is not safe yet.
                disk.sync(LOG)?;
                disk.sync_folder()?;
            }
            Ok(records.into_iter().collect())
        });
        Set { elements: RefCell::new(elements.unwrap_or_else(|error| Failure::raise(error))) }
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
                let appended = ctx.storage().with_disk(|disk| disk.append(LOG, &record));
                // Others that come meanwhile share the sync.
                ctx.sleep(SYNC_AFTER).await;
                let kept = appended.and_then(|()| {
                    ctx.storage().with_disk(|disk| disk.sync(LOG).and_then(|()| disk.sync_folder()))
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
    maelstrom::check("g-set", Set::new).nodes(1).faults([Fault::Kill]).rate(100.0)
}

bugs::exhibit!("g-set-stops-at-a-torn-record", check, Set::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost");
    }
}
