//! Access entries in the words of each tool that can make them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use aws_auth::export::AccessEntry;
use aws_auth::import::object_name;
use aws_auth::mapping::MappingType;
use serde_json::{Map, Value, json};

use crate::cli::output;

/// Resources of the AWS provider.
pub(super) fn terraform(entries: &[AccessEntry], cluster: &str) -> String {
    let mut out = String::new();
    for (entry, name) in entries.iter().zip(names(entries)) {
        let name = name.replace(['-', '.'], "_");
        let label = if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name };
        // Writing to a String cannot fail.
        _ = writeln!(
            out,
            "resource \"aws_eks_access_entry\" \"{label}\" {{\n  cluster_name  = {}\n  principal_arn = {}\n  type          = \"{}\"",
            hcl(cluster),
            hcl(&entry.principal_arn),
            entry.entry_type.as_str()
        );
        if let Some(username) = &entry.username {
            _ = writeln!(out, "  user_name     = {}", hcl(username));
        }
        if !entry.groups.is_empty() {
            let groups: Vec<String> = entry.groups.iter().map(|group| hcl(group)).collect();
            _ = writeln!(out, "\n  kubernetes_groups = [{}]", groups.join(", "));
        }
        out.push_str("}\n\n");
        for policy in &entry.policies {
            _ = writeln!(
                out,
                "resource \"aws_eks_access_policy_association\" \"{label}\" {{\n  cluster_name  = {}\n  principal_arn = aws_eks_access_entry.{label}.principal_arn\n  policy_arn    = {}\n\n  access_scope {{\n    type = \"cluster\"\n  }}\n}}\n",
                hcl(cluster),
                hcl(policy)
            );
        }
    }
    out
}

/// A string of HCL. `${` and `%{` would begin a template.
fn hcl(text: &str) -> String {
    let mut out = String::from("\"");
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '{' if before == '$' || before == '%' => {
                out.push(before);
                out.push('{');
            }
            c if c.is_control() => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
        before = c;
    }
    out.push('"');
    out
}

/// A `ClusterConfig` with nothing but access entries.
pub(super) fn eksctl(entries: &[AccessEntry], cluster: &str, region: &str) -> Value {
    let entries: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut one = Map::new();
            one.insert("principalARN".to_owned(), entry.principal_arn.as_str().into());
            one.insert("type".to_owned(), entry.entry_type.as_str().into());
            if let Some(username) = &entry.username {
                one.insert("kubernetesUsername".to_owned(), username.as_str().into());
            }
            if !entry.groups.is_empty() {
                one.insert("kubernetesGroups".to_owned(), entry.groups.clone().into());
            }
            if !entry.policies.is_empty() {
                let policy = |arn: &String| json!({"policyARN": arn, "accessScope": {"type": "cluster"}});
                one.insert("accessPolicies".to_owned(), entry.policies.iter().map(policy).collect());
            }
            Value::Object(one)
        })
        .collect();
    json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": cluster, "region": region},
        "accessConfig": {"accessEntries": entries},
    })
}

/// Objects of the EKS controller of AWS Controllers for Kubernetes.
pub(super) fn ack(entries: &[AccessEntry], cluster: &str) -> anyhow::Result<String> {
    let mut documents = Vec::new();
    for (entry, name) in entries.iter().zip(names(entries)) {
        let mut spec = Map::new();
        spec.insert("clusterName".to_owned(), cluster.into());
        spec.insert("principalARN".to_owned(), entry.principal_arn.as_str().into());
        spec.insert("type".to_owned(), entry.entry_type.as_str().into());
        if let Some(username) = &entry.username {
            spec.insert("username".to_owned(), username.as_str().into());
        }
        if !entry.groups.is_empty() {
            spec.insert("kubernetesGroups".to_owned(), entry.groups.clone().into());
        }
        if !entry.policies.is_empty() {
            let policy = |arn: &String| json!({"policyARN": arn, "accessScope": {"type": "cluster"}});
            spec.insert("accessPolicies".to_owned(), entry.policies.iter().map(policy).collect());
        }
        documents.push(output::yaml(&json!({
            "apiVersion": "eks.services.k8s.aws/v1alpha1",
            "kind": "AccessEntry",
            "metadata": {"name": name},
            "spec": spec,
        }))?);
    }
    Ok(documents.join("---\n"))
}

/// A script for a shell.
pub(super) fn aws_cli(entries: &[AccessEntry], cluster: &str) -> String {
    let mut out = "#!/bin/sh\nset -eu\n".to_owned();
    for entry in entries {
        let (cluster, arn) = (shell(cluster), shell(&entry.principal_arn));
        _ = write!(
            out,
            "aws eks create-access-entry --cluster-name {cluster} --principal-arn {arn} --type {}",
            entry.entry_type.as_str()
        );
        if entry.entry_type == MappingType::Standard {
            if let Some(username) = &entry.username {
                _ = write!(out, " --username {}", shell(username));
            }
            if !entry.groups.is_empty() {
                let groups: Vec<String> = entry.groups.iter().map(|group| shell(group)).collect();
                _ = write!(out, " --kubernetes-groups {}", groups.join(" "));
            }
        }
        out.push('\n');
        for policy in &entry.policies {
            _ = writeln!(
                out,
                "aws eks associate-access-policy --cluster-name {cluster} --principal-arn {arn} --policy-arn {} --access-scope type=cluster",
                shell(policy)
            );
        }
    }
    out
}

/// One word of a shell.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A name for each, none twice.
fn names(entries: &[AccessEntry]) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let name = |entry: &AccessEntry| {
        let name = object_name(&entry.principal_arn);
        let n = seen.entry(name.clone()).or_default();
        *n += 1;
        // No name that is made ends with a dot and a number.
        if *n == 1 { name } else { format!("{name}.{n}") }
    };
    entries.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_quotes() {
        assert_eq!(hcl("a\"b\\${x}%{y}{{z}}"), r#""a\"b\\$${x}%%{y}{{z}}""#);
        assert_eq!(shell("it's"), r"'it'\''s'");
    }
}
