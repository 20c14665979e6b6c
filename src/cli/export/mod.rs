//! `export`: aws-auth as EKS access entries, for the tool that is to make them, and what is lost on the way.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

mod tools;

use std::path::PathBuf;

use aws_auth::export::{self, AccessEntry, Export};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::grants::{self, RbacArguments};
use super::output::{self, Exit, YELLOW, count, plain};
use super::source::{self, AwsAuthArguments};

const EXAMPLES: &str = "\
Examples:
  For Terraform:                export --to terraform --cluster prod > access-entries.tf
  What would be lost?           export --to json > /dev/null
  From a file, for eksctl:      export --to eksctl --cluster prod --aws-auth aws-auth.yaml

Each principal that would not get the same username and groups is named on standard error.";

/// aws-auth as EKS access entries (Terraform, eksctl, ACK, AWS CLI), with a list of what cannot move.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Which tool is to make them; json: the entries and losses for programs.
    #[arg(long, value_name = "TOOL")]
    to: Tool,
    /// Name of the EKS cluster.
    #[arg(long = "cluster", value_name = "NAME", default_value = "CLUSTER")]
    cluster_name: String,
    /// Region of the EKS cluster, for eksctl.
    #[arg(long, value_name = "REGION", default_value = "REGION")]
    region: String,
    /// IamMappings, whose ARNs still have their roles' paths: a file, a folder, or -.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    aws_auth: AwsAuthArguments,
    #[command(flatten)]
    rbac: RbacArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tool {
    Terraform,
    Eksctl,
    Ack,
    AwsCli,
    Json,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let standing = source::aws_auth(&arguments.aws_auth)?;
    let rbac = grants::read(&arguments.rbac, &arguments.aws_auth)?;
    let wanted = source::mappings::read(&arguments.files)?;
    let paths: Vec<String> = wanted.mappings.into_iter().filter_map(|mapping| mapping.spec.arn).collect();
    let export = export::export(&standing.aws_auth, &paths, rbac.as_ref());
    let cluster = arguments.cluster_name.as_str();
    let text = match arguments.to {
        Tool::Terraform => tools::terraform(&export.entries, cluster),
        Tool::Eksctl => output::yaml(&tools::eksctl(&export.entries, cluster, &arguments.region))?,
        Tool::Ack => tools::ack(&export.entries, cluster)?,
        Tool::AwsCli => tools::aws_cli(&export.entries, cluster),
        Tool::Json => output::json(&as_json(&export))?,
    };
    output::print(&text)?;
    for (key, fault) in super::report::faults(&standing.aws_auth) {
        anstream::eprintln!(
            "{YELLOW}lost:{YELLOW:#} {key} cannot be read, so nobody in it is carried over: {}",
            plain(&fault)
        );
    }
    for loss in &export.losses {
        let place = match standing.origin.place(loss.key, loss.line) {
            Some((file, line)) => format!("{}:{line}: ", plain(file)),
            None => format!("{} line {}: ", loss.key, loss.line),
        };
        anstream::eprintln!(
            "{YELLOW}lost ({}):{YELLOW:#} {place}{}: {}",
            loss.kind.as_str(),
            plain(&loss.principal),
            plain(&loss.message)
        );
    }
    for proposal in &export.proposals {
        let place = proposal
            .namespace
            .as_ref()
            .map_or("all of the cluster".to_owned(), |namespace| format!("namespace {namespace}"));
        output::note(&plain(&format!(
            "{} for {place} could stand for what binding {} gives the group {}",
            proposal.policy, proposal.binding, proposal.group
        )));
    }
    output::note(&format!(
        "{}, {}; the cluster's authenticationMode must be API_AND_CONFIG_MAP or API",
        count(export.entries.len(), "access entry", "access entries"),
        count(export.losses.len(), "loss", "losses")
    ));
    Ok(Exit::Done)
}

fn as_json(export: &Export) -> Value {
    let entry = |entry: &AccessEntry| {
        json!({
            "principalArn": entry.principal_arn,
            "type": entry.entry_type.as_str(),
            "username": entry.username,
            "kubernetesGroups": entry.groups,
            "accessPolicies": entry.policies,
            "key": entry.key.as_str(),
            "line": entry.line,
        })
    };
    let loss = |loss: &export::Loss| {
        json!({
            "kind": loss.kind.as_str(),
            "principal": loss.principal,
            "key": loss.key.as_str(),
            "line": loss.line,
            "message": loss.message,
        })
    };
    let proposal = |one: &export::Proposal| json!({"group": one.group, "policy": one.policy, "namespace": one.namespace, "binding": one.binding});
    json!({
        "entries": export.entries.iter().map(entry).collect::<Vec<_>>(),
        "losses": export.losses.iter().map(loss).collect::<Vec<_>>(),
        "proposals": export.proposals.iter().map(proposal).collect::<Vec<_>>(),
    })
}
