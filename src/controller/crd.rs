//! The CRD: whether it stands, as a watch of that one object tells, and whether its schema keeps all that a mapping says.
//!
//! With a CRD go all mappings, and nobody asked for that: nothing is revoked then. An older one drops fields without a
//! word, and a grant must not come without its end: nothing new is granted then, by a guard of the core. Not here: the
//! watch (`sources`), the requests (`engine`), what becomes of a removal (`confirm`).

use aws_auth::mapping::Uid;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::sync::watch::{Receiver, Sender};

use crate::api;
use crate::controller::requests::CRD;
use crate::controller::sources::CrdMetadata;
use crate::telemetry::health::{Gate, Health};

/// Whether the CRD is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// The watch is not established.
    Unknown,
    /// It is there, and nobody has deleted it: this one, since a name says nothing of who has it.
    Stands(Option<Uid>),
    /// It is not there, or on its way out.
    Gone,
}

/// One version of its `spec`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    uid: Option<String>,
    generation: Option<i64>,
}

/// What is known of its schema.
#[derive(Debug, PartialEq, Eq)]
enum Schema {
    /// It is being read.
    Unread,
    /// It cannot be, and why.
    Unreadable(String),
    /// These fields are dropped.
    Read { version: Version, dropped: Vec<String> },
}

/// The CRD.
#[derive(Debug)]
pub(super) struct Crd {
    /// Also for a write that is on its way.
    standing: Sender<Standing>,
    /// What a list under way has found.
    listed: Option<ObjectMeta>,
    heard: Option<Version>,
    /// The last one that stood.
    uid: Option<Uid>,
    schema: Schema,
}

/// Whether the schema has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// It is not the one that was read.
    Again,
    /// It is.
    Done,
}

impl Default for Crd {
    fn default() -> Self {
        Self {
            standing: Sender::new(Standing::Unknown),
            listed: None,
            heard: None,
            uid: None,
            schema: Schema::Unread,
        }
    }
}

impl Crd {
    /// Whether it is there, now and later.
    pub(super) fn standing(&self) -> Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Which one it is, or was when it was last heard of.
    pub(super) fn uid(&self) -> Option<Uid> {
        self.uid
    }

    /// Nothing tells of changes.
    pub(super) fn lost(&mut self) {
        self.listed = None;
        self.heard = None;
        self.standing.send_replace(Standing::Unknown);
    }

    /// A list has it.
    pub(super) fn listed(&mut self, crd: CrdMetadata) {
        self.listed = Some(crd.metadata);
    }

    /// The list is complete.
    pub(super) fn list_ends(&mut self) -> Read {
        let found = self.listed.take();
        self.now(found)
    }

    /// This is how it is now.
    pub(super) fn now(&mut self, crd: Option<ObjectMeta>) -> Read {
        let Some(crd) = crd.filter(|crd| crd.deletion_timestamp.is_none()) else {
            self.heard = None;
            self.standing.send_replace(Standing::Gone);
            return Read::Done;
        };
        self.uid = uid(&crd);
        self.standing.send_replace(Standing::Stands(self.uid));
        let heard = self.heard.insert(Version::of(crd));
        match &self.schema {
            Schema::Read { version, .. } if version.is(heard) => Read::Done,
            Schema::Read { .. } | Schema::Unreadable(_) | Schema::Unread => {
                self.schema = Schema::Unread;
                Read::Again
            }
        }
    }

    /// It was read.
    pub(super) fn read(&mut self, crd: CustomResourceDefinition) -> Read {
        let dropped = api::dropped_fields(&crd);
        // Where it cannot be watched, this is all that tells which one it is.
        if self.heard.is_none() {
            self.uid = uid(&crd.metadata);
        }
        let version = Version::of(crd.metadata);
        if self.heard.as_ref().is_some_and(|heard| !version.is(heard)) {
            return Read::Again;
        }
        self.schema = Schema::Read { version, dropped };
        Read::Done
    }

    /// It could not be read.
    pub(super) fn unreadable(&mut self, why: String) {
        self.schema = Schema::Unreadable(why);
    }

    /// Whether it is known what its schema keeps, or that nobody can know.
    pub(super) fn known(&self) -> bool {
        self.schema != Schema::Unread
    }

    /// Why a mapping may not be all that somebody wrote.
    pub(super) fn outdated(&self) -> Option<String> {
        match &self.schema {
            Schema::Unread => None,
            Schema::Unreadable(why) => Some(format!(
                "the CRD {CRD} cannot be read, and may be older than this operator, so nothing new is granted: {why}"
            )),
            Schema::Read { dropped, .. } if dropped.is_empty() => None,
            Schema::Read { dropped, .. } => Some(format!(
                "the CRD {CRD} is older than this operator and lacks {}, which the API server drops from every IamMapping without a word; so nothing new is granted. Apply it again with: aws-auth-operator crd | kubectl apply -f - ; and at once after it the IamMappings that have such a field",
                dropped.join(", ")
            )),
        }
    }

    /// Says on `/readyz` how things stand.
    pub(super) fn tell(&self, health: &Health) {
        match (&*self.standing.borrow(), self.outdated()) {
            (Standing::Gone, _) => health.close(Gate::Crd, gone()),
            (Standing::Unknown | Standing::Stands(_), Some(outdated)) => health.close(Gate::Crd, outdated),
            (Standing::Stands(_), None) if self.known() => health.open(Gate::Crd),
            (Standing::Unknown | Standing::Stands(_), None) => {}
        }
    }
}

impl Version {
    fn of(metadata: ObjectMeta) -> Self {
        Self { uid: metadata.uid, generation: metadata.generation }
    }

    /// Whether it is that one, or a later one of the same object.
    fn is(&self, heard: &Self) -> bool {
        self.uid == heard.uid && self.generation >= heard.generation
    }
}

fn uid(crd: &ObjectMeta) -> Option<Uid> {
    crd.uid.as_deref().and_then(Uid::parse)
}

/// What to say and do about one that is gone.
pub(super) fn gone() -> String {
    format!(
        "the CRD {CRD} is gone or being deleted: nothing is revoked for it. Apply it again with: aws-auth-operator crd | kubectl apply -f -"
    )
}
