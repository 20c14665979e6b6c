//! Approvals: what waits for a person is published on aws-auth with a hash; writing that hash back lets exactly that
//! part through, once.
//!
//! The hash covers the part and a nonce that changes with every approval and after a quarter of an hour, so that
//! neither a replayed approval nor one for something else lets anything through. Not here: what has to wait (`guards`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use twox_hash::XxHash3_128;

use crate::entry::Entry;
use crate::plan::HoldReason;
use crate::plan::claims::Items;
use crate::plan::part::Part;
use crate::time::Timestamp;

/// The annotation that publishes what waits.
pub const HELD: &str = "aws-auth.dev/held";
/// The annotation that lets it through: hashes, separated by blanks or commas.
pub const APPROVE: &str = "aws-auth.dev/approve";
/// How many principals of a request are published: enough to see what it is about.
const EXAMPLES: usize = 5;

/// Bytes that the published annotation takes at the most, keys included.
pub(crate) const MOST_BYTES: usize = 16 * 1024;

/// What makes a hash good for one time only: random, and new after each approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub u128);

/// The hash of a part that waits. Written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApprovalHash(u128);

/// Not 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a hash has 32 digits from 0 to 9 and a to f; kubectl iam-mapping status shows those that wait")]
pub struct NoHash;

impl fmt::Display for ApprovalHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ApprovalHash {
    type Err = NoHash;

    fn from_str(text: &str) -> Result<Self, NoHash> {
        let digits = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !digits {
            return Err(NoHash);
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| NoHash)
    }
}

/// Parts that wait together for one approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What lets all of them through.
    pub hash: String,
    /// Which guard holds them.
    pub reason: String,
    /// How many they are.
    pub entries: usize,
    /// The first of their principals.
    pub principals: Vec<String>,
    /// The guard's sentence.
    pub message: String,
}

/// The published annotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Published {
    nonce: String,
    /// Seconds since 1970.
    since: i64,
    held: Vec<Request>,
}

/// What became of an approval that somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// What was written.
    pub hash: String,
    /// The principals that it let through; empty where it fits nothing that waits.
    pub principals: Vec<String>,
}

/// The nonce in force, and what has been approved under it.
#[derive(Debug, Clone)]
pub struct Approvals {
    published: Option<(Nonce, Timestamp)>,
    /// Each with whatever it let through so far.
    written: Vec<Approved>,
}

impl Approvals {
    /// What the annotations of aws-auth say: `held` is our own, `approve` a person's. `lifetime` is how many seconds
    /// a nonce counts. An annotation of ours that does not decode, or is from another time, approves nothing.
    #[must_use]
    pub fn of(held: Option<&str>, approve: Option<&str>, now: Timestamp, lifetime: i64) -> Self {
        let published = held
            .and_then(|held| serde_json::from_str::<Published>(held).ok())
            .filter(|published| Timestamp(published.since).is_within(lifetime, now))
            .and_then(|published| {
                Some((Nonce(u128::from_str_radix(&published.nonce, 16).ok()?), Timestamp(published.since)))
            });
        let written = approve
            .unwrap_or_default()
            .split([' ', '\t', '\n', ','])
            .filter(|hash| !hash.is_empty())
            .map(|hash| Approved { hash: hash.to_owned(), principals: Vec::new() })
            .collect();
        Self { published, written }
    }

