//! `approve`: writes the hash of what waits onto aws-auth, where the operator finds it.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use aws_auth::Timestamp;
use aws_auth::approval::{self, ApprovalHash};
use aws_auth::arn::Principal;
use aws_auth::mapping::Mapping;
use aws_auth::plan::Input;
use aws_auth::situation::Situation;
use clap::Args;
use serde_json::json;

use super::output::{self, Exit, plain};
use super::source::live::Live;
use super::source::{self, ClusterArguments, Standing};
use super::status;
use crate::api::convert;

const EXAMPLES: &str = "\
Examples:
  What waits, and its hash:             status
  Let that through:                     approve 0123456789abcdef0123456789abcdef
  One revocation, before the others:    approve --only arn:aws:iam::111122223333:role/leaver";

/// Let through what a guard holds: exactly that part, once. Shows it and asks first.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The hash that status and the Event name. It is good for a quarter of an hour.
    #[arg(value_name = "HASH", value_parser = hash, required_unless_present = "only", conflicts_with = "only")]
    hash: Option<ApprovalHash>,
    /// One role or user of those that wait, by itself: an urgent revocation while the brake holds many.
    #[arg(long, value_name = "ARN")]
    only: Option<String>,
    /// The operator's configuration, for --only. Without it the defaults hold.
    #[arg(long, value_name = "FILE", requires = "only")]
    config: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArguments,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

fn hash(text: &str) -> Result<ApprovalHash, String> {
    text.parse().map_err(|error: approval::NoHash| error.to_string())
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let live = Live::connect(&arguments.cluster)?;
    let standing = live.aws_auth()?;
    let wanted = match (&arguments.hash, &arguments.only) {
        (Some(hash), _) => shown(hash, &standing)?,
        (None, Some(arn)) => only(arn, arguments, &live, &standing)?,
        (None, None) => bail!("name a hash, or one ARN with --only"),
    };
    if !arguments.yes && !output::agreed("Let this through?")? {
        bail!("not approved; --yes does not ask");
    }
    live.annotate_aws_auth(&json!({ approval::APPROVE: wanted }))?;
    output::print(&format!("approved {}; the operator carries it out at once\n", plain(&wanted)))?;
    Ok(Exit::Done)
}

/// Shows what a hash of the published list lets through.
fn shown(hash: &ApprovalHash, standing: &Standing) -> anyhow::Result<String> {
    let wanted = hash.to_string();
    match status::held(standing).iter().find(|request| request.hash == wanted) {
        Some(request) => output::print(&status::one(request))?,
        None if standing.aws_auth.annotation(approval::HELD).is_some() => output::note(
            "this hash is not in the list of what waits: it may be for a single entry, or from before the last change",
        ),
        None => bail!("nothing waits for approval; kubectl iam-mapping status shows what does"),
    }
    Ok(wanted)
}

/// Finds the hash of one entry that waits, by planning what the operator plans.
fn only(arn: &str, arguments: &Arguments, live: &Live, standing: &Standing) -> anyhow::Result<String> {
    let principal = Principal::parse(arn).context("--only")?.key();
    let settings = source::settings(arguments.config.as_ref())?;
    let mappings = live.mappings()?.context("there are no IamMappings: the CRD is not installed")?;
    let mappings: Vec<Mapping> = mappings.iter().map(convert::mapping).collect();
    let references: Vec<&Mapping> = mappings.iter().collect();
    let plan = aws_auth::plan::plan(&Input {
        mappings: &references,
        aws_auth: &standing.aws_auth,
        cluster: standing.cluster,
        settings: &settings,
        now: Timestamp(jiff::Timestamp::now().as_second()),
        situation: Situation::none(),
    });
    let held = plan.held.iter().find(|held| held.principal.as_deref() == Some(principal.as_str()));
    let held =
        held.with_context(|| format!("nothing waits for {arn}; kubectl iam-mapping status shows what does"))?;
    let Some(approval) = held.approval else {
        bail!("{}: what {} holds cannot be approved, or is not published yet", held.message, held.reason);
    };
    output::print(&format!("{} {}: {}\n", held.reason, plain(principal.as_str()), plain(&held.message)))?;
    Ok(approval.only.to_string())
}
