//! A node as the value that Go's `encoding/json` finds after the conversion from YAML.

use std::borrow::Cow;

use crate::yaml::{Document, Kind, Node, Scalar, lossy};

/// A JSON value, as far as the decoder's targets tell them apart.
pub(super) enum Value<'d> {
    Null,
    Str(Cow<'d, str>),
    /// A number or a boolean, which no field takes.
    Other,
    /// The index of the list.
    Sequence(usize),
    /// The index of the mapping.
    Mapping(usize),
}

/// The node itself, or the one that it stands for.
pub(super) fn target<'d, 't>(document: &'d Document<'t>, index: usize) -> Option<(usize, &'d Node<'t>)> {
    let node = document.nodes.get(index)?;
    match node.kind {
        Kind::Alias(target) => Some((target.get(), document.nodes.get(target.get())?)),
        _ => Some((index, node)),
    }
}

/// What the decoder finds at a node.
pub(super) fn value<'d>(document: &'d Document<'_>, index: usize) -> Value<'d> {
    let Some((index, node)) = target(document, index) else { return Value::Null };
    match node.kind {
        Kind::Sequence => Value::Sequence(index),
        Kind::Mapping => Value::Mapping(index),
        Kind::Alias(_) => Value::Null,
        Kind::Scalar => match node.resolve() {
            Ok(Scalar::Str(text)) => Value::Str(text),
            Ok(Scalar::Bytes(bytes)) => Value::Str(Cow::Owned(lossy(&bytes))),
            Ok(Scalar::Null) | Err(_) => Value::Null,
            Ok(_) => Value::Other,
        },
    }
}

/// Whether Go's decoder takes `key` for the field `name` (lower case): it ignores case, and folds the long s and the
/// Kelvin sign with their letters.
pub(super) fn is_field(name: &str, key: &str) -> bool {
    if key == name {
        return true;
    }
    let folded = key.chars().map(|c| match c {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        c => c.to_ascii_lowercase(),
    });
    folded.eq(name.chars())
}
