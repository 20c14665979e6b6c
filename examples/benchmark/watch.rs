//! A watch that notes when each change was heard of.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use futures::TryStreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;

/// Far beyond what anything takes: a wait that ends here has failed.
const DEADLINE: Duration = Duration::from_secs(90);
/// Between two attempts to begin a watch.
const PAUSE: Duration = Duration::from_millis(500);

/// Changes since the watch began, in order.
pub(crate) struct Watch<T> {
    heard: UnboundedReceiver<anyhow::Result<(Instant, T)>>,
    task: JoinHandle<()>,
}

impl<T: Send + 'static> Watch<T> {
    /// Watches from now on; `keep` is what is kept of each object.
    pub(crate) async fn start<K>(api: Api<K>, fields: &str, keep: fn(K) -> T) -> anyhow::Result<Self>
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    {
        let (send, mut heard) = mpsc::unbounded_channel();
        let (listed, until_listed) = tokio::sync::oneshot::channel();
        let config = watcher::Config::default().fields(fields);
        let task = tokio::spawn(async move {
            let (mut listed, begun) = (Some(listed), Instant::now());
            let mut turns = std::pin::pin!(watcher::watcher(api, config));
            loop {
                let news = match turns.try_next().await {
                    Ok(Some(Event::Apply(object) | Event::Delete(object))) => {
                        Ok((Instant::now(), keep(object)))
                    }
                    Ok(Some(Event::Init | Event::InitApply(_))) => continue,
                    Ok(Some(Event::InitDone)) => match listed.take() {
                        // Nobody waits for it only when everything is given up.
                        Some(listed) => {
                            let _ = listed.send(());
                            continue;
                        }
                        None => Err(anyhow!("a watch began anew: changes may have been missed")),
                    },
                    Ok(None) => Err(anyhow!("a watch ended")),
                    // An API server that has only just got the CRD is not ready for it.
                    Err(_) if listed.is_some() && begun.elapsed() < DEADLINE => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                    Err(error) => Err(error.into()),
                };
                if send.send(news).is_err() {
                    return;
                }
            }
        });
        tokio::select! {
            done = until_listed => done.context("a watch ended")?,
            Some(Err(error)) = heard.recv() => return Err(error),
        }
        Ok(Self { heard, task })
    }

    /// The next change and when it was heard of.
    pub(crate) async fn next(&mut self) -> anyhow::Result<(Instant, T)> {
        let next = tokio::time::timeout(DEADLINE, self.heard.recv()).await;
        next.with_context(|| format!("nothing was heard for {} s", DEADLINE.as_secs()))?
            .context("a watch ended")?
    }

    /// What was heard and not yet asked for.
    pub(crate) fn drain(&mut self) -> anyhow::Result<Vec<(Instant, T)>> {
        std::iter::from_fn(|| self.heard.try_recv().ok()).collect()
    }
}

impl<T> Drop for Watch<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
