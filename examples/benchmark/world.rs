//! The cluster that is measured on: a throwaway control plane with the CRD, perhaps an aws-auth, and mappings.
//!
//! Not here: anything that is timed (`hops`, `measure`).

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_auth_operator::api::{self, IamMapping};
use aws_auth_operator::client::{self, Cluster, call};
use aws_auth_operator::telemetry::Telemetry;
use control_plane::ControlPlane;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, PartialObjectMeta};
use kube::{Api, Client};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::watch::Watch;

/// The group of `IamMapping`.
pub(crate) const GROUP: &str = "aws-auth.dev";
/// The group of a kind that is the same and that the operator does not know.
pub(crate) const TWIN_GROUP: &str = "twin.aws-auth.dev";
/// Where aws-auth is.
pub(crate) const NAMESPACE: &str = "kube-system";
/// Where its twin is.
pub(crate) const TWIN_NAMESPACE: &str = "default";

const AWS_AUTH: &str = "aws-auth";
const DEADLINE: Duration = Duration::from_secs(30);
/// Mappings that are created at once.
const AT_ONCE: usize = 32;
/// What a control plane does by itself after its start is over by then.
const SETTLING: Duration = Duration::from_secs(5);

const NODES: &str = "\
- groups:
  - system:bootstrappers
  - system:nodes
  rolearn: arn:aws:iam::111122223333:role/eksctl-prod-nodegroup-workers-NodeInstanceRole-1N2P3Q4R5S6T7
  username: system:node:{{EC2PrivateDNSName}}
";

/// Whether an `IamMapping` that changed is ready.
pub(crate) struct News {
    pub(crate) name: String,
    pub(crate) ready: bool,
}

/// A control plane.
pub(crate) struct World {
    pub(crate) plane: ControlPlane,
    client: Client,
}

