//! The order in which a hash trie lists what is in it.
//!
//! A trie of 32-way nodes goes by a hash five bits at a time, the lowest first. A node lists the
//! entries that it has to itself, by those bits, and then its child nodes, which hold the
//! entries that share them (Steindorfer and Vinju, *Optimizing Hash-Array Mapped Tries for Fast
//! and Lean Immutable JVM Collections*, 2015). So where an entry comes depends on which others
//! there are. Elle keeps transactions in such tries, hashed by their index.

/// The hash of an index: Murmur3 of its eight bytes (and 0 of 0, as in Clojure), made into 32
/// bits and mixed once more, as the library Bifurcan does.
pub fn hash(index: u64) -> u32 {
    let murmur = if index == 0 { 0 } else { murmur3(index) };
    // Widened to 64 bits with its sign, and folded again.
    let mut hash = if (murmur as i32) < 0 { !murmur } else { murmur };
    hash ^= (hash >> 20) ^ (hash >> 12);
    hash ^ (hash >> 7) ^ (hash >> 4)
}

/// Murmur3 (Appleby, 2011) of eight bytes, the lowest first, in 32 bits, with seed 0.
fn murmur3(bytes: u64) -> u32 {
    let mut hash = 0u32;
    for word in [bytes as u32, (bytes >> 32) as u32] {
        hash ^= word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    hash ^= 8;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// Puts entries in the order in which a trie lists them.
pub fn sort<T: Copy>(entries: &mut Vec<T>, hash: impl Fn(&T) -> u32) {
    let mut sorted = Vec::with_capacity(entries.len());
    list(entries, 0, &hash, &mut sorted);
    *entries = sorted;
}

fn list<T: Copy>(entries: &mut [T], depth: u32, hash: &impl Fn(&T) -> u32, sorted: &mut Vec<T>) {
    // Past the last bits are only entries with the same hash.
    let Some(_) = u32::MAX.checked_shr(5 * depth) else {
        sorted.extend_from_slice(entries);
        return;
    };
    let bits = |entry: &T| hash(entry) >> (5 * depth) & 31;
    entries.sort_by_key(bits);
    let is_shared = |a: &T, b: &T| bits(a) == bits(b);
    for alone in entries.chunk_by(is_shared).filter(|chunk| chunk.len() == 1) {
        sorted.extend_from_slice(alone);
    }
    for shared in entries.chunk_by_mut(is_shared).filter(|chunk| chunk.len() > 1) {
        list(shared, depth + 1, hash, sorted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known values of Murmur3 for the bytes of 1 and of -1, from its reference implementation.
    #[test]
    fn the_hash_is_murmur3() {
        assert_eq!(murmur3(1), 1392991556);
        assert_eq!(murmur3(u64::MAX), 1651860712);
        assert_eq!(hash(0), 0);
    }

    #[test]
    fn a_node_lists_what_it_has_alone_before_what_is_shared() {
        let order = |hashes: &[u32]| {
            let mut entries = hashes.to_vec();
            sort(&mut entries, |&hash| hash);
            entries
        };
        assert_eq!(order(&[2, 1, 0]), [0, 1, 2]);
        // 1 and 33 share the lowest five bits, and so come after 2; with 65 they still do.
        assert_eq!(order(&[33, 1, 2]), [2, 1, 33]);
        // 1 + 32 and 1 + 32 + 1024 also share the next five.
        assert_eq!(order(&[1057, 33, 1, 2]), [2, 1, 33, 1057]);
        // All bits the same: as they came.
        assert_eq!(order(&[7, u32::MAX, u32::MAX]), [7, u32::MAX, u32::MAX]);
        assert_eq!(order(&[]), [0u32; 0]);
    }
}
