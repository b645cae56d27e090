//! A thread that stays on one processor, and with it the children that it starts.

use anyhow::Context;

/// Keeps a thread on one processor until it is dropped.
pub struct Pinned {
    #[cfg(target_os = "linux")]
    before: rustix::thread::CpuSet,
}

/// Binds this thread, and every child that it starts meanwhile, to the processor that it
/// runs on. One step in lockstep wakes the node and then us; on one core that is over ten
/// times faster than across two. Does nothing where the system has no such call.
///
/// # Errors
/// When the system refuses.
pub fn pin_to_one_core() -> anyhow::Result<Pinned> {
    pin(None)
}

/// Binds this thread, and every child that it starts meanwhile, to the processor with this number
/// among those that it may use, counted round. So threads that each drive nodes of their own do
/// not meet on one processor. Does nothing where the system has no such call.
///
/// # Errors
/// When the system refuses.
pub fn pin_to_core(number: usize) -> anyhow::Result<Pinned> {
    pin(Some(number))
}

/// Binds this thread to the processor with this number, or to the one that it runs on.
#[cfg(target_os = "linux")]
fn pin(number: Option<usize>) -> anyhow::Result<Pinned> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
    let problem = "could not bind the bench to one processor";
    let before = sched_getaffinity(None).context(problem)?;
    let nth = |number: usize| {
        let place = number % (before.count() as usize).max(1);
        (0..CpuSet::MAX_CPU).filter(|&core| before.is_set(core)).nth(place).unwrap_or_default()
    };
    let mut one = CpuSet::new();
    one.set(number.map_or_else(sched_getcpu, nth));
    sched_setaffinity(None, &one).context(problem)?;
    Ok(Pinned { before })
}

/// There is no such call on this system.
#[cfg(not(target_os = "linux"))]
fn pin(_number: Option<usize>) -> anyhow::Result<Pinned> {
    Ok(Pinned {})
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // It is only slower if the system refuses.
        #[cfg(target_os = "linux")]
        rustix::thread::sched_setaffinity(None, &self.before).ok();
    }
}
