//! Every request that the operator makes on its own account, as plain data.
//!
//! Writes carry `timeout`, so that the API server gives up when we do: a write that nobody waits for any more must not
//! land later. Answers are metadata only wherever nothing else is read. Not here: sending (`client::call`), lists and
//! watches (kube's watcher).

use std::collections::BTreeMap;
use std::time::Duration;

use aws_auth::mapping::Uid;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// The name under which our writes appear in `managedFields`.
pub(crate) const FIELD_MANAGER: &str = "aws-auth-operator";
/// Where aws-auth lives.
pub(crate) const NAMESPACE: &str = "kube-system";
/// Its name.
pub(crate) const AWS_AUTH: &str = "aws-auth";
/// The CRD's name.
pub(crate) const CRD: &str = "iammappings.aws-auth.dev";

const CONFIG_MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const MAPPINGS: &str = "/apis/aws-auth.dev/v1alpha1/iammappings";
const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const JSON: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A request that could not be put together.
#[derive(Debug, Error)]
#[error("the request cannot be made: {0}")]
pub(crate) enum Malformed {
    /// A name that makes no URL.
    Http(#[from] http::Error),
    /// A body that makes no JSON.
    Json(#[from] serde_json::Error),
}

type Built = Result<Request<Vec<u8>>, Malformed>;

/// What is read of an object of which only the metadata matters.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Object {
    #[serde(default)]
    pub(crate) metadata: Metadata,
}

/// The metadata that matters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) deletion_timestamp: Option<String>,
}

impl Metadata {
    pub(crate) fn uid(&self) -> Option<Uid> {
        self.uid.as_deref().and_then(Uid::parse)
    }
}

/// A page of metadata.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Page {
    #[serde(default)]
    pub(crate) metadata: PageMetadata,
    #[serde(deserialize_with = "items")]
    pub(crate) items: Vec<Object>,
}

/// The API server spells a list of metadata without any items `null`. Without the field it is no list.
fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Object>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Where the next page is.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct PageMetadata {
    #[serde(rename = "continue")]
    pub(crate) next: Option<String>,
}

/// aws-auth as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigMapBody<'a> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: MetadataBody<'a>,
    pub(super) data: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) binary_data: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) immutable: Option<bool>,
}

/// Its metadata: everything that a PUT would otherwise take away.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetadataBody<'a> {
    pub(super) name: &'static str,
    pub(super) namespace: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource_version: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) owner_references: &'a [OwnerReference],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) finalizers: &'a [String],
}

/// The namespace whose UID stands for the cluster.
pub(super) fn get_cluster() -> Built {
    read(&format!("/api/v1/namespaces/{NAMESPACE}"), METADATA)
}

/// aws-auth, all of it; a quorum read, because no `resourceVersion` is asked for.
pub(super) fn get_aws_auth() -> Built {
    read(&format!("{CONFIG_MAPS}/{AWS_AUTH}"), JSON)
}

/// aws-auth, over the version that the body names; or new, where it names none.
pub(super) fn write_aws_auth(body: &ConfigMapBody<'_>, deadline: Duration) -> Built {
    // Large, and of a size that is known: growing it would leave copies behind.
    let size = |texts: &BTreeMap<String, String>| texts.values().map(String::len).sum::<usize>();
    let text = size(body.data) + size(body.binary_data) + size(body.metadata.annotations);
    let mut encoded = Vec::with_capacity(text + text / 8 + 4096);
    serde_json::to_writer(&mut encoded, body)?;
    if body.metadata.resource_version.is_some() {
        write(Method::PUT, &format!("{CONFIG_MAPS}/{AWS_AUTH}"), JSON, encoded, deadline)
    } else {
        write(Method::POST, CONFIG_MAPS, JSON, encoded, deadline)
    }
}

/// A `ConfigMap` beside aws-auth: its metadata.
pub(super) fn get_config_map_metadata(name: &str) -> Built {
    read(&format!("{CONFIG_MAPS}/{name}"), METADATA)
}

/// All of it.
pub(super) fn get_config_map(name: &str) -> Built {
    read(&format!("{CONFIG_MAPS}/{name}"), JSON)
}

/// It, over whatever stands there: never aws-auth itself.
pub(super) fn put_config_map(name: &str, body: &impl Serialize, deadline: Duration) -> Built {
    write(Method::PUT, &format!("{CONFIG_MAPS}/{name}"), JSON, serde_json::to_vec(body)?, deadline)
}

/// It, new.
pub(super) fn create_config_map(body: &impl Serialize, deadline: Duration) -> Built {
    write(Method::POST, CONFIG_MAPS, JSON, serde_json::to_vec(body)?, deadline)
}

/// One mapping's metadata; a quorum read.
pub(super) fn get_mapping(name: &str) -> Built {
    read(&format!("{MAPPINGS}/{name}"), METADATA)
}

/// The same, as it was at `version` or later: the API server answers out of its memory, once that is so far
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list>, "Not older than").
pub(super) fn get_mapping_not_older(name: &str, version: &str) -> Built {
    read(&format!("{MAPPINGS}/{name}?resourceVersion={version}"), METADATA)
}

