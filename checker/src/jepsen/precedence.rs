//! Which writes a read must show, because it shows others that began after these had ended.
//!
//! The writes that have ended before a write begins are a beginning of the list of all writes in
//! the order in which they end. So a number is all there is to know of them: how many they are.
//! What a read must show is the longest of these beginnings, of the writes that it shows; and
//! whether it does, a count tells. Only what a wrong read lacks must be looked for.
//!
//! A value that is written twice counts from its last request, as in the original. A read may
//! show what is written only later, so reads wait until the history has been taken in.

use crate::edn::Edn;
use crate::history::{Op, OpType};
use crate::linear::model::Values;
use crate::{Finding, Findings};

/// What wrong reads lack is shown as long as it is not more than this together.
const SHOWN_VALUES: usize = 100_000;

/// A written or read value.
#[derive(Clone, Copy, Default)]
struct Write {
    /// How many writes had ended when it began.
    expected: u32,
    /// Its place among the writes that have ended, from 1; 0 when it has not.
    ended: u32,
    /// The index of its last request.
    begun_at: usize,
}

/// A read: its index, and where its values end in [`Precedence::seen`].
type Read = (usize, usize);

/// The writes and reads of one table.
#[derive(Default)]
pub struct Precedence {
    values: Values,
    writes: Vec<Write>,
    /// The values whose writes have ended, in that order.
    completed: Vec<u32>,
    reads: Vec<Read>,
    seen: Vec<u32>,
}

/// What is wrong with the reads of one table.
pub struct Missing {
    /// How many reads are wrong.
    pub count: usize,
    /// The first of them: `[index [what is missing] how-much-is-expected]`.
    pub shown: Vec<Edn>,
}

impl Precedence {
    /// Takes in an operation with this value.
    ///
    /// # Errors
    /// A clause, when it is a read of what is no collection.
    pub fn push(&mut self, op: &Op, value: &Edn) -> Result<(), String> {
        match (&*op.f, op.kind) {
            ("write", OpType::Invoke) => {
                let expected = self.completed.len() as u32;
                let write = self.write(value);
                (write.expected, write.begun_at) = (expected, op.index);
            }
            ("write", OpType::Ok) => {
                let place = self.completed.len() as u32 + 1;
                let write = self.write(value);
                if write.ended == 0 {
                    write.ended = place;
                    let number = self.values.number(value);
                    self.completed.push(number);
                }
            }
            ("read", OpType::Ok) if !value.is_nil() => {
                let Some(seen) = value.as_slice() else {
                    return Err(format!("{value} is no collection of values"));
                };
                for value in seen {
                    self.write(value);
                    let number = self.values.number(value);
                    self.seen.push(number);
                }
                self.reads.push((op.index, self.seen.len()));
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, value: &Edn) -> &mut Write {
        let number = self.values.number(value) as usize;
        if number == self.writes.len() {
            self.writes.push(Write::default());
        }
        &mut self.writes[number]
    }

    /// Judges the reads, and shows so many of the wrong ones. What is found is about `subject`,
    /// if there is one.
    pub fn finish(
        &self,
        most_shown: usize,
        subject: Option<&Edn>,
        findings: &mut Findings,
    ) -> Missing {
        let mut missing = Missing { count: 0, shown: Vec::new() };
        let mut values_left = SHOWN_VALUES;
        // The number of the last read that showed a value, from 1.
        let mut shown_by = vec![0; self.writes.len()];
        let mut begin = 0;
        for (number, &(index, end)) in (1..).zip(&self.reads) {
            let seen = &self.seen[begin..end];
            begin = end;
            let expected = seen.iter().map(|&v| self.writes[v as usize].expected).max();
            let expected = expected.unwrap_or(0);
            let mut shown = 0;
            for &value in seen {
                let is_first = shown_by[value as usize] != number;
                shown_by[value as usize] = number;
                let place = self.writes[value as usize].ended;
                shown += u32::from(is_first && (1..=expected).contains(&place));
            }
            if shown == expected {
                continue;
            }
            missing.count += 1;
            let is_lacking = |value: &&u32| shown_by[**value as usize] != number;
            let mut lacking = self.completed[..expected as usize].iter().filter(is_lacking);
            if missing.shown.len() < most_shown && values_left > 0 {
                let mut all: Vec<Edn> =
                    lacking.clone().map(|&v| self.values.value(v).clone()).collect();
                all.sort_unstable_by(Edn::compare_numbers);
                values_left = values_left.saturating_sub(all.len());
                let expected = Edn::Int(expected.into());
                missing.shown.push(Edn::Vector(vec![index.into(), Edn::Vector(all), expected]));
            }
            let lacking = lacking.next().copied();
            findings.add("missing-write", || self.finding(index, seen, lacking, subject));
        }
        missing
    }

    /// The read with this index shows some of these, and lacks an earlier one.
    fn finding(
        &self,
        index: usize,
        seen: &[u32],
        lacking: Option<u32>,
        subject: Option<&Edn>,
    ) -> Finding {
        let lacking = lacking.expect("fewer are shown than expected");
        let earlier = self.writes[lacking as usize];
        let is_later = |value: &&u32| self.writes[**value as usize].expected >= earlier.ended;
        let later = *seen.iter().find(is_later).expect("some value shown expects it");
        let (early, late) = (self.values.value(lacking), self.values.value(later));
        let words = format!(
            "The read at index {index} shows {late} and lacks {early}, although the write of \
             {early} had ended before that of {late} began."
        );
        let finding = Finding::new(words)
            .about(index, "read")
            .about(earlier.begun_at, "written first, and missing")
            .about(self.writes[later as usize].begun_at, "written later, and seen");
        match subject {
            Some(subject) => finding.on(subject.clone()),
            None => finding,
        }
    }
}
