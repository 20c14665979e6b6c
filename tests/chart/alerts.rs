//! Alerts: when they fire, as Prometheus' own promtool decides it, and the runbooks that they lead to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_auth::plan::HoldReason;
use control_plane::parts::{self, Part};
use serde_json::{Value, json};

use crate::common::file;
use crate::helm::{Helm, only, root};

const CONDITIONS: &str = include_str!("../../docs/conditions.md");

/// The rule of the chart, as the Prometheus operator gets it.
pub fn rule() -> Value {
    let values = root().join("tests/chart/values/monitoring.yaml");
    only(&Helm::alone().objects(Some(&values)), "PrometheusRule").clone()
}

pub fn alerts(rule: &Value) -> Vec<&Value> {
    let groups = rule["spec"]["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect()
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key}: {value}"))
}

fn runbooks() -> PathBuf {
    root().join("docs/runbooks")
}

/// The rows of a table below a heading, cell by cell.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = CONDITIONS.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<Vec<&str>> =
        rows.map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`')).collect()).collect();
    assert!(rows.len() > 5, "{heading}: {rows:?}");
    rows
}

/// Why an IamMapping is not Ready.
fn reasons_not_ready() -> impl Iterator<Item = &'static str> {
    let all = rows("Reasons").into_iter().chain(rows("Held by a guard"));
    all.filter(|row| row[1].contains("False")).map(|row| row[0])
}

/// Everything that somebody may have to look up.
fn subjects() -> BTreeSet<String> {
    let rule = rule();
    let alerts = alerts(&rule).into_iter().map(|alert| text(alert, "alert").to_owned()).collect::<Vec<_>>();
    let guards = HoldReason::ALL.map(|reason| reason.as_str().to_owned());
    let warnings = rows("Events").into_iter().filter(|row| row[1] == "Warning").map(|row| row[0].to_owned());
    let reasons = reasons_not_ready().map(str::to_owned);
    alerts.into_iter().chain(guards).chain(reasons).chain(warnings).collect()
}

#[test]
fn every_alert_fires_when_it_should_and_is_silent_when_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.yaml");
    fs::write(&rules, rule()["spec"].to_string()).unwrap();
    let tests = folder.path().join("alerts.yaml");
    fs::copy(root().join("tests/chart/alerts.yaml"), &tests).unwrap();
    promtool(&["check", "rules"], &rules);
    promtool(&["test", "rules"], &tests);
    let tests = fs::read_to_string(tests).unwrap();
    for alert in alerts(&rule()) {
        let fires = format!("alertname=\"{}\"", text(alert, "alert"));
        assert!(tests.contains(&fires), "no test in which {fires} fires");
    }
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let documented = include_str!("../../docs/metrics.md");
    let dashboard = fs::read_to_string(crate::helm::chart().join("files/dashboard.json")).unwrap();
    let panels = serde_json::from_str::<Value>(&dashboard).unwrap()["panels"].as_array().unwrap().len();
    assert!(panels > 10);
    let mut asked = BTreeSet::new();
    for text in [dashboard, rule().to_string()] {
        for rest in text.split("aws_auth_operator_").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap();
            asked.insert(format!("aws_auth_operator_{}", rest[..end].trim_end_matches("_bucket")));
        }
    }
    assert!(asked.len() > 12, "{asked:?}");
    for metric in asked {
        assert!(documented.contains(&format!("| `{metric}` |")), "{metric} is not in docs/metrics.md");
    }
}

#[test]
fn prometheus_understands_every_query_of_the_dashboard() {
    let dashboard = fs::read_to_string(crate::helm::chart().join("files/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| {
        assert!(text(panel, "description").ends_with('.'), "{panel}");
        panel["targets"].as_array().unwrap()
    });
    let rules: Vec<Value> = targets
        .enumerate()
        .map(|(n, target)| {
            let query = text(target, "expr").replace("$__rate_interval", "5m");
            json!({"record": format!("query_{n}"), "expr": query})
        })
        .collect();
    assert!(rules.len() > 15);
    let file = file(&json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string());
    promtool(&["check", "rules"], file.path());
}

/// Has promtool look at a file.
#[track_caller]
fn promtool(arguments: &[&str], file: &Path) {
    let promtool = parts::ensure(Part::Promtool).unwrap();
    let output = Command::new(promtool).args(arguments).arg(file).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success() && said.contains("SUCCESS"), "{said}");
}

#[test]
fn every_alert_leads_to_a_runbook() {
    let rule = rule();
    for alert in alerts(&rule) {
        let (name, annotations) = (text(alert, "alert"), &alert["annotations"]);
        assert!(["critical", "warning"].contains(&text(&alert["labels"], "severity")), "{name}");
        assert!(text(annotations, "summary").len() > 20, "{name}");
        let (base, page) = text(annotations, "runbook_url").rsplit_once('/').unwrap();
        assert_eq!(
            base, "https://github.com/aws-auth-operator/aws-auth-operator/blob/main/docs/runbooks",
            "{name}"
        );
        let pages: Vec<String> = match (name, page) {
            ("AwsAuthHeld", "{{ $labels.reason }}.md") => {
                HoldReason::ALL.iter().map(|reason| format!("{reason}.md")).collect()
            }
            ("IamMappingsWaiting", "{{ $labels.reason }}.md") => {
                reasons_not_ready().map(|reason| format!("{reason}.md")).collect()
            }
            _ => vec![page.to_owned()],
        };
        for page in pages {
            assert!(runbooks().join(&page).is_file(), "{name} leads to docs/runbooks/{page}");
        }
    }
}

#[test]
fn whatever_somebody_may_have_to_look_up_has_a_runbook_and_every_runbook_is_of_something() {
    let subjects = subjects();
    let list = fs::read_to_string(runbooks().join("README.md")).unwrap();
    for subject in &subjects {
        let page = runbooks().join(format!("{subject}.md"));
        let text = fs::read_to_string(&page).unwrap_or_else(|_| panic!("docs/runbooks/{subject}.md"));
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
        let own = format!("# {subject}");
        assert_eq!(
            headings[..4],
            [&own, "## What it means", "## What is safe", "## What to do"],
            "{subject}"
        );
        assert!(
            list.contains(&format!("- [{subject}]({subject}.md)\n")),
            "README.md does not list {subject}"
        );
    }
    let pages: BTreeSet<String> = fs::read_dir(runbooks())
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "README")
        .collect();
    assert_eq!(pages, subjects);
}

#[test]
fn every_link_in_a_runbook_leads_to_a_page() {
    for file in fs::read_dir(runbooks()).unwrap() {
        let path = file.unwrap().path();
        let page = fs::read_to_string(&path).unwrap();
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(runbooks().join(link).exists(), "{}: {link}", path.display());
        }
    }
}
