//! The workflows: sound as actionlint sees them, with nothing in them that somebody else could exchange, and at one with
//! what they build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use control_plane::parts::{self, Part};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each workflow with its text.
fn workflows() -> Vec<(PathBuf, String)> {
    let folder = fs::read_dir(root().join(".github/workflows")).unwrap();
    let workflows: Vec<_> = folder
        .map(|file| {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    assert!(workflows.len() >= 2);
    workflows
}

#[test]
fn actionlint_finds_nothing() {
    let files = workflows().into_iter().map(|(path, _)| path);
    let output = Command::new(parts::ensure(Part::Actionlint).unwrap())
        .arg("-no-color")
        .args(files)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_step_of_others_is_pinned_by_its_commit_with_the_version_beside_it() {
    for (path, text) in workflows() {
        for line in
            text.lines().filter(|line| line.trim_start().trim_start_matches("- ").starts_with("uses:"))
        {
            let (_, used) = line.split_once('@').unwrap();
            let (commit, version) = used.split_once(" # ").unwrap_or_default();
            let is_commit = commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit());
            assert!(is_commit && version.starts_with('v'), "{}: {line}", path.display());
        }
    }
}

#[test]
fn a_workflow_may_do_nothing_but_what_a_job_asks_for() {
    for (path, text) in workflows() {
        assert!(text.contains("\npermissions: {}\n"), "{}: the default is too much", path.display());
        assert!(!text.contains("pull_request_target"), "{}", path.display());
        // What comes from outside is data in the environment, never a part of a script.
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            for step in job["steps"].as_array().unwrap() {
                let script = step["run"].as_str().unwrap_or_default();
                assert!(!script.contains("${{"), "{}, {name}: {script}", path.display());
            }
        }
    }
}

#[test]
fn the_image_is_built_with_the_rust_that_the_sources_promise() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let rust =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).unwrap();
    assert!(dockerfile.contains(&format!("/rust:{rust}-")), "rust-version is {rust}");
}

#[test]
fn renovates_configuration_is_json_and_code_has_owners() {
    let text = fs::read_to_string(root().join(".github/renovate.json")).unwrap();
    let renovate: Value = serde_json::from_str(&text).unwrap();
    let presets = renovate["extends"].as_array().unwrap();
    for preset in ["helpers:pinGitHubActionDigests", "docker:pinDigests"] {
        assert!(presets.iter().any(|found| found == preset), "{preset}");
    }
    let owners = fs::read_to_string(root().join(".github/CODEOWNERS")).unwrap();
    for line in owners.lines().filter(|line| line.starts_with('/')) {
        let path = line.split_whitespace().next().unwrap().trim_start_matches('/');
        assert!(root().join(path).exists(), "CODEOWNERS names {path}, which is not there");
    }
}
