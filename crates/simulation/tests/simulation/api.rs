//! The simulated API server's requests: what they ask for, and how they are answered.
//!
//! No more of it than the operator uses. Not here: what is kept (`store`), watches (`watching`), what goes wrong
//! (`weather`).

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::ACCEPT;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use serde_json::{Value, json};
use tower::BoxError;

use crate::store::{Kind, Refusal, Store};
use crate::weather::Staleness;

/// What an answer brings.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A request, in the words of RBAC.
#[derive(Debug, Clone)]
pub struct Call {
    pub verb: &'static str,
    pub kind: Kind,
    pub name: Option<String>,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    pub metadata_only: bool,
}

impl Call {
    pub fn of(head: &Parts, body: &[u8]) -> Option<Self> {
        let mut segments: Vec<&str> =
            head.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
        let group = if segments.first() == Some(&"api") { 2 } else { 3 };
        segments.drain(..group.min(segments.len()));
        let namespace =
            if segments.len() > 2 && segments[0] == "namespaces" { segments.drain(..2).nth(1) } else { None };
        let kind = match *segments.first()? {
            "namespaces" => Kind::Namespaces,
            "configmaps" => Kind::ConfigMaps,
            "leases" => Kind::Leases,
            "events" => Kind::Events,
            "iammappings" => Kind::Mappings,
            "customresourcedefinitions" => Kind::Crds,
            _ => return None,
        };
        let query: BTreeMap<String, String> = head
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.replace("%3D", "=").replace("%2C", ",")))
            .collect();
        let name = segments.get(1).map(|name| (*name).to_owned());
        let verb = match head.method {
            Method::GET if query.get("watch").is_some_and(|watch| watch == "true") => "watch",
            Method::GET if name.is_some() => "get",
            Method::GET => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            _ => return None,
        };
        let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
        if kind == Kind::Events {
            // Of two namespaces, in one place here.
            let name = body["metadata"]["name"].as_str().unwrap_or_default();
            body["metadata"]["name"] = json!(format!("{}/{name}", namespace.unwrap_or_default()));
        }
        let accept = head.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        let metadata_only = accept.contains("as=PartialObjectMetadata");
        Some(Self { verb, kind, name, query, body, metadata_only })
    }

    pub fn is_write(&self) -> bool {
        matches!(self.verb, "create" | "update" | "patch")
    }

    /// The object's name, also where it is created.
    pub fn subject(&self) -> &str {
        self.name.as_deref().or_else(|| self.body["metadata"]["name"].as_str()).unwrap_or_default()
    }

    pub fn writes_aws_auth(&self) -> bool {
        self.is_write() && self.kind == Kind::ConfigMaps && self.subject() == "aws-auth"
    }

    /// Whether kube's watcher lists mappings: what is asked to confirm a removal wants metadata only.
    pub fn lists_mappings(&self) -> bool {
        self.verb == "list" && self.kind == Kind::Mappings && !self.metadata_only
    }

    /// Whether any version will do: a list that asks for the most recent is never answered with an old one.
    pub fn may_be_old(&self) -> bool {
        self.query.get("resourceVersion").is_some_and(|version| version == "0")
    }

    /// Of which object alone a list or a watch is.
    pub fn selected(&self) -> Option<&str> {
        self.query.get("fieldSelector")?.strip_prefix("metadata.name=")
    }

    /// As of which version, or any later one, an object is asked for; without one the newest is.
    pub fn not_older_than(&self) -> Option<u64> {
        self.query.get("resourceVersion").filter(|_| self.verb == "get")?.parse().ok()
    }

    /// Carries it out, unless it is a list or a watch. What may be old is as it was at `moment`.
    pub fn carry_out(&self, store: &mut Store, moment: u64) -> Result<Arc<Value>, Refusal> {
        let manager = self.query.get("fieldManager").map_or("", String::as_str);
        let name = self.subject();
        match self.verb {
            "get" => match self.not_older_than() {
                None => store.get(self.kind, name),
                Some(version) if version > moment => {
                    Err(Refusal { retry_after: Some(1), ..Refusal::new(504, "Timeout", name) })
                }
                Some(_) => store.at(self.kind, moment).remove(name).ok_or_else(|| Refusal::missing(name)),
            },
            "create" => store.create(self.kind, self.body.clone(), manager),
            "update" => store.replace(self.kind, name, self.body.clone(), manager),
            "patch" => store.patch_status(self.kind, name, &self.body),
            verb => Err(Refusal {
                message: format!("{verb} is not simulated"),
                ..Refusal::new(405, "MethodNotAllowed", name)
            }),
        }
    }

    /// A page of a list, and whether it is the last one.
    pub fn page(&self, store: &Store, staleness: Staleness, most: usize) -> (Value, u64, bool) {
        let now = store.version();
        // Further pages are of the same moment as the first, and lack the same.
        let continued = self.query.get("continue").and_then(|token| {
            let mut parts = token.splitn(3, '_');
            let mut number = || parts.next()?.parse().ok();
            Some((number()?, number()?, parts.next()?))
        });
        let (moment, since, after) = continued.unwrap_or(match staleness {
            Staleness::Fresh => (now, now, ""),
            Staleness::Old(by) => (now.saturating_sub(by), now.saturating_sub(by), ""),
            Staleness::Lacking(by) => (now, now.saturating_sub(by), ""),
        });
        let asked: usize = self.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(500);
        let most = most.min(asked);
        let mut found: Vec<(String, Arc<Value>)> = store
            .at(self.kind, moment)
            .into_iter()
            .filter(|(name, _)| self.selected().is_none_or(|selected| selected == name))
            .filter(|(name, _)| name.as_str() > after)
            .filter(|(_, object)| number(object) <= since)
            .collect();
        let more = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| more).map(|(name, _)| format!("{moment}_{since}_{name}"));
        let items: Vec<Value> = found.iter().map(|(_, object)| self.shown(object)).collect();
        // Whoever watches from there is told of the rest.
        let mut metadata = json!({"resourceVersion": since.to_string()});
        if let Some(next) = next {
            metadata["continue"] = json!(next);
        }
        let (api_version, kind) = if self.metadata_only {
            ("meta.k8s.io/v1", "PartialObjectMetadataList")
        } else {
            match self.kind {
                Kind::Mappings => ("aws-auth.dev/v1alpha1", "IamMappingList"),
                Kind::Crds => ("apiextensions.k8s.io/v1", "CustomResourceDefinitionList"),
                _ => ("v1", "ConfigMapList"),
            }
        };
        let items = if self.metadata_only && items.is_empty() { Value::Null } else { json!(items) };
        let page = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items});
        (page, since, !more)
    }

    /// An object as it was asked for.
    pub fn shown(&self, object: &Value) -> Value {
        if self.metadata_only {
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
        } else {
            object.clone()
        }
    }
}

/// The version of an object.
pub fn number(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"]
        .as_str()
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}

/// An answer with an object.
pub fn yes(object: &Value) -> Response<Body> {
    let text = Full::new(Bytes::from(serde_json::to_vec(object).unwrap()));
    Response::new(text.map_err(|never| match never {}).boxed_unsync())
}

/// An answer that is no.
pub fn no(refusal: &Refusal) -> Response<Body> {
    let mut answer = yes(&status(refusal));
    *answer.status_mut() = StatusCode::from_u16(refusal.code).unwrap();
    if let Some(seconds) = refusal.retry_after {
        answer.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// The same as an object.
pub fn status(refusal: &Refusal) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": refusal.message,
        "reason": refusal.reason, "details": {"name": refusal.name}, "code": refusal.code,
    })
}
