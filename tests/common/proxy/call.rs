//! A request, in the words of RBAC.

use http::request::Parts;
use http::{HeaderMap, Method, Request, header};
use hyper::body::Bytes;
use kube::client::Body as KubeBody;
use serde_json::Value;

use super::through;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Call {
    pub verb: &'static str,
    /// The resource, with its subresource where there is one.
    pub resource: String,
    /// The object's name, also where it is created.
    pub name: Option<String>,
    /// Without the question mark.
    pub query: String,
    pub body: Bytes,
    method: Method,
    path: String,
    headers: HeaderMap,
}

impl Call {
    pub(super) fn of(head: &Parts, body: Bytes) -> Self {
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let group = if segments.first() == Some(&"api") { 2 } else { 3 };
        segments.drain(..group.min(segments.len()));
        if segments.len() > 2 && segments[0] == "namespaces" {
            segments.drain(..2);
        }
        let (resource, mut name) = match segments.as_slice() {
            [] => ("other".to_owned(), None),
            [resource] => ((*resource).to_owned(), None),
            [resource, name] => ((*resource).to_owned(), Some((*name).to_owned())),
            [resource, name, sub, ..] => (format!("{resource}/{sub}"), Some((*name).to_owned())),
        };
        let watch = query.split('&').any(|pair| pair == "watch=true");
        let verb = match head.method {
            Method::GET if watch => "watch",
            Method::GET if name.is_some() => "get",
            Method::GET => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "other",
        };
        if verb == "create" {
            let object: Value = serde_json::from_slice(&body).unwrap_or_default();
            name = object["metadata"]["name"].as_str().map(str::to_owned);
        }
        let mut headers = head.headers.clone();
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::ACCEPT_ENCODING);
        Self { verb, resource, name, query, body, method: head.method.clone(), path, headers }
    }

    /// Whether it is this verb on this resource.
    pub fn is(&self, verb: &str, resource: &str) -> bool {
        self.verb == verb && self.resource == resource
    }

    /// Whether it could change something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch")
    }

    /// Whether it could change aws-auth.
    pub fn writes_aws_auth(&self) -> bool {
        self.is_write() && self.resource == "configmaps" && self.name.as_deref() == Some("aws-auth")
    }

    /// Whether it is about leader election.
    pub fn is_about_the_lease(&self) -> bool {
        self.resource == "leases"
    }

    /// The token that it shows.
    pub(super) fn token(&self) -> Option<&str> {
        self.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }

    /// The same once more.
    pub(super) fn again(&self) -> Request<KubeBody> {
        self.asking_for(&self.query)
    }

    /// The same with another query.
    pub(super) fn asking_for(&self, query: &str) -> Request<KubeBody> {
        let mut headers = self.headers.clone();
        headers.remove(header::AUTHORIZATION);
        let uri = if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) };
        through(self.method.clone(), &uri, headers, &self.body)
    }
}
