//! `mapAccounts`: straight from YAML into a list of strings, which keeps numbers and booleans as they are written
//! (contract, "Parsing").

use crate::entry::Entry;
use crate::yaml::{Document, Kind, Node, Scalar, Tag, lossy};

use super::check::Budget;
use super::json::target;
use super::{Element, Problem, ProblemKind, ReadEntry, Reading, list, place};

/// Reads the document's root.
pub(super) fn read(text: &str, document: &Document<'_>) -> Reading {
    let Some(root) = document.nodes.first() else { return Reading::Nothing };
    match root.kind {
        Kind::Sequence => Reading::List(list(text, document, elements(document))),
        Kind::Scalar if root.resolve() == Ok(Scalar::Null) => Reading::Nothing,
        _ => Reading::NotAList(place(text, root.start())),
    }
}

fn elements(document: &Document<'_>) -> Vec<(Element, Vec<Problem>)> {
    let mut budget = Budget::after_root();
    let mut elements: Vec<(Element, Vec<Problem>)> = Vec::new();
    let mut rest = document.children(0);
    while let Some(child) = rest.next() {
        let Ok(read) = element(document, child, &mut budget) else {
            // The list had its full length from the start: what was not filled by now, whether still to come or
            // dropped before, is an empty string. (Those dropped before stand after the others, but it is a set.)
            for (element, _) in &mut elements {
                if *element == Element::Dropped {
                    *element = entry(String::new());
                }
            }
            elements.push((entry(String::new()), problem(ProblemKind::CutShort)));
            elements.extend(rest.map(|_| (entry(String::new()), Vec::new())));
            break;
        };
        elements.push(match read {
            Some(id) => (entry(id), Vec::new()),
            None => (Element::Dropped, problem(ProblemKind::NotAScalar)),
        });
    }
    elements
}

fn problem(kind: ProblemKind) -> Vec<Problem> {
    vec![Problem { kind, field: String::new() }]
}

fn entry(arn: String) -> Element {
    let entry = Entry { arn, ..Entry::default() };
    Element::Entry(ReadEntry { entry, user_id: String::new(), sso: None })
}

/// `None`: a list or mapping. The error: the reader gives up here.
fn element(document: &Document<'_>, child: usize, budget: &mut Budget) -> Result<Option<String>, ()> {
    budget.spend(false).map_err(drop)?;
    let Some((index, node)) = target(document, child) else { return Ok(None) };
    if index != child {
        budget.spend(true).map_err(drop)?;
    }
    if node.kind == Kind::Scalar { string(node).map(Some) } else { Ok(None) }
}

/// A scalar's text as written, whatever it resolves to; only null is empty and `!!binary` is decoded.
fn string(node: &Node<'_>) -> Result<String, ()> {
    match node.resolve() {
        Ok(Scalar::Null) => Ok(String::new()),
        Ok(Scalar::Bytes(bytes)) => Ok(lossy(&bytes)),
        Ok(Scalar::Str(text)) if node.tag == Tag::Binary => Ok(text.into_owned()),
        Ok(_) => Ok(node.text.clone().into_owned()),
        Err(_) => Err(()),
    }
}
