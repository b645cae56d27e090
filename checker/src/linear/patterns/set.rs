//! A set to which elements are added and that is read as a whole.
//!
//! Elements never leave, so whatever reads see grows: of two reads, one sees all that the other
//! does. Ordered by what they see, the reads divide the history into *phases*. An element is
//! added in the phase that ends with the first read that sees it; one that nobody saw, after
//! all reads. So every operation has its place in one order of phases, and the history is
//! linearizable unless an operation of a later phase returned before one of an earlier phase
//! began. Where an element is added several times, only one of these, the first to begin, is
//! bound to the phase; the others must not come before it, and may come at any time after.

use super::Found;
use crate::linear::collections::SetCall;
use crate::linear::model::Value;
use crate::linear::trace::{Operation, Trace, Violation};

/// Finds the first violation, in a history of a set that held these elements at first.
pub fn check(trace: &Trace<SetCall>, initial: &[Value], values: usize) -> Found {
    violation(trace, initial, values)?;
    let is_wrong = |trace: &Trace<SetCall>| violation(trace, initial, values).is_some();
    let until = trace.first_return(is_wrong).expect("the whole is wrong");
    let violation = violation(&trace.until(until), initial, values).expect("just seen");
    let operation = trace.operations.iter().position(|o| o.returned_at == Some(until));
    Some((operation.expect("a return is an operation's"), violation))
}

/// A read that has returned, and what it saw, in ascending order.
type Read<'a> = (usize, &'a [Value]);

/// Any violation.
fn violation(trace: &Trace<SetCall>, initial: &[Value], values: usize) -> Option<Violation> {
    let mut reads: Vec<Read> = Vec::new();
    let mut first_add: Vec<Option<usize>> = vec![None; values];
    for (id, operation) in trace.operations.iter().enumerate() {
        match &operation.call {
            SetCall::Read(seen) if operation.returned_at.is_some() => reads.push((id, seen)),
            SetCall::Add(value) => {
                first_add[*value as usize].get_or_insert(id);
            }
            SetCall::Read(_) => {}
        }
    }
    reads.sort_by_key(|(_, seen)| seen.len());
    let mut phases = Phases { of_value: vec![None; values], count: 0 };
    for &value in initial {
        phases.of_value[value as usize] = Some(0);
    }
    // What is there from the start is not bound to be added.
    let unexplained = phases.divide(&reads, initial, &first_add);
    initial.iter().for_each(|&value| first_add[value as usize] = None);
    unexplained.or_else(|| phases.find(trace, &reads, &first_add))
}

/// The phases of a history.
struct Phases {
    /// The phase in which each element is added.
    of_value: Vec<Option<usize>>,
    /// How many different things the reads saw. The phase after all reads has this number.
    count: usize,
}

impl Phases {
    /// Orders what the reads saw. Gives a violation, when it has no order or nobody added it.
    fn divide(
        &mut self,
        reads: &[Read],
        initial: &[Value],
        first_add: &[Option<usize>],
    ) -> Option<Violation> {
        let mut before: (Option<usize>, &[Value]) = (None, initial);
        for &(read, seen) in reads {
            if !is_subset(before.1, seen) {
                return Some(incomparable(before.0, read));
            }
            if before.0.is_none() || seen.len() > before.1.len() {
                for &value in seen {
                    self.of_value[value as usize].get_or_insert(self.count);
                    let is_initial = initial.binary_search(&value).is_ok();
                    if first_add[value as usize].is_none() && !is_initial {
                        return Some(Violation {
                            kind: "unexpected",
                            sentence: "A read saw an element that nobody had begun to add.",
                            operations: vec![(read, "saw it")],
                        });
                    }
                }
                self.count += 1;
            }
            before = (Some(read), seen);
        }
        None
    }

