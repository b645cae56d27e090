//! What a run writes down as it goes and reads once more at its end: in memory up to a limit,
//! and beyond that in a file, so that a long run takes no more memory than a short one.
//!
//! A [`Spool`] has bytes, a [`Table`] rows of one size. The latest part is in memory, where most
//! of what is changed later is changed soon. Whoever has no files, as in a browser, has it all
//! in memory, and sees to it that it stays small.
//!
//! Nobody who writes or reads looks at errors: the first one is kept, and whoever owns the spool
//! asks for it at the end. What could not be written is read as zeros.

use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::OnceLock;

/// So much is in memory of a spool that has a file.
pub const SPOOL_BYTES: usize = 4 << 20;

/// So many rows are read at once.
const ROWS_AT_ONCE: usize = 1024;

/// Where a spool goes on beyond its memory.
pub trait Beyond: Send + Sync {
    /// Writes all of this, beginning so many bytes after the start.
    ///
    /// # Errors
    /// As those of writing a file.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Fills this, with what begins so many bytes after the start and was written before.
    ///
    /// # Errors
    /// As those of reading a file.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;
}

/// Makes spools: one for each thing that is written down.
pub type MakeSpool<'a> = dyn FnMut() -> anyhow::Result<Spool> + 'a;

/// Bytes that are appended, and read at any place.
#[derive(Default)]
pub struct Spool {
    /// The first part is there, so many bytes.
    beyond: Option<Box<dyn Beyond>>,
    beyond_bytes: u64,
    /// The rest.
    memory: Vec<u8>,
    memory_limit: usize,
    failure: OnceLock<String>,
}

impl Spool {
    /// One that is in memory, however long it gets.
    pub fn in_memory() -> Spool {
        Spool::default()
    }

    /// One that keeps at most about so many bytes in memory.
    pub fn new(beyond: Box<dyn Beyond>, memory_limit: usize) -> Spool {
        Spool { beyond: Some(beyond), memory_limit, ..Spool::default() }
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        self.beyond_bytes + self.memory.len() as u64
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What went wrong first, if something did: a sentence.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Appends; gives the place at which this begins.
    pub fn push(&mut self, bytes: &[u8]) -> u64 {
        let place = self.len();
        self.memory.extend_from_slice(bytes);
        if let Some(beyond) = &self.beyond
            && self.memory.len() > self.memory_limit
        {
            let moved = self.memory.len() - self.memory_limit / 2;
            let written = beyond.write_at(self.beyond_bytes, &self.memory[..moved]);
            self.note(written);
            self.memory.drain(..moved);
            self.beyond_bytes += moved as u64;
        }
        place
    }

    /// Writes over what is there.
    ///
    /// # Panics
    /// When nothing is there.
    pub fn set(&mut self, place: u64, bytes: &[u8]) {
        assert!(place + bytes.len() as u64 <= self.len(), "beyond the end of what was written");
        let split = self.split(place, bytes.len());
        let (before, after) = bytes.split_at(split);
        if let (Some(beyond), false) = (&self.beyond, before.is_empty()) {
            let written = beyond.write_at(place, before);
            self.note(written);
        }
        if !after.is_empty() {
            let start = (place + split as u64 - self.beyond_bytes) as usize;
            self.memory[start..start + after.len()].copy_from_slice(after);
        }
    }

    /// Reads so many bytes from this place on.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn get(&self, place: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.read(place, &mut bytes);
        bytes
    }

    /// Reads text that was appended.
    pub fn text(&self, place: u64, length: usize) -> String {
        String::from_utf8_lossy(&self.get(place, length)).into_owned()
    }

    fn read(&self, place: u64, bytes: &mut [u8]) {
        assert!(place + bytes.len() as u64 <= self.len(), "beyond the end of what was written");
        let split = self.split(place, bytes.len());
        let (before, after) = bytes.split_at_mut(split);
        if let (Some(beyond), false) = (&self.beyond, before.is_empty()) {
            self.note(beyond.read_at(place, before));
        }
        if !after.is_empty() {
            let start = (place + split as u64 - self.beyond_bytes) as usize;
            after.copy_from_slice(&self.memory[start..start + after.len()]);
        }
    }

    /// How many of so many bytes from this place on are not in memory.
    fn split(&self, place: u64, length: usize) -> usize {
        self.beyond_bytes.saturating_sub(place).min(length as u64) as usize
    }

    fn note(&self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failure.get_or_init(|| {
                format!("what the run wrote down for its report is not complete: {error}")
            });
        }
    }
}

/// A row of a [`Table`]: numbers, in so many bytes.
pub trait Row: Copy {
    /// How many bytes it has.
    const BYTES: usize;
    /// Appends it as bytes.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Reads it from so many bytes.
    fn read(bytes: &[u8]) -> Self;
}

