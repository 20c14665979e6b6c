//! `status`: the operator as its objects show it: who leads, what was written last, what waits for a person.
#![allow(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use aws_auth::approval::{self, Request};
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use super::output::{self, BOLD, Exit, GREEN, RED, YELLOW, plain};
use super::source::live::{Live, said};
use super::source::{ClusterArguments, Standing};
use crate::api::IamMapping;

/// The name of the operator's Lease, and of its writes.
const OPERATOR: &str = "aws-auth-operator";
/// Where its Lease is when it was installed as the documentation says, and when it runs outside of a cluster.
const USUAL_NAMESPACES: [&str; 2] = ["aws-auth-operator", "kube-system"];
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// What ends within this many seconds is named.
const SOON: i64 = 24 * 3600;

const EXAMPLES: &str = "\
Examples:
  How are things?                       status
  Until they are as they should be:     status --watch
  For a program:                        status -o json";

/// The operator: who leads, the last write, what a guard holds and how to approve it, conflicts, what expires soon.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    cluster: ClusterArguments,
    /// Namespace of the operator's Lease, which is where it runs. Default: aws-auth-operator, else kube-system.
    #[arg(long, value_name = "NAMESPACE")]
    lease_namespace: Option<String>,
    /// Look again every two seconds until interrupted.
    #[arg(short, long, conflicts_with = "output")]
    watch: bool,
    /// How the answer looks. Default: for people.
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// Who leads, and when it last said so.
    leader: Option<String>,
    renewed: Option<String>,
    /// When the operator last wrote aws-auth.
    last_write: Option<String>,
    /// How many mappings there are of each reason of Ready.
    mappings: BTreeMap<String, usize>,
    /// Those that a person must act on.
    failed: Vec<Failed>,
    expiring: Vec<Expiring>,
    /// What waits for approval.
    held: Vec<Request>,
}

#[derive(Debug, Serialize)]
struct Failed {
    name: String,
    reason: String,
    message: String,
}

#[derive(Debug, Serialize)]
struct Expiring {
    name: String,
    at: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let live = Live::connect(&arguments.cluster)?;
    loop {
        let status = look(&live, arguments.lease_namespace.as_deref())?;
        let text = match arguments.output {
            Some(Format::Json) => output::json(&status)?,
            Some(Format::Yaml) => output::yaml(&status)?,
            None => text(&status),
        };
        if !output::is_read(&text)? || !arguments.watch {
            return Ok(Exit::Done);
        }
        thread::sleep(BETWEEN_LOOKS);
        if !output::is_read("\n")? {
            return Ok(Exit::Done);
        }
    }
}

/// What waits for approval, as the operator published it.
pub(super) fn held(standing: &Standing) -> Vec<Request> {
    let published = standing.aws_auth.annotation(approval::HELD);
    let published = published.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let held = published.and_then(|mut published| published.get_mut("held").map(Value::take));
    held.and_then(|held| serde_json::from_value(held).ok()).unwrap_or_default()
}

/// The Lease in the first of these namespaces that has one which somebody holds, or has held.
fn lease(live: &Live, namespaces: &[&str]) -> anyhow::Result<Option<Value>> {
    let mut found = None;
    for namespace in namespaces {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{OPERATOR}");
        match live.get::<Value>(&path) {
            Ok(lease) if of_lease(&lease, "holderIdentity").is_some() => return Ok(Some(lease)),
            Ok(lease) => found = found.or(Some(lease)),
            Err(error) if error.is_missing(OPERATOR) => {}
            Err(error) => return Err(said(&error)),
        }
    }
    Ok(found)
}

