//! YAML 1.1 as the reader's parser has it (go-yaml v2, a port of libyaml): the first document of a text as a tree with
//! byte offsets.
//!
//! Written for one purpose: to agree with that parser on every text, errors included. Not a general YAML library; what
//! the reader makes of the tree is in `reader`.

mod block;
mod chars;
mod fault;
mod input;
mod parser;
mod plain;
mod quoted;
mod resolve;
mod scanner;
mod tags;
mod timestamp;
mod token;

use std::borrow::Cow;
use std::collections::HashMap;

pub use fault::{Cause, Error, Mark};
pub use resolve::{Mistagged, Scalar, Tag, lossy, resolve};

use parser::{Event, Parser, What};

/// An index of a node or a byte offset, small: there are tens of thousands of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index(u32);

impl Index {
    /// Texts are shorter than that, and nodes fewer: [`parse`] sees to it.
    fn of(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// As a number.
    #[must_use]
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The shapes of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A scalar.
    Scalar,
    /// A list.
    Sequence,
    /// A mapping: its children are keys and values by turns.
    Mapping,
    /// A reference to another node.
    Alias(Index),
}

/// One node of the tree.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    /// Its shape.
    pub kind: Kind,
    start: Index,
    end: Index,
    line: Index,
    next: Index,
    /// The value of a scalar.
    pub text: Cow<'a, str>,
    /// The tag of a scalar; the reader ignores those of lists and mappings.
    pub tag: Tag,
    /// Unquoted and untagged, or tagged with a lone `!`.
    pub implicit: bool,
    /// A list or mapping in brackets.
    pub flow: bool,
}

impl Node<'_> {
    /// The byte offset at which it begins, anchor and tag included; for an item of a block list that of its dash.
    #[must_use]
    pub fn start(&self) -> usize {
        self.start.get()
    }

    /// The byte offset after its last token.
    #[must_use]
    pub fn end(&self) -> usize {
        self.end.get()
    }

    /// The line of its start, from 0.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line.get()
    }

    /// The index of the next node that is not inside this one; its first child, if any, is the one right after it.
    #[must_use]
    pub fn next(&self) -> usize {
        self.next.get()
    }

    /// What a scalar resolves to.
    ///
    /// # Errors
    ///
    /// When its tag does not allow its value.
    pub fn resolve(&self) -> Result<Scalar<'_>, Mistagged> {
        resolve(self.tag, self.implicit, &self.text)
    }

    /// Whether this key merges its value into the mapping.
    #[must_use]
    pub fn is_merge(&self) -> bool {
        self.kind == Kind::Scalar && self.text == "<<" && (self.implicit || self.tag == Tag::Merge)
    }
}

/// The first document of a text.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// All nodes in the order in which they begin; the first is the root. Empty: the text holds no document.
    pub nodes: Vec<Node<'a>>,
    /// The byte offset of what follows the document, the text's length if nothing does.
    pub end: usize,
    /// The reader may fail on it after parsing, or read a mapping otherwise than field by field: there are aliases,
    /// tags, merges, keys that are no strings, numbers that are none, or very many levels.
    pub odd: bool,
}

impl Document<'_> {
    /// The indices of a collection's children: of a mapping keys and values by turns.
    pub fn children(&self, parent: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.nodes.get(parent).map_or(0, Node::next);
        let mut child = parent + 1;
        std::iter::from_fn(move || {
            let current = child;
            child = self.nodes.get(current).filter(|_| current < end)?.next();
            Some(current)
        })
    }
}

/// Parses the first document.
///
/// # Errors
///
/// When the reader's parser refuses it.
pub fn parse(text: &str) -> Result<Document<'_>, Error> {
    if u32::try_from(text.len()).is_err() {
        return Err(Error { mark: Mark::default(), cause: Cause::TooLong });
    }
    let mut parser = Parser::new(text);
    // About what an entry as people and tools write it comes to; growing by doubling would cost twice the memory.
    let nodes = Vec::with_capacity(text.len() / 14);
    let mut tree = Tree { nodes, open: Vec::new(), anchors: HashMap::new(), odd: false };
    if !parser.start()? {
        return Ok(Document { nodes: Vec::new(), end: text.len(), odd: false });
    }
    loop {
        let event = parser.next()?;
        match event.what {
            What::DocumentEnd => return Ok(Document { nodes: tree.nodes, end: event.at, odd: tree.odd }),
            What::End => tree.close(event.end),
            _ => tree.add(event, text)?,
        }
    }
}

/// Line and column of a byte offset, both from 0, as the scanner counts them.
#[must_use]
pub fn place_of(text: &str, offset: usize) -> Mark {
    input::place_of(text, offset)
}

/// More levels than this need a closer look: JSON has a limit of its own.
const DEEP: usize = 1000;

struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    /// The collections that are not complete; the flag: a key comes next.
    open: Vec<(usize, bool)>,
    anchors: HashMap<Cow<'a, str>, usize>,
    odd: bool,
}

impl<'a> Tree<'a> {
    fn add(&mut self, event: Event<'a>, text: &str) -> Result<(), Error> {
        let index = self.nodes.len();
        let is_key = match self.open.last_mut() {
            Some((parent, key_next))
                if self.nodes.get(*parent).is_some_and(|node| node.kind == Kind::Mapping) =>
            {
                *key_next = !*key_next;
                !*key_next
            }
            _ => false,
        };
        let kind = match event.what {
            What::Sequence => Kind::Sequence,
            What::Mapping => Kind::Mapping,
            What::Alias => match self.anchors.get(&event.text) {
                Some(target) => Kind::Alias(Index::of(*target)),
                None => return Err(Error { mark: place_of(text, event.at), cause: Cause::UnknownAnchor }),
            },
            _ => Kind::Scalar,
        };
        if let Some(anchor) = event.anchor {
            self.anchors.insert(anchor, index);
        }
        let (start, line) = event.dash.unwrap_or((event.at, event.line));
        let node = Node {
            kind,
            start: Index::of(start),
            end: Index::of(event.end.max(start)),
            line: Index::of(line),
            next: Index::of(index + 1),
            text: event.text,
            tag: event.tag,
            implicit: event.implicit,
            flow: event.flow,
        };
        self.odd |= is_odd(&node, is_key) || self.open.len() > DEEP;
        self.nodes.push(node);
        if matches!(kind, Kind::Sequence | Kind::Mapping) {
            self.open.push((index, true));
        }
        Ok(())
    }

    fn close(&mut self, end: usize) {
        let next = self.nodes.len();
        if let Some(node) = self.open.pop().and_then(|(index, _)| self.nodes.get_mut(index)) {
            node.next = Index::of(next);
            node.end = Index::of(end);
        }
    }
}

fn is_odd(node: &Node<'_>, is_key: bool) -> bool {
    match node.kind {
        Kind::Alias(_) => true,
        Kind::Sequence | Kind::Mapping => is_key,
        Kind::Scalar if node.tag != Tag::None => true,
        Kind::Scalar if !node.implicit || resolve::is_surely_str(&node.text) => false,
        Kind::Scalar => match node.resolve() {
            Ok(Scalar::Str(_)) => is_key && node.text == "<<",
            Ok(Scalar::Float(value)) => is_key || !value.is_finite(),
            Ok(_) => is_key,
            Err(_) => true,
        },
    }
}
