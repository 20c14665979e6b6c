//! The real Helm, and what it renders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use control_plane::parts::{self, Part};
use serde_json::Value;
use tempfile::TempDir;

/// What every test calls the release and its namespace.
pub const RELEASE: &str = "aws-auth-operator";
pub const NAMESPACE: &str = "aws-auth-operator";

/// The repository's own folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The chart's folder.
pub fn chart() -> PathBuf {
    root().join("charts/aws-auth-operator")
}

/// The sets of values that the chart is tested with, by name; `default` sets none.
pub fn value_sets() -> BTreeMap<String, Option<PathBuf>> {
    let files = fs::read_dir(root().join("tests/chart/values")).unwrap();
    let sets = files.map(|file| {
        let path = file.unwrap().path();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), Some(path))
    });
    sets.chain([("default".to_owned(), None)]).collect()
}

/// Helm with a home of its own, which goes away with it.
pub struct Helm {
    program: PathBuf,
    home: TempDir,
    kubeconfig: PathBuf,
}

impl Helm {
    /// One that reaches no cluster.
    pub fn alone() -> Self {
        Self::for_cluster(Path::new("/nowhere"))
    }

    /// One for a cluster.
    pub fn for_cluster(kubeconfig: &Path) -> Self {
        let program = parts::ensure(Part::Helm).unwrap();
        Self { program, home: tempfile::tempdir().unwrap(), kubeconfig: kubeconfig.to_owned() }
    }

    /// What it prints, or what it complains of.
    pub fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let home = self.home.path();
        let output = Command::new(&self.program)
            .args(arguments)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            .env("KUBECONFIG", &self.kubeconfig)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// The chart with a file of values, rendered as for Kubernetes 1.36.
    pub fn template(&self, values: Option<&Path>) -> Result<String, String> {
        let chart = chart();
        let mut arguments = vec!["template", RELEASE, chart.to_str().unwrap(), "--namespace", NAMESPACE];
        arguments.extend(["--kube-version", "1.36.0"]);
        if let Some(values) = values {
            arguments.extend(["--values", values.to_str().unwrap()]);
        }
        self.run(&arguments)
    }

    /// The objects that the chart renders.
    #[track_caller]
    pub fn objects(&self, values: Option<&Path>) -> Vec<Value> {
        objects(&self.template(values).unwrap())
    }
}

/// The objects of a stream of YAML documents.
#[track_caller]
pub fn objects(text: &str) -> Vec<Value> {
    let all: Vec<Option<Value>> = serde_saphyr::from_multiple(text).unwrap();
    all.into_iter().flatten().filter(|object| !object.is_null()).collect()
}

/// `Kind/name` of an object.
pub fn name_of(object: &Value) -> String {
    format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// The only object of a kind.
#[track_caller]
pub fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let all: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(all.len(), 1, "{kind}: {all:#?}");
    all[0]
}

/// The text of the operator's configuration file.
#[track_caller]
pub fn config_of(objects: &[Value]) -> &str {
    let files: Vec<&str> =
        objects.iter().filter_map(|object| object["data"]["config.yaml"].as_str()).collect();
    assert_eq!(files.len(), 1);
    files[0]
}
