//! What a change of the members consists of: one node joins or leaves. Requests are about it
//! (`clients.rs`), and what is done about them is in `members.rs`.

/// One step of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberStep {
    /// This node is to be a member.
    Add(usize),
    /// This node is to be none any more.
    Remove(usize),
}

impl MemberStep {
    /// The type of its request.
    pub fn kind(self) -> &'static str {
        match self {
            MemberStep::Add(_) => "add_member",
            MemberStep::Remove(_) => "remove_member",
        }
    }

    /// The node that it is about.
    pub fn node(self) -> usize {
        let (MemberStep::Add(node) | MemberStep::Remove(node)) = self;
        node
    }
}
