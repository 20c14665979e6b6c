//! `approve`: writes the hash of what waits onto aws-auth, where the operator finds it.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

use anyhow::bail;
use aws_auth::approval::{self, ApprovalHash};
use clap::Args;
use serde_json::json;

use super::output::{self, Exit, plain};
use super::source::ClusterArguments;
use super::source::live::Live;
use super::status;

/// Let through what a guard holds: exactly that part, once. Shows it and asks first.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The hash that status and the Event name. It is good for a quarter of an hour.
    #[arg(value_name = "HASH", value_parser = hash)]
    hash: ApprovalHash,
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
    let wanted = arguments.hash.to_string();
    match status::held(&standing).iter().find(|request| request.hash == wanted) {
        Some(request) => output::print(&status::one(request))?,
        // A hash of a single entry, as its Event names it, is not in the list.
        None if standing.aws_auth.annotation(approval::HELD).is_some() => output::note(
            "this hash is not in the list of what waits: it is good only for a single entry that is held, and only as long as its Event says",
        ),
        None => bail!("nothing waits for approval; kubectl iam-mapping status shows what does"),
    }
    if !arguments.yes && !output::agreed("Let this through?")? {
        bail!("not approved; --yes does not ask");
    }
    live.annotate_aws_auth(&json!({ approval::APPROVE: wanted }))?;
    output::print(&format!("approved {}; the operator carries it out at once\n", plain(&wanted)))?;
    Ok(Exit::Done)
}
