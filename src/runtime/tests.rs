//! The runtime, driven by scripts: messages in, messages out.

mod calls;
mod probe;
mod steps;
