//! When operations of the main phase begin: as the generator wants, or as the tape says.

use std::collections::VecDeque;
use std::time::Duration;

use gyre::Time;
use rand::RngExt;

use super::{Engine, Event, Phase};
use crate::client::Operation;
use crate::generator::{GeneratorContext, Next};
use crate::tape::TapedOperation;

impl Engine<'_> {
    pub(super) fn on_next_operation(&mut self) {
        self.operation_due = Some(self.now);
        self.next_operation();
    }

    /// Begins the operation that is due, if there is one and a thread is free for it.
    pub(super) fn next_operation(&mut self) {
        let Some(due) = self.operation_due else { return };
        if self.phase != Phase::Main || self.clients.free().is_empty() {
            return;
        }
        let mut context = GeneratorContext {
            rng: &mut self.generator_rng,
            free: self.clients.free(),
            turn: self.turn,
            processes: self.clients.processes(),
            elapsed: self.now.since(self.main_start),
        };
        if let Next::Operation(thread, operation) = self.generator.next(&mut context) {
            self.operation_due = None;
            self.turn = (self.turn + 1) % (self.clients.count() + 1);
            let interval = self.generator_rng.random_range(0.0..2.0) / self.options.rate;
            // A rate close to zero must not overflow the clock.
            let interval = Duration::from_secs_f64(interval.min(1e9));
            self.queue.push(self.now + interval, Event::NextOperation);
            self.note_operation(thread, &operation, due);
            self.invoke(thread, operation);
        }
    }

    /// An operation of the tape is due. If its thread is busy, it waits, and the operations of
    /// other threads do not.
    pub(super) fn on_taped_operation(&mut self) {
        if self.phase != Phase::Main {
            return;
        }
        let Some(taped) = self.tape.take_operation() else { return };
        self.schedule_taped_operation();
        let Some(operation) = self.workload.operation(&taped.f, &taped.value) else {
            return self.fail(format!(
                "the tape has an operation that this workload does not know: {} {}",
                taped.f, taped.value
            ));
        };
        let thread = taped.thread % self.clients.count();
        self.note_operation(thread, &operation, self.now);
        self.taped_waiting.entry(thread).or_default().push_back(operation);
        self.next_of_thread(thread);
    }

    /// Begins the operation of the tape that waits for this thread, if one does and it is free.
    pub(super) fn next_of_thread(&mut self, thread: usize) {
        if self.phase != Phase::Main || !self.clients.is_free(thread) {
            return;
        }
        let waiting = self.taped_waiting.get_mut(&thread);
        if let Some(operation) = waiting.and_then(VecDeque::pop_front) {
            self.invoke(thread, operation);
        }
    }

    pub(super) fn schedule_taped_operation(&mut self) {
        if let Some(at) = self.tape.next_operation_at() {
            let due = (self.main_start + at).max(self.now);
            self.queue.push(due, Event::TapedOperation);
        }
    }

    fn note_operation(&mut self, thread: usize, operation: &Operation, due: Time) {
        let at = due.since(self.main_start);
        self.tape.note_operation(|| TapedOperation {
            at,
            thread,
            f: operation.f.into(),
            value: operation.value.clone(),
        });
    }
}
