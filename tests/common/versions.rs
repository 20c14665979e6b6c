//! Every version of aws-auth there ever was since some moment, and what the authenticator reads in it.

use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::Uid;
use aws_auth::{Entry, Key};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams};

use super::Cluster;
use super::cluster::{read, wait};
use super::recording::Recording;
use super::seen::Seen;

/// The objects that count.
pub const ONLY_AWS_AUTH: &str = "metadata.name=aws-auth";

/// One version of aws-auth.
#[derive(Debug, Clone)]
pub struct Version {
    pub number: u64,
    /// `None` where it was deleted.
    pub object: Option<ConfigMap>,
}

/// A recording.
pub struct Versions {
    recording: Recording<ConfigMap>,
    /// What was there when it began.
    before: usize,
}

impl Versions {
    /// Begins with whatever comes next.
    pub fn from_now_on(cluster: &Cluster) -> Self {
        let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "kube-system");
        let before = wait(api.list(&ListParams::default().fields(ONLY_AWS_AUTH))).unwrap().items.len();
        Self { recording: Recording::start(api, ONLY_AWS_AUTH), before }
    }

    /// All of them until now: the live one is among them.
    #[track_caller]
    pub fn all(&self) -> Vec<Version> {
        self.versions(self.recording.all())
    }

    /// Those that were heard of.
    pub fn so_far(&self) -> Vec<Version> {
        self.versions(self.recording.so_far())
    }

    fn versions(&self, seen: Vec<Seen<ConfigMap>>) -> Vec<Version> {
        let versions = seen.into_iter().skip(self.before);
        versions
            .map(|seen| Version { number: seen.number, object: (!seen.gone).then_some(seen.object) })
            .collect()
    }
}

impl Version {
    /// The entries of a key as the authenticator reads them.
    pub fn entries(&self, key: Key) -> Vec<Entry> {
        let read = read(self.object.as_ref(), Uid::default());
        entries(&read, key)
    }

    /// Whether a role has an entry.
    pub fn has_role(&self, arn: &str) -> bool {
        self.entries(Key::MapRoles).iter().any(|entry| entry.arn == arn)
    }

    /// How many entries the ownership record on it counts.
    pub fn owned(&self, cluster: Uid) -> usize {
        read(self.object.as_ref(), cluster).record().map_or(0, |record| record.rows().len())
    }
}

/// The entries of a key as the authenticator reads them.
pub fn entries(aws_auth: &AwsAuth, key: Key) -> Vec<Entry> {
    let items = aws_auth.key(key).items();
    items
        .filter_map(|(_, item, _)| match &item.element {
            aws_auth::reader::Element::Entry(read) => Some(read.entry.clone()),
            aws_auth::reader::Element::Dropped => None,
        })
        .collect()
}
