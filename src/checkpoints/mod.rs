//! Earlier versions of aws-auth, kept as `ConfigMap`s beside it: how one is packed, named and read back.
//!
//! A ring of ten with fixed names in kube-system, so that RBAC can name them and nothing piles up. Each carries the UID
//! of its cluster: one that was restored from another cluster's backup is never used. Whoever can write them can write
//! aws-auth itself. Not here: when one is taken (the engine), what is made of one (`aws_auth::restore`).

mod pack;

use std::collections::BTreeMap;

use aws_auth::mapping::Uid;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

pub use pack::{Packed, State, Unpackable};

/// How many versions are kept.
pub const RING: u64 = 10;
/// Where the text goes that did not parse, before a restore replaces it.
pub const BROKEN: &str = "aws-auth-checkpoint-broken";
/// The annotation that says what is in a checkpoint.
pub const HEADER: &str = "aws-auth.dev/checkpoint";
/// The key of `binaryData` that holds it.
const CONTENT: &str = "aws-auth.json.gz";

/// The name of the `ConfigMap` that holds a version.
#[must_use]
pub fn name(number: u64) -> String {
    format!("aws-auth-checkpoint-{}", number % RING)
}

/// What is known of a version without unpacking it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Counts up; the newest is the highest.
    pub number: u64,
    /// When it was seen, as RFC 3339.
    pub at: String,
    /// The client that wrote it, by its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The UID of namespace kube-system.
    pub cluster: String,
    /// A digest of the content, 32 hexadecimal digits.
    pub digest: String,
    /// How many entries it has.
    pub entries: usize,
    /// What was out of the ordinary about it: an approval, a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A version read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What is known of it.
    pub header: Header,
    /// What it holds.
    pub content: Packed,
}

/// Why a `ConfigMap` of the ring is not used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unusable {
    /// No header, or one that does not decode.
    #[error("annotation {HEADER} is missing or does not decode")]
    Header,
    /// It stands under another number's name.
    #[error("it holds version {0}, which belongs into another ConfigMap")]
    Misplaced(u64),
    /// It comes from another cluster.
    #[error("it was made in another cluster (namespace kube-system had UID {0})")]
    OtherCluster(String),
    /// The content.
    #[error("{0}")]
    Content(#[from] Unpackable),
}

/// Reads the header of a `ConfigMap` called `name` for this cluster.
///
/// # Errors
/// When it must not be used.
pub fn header(name: &str, annotations: &BTreeMap<String, String>, cluster: Uid) -> Result<Header, Unusable> {
    let text = annotations.get(HEADER).ok_or(Unusable::Header)?;
    let header: Header = serde_json::from_str(text).map_err(|_| Unusable::Header)?;
    if self::name(header.number) != name {
        return Err(Unusable::Misplaced(header.number));
    }
    if header.cluster != cluster.to_string() {
        return Err(Unusable::OtherCluster(header.cluster));
    }
    Ok(header)
}

/// Reads a whole `ConfigMap` of the ring.
///
/// # Errors
/// When it must not be used: damaged, misplaced, or from another cluster.
pub fn checkpoint(
    name: &str,
    annotations: &BTreeMap<String, String>,
    binary_data: &BTreeMap<String, String>,
    cluster: Uid,
) -> Result<Checkpoint, Unusable> {
    let header = header(name, annotations, cluster)?;
    let content = Packed::from_base64(binary_data.get(CONTENT).map_or("", String::as_str))?;
    if content.digest() != header.digest {
        return Err(Unpackable::Digest.into());
    }
    Ok(Checkpoint { header, content })
}

/// The `ConfigMap` that holds a version.
#[must_use]
pub fn config_map(header: &Header, content: &Packed) -> Value {
    let annotation = serde_json::to_string(header).unwrap_or_default();
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name(header.number),
            "namespace": "kube-system",
            "labels": {"app.kubernetes.io/managed-by": "aws-auth-operator"},
            "annotations": {HEADER: annotation},
        },
        "binaryData": {CONTENT: content.to_base64()},
    })
}

