//! The chart's objects against the schemas of each version of Kubernetes that it is for, without a server of that version.

use std::process::Command;

use control_plane::parts::{self, Part};
use serde_json::Value;

use crate::admitted::NOT_BUILT_IN;
use crate::common::file;
use crate::helm::{Helm, value_sets};

/// From the oldest that Chart.yaml takes to the newest whose schemas are there.
const VERSIONS: [&str; 6] = ["1.32", "1.33", "1.34", "1.35", "1.36", "1.37"];

/// Every object that any set of values renders, once.
fn all_objects() -> Vec<Value> {
    let helm = Helm::alone();
    let mut all: Vec<Value> = Vec::new();
    for values in value_sets().into_values() {
        for object in helm.objects(values.as_deref()) {
            if object["apiVersion"] != NOT_BUILT_IN && !all.contains(&object) {
                all.push(object);
            }
        }
    }
    assert!(all.len() > 50, "{}", all.len());
    all
}

/// What `kubernetes-validate` says of these objects.
fn validate(version: &str, objects: &[Value]) -> Result<(), String> {
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    let documents = file(&documents.join("\n---\n"));
    let output = Command::new(parts::ensure(Part::KubernetesValidate).unwrap())
        .args(["--strict", "--quiet", "--kubernetes-version", version])
        .arg(documents.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    if output.status.success() && said.is_empty() { Ok(()) } else { Err(said) }
}

#[test]
fn every_object_fits_the_schemas_of_every_version_that_the_chart_is_for() {
    let chart = std::fs::read_to_string(crate::helm::chart().join("Chart.yaml")).unwrap();
    assert!(chart.contains(&format!("kubeVersion: \">={}.0-0\"", VERSIONS[0])), "{chart}");
    let objects = all_objects();
    for version in VERSIONS {
        validate(version, &objects).unwrap_or_else(|said| panic!("{version}: {said}"));
    }
    // A field that there is not is seen.
    let mut wrong = objects.into_iter().find(|object| object["kind"] == "Deployment").unwrap();
    wrong["spec"]["template"]["spec"]["prioritiyClassName"] = "x".into();
    let said = validate(VERSIONS[0], &[wrong]).unwrap_err();
    assert!(said.contains("prioritiyClassName"), "{said}");
}
