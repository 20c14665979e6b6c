//! Every version there ever was of some objects since some moment, as a watch tells of them: none is left out, and
//! each write that changes anything makes one. Where the API server was away, it goes on with what is there then.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use super::cluster::{RUNTIME, wait};
use super::seen::Seen;
use super::{check, eventually};

/// A recording; dropping it ends it.
pub struct Recording<K> {
    api: Api<K>,
    fields: String,
    seen: Arc<Mutex<Vec<Seen<K>>>>,
    task: JoinHandle<()>,
}

impl<K> Recording<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    /// Begins with what is there now.
    pub fn start(api: Api<K>, fields: &str) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let base = wait(catch_up(&api, fields, &seen)).unwrap();
        let task = RUNTIME.spawn({
            let (api, fields, seen) = (api.clone(), fields.to_owned(), seen.clone());
            async move {
                let mut from = base;
                loop {
                    let _ = follow(&api, &fields, &seen, &from).await;
                    from = loop {
                        match catch_up(&api, &fields, &seen).await {
                            Ok(version) => break version,
                            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                        }
                    };
                }
            }
        });
        Self { api, fields: fields.to_owned(), seen, task }
    }

    /// All of them until now: the live ones are among them.
    #[track_caller]
    pub fn all(&self) -> Vec<Seen<K>> {
        eventually("the recording has what is live", || {
            let list = wait(self.api.list(&ListParams::default().fields(&self.fields)));
            let live: BTreeMap<String, u64> = list
                .map_err(|error| error.to_string())?
                .items
                .iter()
                .map(|object| (object.uid().unwrap(), number(object)))
                .collect();
            let seen = self.so_far();
            let known = alive(&seen);
            // What was heard of in between may be newer than the list.
            let complete = live.iter().all(|(uid, live)| known.get(uid).is_some_and(|known| known >= live))
                && known.keys().all(|uid| live.contains_key(uid));
            check(complete, || format!("{known:?}, live {live:?}"))?;
            Ok(seen)
        })
    }

    /// Those that were heard of.
    pub fn so_far(&self) -> Vec<Seen<K>> {
        self.seen.lock().unwrap().clone()
    }
}

impl<K> Drop for Recording<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes in what is there and what went, and returns the version from which to watch.
async fn catch_up<K>(api: &Api<K>, fields: &str, seen: &Mutex<Vec<Seen<K>>>) -> kube::Result<String>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let list = api.list(&ListParams::default().fields(fields)).await?;
    let from = list.metadata.resource_version.unwrap();
    let at = Instant::now();
    let mut seen = seen.lock().unwrap();
    let known = alive(&seen);
    let mut live: Vec<K> = list.items;
    live.sort_by_key(number);
    let went: Vec<K> = known
        .keys()
        .filter(|uid| !live.iter().any(|object| object.uid().as_ref() == Some(uid)))
        .filter_map(|uid| seen.iter().rev().find(|seen| seen.object.uid().as_ref() == Some(uid)))
        .map(|seen| seen.object.clone())
        .collect();
    for object in went {
        seen.push(Seen { number: from.parse().unwrap(), at, object, gone: true, listed: true });
    }
    for object in live {
        let number = number(&object);
        if known.get(&object.uid().unwrap()).is_none_or(|known| *known < number) {
            seen.push(Seen { number, at, object, gone: false, listed: true });
        }
    }
    Ok(from)
}

async fn follow<K>(api: &Api<K>, fields: &str, seen: &Mutex<Vec<Seen<K>>>, from: &str) -> kube::Result<()>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let params = WatchParams::default().fields(fields);
    let mut turns = api.watch(&params, from).await?.boxed();
    while let Some(turn) = turns.try_next().await? {
        let (object, gone) = match turn {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
            WatchEvent::Deleted(object) => (object, true),
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
        };
        let number = number(&object);
        seen.lock().unwrap().push(Seen { number, at: Instant::now(), object, gone, listed: false });
    }
    Ok(())
}

/// The newest known version of each object that is there, by UID.
fn alive<K: Resource>(seen: &[Seen<K>]) -> BTreeMap<String, u64> {
    let mut alive = BTreeMap::new();
    for seen in seen {
        let uid = seen.object.uid().unwrap();
        if seen.gone {
            alive.remove(&uid);
        } else {
            alive.insert(uid, seen.number);
        }
    }
    alive
}

/// The version that an object has.
pub fn number<K: Resource>(object: &K) -> u64 {
    object.meta().resource_version.as_deref().unwrap().parse().unwrap()
}
