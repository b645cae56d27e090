//! A set on one node with a bug on its disk: it makes a log of its own, and syncs the file and not
//! the folder in which the file's name stands. When the power goes, all that was acknowledged may
//! be on the disk, in a file that nobody finds any more.
//!
//! - **From**: Pillai et al., *All File Systems Are Not Created Equal: On the Complexity of
//!   Crafting Crash-Consistent Applications* (OSDI 2014), section 4: applications take a new file
//!   to be there once it was synced; and fsync(2), the manual of Linux: for the entry in the
//!   directory, the directory must be synced, too.
//! - **Review**: “Who made the name of this file safe?” Nobody: names are the folder's content.
//! - **Fails by**: lost

use std::cell::RefCell;
use std::collections::BTreeSet;

use gyre::{Ctx, Error, Failure, Node, NodeId, async_trait};
use maelstrom::Fault;
use maelstrom::simulation::Check;
use serde::{Deserialize, Serialize};

/// The file of the log: a line for each element.
const LOG: &str = "elements";

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
            // The file is made here, so that later only its content needs to be synced.
            disk.append(LOG, b"")?;
            disk.sync(LOG)?;
            if !bugs::planted() {
                disk.sync_folder()?;
            }
            let log = disk.read(LOG)?.unwrap_or_default();
            let lines = String::from_utf8_lossy(&log);
            Ok(lines.lines().filter_map(|line| line.parse().ok()).collect())
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
                // There is no moment between these two at which the power could go, so no line
                // is ever torn.
                let kept = ctx.storage().with_disk(|disk| {
                    disk.append(LOG, format!("{element}\n").as_bytes())?;
                    disk.sync(LOG)
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
    maelstrom::check("g-set", Set::new).nodes(1).faults([Fault::Kill])
}

bugs::exhibit!("g-set-syncs-the-file-alone", check, Set::new);

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::is_caught(super::check(), "lost");
    }
}