    /// Of parts that one guard holds for one reason, those that are let through, as indexes into `parts`.
    pub(crate) fn let_through(
        &mut self,
        reason: HoldReason,
        parts: &[&Part<'_>],
        items: &Items<'_>,
    ) -> Vec<usize> {
        let Some((nonce, _)) = self.published else { return Vec::new() };
        if self.written.is_empty() {
            return Vec::new();
        }
        let digests: Vec<u128> = parts.iter().map(|part| digest(part, items)).collect();
        let all = together(nonce, reason, &digests);
        let mut through = Vec::new();
        for approved in &mut self.written {
            let Ok(hash) = approved.hash.parse::<ApprovalHash>() else { continue };
            let whole = hash == all;
            for (n, part) in parts.iter().enumerate() {
                if whole || hash == alone(nonce, digests[n]) {
                    approved.principals.push(part.principal.as_str().to_owned());
                    through.push(n);
                }
            }
        }
        through.sort_unstable();
        through.dedup();
        through
    }

    /// The nonce under which what waits is to be published, and since when it counts: the old one until something was
    /// written back or it grew old. `None` where there is no fresh one to take.
    pub(crate) fn nonce(&self, fresh: Option<Nonce>, now: Timestamp) -> Option<(Nonce, Timestamp)> {
        match self.published {
            Some(published) if self.written.is_empty() => Some(published),
            _ => fresh.map(|fresh| (fresh, now)),
        }
    }

    /// What became of everything that was written back.
    pub(crate) fn into_written(self) -> Vec<Approved> {
        self.written
    }
}

/// The hash that lets these parts through, all together.
pub(crate) fn hash_of_all(
    nonce: Nonce,
    reason: HoldReason,
    parts: &[&Part<'_>],
    items: &Items<'_>,
) -> ApprovalHash {
    let digests: Vec<u128> = parts.iter().map(|part| digest(part, items)).collect();
    together(nonce, reason, &digests)
}

/// The hash that lets this part through by itself.
pub(crate) fn hash_of_one(nonce: Nonce, part: &Part<'_>, items: &Items<'_>) -> ApprovalHash {
    alone(nonce, digest(part, items))
}

/// A request as it is published.
pub(crate) fn request(
    hash: ApprovalHash,
    reason: HoldReason,
    parts: &[&Part<'_>],
    message: String,
) -> Request {
    let principals = parts.iter().take(EXAMPLES).map(|part| part.principal.as_str().to_owned()).collect();
    Request {
        hash: hash.to_string(),
        reason: reason.as_str().to_owned(),
        entries: parts.len(),
        principals,
        message,
    }
}

/// The annotation that publishes these requests.
pub(crate) fn publish(nonce: Nonce, since: Timestamp, held: &[Request]) -> Option<String> {
    if held.is_empty() {
        return None;
    }
    let published = Published { nonce: format!("{:032x}", nonce.0), since: since.0, held: held.to_vec() };
    serde_json::to_string(&published).ok().filter(|text| text.len() < MOST_BYTES)
}

fn together(nonce: Nonce, reason: HoldReason, digests: &[u128]) -> ApprovalHash {
    let mut digests = digests.to_vec();
    digests.sort_unstable();
    let mut bytes = nonce.0.to_be_bytes().to_vec();
    bytes.extend_from_slice(reason.as_str().as_bytes());
    bytes.extend(digests.iter().flat_map(|digest| digest.to_be_bytes()));
    ApprovalHash(XxHash3_128::oneshot(&bytes))
}

fn alone(nonce: Nonce, digest: u128) -> ApprovalHash {
    let mut bytes = nonce.0.to_be_bytes().to_vec();
    bytes.extend_from_slice(b"only");
    bytes.extend_from_slice(&digest.to_be_bytes());
    ApprovalHash(XxHash3_128::oneshot(&bytes))
}

/// What a part does and for whom, wherever its item stands.
fn digest(part: &Part<'_>, items: &Items<'_>) -> u128 {
    let mut bytes = Vec::new();
    let mut text = |text: &str| {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        bytes.extend_from_slice(&text.len().to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    };
    text(part.principal.as_str());
    text(part.key().map_or("", |key| key.as_str()));
    text(&part.ends.map(|uid| uid.to_string()).unwrap_or_default());
    let before = part.at.and_then(|at| items.entry(at));
    let after = part.after.as_ref().map(|(_, entry)| entry);
    for entry in [before, after] {
        let Entry { arn, username, groups } = match entry {
            Some(entry) => entry,
            None => &Entry { arn: String::new(), username: String::new(), groups: Vec::new() },
        };
        text(arn);
        text(username);
        text(&groups.len().to_string());
        for group in groups {
            text(group);
        }
    }
    XxHash3_128::oneshot(&bytes)
}
