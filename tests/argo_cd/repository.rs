//! A git repository as a team keeps one: the chart, and a folder of IamMappings in which access is reviewed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::helm::chart;

/// A repository on this machine.
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Makes one at `path`, with the chart as its first commit.
    pub fn new(path: &Path) -> Self {
        let repository = Self { path: path.to_owned() };
        fs::create_dir_all(repository.mappings()).unwrap();
        fs::create_dir(path.join("charts")).unwrap();
        let copied = Command::new("cp").arg("-R").arg(chart()).arg(path.join("charts")).status().unwrap();
        assert!(copied.success());
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository.commit();
        repository
    }

    /// As Argo CD is told of it.
    pub fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// Commits these mappings in place of all that were there.
    pub fn commit_mappings(&self, mappings: &[Value]) {
        fs::remove_dir_all(self.mappings()).unwrap();
        fs::create_dir(self.mappings()).unwrap();
        // Git keeps no empty folder, and Argo CD looks for one.
        fs::write(self.mappings().join("README.md"), "Who may enter.\n").unwrap();
        for mapping in mappings {
            let name = mapping["metadata"]["name"].as_str().unwrap();
            fs::write(self.mappings().join(format!("{name}.yaml")), mapping.to_string()).unwrap();
        }
        self.commit();
    }

    /// Takes the newest commit back by another.
    pub fn revert(&self) {
        self.git(&["revert", "--no-edit", "HEAD"]);
    }

    /// The newest commit.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn mappings(&self) -> PathBuf {
        self.path.join("mappings")
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=What access there is"]);
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let identity = ["user.name=Jane", "user.email=jane@example.com", "commit.gpgsign=false"];
        let output = Command::new("git")
            .args(identity.iter().flat_map(|setting| ["-c", setting]))
            .args(arguments)
            .current_dir(&self.path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
