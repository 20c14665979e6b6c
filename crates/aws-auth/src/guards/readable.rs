//! A key that the reader cannot read: nothing is written into it, the other keys go on.

use crate::aws_auth::AwsAuth;
use crate::entry::Key;
use crate::guards::{Context, Hold};
use crate::plan::HoldReason;
use crate::plan::part::Part;
use crate::reader::Reading;

/// Holds the parts of keys with a fault.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let faults = faults(context.input.aws_auth);
    if faults.is_empty() {
        return Vec::new();
    }
    parts
        .iter()
        .enumerate()
        .filter_map(|(part, proposed)| {
            let (_, reason, message) = faults.iter().find(|(key, ..)| Some(*key) == proposed.key())?;
            Some(Hold { part, reason: *reason, message: message.clone() })
        })
        .collect()
}

/// The keys that cannot be read, each with the sentence for the person who must mend it.
#[must_use]
pub fn faults(aws_auth: &AwsAuth) -> Vec<(Key, HoldReason, String)> {
    Key::ALL
        .into_iter()
        .filter_map(|key| {
            let (reason, place, message) = match aws_auth.key(key).reading() {
                Reading::Nothing | Reading::List(_) => return None,
                Reading::Broken(fault) => (HoldReason::TargetMalformed, fault.place, fault.message.as_str()),
                Reading::Unsure(fault) => (HoldReason::TargetUneditable, fault.place, fault.message.as_str()),
                Reading::NotAList(place) => (HoldReason::TargetMalformed, *place, "the value is not a list"),
            };
            let effect = match reason {
                HoldReason::TargetMalformed => {
                    "the authenticator reads no entry of this key until it is mended"
                }
                _ => "this key is left alone until it is spelled so that there is no doubt",
            };
            let (line, column) = (place.line, place.column);
            Some((
                key,
                reason,
                format!("{key} of aws-auth, line {line}, column {column}: {message}; {effect}"),
            ))
        })
        .collect()
}
