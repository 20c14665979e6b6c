//! What a version of aws-auth has of everybody's.

use std::collections::BTreeSet;

use aws_auth::Key;
use aws_auth::ownership::ANNOTATION;
use k8s_openapi::api::core::v1::ConfigMap;

use crate::common::Version;

/// What there is, counted as the authenticator reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Entries that others wrote before: two roles, a user, an account.
    pub others: usize,
    /// Entries of our mappings: a role, a user, an account.
    pub ours: usize,
    /// What is there besides.
    pub besides: BTreeSet<Besides>,
}

/// What there is besides entries of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Besides {
    /// The entry that a tool was asked to write.
    Asked,
    /// People's comments.
    Comments,
    /// A field that the authenticator does not know.
    UnknownField,
    /// The ownership record.
    Record,
}

impl Seen {
    /// All that was there before a tool came.
    pub fn everything() -> Self {
        let besides = BTreeSet::from([Besides::Comments, Besides::UnknownField, Besides::Record]);
        Self { others: 4, ours: 3, besides }
    }

    /// Whether that is there.
    pub fn has(&self, what: Besides) -> bool {
        self.besides.contains(&what)
    }

    /// What is there.
    pub fn of(object: &ConfigMap) -> Self {
        let text = object.data.as_ref().map(|data| format!("{data:?}")).unwrap_or_default();
        let version = Version { number: 0, object: Some(object.clone()) };
        let arns: Vec<String> =
            Key::ALL.iter().flat_map(|&key| version.entries(key)).map(|entry| entry.arn).collect();
        let count =
            |ends: &[&str]| ends.iter().filter(|end| arns.iter().any(|arn| arn.ends_with(**end))).count();
        let annotations = object.metadata.annotations.as_ref();
        let besides = [
            (Besides::Asked, count(&["role/tools"]) == 1),
            (Besides::Comments, text.contains("OPS-12") && text.contains("# keep")),
            (Besides::UnknownField, text.contains("notes: sealed")),
            (Besides::Record, annotations.is_some_and(|all| all.contains_key(ANNOTATION))),
        ];
        Self {
            others: count(&["role/nodes", "role/break-glass", "user/auditor", "444455556666"]),
            ours: count(&["role/ours", "user/ours", "999900001111"]),
            besides: besides.into_iter().filter(|(_, there)| *there).map(|(what, _)| what).collect(),
        }
    }
}
