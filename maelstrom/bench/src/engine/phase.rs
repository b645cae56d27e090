//! The phases that a run goes through, in this order: `engine` says what happens in each.

/// A phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Init,
    Setup,
    Main,
    Drain,
    Quiet,
    Final,
    Done,
}

impl Phase {
    /// Its name for whoever watches.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Init => "starting",
            Phase::Setup => "setting up",
            Phase::Main => "running",
            Phase::Drain => "finishing",
            Phase::Quiet => "recovering",
            Phase::Final => "final reads",
            Phase::Done => "done",
        }
    }
}
