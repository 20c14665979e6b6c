//! What stands in `yaml` blocks, held against whatever would read it.

use std::fs;

use aws_auth_operator::api::{IamMapping, convert};
use aws_auth_operator::config;
use serde_json::Value;

use crate::explained::keys;
use crate::helm::objects;
use crate::reader::Reader;

/// Checks a block as what it is: objects of the API server, a kustomization, the operator's configuration, or the
/// chart's values.
pub fn check(text: &str, reader: &Reader) -> Result<(), String> {
    let documents = objects(text);
    if documents.iter().any(|document| document["kind"] == "Kustomization") {
        return kustomization(text, reader);
    }
    if documents.iter().all(|document| document["apiVersion"].is_string()) {
        return manifests(text, &documents, reader);
    }
    let known = keys("", "...");
    let configuration = |document: &Value| {
        document.as_object().is_some_and(|object| object.keys().all(|key| known.contains(key)))
    };
    if documents.iter().all(configuration) {
        return config::parse("it", text).map(drop).map_err(|error| error.to_string());
    }
    let values = reader.folder().join("values-on-the-page.yaml");
    fs::write(&values, text).unwrap();
    reader.world.try_helm(&[
        "template",
        "it",
        "--kube-version=1.36.0",
        "--values",
        values.to_str().unwrap(),
        crate::helm::chart().to_str().unwrap(),
    ])?;
    Ok(())
}

fn manifests(text: &str, documents: &[Value], reader: &Reader) -> Result<(), String> {
    for document in documents.iter().filter(|document| document["kind"] == "IamMapping") {
        let mapping: IamMapping =
            serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
        convert::mapping(&mapping).spec.map_err(|error| error.to_string())?;
    }
    let arguments = ["apply", "--dry-run=server", "--validate=strict", "--filename=-"];
    reader.world.plane.kubectl(&arguments, Some(text)).map(drop).map_err(|error| error.to_string())
}

/// In a folder beside the overlays that there are.
fn kustomization(text: &str, reader: &Reader) -> Result<(), String> {
    let overlay = reader.folder().join("deploy/overlays/on-the-page");
    fs::create_dir_all(&overlay).unwrap();
    fs::write(overlay.join("kustomization.yaml"), text).unwrap();
    fs::write(overlay.join("config.yaml"), "mode: Observe\n").unwrap();
    let rendered = reader.world.plane.kubectl(&["kustomize", overlay.to_str().unwrap()], None);
    rendered.map(drop).map_err(|error| error.to_string())
}
