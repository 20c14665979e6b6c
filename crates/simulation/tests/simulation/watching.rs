//! A watch of the simulated API server: a body that tells of one change after another, as faithfully as its course lets
//! it.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;
use tower::BoxError;

use crate::api::{Body, Call, status};
use crate::network::Cluster;
use crate::store::{Kind, Refusal, Store, What};
use crate::weather::{Course, End};

const BOOKMARKS: Duration = Duration::from_mins(1);

struct Watching {
    cluster: Arc<Cluster>,
    process: usize,
    call: Call,
    after: u64,
    course: Course,
    ends: Instant,
    bookmark: Instant,
    news: Receiver<u64>,
    over: bool,
}

/// The body that answers a watch.
pub fn body(cluster: Arc<Cluster>, process: usize, call: Call, course: Course) -> Body {
    let now = Instant::now();
    let query = |name: &str| call.query.get(name).and_then(|text| text.parse::<u64>().ok());
    let after = query("resourceVersion").unwrap_or_default().saturating_sub(course.rewound);
    let watching = Watching {
        after,
        course,
        ends: now + Duration::from_secs(query("timeoutSeconds").unwrap_or(290)),
        bookmark: now + BOOKMARKS,
        news: cluster.news(),
        over: false,
        cluster,
        process,
        call,
    };
    let lines = stream::unfold(watching, |mut watching| async move {
        let line = watching.line().await?;
        Some((line.map(|line| Frame::data(Bytes::from(line))), watching))
    });
    StreamBody::new(lines).boxed_unsync()
}

impl Watching {
    /// The next line, or the end.
    async fn line(&mut self) -> Option<Result<Vec<u8>, BoxError>> {
        if self.over {
            return None;
        }
        loop {
            self.news.mark_unchanged();
            let now = Instant::now();
            let calm = self.cluster.is_calm();
            if let Some((_, end)) = self.course.end.filter(|(at, _)| *at <= now && !calm) {
                return self.end(end);
            }
            let withheld = self.course.withheld.filter(|(from, until)| *from <= now && now < *until && !calm);
            if withheld.is_none() {
                if let Some(line) = self.next() {
                    return Some(Ok(line));
                }
                if self.ends <= now {
                    self.over = true;
                    return None;
                }
                if self.bookmark <= now {
                    self.bookmark = now + BOOKMARKS;
                    return Some(Ok(self.bookmark_line()));
                }
            }
            let mut look = if withheld.is_some() {
                Instant::now() + Duration::from_hours(1)
            } else {
                self.ends.min(self.bookmark)
            };
            for at in self
                .course
                .end
                .iter()
                .map(|(at, _)| *at)
                .chain(self.course.withheld.iter().flat_map(|(from, until)| [*from, *until]))
            {
                if at > now {
                    look = look.min(at);
                }
            }
            tokio::select! {
                biased;
                _ = self.news.changed() => {}
                () = tokio::time::sleep_until(look) => {}
            }
        }
    }

    /// The next change as a line.
    fn next(&mut self) -> Option<Vec<u8>> {
        let (call, cluster) = (&self.call, &self.cluster);
        let (number, event) = cluster.with_store(|store| {
            let change = store.next(call.kind, call.selected(), self.after)?;
            let what = match change.what {
                What::Added => "ADDED",
                What::Modified => "MODIFIED",
                What::Deleted => "DELETED",
            };
            Some((change.number, json!({"type": what, "object": call.shown(&change.object)})))
        })?;
        self.after = number;
        if call.kind == Kind::Mappings {
            cluster.told(self.process, number);
        }
        Some(line(&event))
    }

    fn bookmark_line(&mut self) -> Vec<u8> {
        let version = self.cluster.with_store(Store::version);
        self.after = version;
        let (api_version, kind) = match self.call.kind {
            Kind::Mappings => ("aws-auth.dev/v1alpha1", "IamMapping"),
            Kind::Crds => ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
            _ => ("v1", "ConfigMap"),
        };
        let metadata = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
        line(
            &json!({"type": "BOOKMARK", "object": {"apiVersion": api_version, "kind": kind, "metadata": metadata}}),
        )
    }

    fn end(&mut self, end: End) -> Option<Result<Vec<u8>, BoxError>> {
        self.over = true;
        let error = |code, reason| {
            let refusal = Refusal::new(code, reason, "");
            Some(Ok(line(&json!({"type": "ERROR", "object": status(&refusal)}))))
        };
        match end {
            End::Quiet => None,
            End::Torn => Some(Ok(b"{\"type\":\"MODIFIED\",\"object\":{\"kind\"".to_vec())),
            End::Reset => Some(Err("the connection was reset".into())),
            End::Expired => error(410, "Expired"),
            End::Error => error(500, "InternalError"),
        }
    }
}

fn line(event: &Value) -> Vec<u8> {
    let mut line = serde_json::to_vec(event).unwrap();
    line.push(b'\n');
    line
}
