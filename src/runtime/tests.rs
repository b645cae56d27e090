//! The runtime, driven by scripts: messages in, messages out.

mod calls;
mod checkpoints;
mod members;
mod probe;
mod steps;
