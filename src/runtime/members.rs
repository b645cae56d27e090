//! Members of a cluster in which nobody leads, as a node's requests change them. What needs
//! deciding is in [`members`](crate::members).

use crate::protocols::members::HasMembers;
use crate::runtime::ctx::Ctx;
use crate::runtime::driver::Driver;
use crate::types::{Error, MemberChange};

impl<K: HasMembers + 'static> Driver<K> {
    /// Whether this node may take a client's request.
    ///
    /// # Errors
    /// `not-a-member` where it may not: it has yet to join, or has left.
    pub fn check_membership(&self) -> Result<(), Error> {
        if self.core().is_member() {
            return Ok(());
        }
        Err(Error::not_a_member("this node is no member of the cluster, so nothing was done"))
    }

    /// Has the cluster change its members. When this is well they are as wanted, and whoever has
    /// left has handed over what it alone had.
    ///
    /// # Errors
    /// `node-not-found` for a node that `init` does not name. `precondition-failed` when nobody
    /// would be left. `not-a-member` where this node is none. `timeout` when the node that is to
    /// join or to leave did not say in time that it has.
    pub async fn change_members(&self, ctx: &Ctx, change: MemberChange) -> Result<(), Error> {
        if let Some(stranger) = change.add.iter().find(|node| !ctx.nodes().contains(node)) {
            return Err(Error::node_not_found(format!("init has not named {stranger}")));
        }
        self.check_membership()?;
        let members = self.core().members().iter().cloned().collect();
        if change.members_after(&members).is_empty() {
            return Err(Error::precondition_failed("a cluster keeps at least one member"));
        }
        if self.request(K::member_request(change)).await {
            return Ok(());
        }
        Err(Error::timeout(
            "the node that is to join or to leave has not said that it has; it may yet do so",
        ))
    }
}
