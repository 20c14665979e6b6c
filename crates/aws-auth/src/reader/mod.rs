//! One key of aws-auth as aws-iam-authenticator reads it, with the places of its items in the text.
//!
//! The rules are the reader's, not YAML's: YAML 1.1 turned into JSON, then decoded by Go's `encoding/json` with
//! case-insensitive field names; accounts straight into a list of strings. Not here: who matches what (`lookup`),
//! changing the text (`document`).

mod accounts;
mod check;
mod decode;
mod groups;
mod json;
mod name;

use std::ops::Range;

use crate::entry::{Entry, Key};
use crate::yaml::{self, Document, Kind, Scalar};

/// What the reader makes of one key's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// No list and no error: an absent key, a value that the reader skips, `null`, comments alone.
    Nothing,
    /// A list. Elements that the reader drops are in it too, so that every place in the text is accounted for.
    List(List),
    /// Readable YAML that is not a list: the reader reports an error and serves nothing from this key.
    NotAList(Place),
    /// A syntax error, or a value that cannot become JSON (`.nan`): the reader serves nothing from this key.
    Broken(Fault),
    /// We cannot tell for certain what the reader makes of it. Never guessed at: whoever plans holds this key.
    Unsure(Fault),
}

/// A list as the reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// How the list is spelled, which decides how it can be edited.
    pub style: ListStyle,
    /// Every element in order, dropped ones included.
    pub items: Vec<Item>,
    /// Byte offset at which the first YAML document ends: the `...` or `---` line that ends it, else the text's length.
    pub document_end: usize,
}

/// How a list is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListStyle {
    /// `- ` items, each beginning a line of its own, with the dash at this column (in characters from the line's start).
    Block {
        /// The dash's column.
        column: usize,
    },
    /// `[…]`, JSON among it. `close` is the byte offset of the closing bracket.
    Flow {
        /// Byte offset of `]`.
        close: usize,
    },
}

/// One element of the list and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Bytes from the dash (block) or the value's first character (flow), tag and anchor included, to the end of the
    /// value's last token. Not in it: white space, comments and the line break after it.
    pub span: Range<usize>,
    /// Line of `span.start`, counted from 1 as the reader counts lines.
    pub line: usize,
    /// What the reader makes of it.
    pub element: Element,
    /// Everything about this element that the reader reports as an error but survives, and what differs from what was
    /// probably meant; empty for a clean item.
    pub problems: Vec<Problem>,
}

/// What the reader makes of one element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// An entry that is served.
    Entry(ReadEntry),
    /// An element that the reader drops: no ARN, not a mapping, an invalid `sso` block.
    Dropped,
}

/// A served entry with the two fields that only foreign entries use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadEntry {
    /// ARN, username, groups. `arn` is empty where `sso` is set.
    pub entry: Entry,
    /// The `userid` field, which nothing matches on.
    pub user_id: String,
    /// The `sso` block of a role entry, validated as the reader validates it. Boxed: hardly any entry has one.
    pub sso: Option<Box<Sso>>,
}

/// The `sso` block of a role entry (matched only where the reader's gate for it is on; EKS documents none).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sso {
    /// `permissionSetName`.
    pub permission_set_name: String,
    /// `accountID`, 12 digits.
    pub account_id: String,
    /// `partition`, empty when not given.
    pub partition: String,
}

/// A place in a key's text, both counted from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, counting as the reader does.
    pub line: usize,
    /// The column in characters.
    pub column: usize,
}

/// Why a whole key is lost, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where the reader stumbles.
    pub place: Place,
    /// What is wrong there, for the person who must mend it.
    pub message: String,
}

/// Something about one element that its author should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is.
    pub kind: ProblemKind,
    /// The field concerned, as spelled in the text; empty for the element as a whole.
    pub field: String,
}

/// The ways in which an element reads otherwise than written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// No `rolearn` or `userarn` (or an empty one): the element is dropped.
    MissingArn,
    /// Not a mapping (null, a string, a list): the element is dropped.
    NotAMapping,
    /// A field of the wrong type: it is read as empty and the entry goes on.
    WrongType,
    /// The same field twice: the last (of case variants the bytewise largest) wins.
    DuplicateField,
    /// The `sso` block is invalid, or stands beside an ARN: the element is dropped.
    InvalidSso,
    /// In `mapAccounts`, a list or mapping where an account id should stand: the element is dropped (or, where a later
    /// one is [`ProblemKind::CutShort`], reads as empty).
    NotAScalar,
    /// In `mapAccounts`, a value that its tag does not allow, or too many aliases: the reader stops at this element,
    /// and it and all later ones read as empty.
    CutShort,
}

