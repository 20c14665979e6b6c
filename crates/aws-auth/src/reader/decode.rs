//! Roles and users: the elements of a list as `encoding/json` decodes them into the reader's structs (contract,
//! "Parsing").

use std::borrow::Cow;

use crate::arn::Partition;
use crate::entry::{Entry, Key};
use crate::yaml::{Document, Kind, Node, Scalar};

use super::groups::Groups;
use super::json::{Value, is_field, target, value};
use super::{Element, Problem, ProblemKind, ReadEntry, Sso};

const ROLE_FIELDS: &[&str] = &["rolearn", "username", "groups", "userid", "sso"];
const USER_FIELDS: &[&str] = &["userarn", "username", "groups", "userid"];
const SSO_FIELDS: &[&str] = &["permissionsetname", "accountid", "partition"];

/// Decodes the elements of the list that is the document's root.
pub(super) fn elements(document: &Document<'_>, key: Key) -> impl Iterator<Item = (Element, Vec<Problem>)> {
    let fields = if key == Key::MapUsers { USER_FIELDS } else { ROLE_FIELDS };
    document.children(0).map(move |child| element(document, child, fields))
}

fn element(document: &Document<'_>, child: usize, fields: &[&str]) -> (Element, Vec<Problem>) {
    let Value::Mapping(mapping) = value(document, child) else {
        return (Element::Dropped, vec![problem(ProblemKind::NotAMapping, "")]);
    };
    let mut problems = Vec::new();
    let mut read = ReadEntry { entry: Entry::default(), user_id: String::new(), sso: None };
    let mut groups = Groups::default();
    for assignment in assignments(document, mapping, fields, &mut problems) {
        let found = value(document, assignment.value);
        let sound = match assignment.field {
            0 => set(&mut read.entry.arn, found),
            1 => set(&mut read.entry.username, found),
            2 => match found {
                Value::Null => {
                    groups.clear();
                    true
                }
                Value::Sequence(array) => groups.overlay(document, array),
                _ => false,
            },
            3 => set(&mut read.user_id, found),
            _ => match found {
                Value::Null => {
                    read.sso = None;
                    true
                }
                Value::Mapping(mapping) => {
                    set_sso(read.sso.get_or_insert_default(), document, mapping, &mut problems);
                    true
                }
                // The block is there even if what it is made from does not fit it.
                _ => {
                    read.sso.get_or_insert_default();
                    false
                }
            },
        };
        if !sound {
            problems.push(problem(ProblemKind::WrongType, &assignment.key));
        }
    }
    read.entry.groups = groups.into_vec();
    let refused = match &read.sso {
        None if read.entry.arn.is_empty() => Some(problem(ProblemKind::MissingArn, "")),
        Some(sso) if !read.entry.arn.is_empty() || !is_valid(sso) => {
            Some(problem(ProblemKind::InvalidSso, "sso"))
        }
        _ => None,
    };
    if let Some(refused) = refused {
        problems.push(refused);
        return (Element::Dropped, problems);
    }
    (Element::Entry(read), problems)
}

fn problem(kind: ProblemKind, field: &str) -> Problem {
    Problem { kind, field: field.to_owned() }
}

/// A value on its way into a field.
struct Assignment<'d> {
    /// The field's index in the list of names.
    field: usize,
    /// How the text spells it.
    key: Cow<'d, str>,
    value: usize,
    /// It stands in the mapping itself, not in one that is merged in.
    direct: bool,
}

/// What reaches fields, in the order in which it is decoded: one value for each spelling, sorted bytewise.
fn assignments<'d>(
    document: &'d Document<'_>,
    mapping: usize,
    fields: &[&str],
    problems: &mut Vec<Problem>,
) -> Vec<Assignment<'d>> {
    let mut found: Vec<Assignment<'d>> = Vec::with_capacity(fields.len());
    // A merged mapping is read on the spot, so that what follows it wins and what precedes it loses.
    let mut pending = vec![(mapping + 1, end_of(document, mapping))];
    while let Some((key_index, end)) = pending.pop() {
        let Some(key) = document.nodes.get(key_index).filter(|_| key_index < end) else { continue };
        let value_index = key.next();
        pending.push((end_of(document, value_index), end));
        if key.is_merge() {
            push_merged(document, value_index, &mut pending);
            continue;
        }
        let Some(Ok(Scalar::Str(name))) = target(document, key_index).map(|(_, key)| key.resolve()) else {
            continue;
        };
        let Some(field) = fields.iter().position(|field| is_field(field, &name)) else { continue };
        let direct = pending.len() == 1;
        if direct && found.iter().any(|other| other.field == field && other.direct) {
            problems.push(problem(ProblemKind::DuplicateField, &name));
        }
        let assignment = Assignment { field, key: name, value: value_index, direct };
        match found.iter_mut().find(|other| other.key == assignment.key) {
            Some(other) => *other = assignment,
            None => found.push(assignment),
        }
    }
    found.sort_by(|a, b| a.key.as_bytes().cmp(b.key.as_bytes()));
    found
}

fn end_of(document: &Document<'_>, index: usize) -> usize {
    document.nodes.get(index).map_or(index + 1, Node::next)
}

/// Queues the mappings that a `<<` names; the first of a list is read last, so that it wins.
fn push_merged(document: &Document<'_>, value_index: usize, pending: &mut Vec<(usize, usize)>) {
    let Some((index, node)) = target(document, value_index) else { return };
    match node.kind {
        Kind::Mapping => pending.push((index + 1, node.next())),
        Kind::Sequence => pending.extend(
            document
                .children(index)
                .filter_map(|child| target(document, child))
                .map(|(index, node)| (index + 1, node.next())),
        ),
        Kind::Scalar | Kind::Alias(_) => {}
    }
}

/// A string takes strings; null leaves it as it is.
fn set(slot: &mut String, found: Value<'_>) -> bool {
    match found {
        Value::Str(text) => *slot = text.into_owned(),
        Value::Null => {}
        _ => return false,
    }
    true
}

fn set_sso(sso: &mut Sso, document: &Document<'_>, mapping: usize, problems: &mut Vec<Problem>) {
    for assignment in assignments(document, mapping, SSO_FIELDS, problems) {
        let field = match assignment.field {
            0 => &mut sso.permission_set_name,
            1 => &mut sso.account_id,
            _ => &mut sso.partition,
        };
        if !set(field, value(document, assignment.value)) {
            problems.push(problem(ProblemKind::WrongType, &assignment.key));
        }
    }
}

/// The reader's own checks of an `sso` block.
fn is_valid(sso: &Sso) -> bool {
    let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    sso.account_id.len() == 12
        && sso.account_id.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=32).contains(&sso.permission_set_name.len())
        && sso.permission_set_name.bytes().all(name_byte)
        && (sso.partition.is_empty() || Partition::parse(&sso.partition).is_some())
}
