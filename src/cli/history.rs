//! `history`, `diff` and `restore`: earlier versions of aws-auth, as the operator keeps them beside it.
//!
//! A restore is a request that the operator carries out under its guards; `-o yaml` prints the version for the day when
//! no operator runs.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::Uid;
use aws_auth::restore;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::output::{self, Exit, plain};
use super::plan;
use super::source::live::{Live, said};
use super::source::{ClusterArguments, Standing};
use crate::checkpoints::{self, Checkpoint};

const EXAMPLES: &str = "\
Examples:
  Which versions are there?             history
  What has changed since one of them?   diff 12
  What changed from one to another?     diff 11 12
  Back to it:                           restore 12
  The same while no operator runs:      restore 12 -o yaml | kubectl apply -f -

Exit code of diff 0: no difference; 2: a difference; 1: an error.";

/// The versions of aws-auth that the operator keeps, the newest first: when, by which client, how many entries.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct HistoryArguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// How the list looks. Default: a table.
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

/// What changed from version N to version M, or to aws-auth as it stands.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DiffArguments {
    /// The earlier version, as history counts them.
    #[arg(value_name = "N")]
    from: u64,
    /// The later version. Default: aws-auth as it stands.
    #[arg(value_name = "M")]
    to: Option<u64>,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Ask the operator to bring a version back. Shows what would change and asks first.
///
/// The foreign entries come from the version, those of IamMappings from today's plan.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RestoreArguments {
    /// The version, as history counts them.
    #[arg(value_name = "N")]
    number: u64,
    #[command(flatten)]
    cluster: ClusterArguments,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// Print the version as a ConfigMap instead, to be applied by hand when no operator runs.
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

pub(super) fn history(arguments: &HistoryArguments) -> anyhow::Result<Exit> {
    let live = Live::connect(&arguments.cluster)?;
    let cluster = live.aws_auth()?.cluster;
    let mut headers: Vec<_> = all(&live, cluster)?.into_iter().map(|checkpoint| checkpoint.header).collect();
    headers.sort_by_key(|header| std::cmp::Reverse(header.number));
    let text = match arguments.output {
        Some(Format::Json) => output::json(&headers)?,
        Some(Format::Yaml) => output::yaml(&headers)?,
        None if headers.is_empty() => {
            "no version is kept yet: the operator keeps one when it sees one\n".to_owned()
        }
        None => {
            let row = |header: &checkpoints::Header| {
                vec![
                    header.number.to_string(),
                    plain(&header.at),
                    header.entries.to_string(),
                    plain(header.client.as_deref().unwrap_or("-")),
                    plain(header.note.as_deref().unwrap_or_default()),
                ]
            };
            let rows: Vec<_> = headers.iter().map(row).collect();
            output::table(&["VERSION", "SEEN", "ENTRIES", "CLIENT", "NOTE"], &rows)
        }
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

pub(super) fn diff(arguments: &DiffArguments) -> anyhow::Result<Exit> {
    let live = Live::connect(&arguments.cluster)?;
    let standing = live.aws_auth()?;
    let all = all(&live, standing.cluster)?;
    let from = version(&all, arguments.from, standing.cluster)?;
    let to = arguments.to.map(|number| version(&all, number, standing.cluster)).transpose()?;
    let text = plan::diff(&from, to.as_ref().unwrap_or(&standing.aws_auth), &standing.origin);
    output::print(if text.is_empty() { "no difference\n" } else { &text })?;
    Ok(if text.is_empty() { Exit::Done } else { Exit::Changes })
}

pub(super) fn restore(arguments: &RestoreArguments) -> anyhow::Result<Exit> {
    let live = Live::connect(&arguments.cluster)?;
    let standing = live.aws_auth()?;
    let wanted = version(&all(&live, standing.cluster)?, arguments.number, standing.cluster)?;
    if let Some(format) = arguments.output {
        let source = wanted.source();
        let mut metadata = json!({"name": "aws-auth", "namespace": "kube-system"});
        if !source.annotations.is_empty() {
            metadata["annotations"] = serde_json::to_value(&source.annotations)?;
        }
        let object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": source.data});
        let text = if format == Format::Json { output::json(&object)? } else { output::yaml(&object)? };
        output::print(&text)?;
        return Ok(Exit::Done);
    }
    let Standing { aws_auth, origin, .. } = &standing;
    let text = plan::diff(aws_auth, &wanted, origin);
    if text.is_empty() {
        output::print("aws-auth is as it was in that version: nothing to restore\n")?;
        return Ok(Exit::Done);
    }
    output::print(&text)?;
    if !aws_auth.exists() {
        bail!(
            "there is no aws-auth to ask on; restore {} -o yaml | kubectl apply -f - brings it back",
            arguments.number
        );
    }
    if !arguments.yes && !output::agreed("Ask the operator to restore this?")? {
        bail!("not asked for; --yes does not ask");
    }
    live.annotate_aws_auth(&json!({ restore::REQUEST: arguments.number.to_string() }))?;
    output::print(
        "asked for; the operator carries it out under its guards, and an Event says what became of it\n",
    )?;
    Ok(Exit::Done)
}

/// Every version that can be used. One that cannot is named, not skipped in silence.
fn all(live: &Live, cluster: Uid) -> anyhow::Result<Vec<Checkpoint>> {
    let mut all = Vec::new();
    for number in 0..checkpoints::RING {
        let name = checkpoints::name(number);
        let object: Value = match live.get(&format!("/api/v1/namespaces/kube-system/configmaps/{name}")) {
            Ok(object) => object,
            Err(error) if error.is_missing(&name) => continue,
            Err(error) => return Err(said(&error)),
        };
        let texts = |at: &str| -> BTreeMap<String, String> {
            let value = object.pointer(at).cloned().unwrap_or_default();
            serde_json::from_value(value).unwrap_or_default()
        };
        match checkpoints::checkpoint(&name, &texts("/metadata/annotations"), &texts("/binaryData"), cluster)
        {
            Ok(checkpoint) => all.push(checkpoint),
            Err(error) => output::note(&plain(&format!("{name} is left out: {error}"))),
        }
    }
    Ok(all)
}

fn version(all: &[Checkpoint], number: u64, cluster: Uid) -> anyhow::Result<AwsAuth> {
    let found = all.iter().find(|checkpoint| checkpoint.header.number == number);
    let found =
        found.with_context(|| format!("no version {number} is kept; history lists those that are"))?;
    let state = found.content.unpack().with_context(|| format!("version {number}"))?;
    Ok(state.read(cluster))
}
