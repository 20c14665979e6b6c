//! `IamMapping`s out of files. Objects of other kinds are skipped and counted; what the API server would refuse to
//! decode is an error with its place.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::documents::{Document, documents};
use super::files;
use crate::api::{IamMapping, IamMappingSpec, IamMappingStatus};
use crate::cli::output::plain;

const GROUP: &str = "aws-auth.dev/";
const API_VERSION: &str = "aws-auth.dev/v1alpha1";
const KIND: &str = "IamMapping";

/// What the files hold.
#[derive(Debug, Default)]
pub(in crate::cli) struct Wanted {
    /// The mappings, in the order in which they stand.
    pub(in crate::cli) mappings: Vec<IamMapping>,
    /// Where each stands: file and line.
    pub(in crate::cli) places: Vec<(String, usize)>,
    /// How many objects of other kinds there are.
    pub(in crate::cli) skipped: usize,
}

/// Decoded without `flatten`, so that a field that nothing reads is noticed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: ObjectMeta,
    spec: IamMappingSpec,
    status: Option<IamMappingStatus>,
}

/// Reads every file, folder or standard input that was named.
pub(in crate::cli) fn read(paths: &[PathBuf]) -> anyhow::Result<Wanted> {
    let mut wanted = Wanted::default();
    let mut names: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for path in paths {
        for file in files::read_all(path)? {
            for document in documents(&file)? {
                if !document.value.is_object() {
                    bail!(
                        "{}:{}: no Kubernetes object; an IamMapping begins with apiVersion: {API_VERSION}",
                        file.name,
                        document.line
                    );
                }
                if document.kind() != KIND || !document.api_version().starts_with(GROUP) {
                    wanted.skipped += 1;
                    continue;
                }
                let place = (file.name.clone(), document.line);
                let mapping = decode(document).with_context(|| format!("{}:{}", place.0, place.1))?;
                let name = mapping.metadata.name.clone().unwrap_or_default();
                if let Some((other, line)) = names.insert(name.clone(), place.clone()) {
                    bail!(
                        "{}:{}: IamMapping {} is in {other}:{line} already; keep one",
                        place.0,
                        place.1,
                        plain(&name)
                    );
                }
                wanted.mappings.push(mapping);
                wanted.places.push(place);
            }
        }
    }
    Ok(wanted)
}

fn decode(document: Document) -> anyhow::Result<IamMapping> {
    ensure!(
        document.api_version() == API_VERSION,
        "apiVersion {} is not known here; write {API_VERSION}",
        plain(document.api_version())
    );
    let name = document.name().to_owned();
    ensure!(!name.is_empty(), "an IamMapping without a name; write metadata.name");
    for field in ["metadata", "spec"] {
        // serde would take a list for a mapping without names.
        ensure!(
            document.value.get(field).is_none_or(serde_json::Value::is_object),
            "IamMapping {}: {field} must be a mapping",
            plain(&name)
        );
    }
    let mut unknown = None;
    let ignored = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string());
    };
    let mut track = serde_path_to_error::Track::new();
    let value = serde_path_to_error::Deserializer::new(document.value, &mut track);
    let decoded = serde_ignored::deserialize::<_, _, Object>(value, ignored);
    let object = decoded.map_err(|error| {
        let field = track.path().to_string();
        anyhow::anyhow!("IamMapping {}: {field}: {error}", plain(&name))
    })?;
    if let Some(field) = unknown {
        bail!(
            "IamMapping {}: {} is no field of it, and the API server would refuse it; kubectl explain iammapping.spec names them",
            plain(&name),
            plain(&field.replace('?', "").replace("..", "."))
        );
    }
    Ok(IamMapping { metadata: object.metadata, spec: object.spec, status: object.status })
}
