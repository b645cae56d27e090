//! Which of several lists Clojure would put last.
//!
//! When reads of a key disagree, and the longest of them are of one length, there is no telling
//! which shows the order of its versions. Elle takes the last in the order in which a Clojure
//! set yields them, sorted by length: a function of the lists' contents alone. The choice
//! decides which cycles there are, so that it is the same here. Source: `clojure.lang.Murmur3`
//! (`hashLong`, `hashOrdered`) and `PersistentHashMap`, which looks at five bits of a hash after
//! another, the lowest first.
//!
//! Absent: elements that are not integers. They count as 0, and lists that have the same hash
//! then stay in the order in which they were read.

/// The hash of an empty list, before it is finished.
pub const EMPTY: u32 = 1;

/// The hash of a list with one more element, before it is finished.
pub fn extend(list: u32, element: Option<i64>) -> u32 {
    list.wrapping_mul(31).wrapping_add(element.map_or(0, of_integer))
}

/// What to compare lists of this length by: the later, the greater.
pub fn rank(list: u32, length: u32) -> [u8; 7] {
    let hash = finish(mix(0, list), length);
    std::array::from_fn(|digit| (hash >> (5 * digit) & 31) as u8)
}

fn of_integer(n: i64) -> u32 {
    if n == 0 {
        return 0;
    }
    finish(mix(mix(0, n as u32), (n >> 32) as u32), 8)
}

fn mix(hash: u32, word: u32) -> u32 {
    let word = word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    (hash ^ word).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

fn finish(hash: u32, length: u32) -> u32 {
    let hash = hash ^ length;
    let hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    let hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `(hash 1)` and `(hash [1 2 3])` say in Clojure 1.12.
    #[test]
    fn hashes_are_those_of_clojure() {
        assert_eq!(of_integer(0), 0);
        assert_eq!(of_integer(1), 1392991556);
        let list = [1, 2, 3].into_iter().fold(EMPTY, |list, n| extend(list, Some(n)));
        assert_eq!(finish(mix(0, list), 3), 736442005);
    }
}
