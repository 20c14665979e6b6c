//! The pages say what the code does: every key, reason and Event is there with what it means, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use aws_auth::Timestamp;
use aws_auth::mapping::{Mapping, RawSpec, Spec, SpecError, Uid};
use aws_auth::plan::{HoldReason, Outcome, Refusal, RefusalRule, Verdict};
use aws_auth::settings::Settings;
use aws_auth::{Entry, Key};
use aws_auth_operator::api::status::{Context, Surroundings, status};
use aws_auth_operator::config;

use crate::markdown::Page;

const CONFIGURATION: &str = include_str!("../../docs/configuration.md");
const CONDITIONS: &str = include_str!("../../docs/conditions.md");
const FAULTS: &str = include_str!("../../docs/faults.md");

/// The text below a heading, up to the next one.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) =
        page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The rows of a table whose first cell is code: that cell, and the others.
fn rows(text: &str) -> Vec<(&str, Vec<&str>)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, rest)| (name, rest.split('|').map(str::trim).collect())).collect()
}

/// Every key that the configuration file can have, as the operator itself names them when it meets a wrong one.
pub(crate) fn keys(parent: &str, keys_of: &str) -> Vec<String> {
    let wrong = keys_of.replace("...", "noSuchKey: 1");
    let said = config::parse("x", &wrong).unwrap_err().to_string();
    let (_, known) = said.split_once("expected one of ").unwrap_or_else(|| panic!("{said}"));
    known.split(", ").map(|name| format!("{parent}{name}")).collect()
}

#[test]
fn every_key_of_the_configuration_is_explained_and_nothing_else_is() {
    let mut all: BTreeSet<String> = keys("", "...").into_iter().collect();
    for parent in ["clusterCreator", "policy", "guards"] {
        all.extend(keys(&format!("{parent}."), &format!("{parent}: {{...}}")));
    }
    let explained: BTreeSet<String> =
        rows(section(CONFIGURATION, "Every key")).into_iter().map(|(key, _)| key.to_owned()).collect();
    assert_eq!(explained, all);
    let example = Page::read("docs/configuration.md").blocks().remove(0).text;
    for key in all {
        let name = key.rsplit('.').next().unwrap();
        assert!(example.contains(&format!("{name}:")), "the example leaves {key} out");
    }
}

#[test]
fn every_default_is_what_leaving_the_key_out_means() {
    for (key, cells) in rows(section(CONFIGURATION, "Every key")) {
        let default = cells[0].trim_matches('`');
        if matches!(default, "none" | "required") {
            continue;
        }
        let arn = "arn: arn:aws:iam::111122223333:role/creator";
        let (without, with) = match key.split_once('.') {
            None => (String::new(), format!("{key}: {default}\n")),
            Some(("clusterCreator", name)) => (
                format!("clusterCreator: {{{arn}}}\n"),
                format!("clusterCreator: {{{arn}, {name}: {default}}}\n"),
            ),
            Some((parent, name)) => (String::new(), format!("{parent}: {{{name}: {default}}}\n")),
        };
        let settings = |text: &str| -> Settings {
            let mut settings = config::parse(key, text).unwrap();
            // Where a list is, is no matter of what is in it.
            settings.policy.privileged_place.clear();
            settings
        };
        assert_eq!(settings(&with), settings(&without), "{key}");
    }
}

/// One of each outcome. A new one does not compile before it is here.
fn outcomes() -> Vec<Outcome> {
    let refused = |rule| Outcome::Refused(Refusal { rule, message: String::new() });
    let first = Outcome::Applied;
    match first {
        Outcome::Applied
        | Outcome::AlreadyPresent
        | Outcome::Pending
        | Outcome::WriteRefused(_)
        | Outcome::Observed
        | Outcome::Paused
        | Outcome::Expired
        | Outcome::Invalid(_)
        | Outcome::Refused(Refusal {
            rule:
                RefusalRule::Privileged
                | RefusalRule::Pinned
                | RefusalRule::Account
                | RefusalRule::Group
                | RefusalRule::Username,
            ..
        })
        | Outcome::DuplicatePrincipal { .. }
        | Outcome::ForeignConflict { .. }
        | Outcome::Held { .. }
        | Outcome::NotRead => {}
    }
    let mut all = vec![
        first,
        Outcome::AlreadyPresent,
        Outcome::Pending,
        Outcome::WriteRefused(String::new()),
        Outcome::Observed,
        Outcome::Paused,
        Outcome::Expired,
        Outcome::Invalid(SpecError::NoPrincipal),
        refused(RefusalRule::Privileged),
        refused(RefusalRule::Pinned),
        refused(RefusalRule::Account),
        refused(RefusalRule::Group),
        refused(RefusalRule::Username),
        Outcome::DuplicatePrincipal { winner: String::new() },
        Outcome::ForeignConflict { key: Key::MapRoles, line: 1, ours_rules: true },
        Outcome::NotRead,
    ];
    all.extend(HoldReason::ALL.map(|reason| Outcome::Held { reason, message: String::new() }));
    all
}

