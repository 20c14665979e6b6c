//! An aws-auth that is immutable or keeps a key in `binaryData`: no write. Deleting and making it again would be one,
//! with everybody locked out in between.

use crate::aws_auth::Unwritable;
use crate::guards::{Context, Hold};
use crate::plan::HoldReason;
use crate::plan::part::Part;

/// Holds everything.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let message = match context.input.aws_auth.source().unwritable {
        None => return Vec::new(),
        Some(Unwritable::Immutable) => {
            "aws-auth is immutable: true, so nothing can be written; replace it by a copy without that field in one step (kubectl replace --force), at a quiet time"
        }
        Some(Unwritable::BinaryData) => {
            "aws-auth holds one of its keys in binaryData, which the authenticator ignores; move it to data"
        }
    };
    (0..parts.len())
        .map(|part| Hold { part, reason: HoldReason::TargetUnwritable, message: message.to_owned() })
        .collect()
}
