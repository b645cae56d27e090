//! What a history says of its transactions that only explanations want: the places that it gives
//! them itself, and the time.
//!
//! Of millions of transactions a handful are ever explained. So these numbers are kept as bytes,
//! each as the difference to what is expected: that takes about 8 bytes for a transaction in
//! place of 32. To find one, at most [`BLOCK`] are read.

/// So many transactions lie between two that can be found at once.
const BLOCK: usize = 64;

/// What the history says of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The `:index` of its invocation, and of its completion, as the history gives them.
    pub indices: (usize, usize),
    /// Nanoseconds at its invocation and at its completion, -1 where not recorded.
    pub times: (i64, i64),
}

/// Records, in order.
#[derive(Default)]
pub struct Records {
    bytes: Vec<u8>,
    /// Where each block begins, and the record before it.
    blocks: Vec<(usize, Record)>,
    count: usize,
    last: Record,
}

impl Records {
    /// Adds the next one.
    pub fn push(&mut self, record: Record) {
        if self.count.is_multiple_of(BLOCK) {
            self.blocks.push((self.bytes.len(), self.last));
        }
        let Record { indices: (begin, end), times: (began, ended) } = record;
        let (last_end, last_ended) = (self.last.indices.1, self.last.times.1);
        for difference in [
            end.wrapping_sub(last_end) as i64,
            end.wrapping_sub(begin) as i64,
            ended.wrapping_sub(last_ended),
            ended.wrapping_sub(began),
        ] {
            self.write(difference);
        }
        self.count += 1;
        self.last = record;
    }

    /// The record with this number, counted from 0.
    pub fn get(&self, number: u32) -> Record {
        let (start, mut record) = self.blocks[number as usize / BLOCK];
        let mut bytes = &self.bytes[start..];
        for _ in 0..=number as usize % BLOCK {
            let end = record.indices.1.wrapping_add(read(&mut bytes) as usize);
            let begin = end.wrapping_sub(read(&mut bytes) as usize);
            let ended = record.times.1.wrapping_add(read(&mut bytes));
            let began = ended.wrapping_sub(read(&mut bytes));
            record = Record { indices: (begin, end), times: (began, ended) };
        }
        record
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow. The sign is the
    /// lowest bit, so that small negative numbers are short, too.
    fn write(&mut self, number: i64) {
        let mut rest = (number << 1 ^ number >> 63) as u64;
        while rest >= 0x80 {
            self.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }
}

/// Reads what [`Records::write`] wrote.
fn read(bytes: &mut &[u8]) -> i64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
        shift += 7;
    }
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut odd = |common: i64| match rng.random_range(0..20) {
            0 => -1,
            1 => i64::MAX,
            2 => i64::MIN,
            _ => common + rng.random_range(0..1000),
        };
        let records: Vec<Record> = (0..1000)
            .map(|n| Record {
                indices: (odd(n) as usize, odd(n + 5) as usize),
                times: (odd(1_000_000 * n), odd(1_000_000 * n)),
            })
            .collect();
        let mut all = Records::default();
        records.iter().for_each(|&record| all.push(record));
        for (number, &record) in (0..).zip(&records) {
            assert_eq!(all.get(number), record);
        }
    }

    #[test]
    fn a_record_takes_few_bytes() {
        let mut all = Records::default();
        for n in 0..1000 {
            let times = (1_000_000 * n as i64, 1_000_000 * n as i64 + 900_000);
            all.push(Record { indices: (2 * n, 2 * n + 5), times });
        }
        assert!(all.bytes.len() <= 9_000, "{}", all.bytes.len());
    }
}
