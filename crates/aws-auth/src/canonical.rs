//! Which principal a caller's ARN stands for: `sts …:assumed-role/X/session` is the role X (contract, "Matching").
//!
//! As lenient as the reader, which checks neither regions, nor accounts, nor names. What a mapping may name is `arn`.

use crate::arn::Partition;

/// A caller's ARN as the reader compares it with the entries, case kept. `None`: no identity to the reader, which turns
/// the caller away before it looks at aws-auth at all.
#[must_use]
pub fn canonicalize(arn: &str) -> Option<String> {
    let Parts { partition, service, account, resource } = parts(arn)?;
    Partition::parse(partition)?;
    let mut segments = resource.split('/');
    match (service, segments.next()?) {
        ("sts", "assumed-role") => {
            let (role, _session) = resource.split_once('/')?.1.rsplit_once('/')?;
            Some(format!("arn:{partition}:iam::{account}:role/{role}"))
        }
        ("sts", "federated-user") | ("iam", "role" | "user" | "root") => Some(arn.to_owned()),
        _ => None,
    }
}

/// The sections of an ARN that identities are told by.
pub(crate) struct Parts<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

/// Splits an ARN; the resource may hold further colons.
pub(crate) fn parts(arn: &str) -> Option<Parts<'_>> {
    let mut sections = arn.strip_prefix("arn:")?.splitn(5, ':');
    let (partition, service, _region) = (sections.next()?, sections.next()?, sections.next()?);
    Some(Parts { partition, service, account: sections.next()?, resource: sections.next()? })
}
