//! Which entries are ours: one compact annotation on aws-auth itself, so that it is never out of step with the data.
//!
//! The record holds, for each owned entry, the UID of its `IamMapping`, a hash of its principal and a hash of what
//! was written, and one bit. The first finds the mapping, the second the item when somebody edited it, the third the
//! item among duplicates; the bit says that ours stood, and stood alone: for when it did not, a foreign item for the
//! principal looks as if it were ours and had been edited. It is bound to the cluster by the UID of namespace
//! `kube-system`: a record that was restored from another cluster counts as lost. Not here: deciding what a claim means
//! for an item (`plan::claims`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use thiserror::Error;
use twox_hash::XxHash3_64;

use crate::arn::PrincipalKey;
use crate::entry::{Entry, Key};
use crate::mapping::Uid;
use crate::window::{self, Window};

/// The annotation's name.
pub const ANNOTATION: &str = "aws-auth.dev/owned";

/// First byte of the record; another number means another layout.
const LAYOUT: u8 = 1;
/// UID, principal hash, entry hash.
const ROW: usize = 16 + 4 + 4;

/// Hash of a principal, by which an edited item is still found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalHash(pub u32);

impl PrincipalHash {
    /// The hash of a principal.
    #[must_use]
    pub fn of(principal: &PrincipalKey) -> Self {
        Self(hash(principal.as_str().as_bytes()))
    }
}

/// Hash of everything that was written for an entry: key, ARN, username, groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryHash(pub u32);

impl EntryHash {
    /// The hash of an entry in a key.
    #[must_use]
    pub fn of(key: Key, entry: &Entry) -> Self {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        let size =
            entry.arn.len() + entry.username.len() + entry.groups.iter().map(|g| g.len() + 4).sum::<usize>();
        let mut bytes = Vec::with_capacity(size + 16);
        bytes.extend_from_slice(key.as_str().as_bytes());
        for text in [&entry.arn, &entry.username].into_iter().chain(&entry.groups) {
            bytes.extend_from_slice(&text.len().to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        Self(hash(&bytes))
    }
}

/// A short hash of any bytes, which stays the same over versions.
pub(crate) fn hash(bytes: &[u8]) -> u32 {
    let [a, b, c, d, ..] = XxHash3_64::oneshot(bytes).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// One owned entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owned {
    /// The mapping it was written for.
    pub uid: Uid,
    /// Its principal.
    pub principal: PrincipalHash,
    /// What was written.
    pub entry: EntryHash,
    /// Whether it stood, and no foreign item for the principal beside it, when the record was written.
    pub alone: bool,
}

/// The ownership record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Sorted by UID, one row a UID.
    rows: Vec<Owned>,
    window: Window,
}

/// Why there is no usable record.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Lost {
    /// The annotation is not there.
    #[error("annotation {ANNOTATION} is missing")]
    Missing,
    /// Not base64, a wrong length, rows out of order.
    #[error("annotation {ANNOTATION} does not decode: {0}")]
    Corrupt(&'static str),
    /// Written by a layout that this version does not know.
    #[error("annotation {ANNOTATION} has layout {0}, which this version does not know")]
    Layout(u8),
    /// Written for another cluster.
    #[error("annotation {ANNOTATION} belongs to another cluster (namespace kube-system had UID {0})")]
    OtherCluster(Uid),
}

impl Record {
    /// A record of these rows, in any order; of several rows with one UID the first stays.
    #[must_use]
    pub fn new(mut rows: Vec<Owned>, window: Window) -> Self {
        rows.sort_by_key(|row| row.uid);
        rows.dedup_by_key(|row| row.uid);
        Self { rows, window }
    }

    /// What was taken away lately.
    #[must_use]
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// The rows, sorted by UID.
    #[must_use]
    pub fn rows(&self) -> &[Owned] {
        &self.rows
    }

    /// The row of a mapping.
    #[must_use]
    pub fn get(&self, uid: Uid) -> Option<&Owned> {
        self.rows.binary_search_by_key(&uid, |row| row.uid).ok().and_then(|at| self.rows.get(at))
    }

    /// How long the annotation's value is with that many rows, in bytes, at the most.
    #[must_use]
    pub fn encoded_len(rows: i64) -> usize {
        let rows = usize::try_from(rows).unwrap_or(0);
        let bytes = 21 + ROW * rows + rows.div_ceil(8) + window::MOST_BYTES;
        (bytes * 4).div_ceil(3)
    }

