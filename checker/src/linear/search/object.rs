//! What the search needs of an object.

/// An object on which operations of a trace, given by their places in it, happen and are taken
/// back. It knows all of them from the start, so that it can look ahead.
pub trait Searched {
    /// What it holds, to be shown.
    type State;

    /// Lets an operation happen that has not. False, and nothing changes, when that cannot be,
    /// or when it is clear that nothing can come of it. `pending` are those under way.
    fn apply(&mut self, operation: usize, pending: &[usize]) -> bool;

    /// Takes back the operation that happened last.
    fn undo(&mut self, operation: usize);

    /// Whether the operation can happen now, and only looks: it never changes anything.
    fn is_seen(&self, operation: usize) -> bool;

    /// Whether nothing is different when the operation happens now.
    fn changes_nothing(&self, operation: usize) -> bool;

    /// Whether the operation changes something, but can do so in some situations only.
    fn is_conditional(&self, operation: usize) -> bool;

    /// Whether the operation is a step towards one that cannot happen as things are. Such steps
    /// are tried first.
    fn leads_to(&self, operation: usize, goal: usize) -> bool;

    /// Whether anybody may have use for what a crashed operation does, of those that are under
    /// way (`pending`), or have crashed.
    fn is_wanted(&self, crashed: usize, pending: &[usize]) -> bool;

    /// Whether it can matter that a crashed operation happens directly before this one: not when
    /// it can as well happen directly after it, or not at all.
    fn matters_to(&self, crashed: usize, next: usize) -> bool;

    /// The sum of [`random`](super::memo::random) numbers that stands for what it holds.
    fn sum(&self) -> u128;

    /// What it holds.
    fn state(&self) -> Self::State;

    /// An operation that cannot have happened whatever the order, if one is seen at once; of
    /// several, the first to return.
    fn impossible(&self) -> Option<usize>;
}
