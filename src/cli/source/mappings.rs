//! `IamMapping`s out of files. Objects of other kinds are skipped and counted; what the API server would refuse to
//! decode is an error with its place.

use std::collections::BTreeMap;
use std::panic;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, bail, ensure};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

use super::documents::{Document, Piece, pieces};
use super::files::{self, Text};
use crate::api::{IamMapping, IamMappingSpec, IamMappingStatus};
use crate::cli::output::{count, plain};

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
    let mut files: Vec<Text> = Vec::new();
    for path in paths {
        files.append(&mut files::read_all(path)?);
    }
    let pieces: Vec<Piece<'_>> = files.iter().flat_map(pieces).collect();
    let mut wanted = Wanted::default();
    let mut names: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let mut nothing_is_wanted = false;
    for found in in_parallel(&pieces, understand) {
        for found in found? {
            let (mapping, place) = match found {
                Found::EmptyList => {
                    nothing_is_wanted = true;
                    continue;
                }
                Found::Other => {
                    wanted.skipped += 1;
                    continue;
                }
                Found::Mapping(mapping, place) => (*mapping, place),
            };
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
    // Whatever should have written them may have failed: that nothing is wanted has to be said.
    if let Some(path) = paths.first().filter(|_| wanted.mappings.is_empty() && !nothing_is_wanted) {
        bail!(
            "{}: no IamMapping in it{}; where none is wanted, say so with an empty list (kind: List, items: [])",
            if paths == [Path::new("-")] { "standard input".to_owned() } else { path.display().to_string() },
            match wanted.skipped {
                0 => String::new(),
                n => format!(", but {}", count(n, "other object", "other objects")),
            }
        );
    }
    Ok(wanted)
}

/// What an object is.
enum Found {
    /// A list that says that there is nothing.
    EmptyList,
    /// No `IamMapping`.
    Other,
    /// One, with its file and line.
    Mapping(Box<IamMapping>, (String, usize)),
}

fn understand(piece: &Piece<'_>) -> anyhow::Result<Vec<Found>> {
    let file = piece.file();
    let understood = piece.objects()?.into_iter().map(|document| {
        if document.is_empty_list() {
            return Ok(Found::EmptyList);
        }
        if !document.value.is_object() {
            bail!(
                "{file}:{}: no Kubernetes object; an IamMapping begins with apiVersion: {API_VERSION}",
                document.line
            );
        }
        if document.kind() != KIND || !document.api_version().starts_with(GROUP) {
            return Ok(Found::Other);
        }
        let place = (file.to_owned(), document.line);
        let mapping = decode(document).with_context(|| format!("{}:{}", place.0, place.1))?;
        Ok(Found::Mapping(Box::new(mapping), place))
    });
    understood.collect()
}

/// What `work` makes of each item, in their order, on all cores: thousands of YAML documents take a while.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = &work;
    thread::scope(|scope| {
        let share = items.len().div_ceil(threads).max(1);
        let threads: Vec<_> = items
            .chunks(share)
            .map(|items| scope.spawn(move || items.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let done = |thread: thread::ScopedJoinHandle<'_, Vec<R>>| {
            thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
        };
        threads.into_iter().flat_map(done).collect()
    })
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
