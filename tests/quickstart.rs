//! The quickstart does what the README says of it: the example's own binary, on a control plane of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

/// One run that all tests look at.
static RUN: LazyLock<String> = LazyLock::new(|| {
    let output = quickstart(&[]).output().unwrap();
    assert!(output.status.success(), "{}", everything(&output));
    String::from_utf8(output.stdout).unwrap()
});

/// Cargo builds the examples with the tests, into a folder beside theirs.
fn quickstart(arguments: &[&str]) -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples").join("quickstart");
    assert!(program.is_file(), "{} is missing; run: cargo build --example quickstart", program.display());
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

fn everything(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}\n{err}", output.status)
}

/// The lines of one step, without their indentation.
fn step(title: &str) -> Vec<&'static str> {
    let mut steps = RUN.split("\n==> ").filter(|step| step.starts_with(title));
    let step = steps.next().unwrap_or_else(|| panic!("there is no step {title:?} in\n{}", *RUN));
    step.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line)).collect()
}

#[test]
fn what_others_wrote_stays_and_what_was_asked_for_comes() {
    let diff = step("aws-auth, before and after");
    for foreign in
        ["NodeInstanceRole-1ABCDEFGHIJKL", "NodeInstanceRole-2ABCDEFGHIJKL", "Ask Kim", "break-glass"]
    {
        let lines: Vec<&&str> = diff.iter().filter(|line| line.contains(foreign)).collect();
        assert!(lines.len() == 1 && lines[0].starts_with(' '), "{foreign}: {lines:?}");
    }
    for asked in
        ["role/developers", "user/consultants/jane", "444455556666", "role/AWSReservedSSO_PlatformTeam"]
    {
        assert!(diff.iter().any(|line| line.starts_with('+') && line.contains(asked)), "{asked}: {diff:#?}");
    }
    assert!(!diff.iter().any(|line| line.contains("contractor")), "{diff:#?}");
}

#[test]
fn every_sample_but_the_forbidden_one_is_ready() {
    let table = step("Every IamMapping says what became of it");
    let samples = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap();
    let samples =
        samples.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "yaml"));
    let (ready, not): (Vec<&str>, Vec<&str>) =
        table[2..].iter().filter(|line| !line.is_empty()).partition(|line| line.ends_with("True   Applied"));
    assert_eq!(ready.len(), samples.count() - 1, "{table:#?}");
    assert!(not.len() == 1 && not[0].starts_with("contractor"), "{not:?}");
    assert!(not[0].ends_with("False  PrivilegedValue"), "{not:?}");
}

#[test]
fn both_refusals_say_what_to_do() {
    let policy = step("Refused by the operator's configuration").join("\n");
    assert!(policy.contains("policy.privileged"), "{policy}");
    let rule = step("Refused by the API server").join("\n");
    assert!(rule.contains("write the role itself: arn:aws:iam::111122223333:role/developers"), "{rule}");
}

#[test]
fn a_deleted_mapping_loses_its_entry_and_nothing_else_goes() {
    let diff = step("Revoked");
    let removed: Vec<&str> = diff.iter().copied().filter(|line| line.starts_with("- ")).collect();
    assert!(removed.iter().any(|line| line.contains("role/developers")), "{diff:#?}");
    assert_eq!(removed.iter().filter(|line| line.contains("rolearn")).count(), 1, "{removed:?}");
    assert!(!diff.iter().any(|line| line.starts_with("+ ")), "{diff:#?}");
}

#[test]
fn nothing_is_coloured_that_is_not_a_terminal() {
    assert!(!RUN.contains('\u{1b}'), "{}", *RUN);
}

#[test]
fn kept_it_says_how_to_reach_it_and_a_signal_ends_it_without_a_trace() {
    let mut child = quickstart(&["--keep"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let kubeconfig = lines.find_map(|line| line.trim().strip_prefix("export KUBECONFIG=").map(PathBuf::from));
    let kubeconfig = kubeconfig.unwrap_or_else(|| {
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        panic!("it ended without a kubeconfig: {said}")
    });
    assert!(kubeconfig.is_file(), "{}", kubeconfig.display());
    // The last line: it waits for the signal from here on.
    lines.find(|line| line.contains("The operator's log: ")).unwrap();
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success());
    assert!(!kubeconfig.exists(), "{}", kubeconfig.display());
}

#[test]
fn without_what_it_needs_it_fails_and_says_what_to_install() {
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = quickstart(&[]);
    command.env_clear().env("HOME", nowhere.path()).env("PATH", nowhere.path());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", everything(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("install Go"), "{}", everything(&output));
}
