//! What a plan depends on that neither the mappings nor aws-auth say: what the operator remembers and fears.
//!
//! Whoever plans on files has none of it: [`Situation::none`].

use crate::approval::Nonce;
use crate::entry::Key;
use crate::mapping::Uid;
use crate::restore::Restored;
use crate::time::Timestamp;

/// Circumstances.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Situation {
    /// Random; becomes the nonce of what is published next. Without one nothing new is published.
    pub fresh: Option<Nonce>,
    /// Clients that edit owned entries again and again.
    pub rivals: Vec<Rival>,
    /// Why no checkpoint can be kept, while that is so.
    pub checkpoint_problem: Option<String>,
    /// Why the mappings may not say all that somebody wrote: a CRD that is older than this program.
    pub outdated: Option<String>,
    /// The UID of the CRD whose mappings are planned, where it is known.
    pub crd: Option<Uid>,
    /// Why nothing may be written into an aws-auth that was deleted or emptied.
    pub missing: Option<String>,
    /// What of the aws-auth that is planned on does not stand yet, but was restored: it has to be written.
    pub restored: Vec<Restored>,
}

/// A client with which the operator fights over a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// The key that it wrote last.
    pub key: Key,
    /// Its name for itself.
    pub client: String,
    /// Until when its edits are not undone.
    pub until: Timestamp,
}

static NONE: Situation = Situation {
    fresh: None,
    rivals: Vec::new(),
    checkpoint_problem: None,
    outdated: None,
    crd: None,
    missing: None,
    restored: Vec::new(),
};

impl Situation {
    /// Nothing is remembered and nothing feared.
    #[must_use]
    pub fn none() -> &'static Self {
        &NONE
    }
}
