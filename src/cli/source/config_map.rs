//! aws-auth out of a file: as kubectl prints a `ConfigMap` or a list of them, or the bare value of one key.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use aws_auth::Key;
use aws_auth::aws_auth::{AwsAuth, Source, Unwritable};
use aws_auth::mapping::Uid;
use aws_auth::ownership::{Lost, Record};
use aws_auth::reader::{self, Element, Reading};
use serde_json::{Map, Value};

use super::documents::{Document, documents};
use super::files::Text;
use super::{Origin, Standing};

/// aws-auth as the file has it.
pub(in crate::cli) fn from_file(file: Text) -> anyhow::Result<Standing> {
    if let Some(key) = bare_list(&file.text) {
        let data = BTreeMap::from([(key.as_str().to_owned(), file.text)]);
        let origin = Origin::File { name: file.name, lines: BTreeMap::from([(key, 1)]) };
        return Ok(standing(Source { data, ..Source::default() }, Map::new(), origin, None));
    }
    let all = documents(&file)?;
    let document = choose(&file.name, all)?;
    let value = document.value;
    let lines = value_lines(&file.text, &value);
    from_object(value, Origin::File { name: file.name.clone(), lines }, None)
        .with_context(|| format!("{}:{}", file.name, document.line))
}

/// aws-auth as an object. `cluster`: which cluster's it is, where that is known.
pub(in crate::cli) fn from_object(
    mut value: Value,
    origin: Origin,
    cluster: Option<Uid>,
) -> anyhow::Result<Standing> {
    let keys = Key::ALL.map(Key::as_str);
    // Nothing but the data: somebody saved what is under `data:`.
    let bare = value.get("kind").is_none() && keys.iter().any(|key| value.get(key).is_some());
    let data = if bare { Some(value.clone()) } else { value.get_mut("data").map(Value::take) };
    let metadata = match value.get_mut("metadata").map(Value::take) {
        Some(Value::Object(metadata)) => metadata,
        _ => Map::new(),
    };
    let annotations = strings("metadata.annotations", metadata.get("annotations").cloned())?;
    let in_binary = |key: &&str| value.pointer(&format!("/binaryData/{key}")).is_some();
    let unwritable = if value.get("immutable").and_then(Value::as_bool) == Some(true) {
        Some(Unwritable::Immutable)
    } else {
        keys.iter().any(in_binary).then_some(Unwritable::BinaryData)
    };
    let source = Source { data: strings("data", data)?, annotations, unwritable };
    Ok(standing(source, metadata, origin, cluster))
}

/// There is none.
pub(in crate::cli) fn missing(cluster: Uid) -> Standing {
    Standing { aws_auth: AwsAuth::missing(), cluster, metadata: Map::new(), origin: Origin::Cluster }
}

fn standing(source: Source, metadata: Map<String, Value>, origin: Origin, cluster: Option<Uid>) -> Standing {
    // A file cannot tell which cluster it is of; the ownership record can.
    let annotation = source.annotations.get(aws_auth::ownership::ANNOTATION).map(String::as_str);
    let cluster = cluster.unwrap_or_else(|| match Record::decode(annotation, Uid::default()) {
        Err(Lost::OtherCluster(cluster)) => cluster,
        _ => Uid::default(),
    });
    Standing { aws_auth: AwsAuth::read(source, cluster), cluster, metadata, origin }
}

/// A file that begins like a list is the value of a key, byte for byte, whether it parses or not.
fn bare_list(text: &str) -> Option<Key> {
    let content = |line: &&str| {
        let line = line.trim();
        !(line.is_empty() || line.starts_with('#') || line == "---")
    };
    let first = text.lines().find(content)?.trim_start();
    if !(first.starts_with("- ") || first == "-" || first.starts_with('[')) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    if lower.contains("rolearn") {
        return Some(Key::MapRoles);
    }
    if lower.contains("userarn") {
        return Some(Key::MapUsers);
    }
    let accounts = match reader::read(Key::MapAccounts, Some(text)) {
        Reading::List(list) => {
            !list.items.is_empty()
                && list
                    .items
                    .iter()
                    .all(|item| matches!(&item.element, Element::Entry(read) if !read.entry.arn.is_empty()))
        }
        _ => false,
    };
    Some(if accounts { Key::MapAccounts } else { Key::MapRoles })
}

fn choose(file: &str, mut all: Vec<Document>) -> anyhow::Result<Document> {
    all.retain(|document| !document.is_empty_list());
    let keys = Key::ALL.map(Key::as_str);
    let is_data =
        |value: &Value| value.get("kind").is_none() && keys.iter().any(|key| value.get(key).is_some());
    let seen: Vec<String> = all
        .iter()
        .map(|document| match document.kind() {
            "" => "a document without a kind".to_owned(),
            kind => format!("{kind} {}", document.name()),
        })
        .collect();
    let mut fitting = all.into_iter().filter(|document| {
        let in_place = matches!(document.namespace(), "" | "kube-system");
        (document.kind() == "ConfigMap" && document.name() == "aws-auth" && in_place)
            || is_data(&document.value)
    });
    match (fitting.next(), fitting.next()) {
        (Some(document), None) => Ok(document),
        (Some(a), Some(b)) => {
            bail!("{file}: aws-auth is in it twice, in lines {} and {}; keep one", a.line, b.line)
        }
        (None, _) => {
            let seen = match seen.as_slice() {
                [] => "nothing".to_owned(),
                [one] => one.clone(),
                [one, ..] => format!("{one} and {} more", seen.len() - 1),
            };
            bail!(
                "{file}: no ConfigMap kube-system/aws-auth in it, but {}; get it with: kubectl get cm -n kube-system aws-auth -o yaml",
                super::super::output::plain(&seen)
            )
        }
    }
}

fn strings(field: &str, value: Option<Value>) -> anyhow::Result<BTreeMap<String, String>> {
    let object = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(object)) => object,
        Some(_) => bail!("{field} must be a mapping of strings"),
    };
    object
        .into_iter()
        .map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            Value::Null => Ok((key, String::new())),
            other => {
                ensure!(
                    !(other.is_array() || other.is_object()),
                    "{field}.{key} must be a string; write `{key}: |` and indent the list below it"
                );
                bail!("{field}.{key} must be a string; quote it")
            }
        })
        .collect()
}

/// The line of the file in which each key's text begins, where the file has it as a block (`mapRoles: |`): then its
/// lines are the file's lines.
fn value_lines(text: &str, value: &Value) -> BTreeMap<Key, usize> {
    let mut lines = BTreeMap::new();
    for key in Key::ALL {
        let field = value.pointer(&format!("/data/{key}")).or_else(|| value.get(key.as_str()));
        let Some(first) = field.and_then(Value::as_str).and_then(|text| text.lines().next()) else {
            continue;
        };
        let mut file = text.lines().enumerate().skip_while(|(_, line)| {
            let rest = line.trim_start().strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix(':'));
            !rest.is_some_and(|rest| rest.trim_start().starts_with('|'))
        });
        if let (Some(_), Some((n, line))) = (file.next(), file.next())
            && line.trim() == first.trim()
        {
            lines.insert(key, n + 1);
        }
    }
    lines
}
