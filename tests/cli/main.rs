//! The command line as people and scripts use it: the binary as a black box.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bad;
mod cluster;
mod completion;
mod explain;
mod export;
mod export_tools;
mod import;
mod krew;
mod lint;
mod live;
mod plan;
mod report;
mod snapshots;
mod vectors;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Its answer, which has to be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the binary without a cluster.
pub(crate) fn run(arguments: &[&str]) -> Said {
    run_with(arguments, "")
}

/// The same with something on standard input.
pub(crate) fn run_with(arguments: &[&str], stdin: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-auth-operator"));
    command.args(arguments).env("KUBECONFIG", "/nonexistent").env("HOME", "/nonexistent");
    for variable in ["AWS_AUTH_OPERATOR_CONFIG", "RUST_LOG", "NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(variable);
    }
    said(command, stdin)
}

/// Runs a command to its end.
pub(crate) fn said(mut command: Command, stdin: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever does not read it closes it.
    _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Files that are gone with the test.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes one and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

/// A file of the tests.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/data").join(name)
}
