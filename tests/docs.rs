//! The documentation says what the code does: keys, reasons, samples, and links that lead somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use aws_auth::Timestamp;
use aws_auth::mapping::{Mapping, RawSpec, Spec, SpecError, Uid};
use aws_auth::plan::{HoldReason, Outcome, Refusal, RefusalRule, Verdict};
use aws_auth::settings::Settings;
use aws_auth::{Entry, Key};
use aws_auth_operator::api::status::{Context, Surroundings, status};
use aws_auth_operator::api::{IamMapping, convert};
use aws_auth_operator::config;

const CONFIGURATION: &str = include_str!("../docs/configuration.md");
const CONDITIONS: &str = include_str!("../docs/conditions.md");

/// Every page that people read, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|file| file.unwrap().path());
    let pages: Vec<(PathBuf, String)> = files
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    assert!(pages.len() >= 6, "{pages:?}");
    pages
}

/// The texts of the fenced blocks in one language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let parts = page.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

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

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut broken = Vec::new();
    for (page, text) in pages() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            let outside = link.starts_with("http://") || link.starts_with("https://");
            if !outside && !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_iam_mapping_on_a_page_is_one_that_the_operator_takes() {
    let mut seen = 0;
    for (page, text) in pages() {
        for block in blocks(&text, "yaml").into_iter().filter(|block| block.contains("kind: IamMapping")) {
            let objects: Vec<IamMapping> = serde_saphyr::from_multiple(block)
                .unwrap_or_else(|error| panic!("{}: {error}\n{block}", page.display()));
            for object in objects {
                let spec = convert::mapping(&object).spec;
                assert!(spec.is_ok(), "{}: {spec:?}\n{block}", page.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "the README should show an IamMapping");
}

#[test]
fn the_configuration_on_its_page_is_one_that_the_operator_takes() {
    let blocks = blocks(CONFIGURATION, "yaml");
    assert_eq!(blocks.len(), 1);
    let settings = config::parse("docs/configuration.md", blocks[0]).unwrap();
    assert_eq!((settings.guards.min_admins, settings.policy.privileged.len()), (2, 3));
}

/// Every key that the configuration file can have, as the operator itself names them when it meets a wrong one.
fn keys(parent: &str, keys_of: &str) -> Vec<String> {
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
    let example = blocks(CONFIGURATION, "yaml")[0];
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
    let source = include_str!("../src/controller/announce.rs");
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
