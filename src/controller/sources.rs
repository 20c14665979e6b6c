//! The watches, as streams of plain changes that never end and never lie about being complete.
//!
//! kube's watcher has neither a backoff nor a deadline for its lists; both are added here. Not here: what the changes
//! mean (`mappings`, `target`, `crd`).

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, ListSemantic};
use kube::{Api, Client};

use crate::api::IamMapping;
use crate::controller::backoff::Backoff;
use crate::controller::durations::Durations;
use crate::controller::requests::{AWS_AUTH, CRD, NAMESPACE};

/// Objects in one page of a list. A page is decoded at once: this decides the peak of memory, and 5,000 mappings are
/// still listed in a second.
const PAGE: u32 = 100;

pub(super) type GuardedMapping = DeserializeGuard<IamMapping>;
pub(super) type AwsAuthMetadata = PartialObjectMeta<ConfigMap>;
pub(super) type CrdMetadata = PartialObjectMeta<CustomResourceDefinition>;
pub(super) type Turn<K> = Result<Event<K>, watcher::Error>;

/// Every `IamMapping`, from a quorum list on.
pub(super) fn mappings(client: Client, durations: &Durations) -> BoxStream<'static, Turn<GuardedMapping>> {
    let config = config(durations).page_size(PAGE);
    lasting(durations, AfterError::Resume, move || {
        watcher::watcher(Api::<GuardedMapping>::all(client.clone()), config.clone()).boxed()
    })
}

/// aws-auth alone, without its content.
pub(super) fn aws_auth(client: Client, durations: &Durations) -> BoxStream<'static, Turn<AwsAuthMetadata>> {
    let config = config(durations).fields(&format!("metadata.name={AWS_AUTH}"));
    lasting(durations, AfterError::Resume, move || {
        watcher::watcher(Api::<AwsAuthMetadata>::namespaced(client.clone(), NAMESPACE), config.clone())
            .boxed()
    })
}

/// The CRD of `IamMapping` alone, without its schema. After an error it is listed again: that it stood before says
/// nothing, and a watch that resumes does not say when it has caught up.
pub(super) fn crd(client: Client, durations: &Durations) -> BoxStream<'static, Turn<CrdMetadata>> {
    let config = config(durations).fields(&format!("metadata.name={CRD}"));
    lasting(durations, AfterError::List, move || {
        watcher::watcher(Api::<CrdMetadata>::all(client.clone()), config.clone()).boxed()
    })
}

/// kube's watcher gives a connection up five seconds after the watch should have ended.
fn config(durations: &Durations) -> watcher::Config {
    let seconds = u32::try_from(durations.watch.as_secs().max(1)).unwrap_or(u32::MAX);
    watcher::Config::default().list_semantic(ListSemantic::MostRecent).timeout(seconds)
}

/// How a watch goes on after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AfterError {
    /// Where it was.
    Resume,
    /// With a list.
    List,
}

/// Where a watch is refused because its version is too old, kube's watcher asks for the same version for ever. (Where it
/// is told so by an event, it lists.)
fn is_expired(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 410)
}

struct Lasting<K, F> {
    after_error: AfterError,
    start: F,
    inner: BoxStream<'static, Turn<K>>,
    backoff: Backoff,
    pause: Option<Duration>,
    list_deadline: Duration,
    listing: bool,
}

/// Pauses after errors, and starts again where a list has died.
fn lasting<K, F>(durations: &Durations, after_error: AfterError, start: F) -> BoxStream<'static, Turn<K>>
where
    K: Send + 'static,
    F: Fn() -> BoxStream<'static, Turn<K>> + Send + 'static,
{
    let first = Lasting {
        after_error,
        inner: start(),
        start,
        backoff: Backoff::new(durations.unheard),
        pause: None,
        list_deadline: durations.list,
        listing: false,
    };
    stream::unfold(first, |mut watch| async move {
        if let Some(pause) = watch.pause.take() {
            tokio::time::sleep(pause).await;
        }
        let turn = loop {
            let turn = if watch.listing {
                tokio::time::timeout(watch.list_deadline, watch.inner.next()).await.ok().flatten()
            } else {
                watch.inner.next().await
            };
            if let Some(turn) = turn {
                break turn;
            }
            watch.inner = (watch.start)();
            watch.listing = false;
        };
        match &turn {
            Err(error) => {
                watch.pause = Some(watch.backoff.next_pause());
                watch.listing = false;
                if watch.after_error == AfterError::List || is_expired(error) {
                    watch.inner = (watch.start)();
                }
            }
            Ok(Event::Init) => watch.listing = true,
            Ok(Event::InitApply(_)) => {}
            Ok(Event::InitDone | Event::Apply(_) | Event::Delete(_)) => {
                watch.listing = false;
                watch.backoff.succeeded();
            }
        }
        Some((turn, watch))
    })
    .boxed()
}
