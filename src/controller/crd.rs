//! Whether the CRD stands, as a watch of that one object tells: with it go all mappings, and nobody asked for that.
//!
//! Not here: the watch (`sources`), and what becomes of a removal (`confirm`).

use tokio::sync::watch::{Receiver, Sender};

use crate::controller::requests::CRD;
use crate::controller::sources::CrdMetadata;

/// What is known of the CRD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The watch is not established.
    Unknown,
    /// It is there, and nobody has deleted it.
    Stands,
    /// It is not there, or on its way out.
    Gone,
}

/// The CRD, for whoever takes its changes in, and for the write that has to know of them while it is on its way.
#[derive(Debug)]
pub(super) struct Crd {
    standing: Sender<Standing>,
    /// What a list under way has found.
    listed: Option<CrdMetadata>,
}

impl Default for Crd {
    fn default() -> Self {
        Self { standing: Sender::new(Standing::Unknown), listed: None }
    }
}

impl Crd {
    /// What is known now, and later.
    pub(super) fn standing(&self) -> Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Nothing tells of changes.
    pub(super) fn lost(&mut self) {
        self.listed = None;
        self.standing.send_replace(Standing::Unknown);
    }

    /// A list has it.
    pub(super) fn listed(&mut self, crd: CrdMetadata) {
        self.listed = Some(crd);
    }

    /// The list is complete.
    pub(super) fn list_ends(&mut self) -> Standing {
        let found = self.listed.take();
        self.now(found.as_ref())
    }

    /// This is how it is now.
    pub(super) fn now(&mut self, crd: Option<&CrdMetadata>) -> Standing {
        let standing = match crd {
            Some(crd) if crd.metadata.deletion_timestamp.is_none() => Standing::Stands,
            Some(_) | None => Standing::Gone,
        };
        self.standing.send_replace(standing);
        standing
    }
}

/// What to say and do about one that is gone.
pub(super) fn gone() -> String {
    format!(
        "the CRD {CRD} is gone or being deleted: nothing is revoked for it. Apply it again with: aws-auth-operator crd | kubectl apply -f -"
    )
}
