//! What happens to every request on its way out: a deadline for the answer's head, a count, and for watches the time
//! at which the server was last heard of.

use std::time::Duration;

use http::{Method, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::Connect;
use kube::client::Body;
use tower::BoxError;

use super::AnswerBody;
use crate::telemetry::Telemetry;
use crate::telemetry::health::Gate;
use crate::telemetry::metrics::Metrics;

/// Longer than any single call's own deadline: it is for the calls that kube's watcher makes, which have none.
const HEAD_DEADLINE: Duration = Duration::from_secs(15);

/// What a request is about, in the words of RBAC.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Subject {
    verb: &'static str,
    resource: String,
}

/// Sends one request and counts it by its answer; one that is given up before an answer counts as `none`.
pub(super) async fn send<C>(
    http: HttpClient<C, Body>,
    Telemetry { metrics, health }: Telemetry,
    request: Request<Body>,
) -> Result<Response<AnswerBody>, BoxError>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let subject = Subject::of(request.method(), request.uri());
    let watched = (subject.verb == "watch").then(|| subject.resource.clone());
    let mut count = Count { metrics: &metrics, subject, code: None };
    let answer = match tokio::time::timeout(HEAD_DEADLINE, http.request(request)).await {
        Ok(answer) => answer?,
        Err(_) => return Err(format!("no answer within {} s", HEAD_DEADLINE.as_secs()).into()),
    };
    count.code = Some(answer.status().as_u16());
    drop(count);
    let Some(resource) = watched.filter(|_| answer.status().is_success()) else {
        return Ok(answer.map(|body| body.map_err(BoxError::from).boxed_unsync()));
    };
    metrics.heard(&resource);
    // A watch that was interrupted goes on without a word to whoever reads it: this is where that is seen.
    match resource.as_str() {
        "iammappings" => health.open(Gate::IamMappings),
        "configmaps" => health.open(Gate::AwsAuth),
        _ => {}
    }
    Ok(answer.map(|body| {
        let heard = move |frame| {
            metrics.heard(&resource);
            frame
        };
        body.map_frame(heard).map_err(BoxError::from).boxed_unsync()
    }))
}

struct Count<'a> {
    metrics: &'a Metrics,
    subject: Subject,
    code: Option<u16>,
}

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.metrics.request(self.subject.verb, &self.subject.resource, self.code);
    }
}

impl Subject {
    /// Names come after resources in a path, so a name never becomes a label.
    fn of(method: &Method, uri: &Uri) -> Self {
        let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
        let versioned = match segments.next() {
            Some("api") => segments.next().is_some(),
            Some("apis") => segments.next().is_some() && segments.next().is_some(),
            _ => false,
        };
        let mut rest: Vec<&str> = if versioned { segments.collect() } else { Vec::new() };
        if rest.len() > 2 && rest.first() == Some(&"namespaces") {
            rest.drain(..2);
        }
        let (resource, named) = match rest.as_slice() {
            [] => ("other".to_owned(), false),
            [resource] => ((*resource).to_owned(), false),
            [resource, _name] => ((*resource).to_owned(), true),
            [resource, _name, subresource, ..] => (format!("{resource}/{subresource}"), true),
        };
        let watch = uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
        let verb = match *method {
            Method::GET if watch => "watch",
            Method::GET if named => "get",
            Method::GET => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "other",
        };
        Self { verb, resource }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(method: &Method, uri: &'static str) -> (&'static str, String) {
        let subject = Subject::of(method, &Uri::from_static(uri));
        (subject.verb, subject.resource)
    }

    #[test]
    fn requests_are_counted_in_the_words_of_rbac_and_never_by_name() {
        let cases = [
            (Method::GET, "/apis/aws-auth.dev/v1alpha1/iammappings?limit=200", "list", "iammappings"),
            (Method::GET, "/apis/aws-auth.dev/v1alpha1/iammappings?watch=true&a=b", "watch", "iammappings"),
            (Method::GET, "/apis/aws-auth.dev/v1alpha1/iammappings/jane", "get", "iammappings"),
            (
                Method::PATCH,
                "/apis/aws-auth.dev/v1alpha1/iammappings/jane/status?x=y",
                "patch",
                "iammappings/status",
            ),
            (Method::PUT, "/api/v1/namespaces/kube-system/configmaps/aws-auth", "update", "configmaps"),
            (Method::POST, "/api/v1/namespaces/kube-system/configmaps", "create", "configmaps"),
            (Method::GET, "/api/v1/namespaces/kube-system", "get", "namespaces"),
            (Method::GET, "/version", "list", "other"),
        ];
        for (method, uri, verb, resource) in cases {
            assert_eq!(subject(&method, uri), (verb, resource.to_owned()), "{uri}");
        }
    }
}
