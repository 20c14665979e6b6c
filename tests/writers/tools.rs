//! The writers. Those that are kubectl are kubectl itself, and keikoproj's aws-auth is itself; eksctl is imitated from what
//! is documented of it and of the library that it writes YAML with.

use std::collections::BTreeMap;
use std::process::Command;

use aws_auth::{Entry, Key};
use control_plane::parts::{self, Part};
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::ROLES;
use crate::common::{Cluster, Version, arn, edit_aws_auth};

/// Somebody who is asked to map one more role.
pub struct Tool {
    pub name: &'static str,
    pub run: fn(&mut Cluster),
}

pub const TOOLS: &[Tool] = &[
    Tool { name: "`kubectl edit`", run: kubectl_edit },
    Tool { name: "`eksctl create iamidentitymapping`, node groups of eksctl", run: eksctl },
    Tool { name: "keikoproj's `aws-auth upsert`", run: keikoproj },
    Tool { name: "`kubectl apply` of a manifest with mapRoles, AWS CDK", run: kubectl_apply },
    Tool { name: "Terraform, `kubernetes_config_map_v1_data` with `force`", run: terraform_data },
    Tool { name: "Terraform, `kubernetes_config_map`: the whole object", run: terraform_whole },
];

/// What a tool that keeps no others' entries knows to write.
fn manifest_text() -> String {
    format!("{ROLES}- rolearn: {}\n  username: tools\n", arn("tools"))
}

fn manifest() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "aws-auth", "namespace": "kube-system"},
        "data": {"mapRoles": manifest_text()},
    })
}

/// Writes the object as it was, record and all.
pub fn put_back(cluster: &Cluster, base: &ConfigMap) {
    let mut object = base.clone();
    object.metadata.resource_version = None;
    object.metadata.managed_fields = None;
    apply(cluster, &["replace"], &serde_json::to_value(&object).unwrap());
}

fn apply(cluster: &Cluster, arguments: &[&str], object: &Value) {
    let file = crate::common::file(&object.to_string());
    let path = format!("--filename={}", file.path().display());
    let arguments: Vec<&str> = arguments.iter().copied().chain([&*path]).collect();
    cluster.kubectl(&arguments);
}

fn kubectl_edit(cluster: &mut Cluster) {
    let role = arn("tools");
    let editor = crate::common::file(&format!(
        r#"sed -i 's|^\( *\)# who may in.*|&\n\1- rolearn: {role}\n\1  username: tools|' "$1""#
    ));
    let output = Command::new(parts::ensure(Part::Kubectl).unwrap())
        .args(["edit", "configmap", "aws-auth", "-nkube-system"])
        .env("KUBECONFIG", cluster.plane().kubeconfig_path())
        .env("KUBE_EDITOR", format!("sh {}", editor.path().display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn kubectl_apply(cluster: &mut Cluster) {
    apply(cluster, &["apply"], &manifest());
}

fn terraform_data(cluster: &mut Cluster) {
    apply(
        cluster,
        &["apply", "--server-side", "--force-conflicts", "--field-manager=Terraform"],
        &manifest(),
    );
}

fn terraform_whole(cluster: &mut Cluster) {
    apply(cluster, &["replace", "--field-manager=Terraform"], &manifest());
}

fn entries(data: &BTreeMap<String, String>, key: Key) -> Vec<Entry> {
    let object = ConfigMap { data: Some(data.clone()), ..ConfigMap::default() };
    Version { number: 0, object: Some(object) }.entries(key)
}

/// eksctl reads both lists, appends, and writes both anew, fields sorted; the rest of the object stays.
fn eksctl(cluster: &mut Cluster) {
    #[derive(Serialize)]
    struct Row {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        rolearn: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        userarn: Option<String>,
        username: String,
    }
    let row = |key: Key, Entry { arn, username, groups }: Entry| match key {
        Key::MapUsers => Row { groups, rolearn: None, userarn: Some(arn), username },
        Key::MapRoles | Key::MapAccounts => Row { groups, rolearn: Some(arn), userarn: None, username },
    };
    edit_aws_auth(cluster.client(), "eksctl", |data| {
        for key in [Key::MapRoles, Key::MapUsers] {
            let mut rows: Vec<Row> = entries(data, key).into_iter().map(|entry| row(key, entry)).collect();
            if key == Key::MapRoles {
                rows.push(row(key, asked()));
            }
            data.insert(key.to_string(), serde_saphyr::to_string(&rows).unwrap());
        }
    });
}

/// keikoproj's aws-auth itself.
fn keikoproj(cluster: &mut Cluster) {
    let Entry { arn, username, .. } = asked();
    let output = Command::new(parts::ensure(Part::KeikoprojAwsAuth).unwrap())
        .args(["upsert", "--maproles", "--rolearn", &arn, "--username", &username])
        .env("KUBECONFIG", cluster.plane().kubeconfig_path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn asked() -> Entry {
    Entry { arn: arn("tools"), username: "tools".to_owned(), groups: Vec::new() }
}
