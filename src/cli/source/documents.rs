//! YAML streams and JSON as a list of objects, each with the line that it begins in.
//!
//! Documents are told apart by their `---` lines before they are parsed, so that an error names the line in the file and
//! one file of thousands is not held in memory twice. `List`s are taken apart. Not here: what the objects mean.

use anyhow::{Context as _, bail};
use aws_auth::yaml::{self, Kind, Scalar};
use serde_json::{Map, Number, Value};

use super::files::Text;
use crate::config;

/// One object.
#[derive(Debug)]
pub(in crate::cli) struct Document {
    /// The line of the file in which it begins, from 1.
    pub(in crate::cli) line: usize,
    /// What it says.
    pub(in crate::cli) value: Value,
}

impl Document {
    /// `kind`, empty where there is none.
    pub(in crate::cli) fn kind(&self) -> &str {
        self.value.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    /// `apiVersion`, empty where there is none.
    pub(in crate::cli) fn api_version(&self) -> &str {
        self.value.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it says that there is nothing, which no document at all does not say.
    pub(in crate::cli) fn is_empty_list(&self) -> bool {
        self.kind().ends_with("List") && self.value.get("items").is_some_and(Value::is_null)
    }

    /// `metadata.name`, empty where there is none.
    pub(in crate::cli) fn name(&self) -> &str {
        self.value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// `metadata.namespace`, empty where there is none.
    pub(in crate::cli) fn namespace(&self) -> &str {
        self.value.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default()
    }
}

/// What of a file is parsed by itself: one YAML document, or all of a JSON file.
#[derive(Debug)]
pub(in crate::cli) struct Piece<'f> {
    file: &'f Text,
    line: usize,
    text: &'f str,
}

/// A file as the pieces that it is parsed in.
pub(in crate::cli) fn pieces(file: &Text) -> Vec<Piece<'_>> {
    if file.text.trim_start().starts_with('{') {
        return vec![Piece { file, line: 1, text: &file.text }];
    }
    split(&file.text).into_iter().map(|(line, text)| Piece { file, line, text }).collect()
}

/// Every object of a file, items of lists one by one; a list without any stays one object.
pub(in crate::cli) fn documents(file: &Text) -> anyhow::Result<Vec<Document>> {
    let mut all = Vec::new();
    for piece in pieces(file) {
        all.append(&mut piece.objects()?);
    }
    Ok(all)
}

impl Piece<'_> {
    /// The file that it is of.
    pub(in crate::cli) fn file(&self) -> &str {
        &self.file.name
    }

    /// Its objects, items of lists one by one; a list without any stays one object.
    pub(in crate::cli) fn objects(&self) -> anyhow::Result<Vec<Document>> {
        let Self { file: Text { name, .. }, line, text } = *self;
        let mut all = Vec::new();
        if !text.trim_start().starts_with('{') {
            if let Some(value) = parse(name, line, text)? {
                push(&mut all, Document { line, value }).with_context(|| format!("{name}:{line}"))?;
            }
            return Ok(all);
        }
        for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            let value = value.map_err(|error| {
                anyhow::anyhow!(
                    "{name}:{}:{}: not valid JSON: {}",
                    error.line(),
                    error.column(),
                    without_place(&error.to_string())
                )
            })?;
            push(&mut all, Document { line: 1, value })?;
        }
        Ok(all)
    }
}

fn push(all: &mut Vec<Document>, document: Document) -> anyhow::Result<()> {
    let list = document.kind().ends_with("List") && document.value.get("items").is_some();
    if !list {
        all.push(document);
        return Ok(());
    }
    let Document { line, mut value } = document;
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let api_version = value.get("apiVersion").cloned().unwrap_or_default();
    match value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if !items.is_empty() => {
            for mut value in items {
                // The API server leaves both out of the items of a typed list.
                if let (Some(object), Some(kind)) = (value.as_object_mut(), kind.strip_suffix("List"))
                    && !kind.is_empty()
                {
                    object.entry("kind").or_insert_with(|| kind.into());
                    object.entry("apiVersion").or_insert_with(|| api_version.clone());
                }
                all.push(Document { line, value });
            }
            Ok(())
        }
        // Its `items` are taken: null.
        Some(Value::Null | Value::Array(_)) | None => {
            all.push(Document { line, value });
            Ok(())
        }
        Some(_) => bail!("items of kind {kind} is no list"),
    }
}

