//! The plan for people: the diff of aws-auth, what it means entry by entry, what is held or refused, and the sum.

use std::fmt::{self, Write as _};

use aws_auth::Key;
use aws_auth::aws_auth::AwsAuth;
use similar::{ChangeTag, TextDiff};

use super::outcome::{Change, Counts, Outcome, Said};
use crate::cli::output::{BOLD, DIM, GREEN, RED, YELLOW, count, plain};
use crate::cli::source::{Origin, Standing};

/// Most entries that are listed one by one; thousands are a number.
const MOST_LISTED: usize = 200;

pub(super) fn text(
    outcome: &Outcome<'_>,
    standing: &Standing,
    after: &AwsAuth,
) -> Result<String, fmt::Error> {
    let mut out = diff(&standing.aws_auth, after, &standing.origin);
    if !outcome.changes.is_empty() {
        writeln!(out)?;
    }
    for change in outcome.changes.iter().take(MOST_LISTED) {
        line(&mut out, change)?;
    }
    if let Some(more @ 1..) = outcome.changes.len().checked_sub(MOST_LISTED) {
        writeln!(out, "{DIM}… and {more} more (-o json lists all){DIM:#}")?;
    }
    for held in &outcome.held {
        let what = held.principal.or(held.key).unwrap_or("aws-auth");
        writeln!(
            out,
            "{YELLOW}held{YELLOW:#}      {}: {}: {}",
            plain(what),
            held.reason,
            plain(held.message)
        )?;
        if let Some(approval) = &held.approval {
            writeln!(
                out,
                "          {DIM}to let it through: kubectl iam-mapping approve {}; by itself: approve {}{DIM:#}",
                approval.all, approval.only
            )?;
        }
    }
    for refused in &outcome.refused {
        writeln!(
            out,
            "{RED}refused{RED:#}   IamMapping {}: {}: {}",
            plain(refused.mapping),
            refused.reason,
            plain(&refused.message)
        )?;
    }
    if !out.is_empty() {
        writeln!(out)?;
    }
    sum(&mut out, outcome)?;
    Ok(out)
}

/// What each key loses and gains, as `diff -u` shows it.
pub(in crate::cli) fn diff(before: &AwsAuth, after: &AwsAuth, origin: &Origin) -> String {
    let mut out = String::new();
    for key in Key::ALL {
        let (old, new) = (before.text(key), after.text(key));
        if old == new {
            continue;
        }
        let of = match origin {
            Origin::Cluster => String::new(),
            Origin::File { name, .. } => format!("   {}", plain(name)),
        };
        // Writing to a String cannot fail.
        _ = writeln!(out, "{BOLD}--- kube-system/aws-auth {key}{of}{BOLD:#}");
        _ = writeln!(out, "{BOLD}+++ kube-system/aws-auth {key}{BOLD:#}");
        let diff = TextDiff::from_lines(old, new);
        for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
            _ = writeln!(out, "{DIM}{}{DIM:#}", hunk.header().to_string().trim_end());
            for change in hunk.iter_changes() {
                let line = plain(change.value().trim_end_matches(['\n', '\r']));
                _ = match change.tag() {
                    ChangeTag::Equal => writeln!(out, " {line}"),
                    ChangeTag::Delete => writeln!(out, "{RED}-{line}{RED:#}"),
                    ChangeTag::Insert => writeln!(out, "{GREEN}+{line}{GREEN:#}"),
                };
            }
        }
    }
    out
}

fn line(out: &mut String, change: &Change<'_>) -> fmt::Result {
    let (style, word) = match change.kind {
        "add" | "pin" => (GREEN, change.kind),
        "remove" | "expire" => (RED, change.kind),
        "putBack" => (YELLOW, "put back"),
        other => (YELLOW, other),
    };
    write!(out, "{style}{word:<9}{style:#} {}", plain(change.principal))?;
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => write!(out, ": {} -> {}", said(before), said(after))?,
        (None, Some(after)) => write!(out, ": {}", said(after))?,
        (Some(before), None) => write!(out, ": was {}", said(before))?,
        (None, None) => {}
    }
    match change.mapping {
        Some(mapping) => writeln!(out, "   {DIM}IamMapping {}{DIM:#}", plain(mapping))?,
        None => writeln!(out)?,
    }
    if let Some(still) = &change.still_mapped {
        writeln!(out, "          {YELLOW}still gets in: {still}{YELLOW:#}")?;
    }
    Ok(())
}

fn said(said: &Said<'_>) -> String {
    let groups = if said.groups.is_empty() { "no groups".to_owned() } else { said.groups.join(", ") };
    plain(&format!("{} ({groups})", said.username))
}

fn sum(out: &mut String, outcome: &Outcome<'_>) -> fmt::Result {
    let number = |style: anstyle::Style, text: String| format!("{style}{text}{style:#}");
    let mut parts = Vec::new();
    if outcome.writes {
        parts.push(number(BOLD, count(outcome.changes.len(), "change", "changes")));
    } else {
        parts.push(number(GREEN, "nothing to write".to_owned()));
    }
    if !outcome.held.is_empty() {
        parts.push(number(YELLOW, format!("{} held", outcome.held.len())));
    }
    if !outcome.refused.is_empty() {
        parts.push(number(RED, format!("{} refused", outcome.refused.len())));
    }
    parts.push(format!("admins {}", counts(outcome.admins)));
    parts.push(format!("node entries {}", counts(outcome.nodes)));
    if let Some(next) = &outcome.next {
        parts.push(format!("time changes this next at {next}"));
    }
    writeln!(out, "{}.", parts.join(", "))
}

fn counts(counts: Counts) -> String {
    if counts.before == counts.after {
        counts.after.to_string()
    } else {
        format!("{} -> {}", counts.before, counts.after)
    }
}