    /// Looks for an operation of a later phase that returned before one of an earlier began.
    fn find(
        &self,
        trace: &Trace<SetCall>,
        reads: &[Read],
        first_add: &[Option<usize>],
    ) -> Option<Violation> {
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(trace.operations.len());
        let mut phase = 0;
        for (place, &(read, seen)) in reads.iter().enumerate() {
            phase += usize::from(place > 0 && seen.len() > reads[place - 1].1.len());
            places.push((2 * phase + 1, read));
        }
        for (id, operation) in trace.operations.iter().enumerate() {
            if let SetCall::Add(value) = operation.call {
                let phase = self.of_value[value as usize].unwrap_or(self.count);
                places.push((2 * phase, id));
            }
        }
        places.sort_unstable();
        // The operation of all earlier phases that began last.
        let mut last: Option<usize> = None;
        for phase in places.chunk_by(|one, other| one.0 == other.0) {
            let mut last_of_phase = last;
            for &(_, id) in phase {
                let Operation { call, invoked_at, returned_at } = &trace.operations[id];
                if let (Some(last), Some(at)) = (last, returned_at)
                    && *at < trace.operations[last].invoked_at
                {
                    return Some(disorder(trace, reads, id, last));
                }
                let is_bound = match call {
                    SetCall::Read(_) => true,
                    SetCall::Add(value) => {
                        self.of_value[*value as usize].is_some()
                            && first_add[*value as usize] == Some(id)
                    }
                };
                let latest = last_of_phase.map(|last| trace.operations[last].invoked_at);
                if is_bound && Some(*invoked_at) > latest {
                    last_of_phase = Some(id);
                }
            }
            last = last_of_phase;
        }
        None
    }
}

/// What a read saw does not contain what an earlier one saw, or the set held at first.
fn incomparable(before: Option<usize>, read: usize) -> Violation {
    let Some(before) = before else {
        return Violation {
            kind: "lost",
            sentence: "A read did not see an element that was in the set from the start.",
            operations: vec![(read, "did not see it")],
        };
    };
    let role = "saw what the other did not";
    Violation {
        kind: "incomparable",
        sentence: "Elements never leave a set, but two reads each saw one that the other did not.",
        operations: vec![(before, role), (read, role)],
    }
}

/// `late` returned before `early` began, but what was seen puts them the other way round.
fn disorder(trace: &Trace<SetCall>, reads: &[Read], late: usize, early: usize) -> Violation {
    let sees = |seen: &[Value], value: Value| seen.binary_search(&value).is_ok();
    let mut operations = Vec::new();
    let sentence = match (&trace.operations[early].call, &trace.operations[late].call) {
        (SetCall::Read(_), SetCall::Add(_)) => {
            operations.extend([(late, "added it"), (early, "did not see it")]);
            "A read began after an element had been added, and did not see it."
        }
        (SetCall::Read(_), SetCall::Read(_)) => {
            operations.extend([(late, "saw more"), (early, "saw less, later")]);
            "A read saw less than one that had returned before it began."
        }
        (SetCall::Add(_), SetCall::Read(_)) => {
            operations.extend([(late, "saw it"), (early, "added it later")]);
            "A read returned before anybody had begun to add an element that it saw."
        }
        (SetCall::Add(early_value), SetCall::Add(late_value)) => {
            operations.extend([(late, "was added first"), (early, "was added second")]);
            let tells = |(_, seen): &&Read| sees(seen, *early_value) && !sees(seen, *late_value);
            let read = reads.iter().find(tells);
            operations.extend(read.map(|(id, _)| (*id, "saw only the second")));
            "A read saw an element, but not one that had been added before it."
        }
    };
    Violation { kind: "out-of-order", sentence, operations }
}

/// Whether all of `less` is in `more`; both ascend.
fn is_subset(less: &[Value], more: &[Value]) -> bool {
    let mut rest = more.iter();
    less.len() <= more.len() && less.iter().all(|value| rest.any(|other| other == value))
}

#[cfg(test)]
mod tests {
    use super::is_subset;

    #[test]
    fn subsets_are_found_by_one_pass() {
        assert!(is_subset(&[], &[]) && is_subset(&[2], &[1, 2, 3]) && is_subset(&[1, 3], &[1, 3]));
        assert!(!is_subset(&[2], &[]) && !is_subset(&[2, 4], &[1, 2, 3, 5]));
    }
}