/// The `ConfigMap` that keeps broken texts, by key; each with what is wrong with it.
#[must_use]
pub fn broken(texts: &BTreeMap<&str, &str>, why: &str, client: Option<&str>, at: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": BROKEN,
            "namespace": "kube-system",
            "labels": {"app.kubernetes.io/managed-by": "aws-auth-operator"},
            "annotations": {
                "aws-auth.dev/why": why,
                "aws-auth.dev/client": client.unwrap_or("not named"),
                "aws-auth.dev/at": at,
            },
        },
        "data": texts,
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const CLUSTER: Uid = Uid([7; 16]);

    fn packed() -> Packed {
        let data = BTreeMap::from([("mapRoles".to_owned(), "- rolearn: x # kept\n".repeat(1_000))]);
        Packed::of(&State { data: Cow::Borrowed(&data), ..State::default() }).unwrap()
    }

    fn header_of(number: u64, cluster: Uid) -> Header {
        Header {
            number,
            at: "2026-01-01T00:00:00Z".to_owned(),
            client: Some("eksctl".to_owned()),
            cluster: cluster.to_string(),
            digest: packed().digest().to_owned(),
            entries: 1,
            note: None,
        }
    }

    fn parts(object: &Value) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let texts = |value: &Value| serde_json::from_value(value.clone()).unwrap();
        (texts(&object["metadata"]["annotations"]), texts(&object["binaryData"]))
    }

    #[test]
    fn a_version_reads_back_as_it_was_and_takes_a_fraction_of_its_size() {
        let object = config_map(&header_of(13, CLUSTER), &packed());
        assert_eq!(object["metadata"]["name"], "aws-auth-checkpoint-3");
        assert!(object.to_string().len() < 2_000);
        let (annotations, content) = parts(&object);
        let read = checkpoint("aws-auth-checkpoint-3", &annotations, &content, CLUSTER).unwrap();
        assert_eq!(read.header, header_of(13, CLUSTER));
        assert_eq!(read.content.unpack().unwrap().data["mapRoles"].len(), 20_000);
    }

    #[test]
    fn one_from_another_cluster_or_under_another_name_is_not_used() {
        let (annotations, content) = parts(&config_map(&header_of(13, Uid([8; 16])), &packed()));
        let read = |name| checkpoint(name, &annotations, &content, CLUSTER).unwrap_err();
        assert!(matches!(read("aws-auth-checkpoint-3"), Unusable::OtherCluster(_)));
        assert_eq!(read("aws-auth-checkpoint-4"), Unusable::Misplaced(13));
    }

    #[test]
    fn a_damaged_one_is_not_used_and_never_read_in_part() {
        let (annotations, content) = parts(&config_map(&header_of(3, CLUSTER), &packed()));
        let text = &content[CONTENT];
        for damaged in [&text[..text.len() / 2], "", "AAAA", "!", &text.replacen('A', "B", 1)] {
            let content = BTreeMap::from([(CONTENT.to_owned(), damaged.to_owned())]);
            let read = checkpoint("aws-auth-checkpoint-3", &annotations, &content, CLUSTER);
            assert!(read.is_err(), "{damaged}");
        }
        assert_eq!(header("x", &BTreeMap::new(), CLUSTER), Err(Unusable::Header));
    }

    #[test]
    fn the_same_content_has_the_same_digest_whatever_is_held() {
        let annotations =
            |held: &str| BTreeMap::from([(aws_auth::approval::HELD.to_owned(), held.to_owned())]);
        let digest = |held: &str| {
            let annotations = annotations(held);
            Packed::of(&State { annotations: Cow::Borrowed(&annotations), ..State::default() })
                .unwrap()
                .digest()
                .to_owned()
        };
        assert_eq!(digest("a"), digest("b"));
    }
}
