//! `plan`: what the operator would do, by the code that it runs.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

mod outcome;
mod show;

use std::mem;
use std::path::PathBuf;

use anyhow::Context as _;
use aws_auth::Timestamp;
use aws_auth::aws_auth::AwsAuth;
use aws_auth::mapping::Mapping;
use aws_auth::plan::{Input, Plan};
use aws_auth::settings::{Mode, Settings};
use aws_auth::situation::Situation;
use clap::{Args, ValueEnum};

use super::output::{self, Exit, count};
use super::source::mappings::Wanted;
use super::source::{self, AwsAuthArguments, Standing};
use crate::api::convert;
use outcome::Outcome;
pub(super) use show::diff;

const EXAMPLES: &str = "\
Examples:
  What would applying these files do?   plan -f mappings/
  The same without a cluster:           plan -f mappings/ --aws-auth aws-auth.yaml --config config.yaml
  What is the operator about to do?     plan
  What will have expired by then?       plan --at 2027-01-01T00:00:00Z
  aws-auth as it would be:              plan -f mappings/ --aws-auth aws-auth.yaml -o configmap

Exit code 0: nothing to do; 2: changes; 3: something is held or refused; 1: an error.";

/// What would change in aws-auth, and what is held or refused and why. Writes nothing.
///
/// -f names all the IamMappings there are to be: what is not among them counts as deleted.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The IamMappings that are wanted, instead of those in the cluster: a file, a folder, or - for standard input.
    #[arg(short, long = "filename", value_name = "FILE|DIR|-")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    aws_auth: AwsAuthArguments,
    /// The operator's configuration. Without it the defaults hold.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Plan as of this time, in RFC 3339, instead of now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// How the plan looks. Default: for people. diff: aws-auth before and after; configmap: aws-auth after.
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
    Configmap,
    Diff,
}

/// A time as people write it.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(Timestamp(time.as_second())),
        Err(_) => Err("write a time as 2026-12-31T18:00:00Z".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let settings = source::settings(arguments.config.as_ref())?;
    let (wanted, standing) = source::both(&arguments.files, &arguments.aws_auth)?;
    remark(&wanted, &settings);
    let mappings: Vec<Mapping> = wanted.mappings.iter().map(convert::mapping).collect();
    let now = arguments.at.unwrap_or_else(|| Timestamp(jiff::Timestamp::now().as_second()));
    let settings = Settings { mode: Mode::Enforce, ..settings };
    let references: Vec<&Mapping> = mappings.iter().collect();
    let input = Input {
        mappings: &references,
        aws_auth: &standing.aws_auth,
        cluster: standing.cluster,
        settings: &settings,
        now,
        situation: Situation::none(),
    };
    let plan = aws_auth::plan::plan(&input);
    let after = plan.write.as_ref().unwrap_or(&standing.aws_auth);
    let outcome = Outcome::of(&plan, &standing.aws_auth);
    let text = match arguments.output {
        Some(Format::Json) => output::json(&outcome)?,
        Some(Format::Yaml) => output::yaml(&outcome)?,
        Some(Format::Configmap) => config_map(&standing, after)?,
        Some(Format::Diff) => show::diff(&standing.aws_auth, after, &standing.origin),
        None => show::text(&outcome, &standing, after).context("the plan")?,
    };
    output::print(&text)?;
    let exit = exit(&plan, &outcome);
    // The process ends here: to give back thousands of small pieces one by one would be a tenth of what it does.
    mem::forget(outcome);
    mem::forget(plan);
    mem::forget((wanted, standing, mappings));
    Ok(exit)
}

/// aws-auth once the plan for these mappings is written; `None` where nothing is to be written.
pub(super) fn after(
    standing: &Standing,
    mappings: &[Mapping],
    settings: &Settings,
    now: Timestamp,
) -> Option<AwsAuth> {
    let settings = Settings { mode: Mode::Enforce, ..settings.clone() };
    let mappings: Vec<&Mapping> = mappings.iter().collect();
    let (aws_auth, cluster) = (&standing.aws_auth, standing.cluster);
    let situation = Situation::none();
    let input = Input { mappings: &mappings, aws_auth, cluster, settings: &settings, now, situation };
    aws_auth::plan::plan(&input).write
}

fn exit(plan: &Plan<'_>, outcome: &Outcome<'_>) -> Exit {
    if !plan.held.is_empty() || !outcome.refused.is_empty() {
        Exit::Held
    } else if outcome.writes {
        Exit::Changes
    } else {
        Exit::Done
    }
}

fn remark(wanted: &Wanted, settings: &Settings) {
    if wanted.skipped > 0 {
        output::note(&format!("{} skipped: no IamMapping", count(wanted.skipped, "object", "objects")));
    }
    if wanted.mappings.is_empty() {
        output::note("there is no IamMapping");
    }
    if settings.mode == Mode::Observe {
        output::note("mode is Observe: this is what mode Enforce would write");
    }
}

/// aws-auth after the plan, to be applied by hand.
fn config_map(standing: &Standing, after: &AwsAuth) -> anyhow::Result<String> {
    let kept = |field: &str| standing.metadata.get(field).cloned();
    let mut metadata = serde_json::Map::new();
    metadata.insert("name".to_owned(), "aws-auth".into());
    metadata.insert("namespace".to_owned(), "kube-system".into());
    // So that an edit made in between is not overwritten.
    for field in ["labels", "resourceVersion"] {
        if let Some(value) = kept(field) {
            metadata.insert(field.to_owned(), value);
        }
    }
    if !after.source().annotations.is_empty() {
        metadata.insert("annotations".to_owned(), serde_json::to_value(&after.source().annotations)?);
    }
    output::yaml(&serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": after.source().data,
    }))
}
