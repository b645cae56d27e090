//! The executor: it polls a node's futures, first come first served.
//!
//! It is our own, and small, so that the order of everything is ours to state: a task is
//! polled in the order in which it was spawned or woken, and nothing else decides. The same
//! steps give the same order, in simulation and behind real pipes.
//!
//! Tasks sit in a slab whose slots, with their wakers, are used again, so a handler that is
//! ready at once costs little more than its own box. A waker of a finished task may wake the
//! slot's next one; a future must stand being polled for nothing, so that is harmless.
//!
//! Absent on purpose: threads. A waker may be sent to another thread, as Rust asks of it, but
//! waking from there only takes effect at the process's next step.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// A future that the executor runs to its end.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// How many polls one step may take before we say that it will never end.
const POLLS_A_STEP_MAX: u64 = 1_000_000;

/// All unfinished tasks of one process.
#[derive(Default)]
pub(crate) struct Executor {
    slots: Vec<Slot>,
    free: Vec<usize>,
    queue: Arc<Queue>,
}

struct Slot {
    task: Option<Task>,
    handle: Arc<Handle>,
    /// The same handle as a waker, made once.
    waker: Waker,
}

/// What a waker knows of its slot.
struct Handle {
    slot: usize,
    /// How many tasks the slot has had: what was queued for an earlier one is not for this.
    generation: AtomicU64,
    /// Whether the present task stands in the queue already.
    is_queued: AtomicBool,
    queue: Arc<Queue>,
}

/// Slots whose tasks want polling, each with the generation that is meant.
#[derive(Default)]
struct Queue(Mutex<VecDeque<(usize, u64)>>);

impl Queue {
    fn push(&self, entry: (usize, u64)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(entry);
    }

    fn pop(&self) -> Option<(usize, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Wake for Handle {
    fn wake(self: Arc<Handle>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Handle>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.queue.push((self.slot, self.generation.load(Ordering::Acquire)));
        }
    }
}

impl Executor {
    /// Takes a task; its first poll comes after everything that is queued by now.
    pub(crate) fn spawn(&mut self, task: Task) {
        let index = self.free.pop().unwrap_or_else(|| self.add_slot());
        let slot = &mut self.slots[index];
        slot.task = Some(task);
        // A wake-up may still be queued for the slot's last task. A new generation makes it
        // void: left standing, it would start this task before others that came earlier.
        let generation = slot.handle.generation.fetch_add(1, Ordering::AcqRel) + 1;
        slot.handle.is_queued.store(true, Ordering::Release);
        self.queue.push((index, generation));
    }

    fn add_slot(&mut self) -> usize {
        let handle = Arc::new(Handle {
            slot: self.slots.len(),
            generation: AtomicU64::new(0),
            is_queued: AtomicBool::new(false),
            queue: Arc::clone(&self.queue),
        });
        let waker = Waker::from(Arc::clone(&handle));
        self.slots.push(Slot { task: None, handle, waker });
        self.slots.len() - 1
    }

    /// Polls until every task waits for something. After each poll it takes what `spawned`
    /// gives: the tasks that the polled one has spawned.
    pub(crate) fn run(&mut self, mut spawned: impl FnMut() -> Option<Task>) {
        let mut polls = 0;
        while let Some((index, generation)) = self.queue.pop() {
            let slot = &mut self.slots[index];
            if slot.handle.generation.load(Ordering::Acquire) != generation {
                continue;
            }
            slot.handle.is_queued.store(false, Ordering::Release);
            let Some(task) = &mut slot.task else { continue };
            polls += 1;
            assert!(polls < POLLS_A_STEP_MAX, "a task wakes itself for ever and never waits");
            if task.as_mut().poll(&mut Context::from_waker(&slot.waker)).is_ready() {
                slot.task = None;
                self.free.push(index);
            }
            while let Some(task) = spawned() {
                self.spawn(task);
            }
        }
    }

    /// How many tasks are unfinished.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::Poll;

    type Trace = Rc<RefCell<Vec<u32>>>;

    /// Writes `number` at each of `polls` polls, waking itself in between.
    fn noisy(trace: &Trace, number: u32, polls: u32) -> Task {
        let trace = Rc::clone(trace);
        let mut left = polls;
        Box::pin(poll_fn(move |context| {
            trace.borrow_mut().push(number);
            left -= 1;
            if left == 0 {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }

    #[test]
    fn tasks_take_turns_in_the_order_in_which_they_were_woken() {
        let (mut executor, trace) = (Executor::default(), Trace::default());
        for (number, polls) in [(1, 3), (2, 1), (3, 2)] {
            executor.spawn(noisy(&trace, number, polls));
        }
        executor.run(|| None);
        assert_eq!(*trace.borrow(), [1, 2, 3, 1, 3, 1]);
        assert_eq!(executor.len(), 0);
    }

    #[test]
    fn a_stale_wake_up_does_not_let_a_new_task_jump_the_queue() {
        let (mut executor, trace) = (Executor::default(), Trace::default());
        // Two tasks that are woken in their last poll: their slots are free but still queued,
        // first that of the first. New tasks take them in the opposite order.
        for _ in 0..2 {
            executor.spawn(Box::pin(poll_fn(|context| {
                context.waker().wake_by_ref();
                Poll::Ready(())
            })));
        }
        let after_the_first = [None];
        let after_the_second = [Some(noisy(&trace, 1, 1)), Some(noisy(&trace, 2, 1)), None];
        let mut spawned = after_the_first.into_iter().chain(after_the_second);
        executor.run(|| spawned.next().flatten());
        assert_eq!(*trace.borrow(), [1, 2]);
        assert_eq!(executor.slots.len(), 2, "the slots were used again");
    }

    #[test]
    fn slots_are_used_again() {
        let (mut executor, trace) = (Executor::default(), Trace::default());
        for number in 0..100 {
            executor.spawn(noisy(&trace, number, 2));
            executor.run(|| None);
        }
        assert_eq!(executor.slots.len(), 1);
    }

    #[test]
    #[should_panic(expected = "wakes itself for ever")]
    fn a_task_that_never_waits_is_found_out() {
        let mut executor = Executor::default();
        executor.spawn(Box::pin(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Pending
        })));
        executor.run(|| None);
    }
}