/// Declares a type of rows: its fields are integers.
macro_rules! row {
    ($(#[$docs:meta])* $visible:vis struct $name:ident {
        $($(#[$field_docs:meta])* $field_visible:vis $field:ident: $type:ty),* $(,)?
    }) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible struct $name {
            $($(#[$field_docs])* $field_visible $field: $type,)*
        }

        impl $crate::spool::Row for $name {
            const BYTES: usize = 0 $(+ size_of::<$type>())*;

            fn write(&self, bytes: &mut Vec<u8>) {
                $(bytes.extend_from_slice(&self.$field.to_le_bytes());)*
            }

            fn read(mut bytes: &[u8]) -> $name {
                $(
                    let (field, rest) = bytes.split_at(size_of::<$type>());
                    bytes = rest;
                    let $field = <$type>::from_le_bytes(field.try_into().expect("its own size"));
                )*
                let _ = bytes;
                $name { $($field),* }
            }
        }
    };
}
pub(crate) use row;

/// Rows that are appended, changed, and read at any place.
pub struct Table<T> {
    spool: Spool,
    rows: usize,
    /// Reused for every row.
    bytes: Vec<u8>,
    of: PhantomData<T>,
}

impl<T: Row> Table<T> {
    /// An empty table.
    pub fn new(spool: Spool) -> Table<T> {
        Table { spool, rows: 0, bytes: Vec::new(), of: PhantomData }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What went wrong first, if something did: a sentence.
    pub fn failure(&self) -> Option<&str> {
        self.spool.failure()
    }

    /// Appends a row; gives its number.
    pub fn push(&mut self, row: T) -> usize {
        self.bytes.clear();
        row.write(&mut self.bytes);
        self.spool.push(&self.bytes);
        self.rows += 1;
        self.rows - 1
    }

    /// The row with this number.
    ///
    /// # Panics
    /// When there is none.
    pub fn get(&self, number: usize) -> T {
        T::read(&self.spool.get((number * T::BYTES) as u64, T::BYTES))
    }

    /// Writes another row in place of the one with this number.
    ///
    /// # Panics
    /// When there is none.
    pub fn set(&mut self, number: usize, row: T) {
        self.bytes.clear();
        row.write(&mut self.bytes);
        self.spool.set((number * T::BYTES) as u64, &self.bytes);
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.iter_in(0..self.rows)
    }

    /// The rows with these numbers, in order.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn iter_in(&self, range: Range<usize>) -> impl Iterator<Item = T> + '_ {
        let end = range.end;
        range.step_by(ROWS_AT_ONCE).flat_map(move |start| {
            let count = ROWS_AT_ONCE.min(end - start);
            let bytes = self.spool.get((start * T::BYTES) as u64, count * T::BYTES);
            let rows: Vec<T> = bytes.chunks_exact(T::BYTES).map(T::read).collect();
            rows
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;

    /// A file in memory, and one that is full after so many bytes.
    struct Fake {
        bytes: Mutex<Vec<u8>>,
        full_at: usize,
    }

    impl Beyond for Fake {
        fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            let (mut all, end) = (self.bytes.lock().unwrap(), offset as usize + bytes.len());
            if end > self.full_at {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let length = all.len().max(end);
            all.resize(length, 0);
            all[offset as usize..end].copy_from_slice(bytes);
            Ok(())
        }

        fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
            let all = self.bytes.lock().unwrap();
            let Some(found) = all.get(offset as usize..offset as usize + bytes.len()) else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            bytes.copy_from_slice(found);
            Ok(())
        }
    }

    /// A spool with so little memory, beside a file that is full after so many bytes.
    pub(crate) fn spool(memory_limit: usize, full_at: usize) -> Spool {
        Spool::new(Box::new(Fake { bytes: Mutex::default(), full_at }), memory_limit)
    }

    row! {
        struct Pair {
            a: u64,
            b: i16,
        }
    }

    proptest! {
        #[test]
        fn a_table_is_the_same_wherever_it_is_kept(
            limit in 0usize..60,
            steps in prop::collection::vec(
                (any::<(u64, i16)>(), any::<Option<prop::sample::Index>>()),
                0..60,
            ),
        ) {
            let mut plain = Vec::new();
            let mut tables = [Table::new(Spool::in_memory()), Table::new(spool(limit, usize::MAX))];
            for ((a, b), changed) in steps {
                let row = Pair { a, b };
                match changed.filter(|_| !plain.is_empty()) {
                    Some(place) => {
                        let place = place.index(plain.len());
                        plain[place] = row;
                        tables.iter_mut().for_each(|table| table.set(place, row));
                    }
                    None => {
                        plain.push(row);
                        tables.iter_mut().for_each(|table| {
                            assert_eq!(table.push(row) + 1, plain.len());
                        });
                    }
                }
            }
            for table in &tables {
                prop_assert_eq!(&table.iter().collect::<Vec<_>>(), &plain);
                let each: Vec<Pair> = (0..table.len()).map(|number| table.get(number)).collect();
                prop_assert_eq!(&each, &plain);
                prop_assert_eq!(table.failure(), None);
            }
        }
    }

    #[test]
    fn memory_stays_bounded() {
        let mut spool = spool(1000, usize::MAX);
        for n in 0..10_000u32 {
            let place = spool.push(&n.to_le_bytes());
            assert_eq!(spool.get(place, 4), n.to_le_bytes());
        }
        assert!(spool.memory.capacity() <= 4096, "{}", spool.memory.capacity());
        assert_eq!(spool.get(4 * 77, 4), 77u32.to_le_bytes());
    }

    #[test]
    fn a_full_disk_is_told_at_the_end_and_stops_nothing() {
        let mut spool = spool(10, 20);
        (0..10).for_each(|_| _ = spool.push(b"12345"));
        let text = spool.text(0, 5);
        assert_eq!((text.as_str(), spool.text(45, 5).as_str()), ("12345", "12345"));
        assert_eq!(spool.text(25, 5).len(), 5);
        assert!(spool.failure().unwrap().contains("not complete"), "{:?}", spool.failure());
    }
}