/// For each reason of Ready, the values that Ready and Stalled come with.
fn statuses() -> BTreeMap<String, [BTreeSet<String>; 2]> {
    let spec = Spec::parse(RawSpec {
        arn: Some("arn:aws:iam::111122223333:role/dev".to_owned()),
        username: Some("dev".to_owned()),
        ..RawSpec::default()
    });
    let entry: Entry = spec.as_ref().unwrap().entry().clone();
    let mapping = Mapping {
        name: "dev".to_owned(),
        uid: Uid([1; 16]),
        created: Timestamp(0),
        spec,
        applied: None,
        announced_end: None,
    };
    let surroundings = Surroundings::default();
    let context = Context { generation: 1, now: Timestamp(0), surroundings: &surroundings };
    let mut reasons: BTreeMap<String, [BTreeSet<String>; 2]> = BTreeMap::new();
    for outcome in outcomes() {
        for applied in [None, Some((Key::MapRoles, &entry))] {
            let verdict = Verdict { mapping: &mapping, outcome: outcome.clone(), applied };
            let Some(status) = status(&verdict, &context, &[]) else { continue };
            let types: Vec<&str> =
                status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
            assert_eq!(types, documented_conditions());
            for (n, type_) in ["Ready", "Stalled"].into_iter().enumerate() {
                let condition = status.conditions.iter().find(|condition| condition.type_ == type_).unwrap();
                let values = reasons.entry(condition.reason.clone()).or_default();
                values[n].insert(condition.status.clone());
            }
        }
    }
    reasons
}

fn documented_conditions() -> Vec<&'static str> {
    rows(section(CONDITIONS, "Conditions")).into_iter().map(|(type_, _)| type_).collect()
}

#[test]
fn every_reason_is_explained_with_the_conditions_that_it_comes_with() {
    let mut explained = BTreeMap::new();
    for heading in ["Reasons", "Held by a guard"] {
        for (reason, cells) in rows(section(CONDITIONS, heading)) {
            let values = |cell: &str| cell.split(" or ").map(str::to_owned).collect::<BTreeSet<_>>();
            explained.insert(reason.to_owned(), [values(cells[0]), values(cells[1])]);
            assert!(cells[2..4].iter().all(|cell| cell.ends_with('.')), "{reason}: {cells:?}");
        }
    }
    assert_eq!(explained, statuses());
}

#[test]
fn the_reasons_to_hold_something_have_a_table_of_their_own() {
    let explained: Vec<&str> =
        rows(section(CONDITIONS, "Held by a guard")).into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(explained, HoldReason::ALL.map(HoldReason::as_str));
}

#[test]
fn every_event_is_explained() {
    // What is announced is decided in one file, whose only strings of one capitalised word are the reasons.
    let source = include_str!("../../src/controller/announce.rs");
    let source = source.split("#[cfg(test)]").next().unwrap();
    let words = source.split('"').skip(1).step_by(2);
    let reason = |word: &&str| {
        word.starts_with(|first: char| first.is_ascii_uppercase()) && word.chars().all(char::is_alphanumeric)
    };
    let said: BTreeSet<&str> = words.filter(reason).collect();
    assert!(said.contains("PutBack"), "{said:?}");
    let explained: BTreeSet<&str> =
        rows(section(CONDITIONS, "Events")).into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(explained, said);
}

#[test]
fn every_sabotage_still_applies_and_has_a_line_of_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut patches = BTreeMap::new();
    for file in fs::read_dir(root.join("tests/sabotage")).unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_none_or(|end| end != "patch") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains("\nCaught by: "), "{file:?}");
        let check =
            Command::new("git").args(["apply", "--check"]).arg(&file).current_dir(root).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        patches.insert(name, text.lines().next().unwrap().to_owned());
    }
    let lines: BTreeMap<String, String> = rows(section(FAULTS, "Sabotage"))
        .into_iter()
        .map(|(name, cells)| (name.to_owned(), cells[0].to_owned()))
        .collect();
    assert_eq!(lines, patches);
}
