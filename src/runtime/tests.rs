//! The runtime, driven by scripts: messages in, messages out.

mod calls;
mod checkpoints;
mod probe;
mod steps;
