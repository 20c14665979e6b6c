//! The answer for people.

use std::fmt::{self, Write as _};

use aws_auth::Key;

use super::answer::{Answer, Place};
use crate::cli::output::{BOLD, DIM, GREEN, RED, YELLOW, plain};
use crate::cli::source::Origin;

pub(super) fn text(answer: &Answer, arn: &str, origin: &Origin) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let who = plain(arn);
    if !answer.alternatives.is_empty() {
        writeln!(out, "{BOLD}{who}{BOLD:#}: {YELLOW}chance decides{YELLOW:#}")?;
    } else if answer.allowed {
        writeln!(out, "{BOLD}{who}{BOLD:#}: {GREEN}gets in{GREEN:#}")?;
    } else {
        writeln!(out, "{BOLD}{who}{BOLD:#}: {RED}does not get in{RED:#}")?;
    }
    if let Some(message) = &answer.message {
        writeln!(out, "  {}", plain(message))?;
    }
    for other in &answer.alternatives {
        match (&other.username, &other.entry) {
            (Some(username), Some(entry)) => {
                writeln!(
                    out,
                    "  as {:?} in {} by {}",
                    username,
                    groups(&other.groups),
                    place(entry, origin)
                )?;
            }
            (_, Some(entry)) => writeln!(out, "  turned away by {}", place(entry, origin))?,
            _ => {}
        }
    }
    if let Some(principal) = answer.principal.as_ref().filter(|principal| *principal != arn) {
        writeln!(out, "  principal  {}", plain(principal))?;
    }
    if let (true, Some(username)) = (answer.alternatives.is_empty(), &answer.username) {
        let shown = if username.is_empty() { "(empty)".to_owned() } else { plain(username) };
        writeln!(out, "  username   {shown}")?;
        writeln!(out, "  groups     {}", groups(&answer.groups))?;
    }
    if let Some(entry) = &answer.entry {
        writeln!(out, "  entry      {}", place(entry, origin))?;
    }
    for shadowed in &answer.shadowed {
        writeln!(
            out,
            "  {YELLOW}shadowed{YELLOW:#}   {} ({:?} in {})",
            place(shadowed, origin),
            shadowed.username,
            groups(&shadowed.groups)
        )?;
    }
    for clue in &answer.clues {
        writeln!(
            out,
            "  {YELLOW}look at{YELLOW:#}    {}: {}",
            at(clue.at, clue.line, origin),
            plain(&clue.message)
        )?;
    }
    rbac(&mut out, answer)?;
    remarks(&mut out, answer)?;
    Ok(out)
}

/// What it may do, as far as roles and bindings were read.
fn rbac(out: &mut String, answer: &Answer) -> fmt::Result {
    if answer.allowed && aws_auth::rbac::is_beyond(&answer.groups) {
        writeln!(out, "  {RED}may do everything{RED:#}: system:masters is beyond RBAC")?;
    }
    let Some(given) = &answer.rbac else { return Ok(()) };
    if given.is_empty() {
        writeln!(out, "  may do     no more than anybody who gets in: no binding names it")?;
    }
    for one in given {
        let place =
            one.namespace.as_ref().map_or("everywhere".to_owned(), |namespace| format!("in {namespace}"));
        let line = format!("{} {place}, through {} ({})", one.role, one.through, one.binding);
        writeln!(out, "  may do     {}", plain(&line))?;
        match &one.allows {
            Some(rules) => {
                for rule in rules {
                    writeln!(out, "             {DIM}{}{DIM:#}", plain(rule))?;
                }
            }
            None => writeln!(out, "             {YELLOW}that role does not exist, so nothing{YELLOW:#}")?,
        }
    }
    Ok(())
}

fn remarks(out: &mut String, answer: &Answer) -> fmt::Result {
    if answer.allowed {
        writeln!(
            out,
            "{DIM}An EKS access entry for the same principal, where the cluster has one, outranks aws-auth.{DIM:#}"
        )?;
        return Ok(());
    }
    if answer.principal.is_some() {
        writeln!(
            out,
            "{DIM}It may get in all the same: as the cluster's creator, by an EKS access entry, or for some minutes by a token that the API server has cached.{DIM:#}"
        )?;
    }
    if let Some(suggestion) = &answer.suggestion {
        writeln!(out, "\nThis would let it in:\n\n{suggestion}")?;
    }
    Ok(())
}

fn groups(groups: &[String]) -> String {
    if groups.is_empty() {
        return "no groups".to_owned();
    }
    plain(&groups.join(", "))
}

fn place(place: &Place, origin: &Origin) -> String {
    format!("{}, {}", at(place.at, place.line, origin), plain(&place.arn))
}

fn at(key: Key, line: usize, origin: &Origin) -> String {
    match origin.place(key, line) {
        Some((file, in_file)) => format!("{key} line {line} ({}:{in_file})", plain(file)),
        None => format!("{key} line {line}"),
    }
}