fn of_lease(lease: &Value, field: &str) -> Option<String> {
    let value = lease.pointer(&format!("/spec/{field}"));
    value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn look(live: &Live, namespace: Option<&str>) -> anyhow::Result<Status> {
    let standing = live.aws_auth()?;
    let mappings = live.mappings()?.unwrap_or_default();
    let lease = match namespace {
        Some(namespace) => lease(live, &[namespace])?,
        None => lease(live, &USUAL_NAMESPACES)?,
    };
    let of_lease = |field: &str| lease.as_ref().and_then(|lease| of_lease(lease, field));
    let managers = standing.metadata.get("managedFields").and_then(Value::as_array);
    let last_write = managers
        .into_iter()
        .flatten()
        .filter(|manager| manager.get("manager").is_some_and(|name| name == OPERATOR))
        .filter_map(|manager| manager.get("time").and_then(Value::as_str))
        .max();
    let now = jiff::Timestamp::now().as_second();
    let ends = |mapping: &IamMapping| {
        let at = mapping.spec.expires_at.as_ref()?;
        (now..now + SOON)
            .contains(&at.0.as_second())
            .then(|| Expiring { name: name(mapping), at: at.0.to_string() })
    };
    let mut reasons = BTreeMap::new();
    let mut failed = Vec::new();
    for mapping in &mappings {
        let conditions =
            mapping.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
        let reason = ready.map_or("NotSeenYet", |ready| ready.reason.as_str());
        *reasons.entry(reason.to_owned()).or_default() += 1;
        if let Some(ready) = ready.filter(|ready| ready.status == "False") {
            failed.push(Failed {
                name: name(mapping),
                reason: reason.to_owned(),
                message: ready.message.clone(),
            });
        }
    }
    Ok(Status {
        leader: of_lease("holderIdentity"),
        renewed: of_lease("renewTime"),
        last_write: last_write.map(str::to_owned),
        mappings: reasons,
        failed,
        expiring: mappings.iter().filter_map(ends).collect(),
        held: held(&standing),
    })
}

fn name(mapping: &IamMapping) -> String {
    mapping.metadata.name.clone().unwrap_or_default()
}

fn text(status: &Status) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    _ = match &status.leader {
        Some(leader) => writeln!(
            out,
            "{BOLD}leader{BOLD:#}      {} (renewed {})",
            plain(leader),
            plain(status.renewed.as_deref().unwrap_or("never"))
        ),
        None => writeln!(out, "{BOLD}leader{BOLD:#}      {RED}none: no operator runs{RED:#}"),
    };
    _ = writeln!(out, "{BOLD}last write{BOLD:#}  {}", plain(status.last_write.as_deref().unwrap_or("none")));
    let reasons: Vec<String> = status.mappings.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let reasons = if reasons.is_empty() { "none".to_owned() } else { reasons.join(", ") };
    _ = writeln!(out, "{BOLD}mappings{BOLD:#}    {reasons}");
    for failed in &status.failed {
        _ = writeln!(
            out,
            "  {RED}{}{RED:#}: {}: {}",
            plain(&failed.name),
            failed.reason,
            plain(&failed.message)
        );
    }
    for expiring in &status.expiring {
        _ = writeln!(out, "  {YELLOW}{}{YELLOW:#}: expires at {}", plain(&expiring.name), expiring.at);
    }
    if status.held.is_empty() {
        _ = writeln!(out, "{BOLD}held{BOLD:#}        {GREEN}nothing waits for approval{GREEN:#}");
    }
    for request in &status.held {
        out.push_str(&one(request));
    }
    out
}

/// What one approval would let through.
pub(super) fn one(request: &Request) -> String {
    let more = request.entries.saturating_sub(request.principals.len());
    let mut principals: Vec<String> = request.principals.iter().map(|principal| plain(principal)).collect();
    if more > 0 {
        principals.push(format!("and {more} more"));
    }
    format!(
        "{YELLOW}held{YELLOW:#}        {}: {}\n            {}\n            kubectl iam-mapping approve {}\n",
        plain(&request.reason),
        plain(&request.message),
        principals.join(", "),
        plain(&request.hash)
    )
}
