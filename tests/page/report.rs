//! Reports of made-up clusters, by the binary.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

const RBAC: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: view}
rules: [{apiGroups: ['', apps], resources: [pods, services, deployments], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: edit}
rules:
- {apiGroups: ['', apps], resources: [pods, services, deployments], verbs: [create, delete, get, list, patch, update, watch]}
- {apiGroups: [''], resources: [secrets], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster-admin}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}, {nonResourceURLs: ['*'], verbs: ['*']}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: auditors}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: Group, name: auditors}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: platform}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: Group, name: platform}]
";
const TEAMS: [&str; 6] = ["payments", "search", "catalog", "shipping", "identity", "media"];

/// The files of one cluster.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn run(arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"))
            .args(arguments)
            .env("KUBECONFIG", "/nonexistent")
            .output()
            .unwrap();
        assert!(matches!(output.status.code(), Some(0 | 2)), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A cluster with this many entries: nodes, admins, teams, some by IamMappings, one that ends in three days, one that
    /// nobody matches.
    pub fn report_of(&self, entries: usize) -> Page {
        let (mut roles, mut rbac, mut mappings) = (String::new(), RBAC.to_owned(), String::new());
        for team in TEAMS {
            _ = write!(
                rbac,
                "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: team, namespace: {team}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}}\nsubjects: [{{kind: Group, name: {team}}}]\n"
            );
        }
        for n in 1..=3 {
            _ = write!(
                roles,
                "- rolearn: arn:aws:iam::111122223333:role/eksctl-prod-nodegroup-{n}-NodeInstanceRole\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:bootstrappers, system:nodes]\n"
            );
        }
        for (name, groups) in
            [("break-glass", "system:masters"), ("AWSReservedSSO_Platform_0123456789abcdef", "platform")]
        {
            _ = write!(
                roles,
                "- rolearn: arn:aws:iam::111122223333:role/{name}\n  username: {name}:{{{{SessionName}}}}\n  groups: ['{groups}']\n"
            );
        }
        _ = write!(
            roles,
            "- rolearn: arn:aws:iam::111122223333:role/legacy/ci/deployer\n  username: deployer\n  groups: [platform]\n"
        );
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(72);
        let on_call = "arn:aws:iam::111122223333:role/on-call";
        _ = write!(
            mappings,
            "---\napiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata: {{name: on-call, creationTimestamp: '2026-03-02T06:00:00Z'}}\nspec:\n  arn: {on_call}\n  username: on-call:{{{{SessionName}}}}\n  groups: ['system:masters']\n  description: \"Incident 4711, until it is closed\"\n  expiresAt: {soon}\n"
        );
        self.write("config.yaml", &format!("policy: {{privileged: ['{on_call}']}}\n"));
        let fixed = 3 + 2 + 1 + 1;
        let managed = entries / 4;
        for n in 0..entries - fixed {
            let team = TEAMS[n % TEAMS.len()];
            let account = 200_000_000_000_u64 + (n as u64 % 17) * 1_000_003;
            let arn = format!("arn:aws:iam::{account}:role/{team}-{n:04}");
            let group = if n % 40 == 3 { "auditors" } else { team };
            if n < managed {
                let until = if n == 4 { format!("  expiresAt: {soon}\n") } else { String::new() };
                let why = if n % 3 == 0 {
                    format!("  description: \"On call for {team}, see OPS-{}\"\n", 100 + n)
                } else {
                    String::new()
                };
                _ = write!(
                    mappings,
                    "---\napiVersion: aws-auth.dev/v1alpha1\nkind: IamMapping\nmetadata: {{name: {team}-{n:04}, creationTimestamp: '2026-0{}-1{}T08:30:00Z'}}\nspec:\n  arn: {arn}\n  username: {team}:{{{{SessionName}}}}\n  groups: [{group}]\n{why}{until}",
                    1 + n % 9,
                    n % 10
                );
            } else {
                _ = write!(
                    roles,
                    "- rolearn: {arn}\n  username: {team}:{{{{SessionName}}}}\n  groups: [{group}]\n"
                );
            }
        }
        self.page(&roles, &mappings, &rbac)
    }

    /// A cluster whose aws-auth is this.
    pub fn report(&self, roles: &str) -> Page {
        self.page(roles, "", RBAC)
    }

    fn page(&self, roles: &str, mappings: &str, rbac: &str) -> Page {
        let (mut aws_auth, rbac) = (self.write("aws-auth.yaml", roles), self.write("rbac.yaml", rbac));
        let mut arguments = Vec::new();
        let mappings = self.write("mappings.yaml", mappings);
        if fs::metadata(&mappings).unwrap().len() > 0 {
            let config = self.0.path().join("config.yaml").display().to_string();
            let after = Self::run(&[
                "plan",
                "-f",
                &mappings,
                "--aws-auth",
                &aws_auth,
                "--config",
                &config,
                "-o",
                "configmap",
            ]);
            aws_auth = self.write("after.yaml", &after);
            arguments.extend(["-f", &mappings]);
        }
        arguments.extend([
            "--aws-auth",
            &aws_auth,
            "--rbac",
            &rbac,
            "--cluster",
            "prod-eu-west-1",
            "-o",
            "html",
        ]);
        arguments.insert(0, "report");
        let html = Self::run(&arguments);
        let path = PathBuf::from(self.write("report.html", &html));
        Page { html, path }
    }

    /// Another page in the same place.
    pub fn other(&self, html: &str) -> String {
        format!("file://{}", self.write("other.html", html))
    }
}

/// A report.
pub struct Page {
    pub html: String,
    path: PathBuf,
}

impl Page {
    pub fn address(&self) -> String {
        format!("file://{}", self.path.display())
    }
}