    /// The annotation's value for this cluster.
    #[must_use]
    pub fn encode(&self, cluster: Uid) -> String {
        let mut bytes = Vec::with_capacity(21 + ROW * self.rows.len());
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&cluster.0);
        // The count tells a record that was cut off between two rows from a shorter one.
        bytes.extend_from_slice(&u32::try_from(self.rows.len()).unwrap_or(u32::MAX).to_be_bytes());
        for row in &self.rows {
            bytes.extend_from_slice(&row.uid.0);
            bytes.extend_from_slice(&row.principal.0.to_be_bytes());
            bytes.extend_from_slice(&row.entry.0.to_be_bytes());
        }
        bytes.extend(
            self.rows.chunks(8).map(|rows| {
                rows.iter().enumerate().fold(0, |bits, (n, row)| bits | u8::from(row.alone) << n)
            }),
        );
        self.window.encode(&mut bytes);
        STANDARD_NO_PAD.encode(bytes)
    }

    /// Reads the annotation's value.
    ///
    /// # Errors
    /// When it is missing, damaged, from another layout or another cluster. Whoever plans then removes nothing.
    pub fn decode(value: Option<&str>, cluster: Uid) -> Result<Self, Lost> {
        let bytes = STANDARD_NO_PAD
            .decode(value.ok_or(Lost::Missing)?)
            .map_err(|_| Lost::Corrupt("it is not unpadded base64"))?;
        let (&layout, rest) = bytes.split_first().ok_or(Lost::Corrupt("it is empty"))?;
        if layout != LAYOUT {
            return Err(Lost::Layout(layout));
        }
        let (of, rest) = rest.split_first_chunk::<16>().ok_or(Lost::Corrupt("it is cut off"))?;
        if Uid(*of) != cluster {
            return Err(Lost::OtherCluster(Uid(*of)));
        }
        let (count, rest) = rest.split_first_chunk::<4>().ok_or(Lost::Corrupt("it is cut off"))?;
        let count = usize::try_from(u32::from_be_bytes(*count)).unwrap_or(usize::MAX);
        let (rows, bits) = count
            .checked_mul(ROW)
            .and_then(|at| rest.split_at_checked(at))
            .ok_or(Lost::Corrupt("it is cut off"))?;
        let (bits, window) =
            bits.split_at_checked(count.div_ceil(8)).ok_or(Lost::Corrupt("it is cut off"))?;
        let window = Window::decode(window).ok_or(Lost::Corrupt("its length is wrong"))?;
        let alone = |n: usize| bits.get(n / 8).is_some_and(|byte| byte >> (n % 8) & 1 == 1);
        let (rows, _) = rows.as_chunks::<ROW>();
        let rows: Vec<Owned> = rows.iter().enumerate().map(|(n, bytes)| row(bytes, alone(n))).collect();
        if rows.windows(2).any(|pair| pair[0].uid >= pair[1].uid) {
            return Err(Lost::Corrupt("its rows are out of order"));
        }
        Ok(Self { rows, window })
    }
}

fn row(bytes: &[u8; ROW], alone: bool) -> Owned {
    let mut uid = [0; 16];
    uid.copy_from_slice(&bytes[..16]);
    let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Owned { uid: Uid(uid), principal: PrincipalHash(number(16)), entry: EntryHash(number(20)), alone }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(n: u8) -> Uid {
        Uid([n; 16])
    }

    fn owned(n: u8) -> Owned {
        Owned {
            uid: uid(n),
            principal: PrincipalHash(u32::from(n)),
            entry: EntryHash(u32::from(n) << 8),
            alone: n.is_multiple_of(2),
        }
    }

    #[test]
    fn a_record_reads_back_what_was_written() {
        let record = Record::new(vec![owned(3), owned(1), owned(2)], Window::default());
        assert_eq!(Record::decode(Some(&record.encode(uid(9))), uid(9)), Ok(record.clone()));
        assert_eq!(record.get(uid(2)), Some(&owned(2)));
        assert_eq!(record.get(uid(7)), None);
    }

    #[test]
    fn seven_and_a_half_thousand_entries_fit_the_annotation_limit() {
        let rows = (0..7_500u32)
            .map(|n| {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&n.to_be_bytes());
                Owned { uid: Uid(bytes), principal: PrincipalHash(n), entry: EntryHash(n), alone: true }
            })
            .collect();
        assert!(Record::new(rows, Window::default()).encode(uid(1)).len() + ANNOTATION.len() < 256 * 1024);
    }

    #[test]
    fn a_record_from_another_cluster_is_lost() {
        let value = Record::new(vec![owned(1)], Window::default()).encode(uid(8));
        assert_eq!(Record::decode(Some(&value), uid(9)), Err(Lost::OtherCluster(uid(8))));
    }

    #[test]
    fn a_damaged_record_is_lost_and_never_read_in_part() {
        let value = Record::new(vec![owned(1), owned(2)], Window::default()).encode(uid(9));
        for cut in 0..value.len() {
            assert!(Record::decode(Some(&value[..cut]), uid(9)).is_err(), "cut at {cut}");
        }
        assert!(Record::decode(Some(""), uid(9)).is_err());
        assert!(Record::decode(Some("{}"), uid(9)).is_err());
        assert_eq!(Record::decode(None, uid(9)), Err(Lost::Missing));
    }
}