/// The texts between `---` lines, each with its first line's number. Such a line ends whatever stands before it, block
/// scalars among it.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut start, mut first, mut at) = (0, 1, 0);
    for (n, line) in text.split_inclusive('\n').enumerate() {
        let rest = line.strip_prefix("---");
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])) {
            documents.push((first, text.get(start..at).unwrap_or_default()));
            // The marker may carry content of its own (`--- {…}`).
            (start, first) = (at, n + 1);
        }
        at += line.len();
    }
    documents.push((first, text.get(start..).unwrap_or_default()));
    documents
}

fn parse(file: &str, line: usize, text: &str) -> anyhow::Result<Option<Value>> {
    let value = match plain(text) {
        Some(value) => value,
        None => general(file, line, text)?,
    };
    Ok((!value.is_null()).then_some(value))
}

/// A document without tags, aliases and the like, by the parser that aws-auth is read with: it agrees with kubectl's, and
/// takes a tenth of the time. `None` says nothing about it.
fn plain(text: &str) -> Option<Value> {
    let document = yaml::parse(text).ok()?;
    let alone = text.get(document.end..)?.trim().is_empty();
    if document.odd || !alone {
        return None;
    }
    if document.nodes.is_empty() { Some(Value::Null) } else { value(&document, 0) }
}

fn value(document: &yaml::Document<'_>, index: usize) -> Option<Value> {
    let node = document.nodes.get(index)?;
    let mut children = document.children(index);
    match node.kind {
        Kind::Sequence => {
            children.map(|child| value(document, child)).collect::<Option<_>>().map(Value::Array)
        }
        Kind::Mapping => {
            let mut all = Map::new();
            while let Some(key) = children.next() {
                let key = document.nodes.get(key)?.text.as_ref().to_owned();
                let twice = all.insert(key, value(document, children.next()?)?).is_some();
                if twice {
                    return None;
                }
            }
            Some(Value::Object(all))
        }
        Kind::Scalar => match node.resolve().ok()? {
            Scalar::Null => Some(Value::Null),
            Scalar::Bool(value) => Some(value.into()),
            Scalar::Int(value) => Some(value.into()),
            Scalar::Uint(value) => Some(value.into()),
            Scalar::Float(value) => Number::from_f64(value).map(Value::Number),
            Scalar::Str(text) => Some(text.into()),
            Scalar::Bytes(_) => None,
        },
        Kind::Alias(_) => None,
    }
}

/// Any document, and what is wrong with it.
fn general(file: &str, line: usize, text: &str) -> anyhow::Result<Value> {
    let content = |line: &str| {
        let line = line.trim();
        !(line.is_empty() || line.starts_with('#') || line == "---" || line == "...")
    };
    if !text.lines().any(content) {
        return Ok(Value::Null);
    }
    // What stands in a text has two bytes at the least (`x,`): only aliases make more of it.
    let most = text.len().max(250_000);
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: most, max_events: 2 * most },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location();
        let at = place.map_or(0, |at| usize::try_from(at.line()).unwrap_or(1) - 1);
        let column = place.map_or(1, |at| at.column());
        let message = config::problem(&error);
        let message = match message.strip_prefix("budget breached: ") {
            Some(breach) if breach.starts_with("Depth") => "nested deeper than any manifest is",
            Some(_) => "aliases (*name) make it far larger than it looks; write out what they stand for",
            None => &message,
        };
        anyhow::anyhow!("{file}:{}:{column}: not valid YAML: {message}", line + at)
    })
}