impl ProblemKind {
    /// Whether the reader logs an error for it.
    #[must_use]
    pub fn is_error(self) -> bool {
        self != ProblemKind::DuplicateField
    }
}

impl Reading {
    /// The entries that the reader serves from this key, in order, each with the index of its item.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &ReadEntry)> {
        let items = if let Reading::List(list) = self { &list.items[..] } else { &[] };
        items.iter().enumerate().filter_map(|(index, item)| match &item.element {
            Element::Entry(entry) => Some((index, entry)),
            Element::Dropped => None,
        })
    }

    /// Whether the reader logs an error for this key; `false` for what is unsure.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self {
            Reading::Nothing | Reading::Unsure(_) => false,
            Reading::NotAList(_) | Reading::Broken(_) => true,
            Reading::List(list) => {
                list.items.iter().any(|item| item.problems.iter().any(|problem| problem.kind.is_error()))
            }
        }
    }
}

/// Reads the value of `key` as the reader does. `None`: the key is absent.
///
/// Never panics and never guesses: what cannot be read for certain is [`Reading::Unsure`]. That is one case only: two
/// keys of one mapping, such as `1` and `"1"`, become the same JSON name, and what one of them holds cannot become JSON
/// (`.nan`, more than 10,000 levels). The reader keeps one of the two at random.
#[must_use]
pub fn read(key: Key, value: Option<&str>) -> Reading {
    let Some(text) = value.filter(|text| !is_skipped(text)) else { return Reading::Nothing };
    let document = match yaml::parse(text) {
        Ok(document) => document,
        Err(error) => return Reading::Broken(syntax_fault(text, &error)),
    };
    let Some(root) = document.nodes.first() else { return Reading::Nothing };
    if key == Key::MapAccounts {
        return accounts::read(text, &document);
    }
    // What begins with a brace goes to the JSON decoder as it stands, and no object is a list.
    if text.trim_start().starts_with('{') {
        return Reading::NotAList(place(text, root.start()));
    }
    if document.odd
        && let Err(failure) = check::check(&document)
    {
        return failure.into_reading(text);
    }
    match root.kind {
        Kind::Sequence => {
            let elements = decode::elements(&document, key);
            Reading::List(list(text, &document, elements))
        }
        Kind::Scalar if root.resolve() == Ok(Scalar::Null) => Reading::Nothing,
        _ => Reading::NotAList(place(text, root.start())),
    }
}

/// Values that the reader skips without parsing them (contract, "Parsing").
fn is_skipped(text: &str) -> bool {
    matches!(text.trim(), "" | "``" | "\"\"" | "''")
}

/// Joins what the elements are with where they stand.
fn list(
    text: &str,
    document: &Document<'_>,
    elements: impl IntoIterator<Item = (Element, Vec<Problem>)>,
) -> List {
    let root = document.nodes.first();
    let nodes = document.children(0).filter_map(|child| document.nodes.get(child));
    // As long as it is: growing a list of thousands while the document is there makes the peak of memory.
    let mut items: Vec<Item> = Vec::with_capacity(document.children(0).count());
    items.extend(nodes.zip(elements).map(|(node, (element, problems))| Item {
        span: node.start()..node.end(),
        line: node.line() + 1,
        element,
        problems,
    }));
    let style = match root {
        Some(root) if root.flow => ListStyle::Flow { close: root.end().saturating_sub(1) },
        _ => {
            let first = items.first().map_or(0, |item| item.span.start);
            ListStyle::Block { column: yaml::place_of(text, first).column }
        }
    };
    List { style, items, document_end: document.end }
}

fn place(text: &str, offset: usize) -> Place {
    let mark = yaml::place_of(text, offset);
    Place { line: mark.line + 1, column: mark.column + 1 }
}

fn syntax_fault(text: &str, error: &yaml::Error) -> Fault {
    if let Some(braces) = unquoted_braces(text, error.mark.at) {
        return Fault { place: place(text, braces), message: BRACES.to_owned() };
    }
    let place = Place { line: error.mark.line + 1, column: error.mark.column + 1 };
    Fault { place, message: error.cause.to_string() }
}

/// Where a value of the line begins with `{{`, if one does before `offset`. It is the commonest way to break aws-auth
/// and deserves its own words, whatever the parser makes of what follows.
fn unquoted_braces(text: &str, offset: usize) -> Option<usize> {
    let before = text.get(..offset)?;
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let braces = line + before.get(line..)?.rfind("{{")?;
    let lead = text.get(line..braces)?.trim_end();
    (lead.len() < braces - line && lead.ends_with([':', '-', ','])).then_some(braces)
}

const BRACES: &str =
    "found '{{' at the start of an unquoted value: write it in double quotes, as in \"{{SessionName}}\"";

#[cfg(test)]
mod tests;
