//! `lin-kv` with a bug: a command that was passed on to two leaders, because the first one fell
//! silent, takes effect twice if both got it into the log.
//!
//! - **From**: Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
//!   extended version (2014), section 8: clients number their commands, and the state machine
//!   remembers the latest of each.
//! - **Review**: “What if this entry is in the log twice?” It takes effect twice.
//! - **Fails by**: not-linearizable

use bugs::lin_kv::LinKv;
use gyre::replicated::Options;
use maelstrom::Fault;
use maelstrom::simulation::Check;

// ANCHOR: options
fn options() -> Options {
    let ignores = if bugs::planted() { |_| false } else { Options::default().ignores };
    Options { ignores, configure: bugs::lin_kv::restless, ..Options::default() }
}
// ANCHOR_END: options

/// How the bench catches it.
fn check() -> Check {
    bugs::lin_kv::check_under_load(options, &Fault::COMMON, 1.0)
}

bugs::exhibit!("lin-kv-applies-twice", check, |ctx| LinKv::new(ctx, options()));

#[cfg(test)]
mod tests {
    #[test]
    fn is_caught() {
        bugs::lin_kv::is_caught(super::check());
    }
}