/// The place comes first, where editors look for it; parsers put it at the end.
fn without_place(message: &str) -> &str {
    message.rfind(" at line ").and_then(|at| message.get(..at)).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Where YAML's versions and parsers agree least, one a line; `\\n` stands for a line break.
    const SCALARS: &str = r#"a
dev:{{SessionName}}

""
~
null
"null"
true
'true'
yes
'yes'
off
n
1
'1'
012
0x1f
1_000
1e3
-1
.inf
111122223333
2026-12-31T18:00:00Z
12:30:45
[]
[a, 1, ~, [b]]
{}
{a: b, c: ~}
|\n   a
>-\n   a\n   b
=
"a\tb\u263a"
'it''s' # said
&a a
*a
!!str 1"#;

    fn line() -> impl Strategy<Value = String> {
        let scalar = select(SCALARS.lines().map(|line| line.replace("\\n", "\n")).collect::<Vec<_>>());
        let field = select(vec![
            "kind",
            " name",
            "spec",
            " username",
            " \"username\"",
            " paused",
            " <<",
            " - a",
            "- b",
        ]);
        (field, prop_oneof![9 => scalar, 1 => "[a-z:/{} .'-]{0,8}"])
            .prop_map(|(field, scalar)| format!("{field}: {scalar}\n"))
    }

    /// YAML 1.1 and 1.2 do not agree on what number a number is.
    fn without_numbers(value: Value) -> Value {
        match value {
            Value::Number(_) => "a number".into(),
            Value::Array(all) => all.into_iter().map(without_numbers).collect(),
            Value::Object(all) => all.into_iter().map(|(key, value)| (key, without_numbers(value))).collect(),
            other => other,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_plain_document_says_what_the_general_parser_finds_in_it(
            head in vec(line(), 0..3),
            spec in vec(line(), 0..4),
            end in select(vec!["", "...\n", "# end\n", "...\nx: y\n"]),
        ) {
            let text = format!("kind: X\n{}spec:\n arn: a\n{}{end}", head.concat(), spec.concat());
            // YAML 1.2 refuses some of what kubectl takes, such as a quoted text that goes on at a line's beginning.
            if let (Some(plain), Ok(same)) = (plain(&text), general("a.yaml", 1, &text)) {
                prop_assert_eq!(without_numbers(plain), without_numbers(same));
            }
        }
    }

    #[test]
    fn a_number_is_the_one_that_kubectl_finds() {
        let spec = &documents(&file("a: 012\nb: 1_000\nc: 1e3\nd: 12:30:45\ne: yes\n")).unwrap()[0].value;
        assert_eq!(*spec, serde_json::json!({"a": 10, "b": 1000, "c": 1000.0, "d": "12:30:45", "e": true}));
    }

    fn file(text: &str) -> Text {
        Text { name: "x.yaml".to_owned(), text: text.to_owned() }
    }

    fn lines(text: &str) -> Vec<usize> {
        documents(&file(text)).unwrap().iter().map(|document| document.line).collect()
    }

    #[test]
    fn documents_are_found_with_their_lines_and_empty_ones_are_none() {
        assert_eq!(lines("a: 1\n---\n# nothing\n---\nb: 2\n--- # remark\nc: 3\n...\n"), [1, 4, 6]);
        assert_eq!(lines("---\r\na: 1\r\n---\r\nb: 2\r\n"), [1, 3]);
        assert_eq!(lines("a: |\n  text\n  --- not one\n  ---\n"), [1]);
        assert_eq!(lines("{\"a\": 1}\n{\"b\": 2}"), [1, 1]);
    }

    #[test]
    fn an_error_names_the_line_of_the_file() {
        let error = documents(&file("a: 1\n---\nb: [1\nc: 2\n")).unwrap_err().to_string();
        assert!(error.starts_with("x.yaml:"), "{error}");
        assert!(error.starts_with("x.yaml:4") || error.starts_with("x.yaml:5"), "{error}");
    }

    #[test]
    fn items_of_a_list_are_objects_of_their_own() {
        let all = documents(&file("kind: ConfigMapList\napiVersion: v1\nitems:\n- data: {a: b}\n")).unwrap();
        assert_eq!((all[0].kind(), all[0].api_version()), ("ConfigMap", "v1"));
        for none in ["null", "[]"] {
            let all = documents(&file(&format!("kind: List\nitems: {none}\n"))).unwrap();
            assert!(all.len() == 1 && all[0].is_empty_list(), "{all:?}");
        }
        assert!(documents(&file("# nothing\n")).unwrap().is_empty());
    }
}
