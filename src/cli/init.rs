//! `init`: who am I to this cluster, and the configuration that protects me.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

use anyhow::{Context as _, bail};
use aws_auth::arn::Principal;
use aws_auth::lookup::{Caller, Lookup, Options, Outcome};
use aws_auth::settings::{SYSTEM_MASTERS, Settings};
use aws_auth::{Key, import};
use clap::Args;
use serde_json::{Value, json};

use super::output::{self, Exit, plain};
use super::source::ClusterArguments;
use super::source::live::Live;

const EXAMPLES: &str = "\
Examples:
  Values for the Helm chart:            init > values.yaml
  And I am the cluster's creator:       init --creator > values.yaml";

/// Ask the API server who you are, and print Helm values with which nobody locks you out.
///
/// Everything privileged that aws-auth has today is allowed to stay, the mode is Observe: nothing is written yet.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// I am the cluster's creator: pin my hidden system:masters binding, and write it out.
    #[arg(long)]
    creator: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let live = Live::connect(&arguments.cluster)?;
    let review = live.who_am_i()?;
    let extra = |name: &str| {
        let values = review.pointer(&format!("/status/userInfo/extra/{name}"));
        values.and_then(|values| values.get(0)).and_then(Value::as_str).map(str::to_owned)
    };
    let username = review.pointer("/status/userInfo/username").and_then(Value::as_str).unwrap_or_default();
    let arn = extra("canonicalArn").or_else(|| extra("arn")).with_context(|| {
        format!(
            "the API server knows you as {username:?} and not by an ARN, so you did not get in through aws-iam-authenticator; use a kubeconfig that aws eks update-kubeconfig wrote"
        )
    })?;
    let caller =
        Caller::from_arn(&arn).with_context(|| format!("{arn:?} is no identity that aws-auth could name"))?;
    let principal =
        Principal::parse(&caller.canonical_arn).context("you are nobody whom an IamMapping could name")?;
    let groups =
        review.pointer("/status/userInfo/groups").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_admin = groups.iter().any(|group| group == SYSTEM_MASTERS);
    let standing = live.aws_auth()?;
    let lookup = Lookup::new(Key::ALL.map(|key| (key, standing.aws_auth.key(key).reading())));
    let mapped =
        matches!(lookup.find(&caller, &Options::default()), Outcome::Admitted(_) | Outcome::Chance(_));
    let import = match import::import(&standing.aws_auth, &Settings::default()) {
        Ok(import) => import,
        Err((key, fault)) => {
            bail!("{key} line {} cannot be read: {}; mend it first", fault.place.line, fault.message)
        }
    };
    let seems_creator = is_admin && !mapped && !arguments.creator;
    let creator = arguments.creator
        || (seems_creator
            && output::somebody_is_there()
            && output::agreed(
                "You have system:masters and no entry in aws-auth. Are you the cluster's creator, and no access entry lets you in?",
            )?);
    let mut config = serde_json::Map::new();
    config.insert("mode".to_owned(), "Observe".into());
    if creator {
        config.insert("clusterCreator".to_owned(), json!({"arn": principal.entry_arn(), "ensure": true}));
    }
    config.insert("protected".to_owned(), json!([principal.entry_arn()]));
    config.insert("policy".to_owned(), json!({"privileged": import.privileged}));
    output::print(&output::yaml(&json!({"config": config}))?)?;
    eprintln!("You are {} ({}).", plain(&principal.entry_arn()), plain(username));
    if seems_creator && !creator {
        output::note(
            "you have system:masters and no entry in aws-auth: you seem to be the cluster's creator (or an access entry lets you in). If you are, run init again with --creator",
        );
    }
    eprintln!(
        "Next:\n  helm install aws-auth-operator charts/aws-auth-operator --namespace kube-system --values values.yaml\n  kubectl iam-mapping import > mappings.yaml\n  kubectl apply -f mappings.yaml   # then kubectl iam-mapping plan, and mode: Enforce when it says what you want"
    );
    Ok(Exit::Done)
}