/// A page of all mappings' metadata; a quorum read.
pub(super) fn list_mappings(next: Option<&str>) -> Built {
    let mut path = format!("{MAPPINGS}?limit=500");
    if let Some(next) = next {
        path.push_str("&continue=");
        path.push_str(next);
    }
    read(&path, METADATA_LIST)
}

/// The CRD's metadata; a quorum read, which takes as long as a write: a CRD is large.
pub(super) fn get_crd() -> Built {
    read(&format!("{CRDS}/{CRD}"), METADATA)
}

/// The CRD, all of it; a quorum read.
pub(super) fn get_whole_crd() -> Built {
    read(&format!("{CRDS}/{CRD}"), JSON)
}

/// A mapping's status.
pub(super) fn patch_status(name: &str, body: &impl Serialize, deadline: Duration) -> Built {
    let path = format!("{MAPPINGS}/{name}/status");
    write(Method::PATCH, &path, "application/merge-patch+json", serde_json::to_vec(body)?, deadline)
}

/// A new Event.
pub(super) fn create_event(namespace: &str, body: &impl Serialize, deadline: Duration) -> Built {
    let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    write(Method::POST, &path, JSON, serde_json::to_vec(body)?, deadline)
}

/// The leaders' Lease.
pub(super) fn get_lease(namespace: &str, name: &str) -> Built {
    read(&format!("{}/{name}", leases(namespace)), JSON)
}

/// The Lease, new.
pub(super) fn create_lease(namespace: &str, body: &impl Serialize, deadline: Duration) -> Built {
    write_full(Method::POST, &leases(namespace), serde_json::to_vec(body)?, deadline)
}

/// The Lease, over the version that the body names.
pub(super) fn replace_lease(namespace: &str, name: &str, body: &impl Serialize, deadline: Duration) -> Built {
    let path = format!("{}/{name}", leases(namespace));
    write_full(Method::PUT, &path, serde_json::to_vec(body)?, deadline)
}

fn leases(namespace: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")
}

fn read(path: &str, accept: &str) -> Built {
    Ok(Request::get(path).header(ACCEPT, accept).body(Vec::new())?)
}

fn write(method: Method, path: &str, content: &str, body: Vec<u8>, deadline: Duration) -> Built {
    let uri = format!("{path}?fieldManager={FIELD_MANAGER}&timeout={}ms", deadline.as_millis());
    let request = Request::builder().method(method).uri(uri);
    Ok(request.header(ACCEPT, METADATA).header(CONTENT_TYPE, content).body(body)?)
}

fn write_full(method: Method, path: &str, body: Vec<u8>, deadline: Duration) -> Built {
    let mut request = write(method, path, JSON, body, deadline)?;
    request.headers_mut().insert(ACCEPT, http::HeaderValue::from_static(JSON));
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(4);

    fn body<'a>(version: Option<&'a str>, none: &'a BTreeMap<String, String>) -> ConfigMapBody<'a> {
        ConfigMapBody {
            api_version: "v1",
            kind: "ConfigMap",
            metadata: MetadataBody {
                name: AWS_AUTH,
                namespace: NAMESPACE,
                uid: None,
                resource_version: version,
                labels: none,
                annotations: none,
                owner_references: &[],
                finalizers: &[],
            },
            data: none,
            binary_data: none,
            immutable: None,
        }
    }

    #[test]
    fn a_live_aws_auth_is_replaced_at_the_version_that_was_read() {
        let none = BTreeMap::new();
        let request = write_aws_auth(&body(Some("42"), &none), DEADLINE).unwrap();
        assert_eq!(request.method(), Method::PUT);
        let sent: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(sent["metadata"]["resourceVersion"], "42");
    }

    #[test]
    fn a_missing_aws_auth_is_created_and_never_overwritten() {
        let none = BTreeMap::new();
        let request = write_aws_auth(&body(None, &none), DEADLINE).unwrap();
        assert_eq!(request.method(), Method::POST);
    }

    #[test]
    fn the_api_server_gives_a_write_up_when_we_do() {
        let none = BTreeMap::new();
        for request in [
            write_aws_auth(&body(Some("1"), &none), DEADLINE).unwrap(),
            patch_status("jane", &none, DEADLINE).unwrap(),
            create_event("default", &none, DEADLINE).unwrap(),
            replace_lease("kube-system", "x", &none, DEADLINE).unwrap(),
        ] {
            let query = request.uri().query().unwrap();
            assert!(
                query.contains("timeout=4000ms") && query.contains("fieldManager=aws-auth-operator"),
                "{query}"
            );
        }
    }

    #[test]
    fn an_empty_list_is_one_with_null_for_items_and_not_one_without_the_field() {
        let page = |text| serde_json::from_str::<Page>(text);
        assert!(page(r#"{"metadata": {"resourceVersion": "7"}, "items": null}"#).unwrap().items.is_empty());
        assert!(page(r#"{"metadata": {"resourceVersion": "7"}}"#).is_err());
    }

    #[test]
    fn what_decides_is_not_read_from_a_cache() {
        for request in [
            get_aws_auth().unwrap(),
            get_mapping("jane").unwrap(),
            list_mappings(Some("next")).unwrap(),
            get_crd().unwrap(),
            get_whole_crd().unwrap(),
        ] {
            assert!(!request.uri().to_string().contains("resourceVersion"), "{}", request.uri());
        }
    }
}