impl World {
    /// Starts one that serves `IamMapping`s.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let plane = ControlPlane::start()?;
        let crd = api::crd_yaml()?;
        for (group, crd) in [(GROUP, crd.clone()), (TWIN_GROUP, crd.replace(GROUP, TWIN_GROUP))] {
            plane.kubectl(&["apply", "-f", "-"], Some(&crd))?;
            let crd = format!("crd/iammappings.{group}");
            plane.kubectl(&["wait", "--for=condition=Established", &crd, "--timeout=60s"], None)?;
        }
        let cluster = Cluster { kubeconfig: Some(plane.kubeconfig_path()), ..Cluster::default() };
        let client = client::connect(&cluster, &Telemetry::default()).await?;
        tokio::time::sleep(SETTLING).await;
        Ok(Self { plane, client })
    }

    /// Writes an aws-auth such as eksctl leaves it.
    pub(crate) async fn create_aws_auth(&self) -> anyhow::Result<()> {
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": AWS_AUTH, "namespace": NAMESPACE },
            "data": { "mapRoles": NODES },
        });
        self.send(Method::POST, &config_maps(NAMESPACE), &body).await?;
        Ok(())
    }

    /// aws-auth as it stands.
    pub(crate) async fn aws_auth(&self) -> anyhow::Result<ConfigMap> {
        let request = Request::get(aws_auth_path(NAMESPACE)).body(Vec::new())?;
        call(&self.client, request, DEADLINE).await.context("read aws-auth")
    }

    /// The same where it may be gone.
    pub(crate) async fn aws_auth_if_any(&self) -> anyhow::Result<Option<ConfigMap>> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), NAMESPACE);
        api.get_opt(AWS_AUTH).await.context("read aws-auth")
    }

    /// Whether aws-auth has an entry for mapping `n`.
    pub(crate) async fn holds(&self, n: u32) -> anyhow::Result<bool> {
        let aws_auth = self.aws_auth().await?;
        let roles = aws_auth.data.unwrap_or_default().remove("mapRoles").unwrap_or_default();
        Ok(roles.contains(&arn(n)))
    }

    /// How many mappings aws-auth has an entry for.
    pub(crate) async fn held(&self) -> anyhow::Result<usize> {
        let aws_auth = self.aws_auth().await?;
        let roles = aws_auth.data.unwrap_or_default().remove("mapRoles").unwrap_or_default();
        Ok(roles.matches(&arn_prefix()).count())
    }

    /// Creates mapping `n` of a group.
    pub(crate) async fn create(&self, group: &str, n: u32) -> anyhow::Result<()> {
        self.send(Method::POST, &mappings(group), &mapping(group, n)).await.map(drop)
    }

    /// Deletes mapping `n` of a group.
    pub(crate) async fn delete(&self, group: &str, n: u32) -> anyhow::Result<()> {
        let path = format!("{}/{}", mappings(group), name(n));
        self.send(Method::DELETE, &path, &json!({})).await.map(drop)
    }

    /// Creates many mappings at once; returns when the last of them was created.
    pub(crate) async fn populate(&self, range: Range<u32>) -> anyhow::Result<Instant> {
        stream::iter(range)
            .map(|n| self.create(GROUP, n))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        Ok(Instant::now())
    }

    /// Sends JSON; the answer is not looked at.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<()> {
        self.send_bytes(method, path, serde_json::to_vec(body)?).await
    }

    /// The same with a body that was encoded before.
    pub(crate) async fn send_bytes(&self, method: Method, path: &str, body: Vec<u8>) -> anyhow::Result<()> {
        let what = format!("{method} {path}");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(ACCEPT, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
            .header(CONTENT_TYPE, "application/json")
            .body(body)?;
        call::<IgnoredAny>(&self.client, request, DEADLINE).await.context(what)?;
        Ok(())
    }

    /// Watches the metadata of aws-auth, or of its twin, and keeps the versions.
    pub(crate) async fn watch_aws_auth(&self, namespace: &str) -> anyhow::Result<Watch<String>> {
        let api: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(self.client.clone(), namespace);
        let fields = format!("metadata.name={AWS_AUTH}");
        Watch::start(api, &fields, |config_map| config_map.metadata.resource_version.unwrap_or_default())
            .await
    }

    /// Watches the mappings of the twin group.
    pub(crate) async fn watch_twins(&self) -> anyhow::Result<Watch<()>> {
        let kind = GroupVersionKind::gvk(TWIN_GROUP, "v1alpha1", "IamMapping");
        let kind = ApiResource::from_gvk_with_plural(&kind, "iammappings");
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &kind);
        Watch::start(api, "", |_| ()).await
    }

    /// Watches `IamMapping`s. Whole, as the operator does: the API server encodes a change once for both.
    pub(crate) async fn watch_mappings(&self) -> anyhow::Result<Watch<News>> {
        let api: Api<IamMapping> = Api::all(self.client.clone());
        Watch::start(api, "", |mapping| {
            let conditions = mapping.status.map(|status| status.conditions).unwrap_or_default();
            News {
                ready: conditions
                    .iter()
                    .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
                name: mapping.metadata.name.unwrap_or_default(),
            }
        })
        .await
    }
}

/// Waits until so many mappings have become ready; returns when the last of them did.
pub(crate) async fn until_ready(watch: &mut Watch<News>, mappings: usize) -> anyhow::Result<Instant> {
    let mut ready = BTreeSet::new();
    loop {
        let (at, news) = watch.next().await.with_context(|| format!("{} are ready", ready.len()))?;
        if news.ready && ready.insert(news.name) && ready.len() == mappings {
            return Ok(at);
        }
    }
}

pub(crate) fn config_maps(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

pub(crate) fn aws_auth_path(namespace: &str) -> String {
    format!("{}/{AWS_AUTH}", config_maps(namespace))
}

fn mappings(group: &str) -> String {
    format!("/apis/{group}/v1alpha1/iammappings")
}

/// A mapping as `kubectl apply` makes it.
fn mapping(group: &str, n: u32) -> Value {
    let name = name(n);
    let username = format!("{name}:{{{{SessionName}}}}");
    let mut mapping = json!({
        "apiVersion": format!("{group}/v1alpha1"),
        "kind": "IamMapping",
        "metadata": { "name": name },
        "spec": { "arn": arn(n), "username": username, "groups": ["developers"] },
    });
    let applied = mapping.to_string();
    mapping["metadata"]["annotations"] =
        json!({ "kubectl.kubernetes.io/last-applied-configuration": applied });
    mapping
}

fn name(n: u32) -> String {
    format!("team-{n:05}")
}

fn arn(n: u32) -> String {
    format!("{}{n:05}", arn_prefix())
}

fn arn_prefix() -> String {
    "arn:aws:iam::111122223333:role/team-".to_owned()
}
