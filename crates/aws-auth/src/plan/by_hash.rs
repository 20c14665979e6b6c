//! Things by the hash of what they are looked up by: sorted and found in steps that grow with how many there are, not
//! faster.
//!
//! Hashes are spread evenly, so the first bits of one tell where it stands among the others. Not here: which of several
//! things with one hash is meant.

/// Things sorted by hash, then by themselves.
#[derive(Debug)]
pub(super) struct ByHash<T> {
    sorted: Vec<(u32, T)>,
    /// Where those begin whose hashes have these first bits, and at last the end.
    starts: Vec<u32>,
    /// The other bits.
    shift: u32,
}

impl<T: Copy + Ord> ByHash<T> {
    pub(super) fn of(things: &[(u32, T)]) -> Self {
        // One bit at the least: there is no shift by all 32.
        let bits = things.len().max(2).next_power_of_two().ilog2();
        let shift = u32::BITS - bits;
        let bucket = |hash: u32| (hash >> shift) as usize;
        let mut starts = vec![0; (1 << bits) + 1];
        for (hash, _) in things {
            starts[bucket(*hash) + 1] += 1;
        }
        for n in 1..starts.len() {
            starts[n] += starts[n - 1];
        }
        let mut next: Vec<u32> = starts.clone();
        let mut sorted = things.to_vec();
        for thing in things {
            let at = &mut next[bucket(thing.0)];
            sorted[*at as usize] = *thing;
            *at += 1;
        }
        for ends in starts.windows(2).filter(|ends| ends[1] - ends[0] > 1) {
            sorted[ends[0] as usize..ends[1] as usize].sort_unstable();
        }
        Self { sorted, starts, shift }
    }

    /// Those with this hash, in their own order.
    pub(super) fn get(&self, hash: u32) -> impl Iterator<Item = T> + '_ {
        let bucket = (hash >> self.shift) as usize;
        let near = &self.sorted[self.starts[bucket] as usize..self.starts[bucket + 1] as usize];
        let from = near.partition_point(|(other, _)| *other < hash);
        near.iter().skip(from).take_while(move |(other, _)| *other == hash).map(|&(_, thing)| thing)
    }

    /// Those that share their hash with others, hash by hash.
    pub(super) fn alike(&self) -> impl Iterator<Item = &[(u32, T)]> {
        self.sorted.chunk_by(|(one, _), (other, _)| one == other).filter(|alike| alike.len() > 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_as_if_all_were_sorted(hashes in prop::collection::vec(prop_oneof![any::<u32>(), 0..4_u32], 0..300)) {
            let things: Vec<_> = hashes.iter().rev().enumerate().map(|(n, hash)| (*hash, n)).collect();
            let mut sorted = things.clone();
            sorted.sort_unstable();
            let by_hash = ByHash::of(&things);
            prop_assert_eq!(&by_hash.sorted, &sorted);
            for hash in hashes.iter().copied().chain([0, 1, u32::MAX]) {
                let found: Vec<usize> = by_hash.get(hash).collect();
                let expected: Vec<usize> =
                    sorted.iter().filter(|(other, _)| *other == hash).map(|(_, n)| *n).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
