//! The cluster, read once for one answer. Nothing here writes but what a person asks the operator for, as annotations.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use aws_auth::mapping::Uid;
use http::{Request, StatusCode};
use kube::Client;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{ClusterArguments, Origin, Standing, config_map};
use crate::api::IamMapping;
use crate::cli::output;
use crate::client::{self, CallError};
use crate::telemetry::Telemetry;

/// People wait for an answer, but not for long.
const DEADLINE: Duration = Duration::from_secs(15);
const PAGE: usize = 500;

/// A connection to the API server.
pub(in crate::cli) struct Live {
    runtime: Runtime,
    client: Client,
}

impl Live {
    /// Finds out which cluster; nothing is sent yet.
    pub(in crate::cli) fn connect(arguments: &ClusterArguments) -> anyhow::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime")?;
        let client = runtime.block_on(client::connect(&arguments.cluster(), &Telemetry::default()))?;
        Ok(Self { runtime, client })
    }

    /// kube-system/aws-auth with the identity of its cluster.
    pub(in crate::cli) fn aws_auth(&self) -> anyhow::Result<Standing> {
        let namespace: Value = self.get("/api/v1/namespaces/kube-system").map_err(|error| said(&error))?;
        let uid = namespace.pointer("/metadata/uid").and_then(Value::as_str).and_then(Uid::parse);
        let cluster = uid.context("namespace kube-system has no UID")?;
        match self.get::<Value>("/api/v1/namespaces/kube-system/configmaps/aws-auth") {
            Ok(object) => config_map::from_object(object, Origin::Cluster, Some(cluster)),
            Err(error) if error.is_missing("aws-auth") => {
                output::note("the cluster has no ConfigMap kube-system/aws-auth");
                Ok(config_map::missing(cluster))
            }
            Err(error) => Err(said(&error)),
        }
    }

    /// Every IamMapping; `None` where the cluster does not know the kind.
    pub(in crate::cli) fn mappings(&self) -> anyhow::Result<Option<Vec<IamMapping>>> {
        let path = "/apis/aws-auth.dev/v1alpha1/iammappings";
        match self.list(path) {
            Ok(all) => Ok(Some(all)),
            Err(error) if error.code() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(said(&error)),
        }
    }

    /// Every object of a kind, page by page.
    pub(in crate::cli) fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, CallError> {
        #[derive(serde::Deserialize)]
        struct Page<T> {
            #[serde(default)]
            metadata: Metadata,
            items: Option<Vec<T>>,
        }
        #[derive(Default, serde::Deserialize)]
        struct Metadata {
            #[serde(rename = "continue")]
            next: Option<String>,
        }
        let mut all = Vec::new();
        let mut query = format!("{path}?limit={PAGE}");
        loop {
            let page: Page<T> = self.get(&query)?;
            all.extend(page.items.unwrap_or_default());
            match page.metadata.next.filter(|next| !next.is_empty()) {
                // Tokens are base64 for URLs, without anything to escape.
                Some(next) => query = format!("{path}?limit={PAGE}&continue={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Who the API server takes us for.
    pub(in crate::cli) fn who_am_i(&self) -> anyhow::Result<Value> {
        let review = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}"#;
        let request = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(review.as_bytes().to_vec())
            .context("the request")?;
        self.runtime.block_on(client::call(&self.client, request, DEADLINE)).map_err(|error| said(&error))
    }

    /// Sets annotations of aws-auth and nothing else.
    pub(in crate::cli) fn annotate_aws_auth(&self, annotations: &Value) -> anyhow::Result<()> {
        let patch = serde_json::to_vec(&serde_json::json!({"metadata": {"annotations": annotations}}))?;
        let request = Request::patch(
            "/api/v1/namespaces/kube-system/configmaps/aws-auth?fieldManager=kubectl-iam-mapping",
        )
        .header(http::header::CONTENT_TYPE, "application/merge-patch+json")
        .body(patch)
        .context("the request")?;
        let answer = self.runtime.block_on(client::call::<Value>(&self.client, request, DEADLINE));
        answer.map(drop).map_err(|error| said(&error))
    }

    /// One answer.
    pub(in crate::cli) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        let request = Request::get(path)
            .header(http::header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|error| CallError::Unknown(error.to_string()))?;
        self.runtime.block_on(client::call(&self.client, request, DEADLINE))
    }
}

/// What the API server said, and what to do about it.
pub(in crate::cli) fn said(error: &CallError) -> anyhow::Error {
    match error.code() {
        Some(StatusCode::FORBIDDEN) => anyhow!("{error}; ask for that permission, or use another --context"),
        Some(StatusCode::UNAUTHORIZED) => {
            anyhow!("{error}: the kubeconfig's credentials are not accepted; renew them")
        }
        Some(_) => anyhow!("{error}"),
        None => anyhow!(
            "the API server does not answer: {}; is it the right --context, and does it take a VPN?",
            error.to_string().trim_start_matches("ServiceError: ")
        ),
    }
}
