//! Every version of aws-auth there ever was since some moment, as a watch tells of them: none is left out, and each
//! write that changes anything makes one.

use std::sync::{Arc, Mutex};

use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::Uid;
use aws_auth::{Entry, Key};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use tokio::task::JoinHandle;

use super::cluster::{RUNTIME, read, wait};
use super::{Cluster, check, eventually};

const ONLY_AWS_AUTH: &str = "metadata.name=aws-auth";

/// One version of aws-auth.
#[derive(Debug, Clone)]
pub struct Version {
    pub number: u64,
    /// `None` where it was deleted.
    pub object: Option<ConfigMap>,
}

/// A recording.
pub struct Versions {
    api: Api<ConfigMap>,
    start: u64,
    seen: Arc<Mutex<Result<Vec<Version>, String>>>,
    task: JoinHandle<()>,
}

impl Versions {
    /// Begins with whatever comes next.
    pub fn from_now_on(cluster: &Cluster) -> Self {
        let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "kube-system");
        let list = wait(api.list(&ListParams::default().fields(ONLY_AWS_AUTH))).unwrap();
        let from = list.metadata.resource_version.unwrap();
        let start = list.items.first().map_or(0, number);
        let seen = Arc::new(Mutex::new(Ok(Vec::new())));
        let task = RUNTIME.spawn({
            let (api, seen) = (api.clone(), seen.clone());
            async move {
                let watch = async {
                    let params = WatchParams::default().fields(ONLY_AWS_AUTH);
                    let mut turns = api.watch(&params, &from).await?.boxed();
                    while let Some(turn) = turns.try_next().await? {
                        let version = match turn {
                            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                                Version { number: number(&object), object: Some(object) }
                            }
                            WatchEvent::Deleted(object) => Version { number: number(&object), object: None },
                            WatchEvent::Bookmark(_) => continue,
                            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
                        };
                        if let Ok(seen) = seen.lock().unwrap().as_mut() {
                            seen.push(version);
                        }
                    }
                    Ok(())
                };
                let why = watch.await.err().map_or_else(|| "the watch ended".to_owned(), |e| e.to_string());
                *seen.lock().unwrap() = Err(why);
            }
        });
        Self { api, start, seen, task }
    }

    /// All of them until now: the live one is among them.
    #[track_caller]
    pub fn all(&self) -> Vec<Version> {
        let live = wait(self.api.get_opt("aws-auth")).unwrap();
        eventually("the recording has the live version", || {
            let seen = self.so_far();
            let (newest, there) = seen
                .last()
                .map_or((self.start, self.start > 0), |version| (version.number, version.object.is_some()));
            let complete = match &live {
                Some(live) => newest >= number(live),
                None => !there,
            };
            check(complete, || format!("{newest}, live {:?}", live.as_ref().map(number)))?;
            Ok(seen)
        })
    }

    /// Those that were heard of.
    #[track_caller]
    pub fn so_far(&self) -> Vec<Version> {
        self.seen.lock().unwrap().clone().unwrap_or_else(|why| panic!("the recording is not complete: {why}"))
    }
}

impl Drop for Versions {
    fn drop(&mut self) {
        self.task.abort();
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

pub fn number(object: &ConfigMap) -> u64 {
    object.metadata.resource_version.as_deref().unwrap().parse().unwrap()
}
