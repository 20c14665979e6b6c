//! What kills a whole key after its syntax was found sound: values that their tags do not allow, keys that cannot
//! become JSON names, `.nan` and `.inf`, aliases without end, too many levels.
//!
//! The walk follows the reader's decoder step by step, aliases expanded, because the decoder counts its steps. It needs
//! no recursion: what is still to do lies on a stack.

use std::collections::{HashMap, HashSet};

use crate::yaml::{Document, Kind, Node, Scalar};

use super::name::{Identity, Name};
use super::{BRACES, Fault, Reading, place};

/// How deep JSON may nest for Go's decoder.
const MAX_DEPTH: usize = 10_000;

/// Counts the decoder's steps, as it does to refuse documents that are mostly aliases.
#[derive(Default)]
pub(super) struct Budget {
    steps: u32,
    aliased: u32,
}

impl Budget {
    /// The document and its root have been counted.
    pub(super) fn after_root() -> Self {
        Self { steps: 2, aliased: 0 }
    }

    /// Counts one step; the flag: below an alias.
    pub(super) fn spend(&mut self, aliased: bool) -> Result<(), Dead> {
        self.steps = self.steps.saturating_add(1);
        self.aliased = self.aliased.saturating_add(u32::from(aliased));
        let (steps, aliased) = (f64::from(self.steps), f64::from(self.aliased));
        let allowed = match self.steps {
            0..=400_000 => 0.99,
            4_000_000.. => 0.10,
            _ => 0.99 - 0.89 * ((steps - 400_000.0) / 3_600_000.0),
        };
        if self.aliased > 100 && self.steps > 1000 && aliased / steps > allowed {
            return Err(Dead::Aliases);
        }
        Ok(())
    }
}

/// Why a key is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dead {
    /// Mostly aliases.
    Aliases,
    /// An anchor inside itself.
    Endless,
    /// A value that its tag does not allow.
    Mistagged,
    /// A list or mapping as a key.
    KeyIsCollection,
    /// Null or a very large number as a key.
    KeyIsNoName,
    /// `<<` with something else than mappings.
    Merge,
    /// `.nan` or `.inf`.
    NotFinite,
    /// Too many levels.
    TooDeep,
}

/// A failure with the node at which it happens.
pub(super) struct Failure {
    node_start: usize,
    why: Dead,
    sure: bool,
}

impl Failure {
    pub(super) fn into_reading(self, text: &str) -> Reading {
        // The node is the inner brace of the two.
        let braces = super::unquoted_braces(text, self.node_start + 1);
        let message = match self.why {
            _ if !self.sure => {
                "found two keys in one mapping that become the same name, such as 1 and \"1\": remove one; \
                 the authenticator keeps either of them at random"
            }
            Dead::KeyIsCollection if braces.is_some() => BRACES,
            Dead::Aliases => "found more aliases than the authenticator expands: write the values out",
            Dead::Endless => "found an alias inside what it stands for: write the value out",
            Dead::Mistagged => {
                "found a value that its tag does not allow: remove the tag, or put the value in quotes"
            }
            Dead::KeyIsCollection => {
                "found a list or mapping where a field's name is expected: put the value in double quotes"
            }
            Dead::KeyIsNoName => {
                "found a field without a name that can be one: put the name in double quotes"
            }
            Dead::Merge => {
                "found '<<' with something else than a mapping: remove it, or put it in double quotes"
            }
            Dead::NotFinite => {
                "found a number that is none, such as .nan or .inf, which loses the whole key: put it in double quotes"
            }
            Dead::TooDeep => "found more levels of nesting than the authenticator follows",
        };
        let start = braces.filter(|_| message == BRACES).unwrap_or(self.node_start);
        let fault = Fault { place: place(text, start), message: message.to_owned() };
        if self.sure { Reading::Broken(fault) } else { Reading::Unsure(fault) }
    }
}

/// A field of a mapping that is being decoded: the node of its key, the JSON name, the value.
struct Field {
    node: usize,
    json: Option<Vec<u8>>,
    value: Worth,
}

/// What is known of a decoded value.
#[derive(Debug, Clone, Copy, Default)]
struct Worth {
    /// The node that cannot become JSON, whatever else happens.
    dead: Option<(usize, Dead)>,
    /// The node that JSON has no words for, unless another value takes its place.
    unspeakable: Option<usize>,
    /// The node at which chance decides.
    chance: Option<usize>,
    /// Levels of nesting; the range is wider than one value where chance decides.
    levels: (usize, usize),
}

impl Worth {
    fn absorb(&mut self, other: Worth) {
        self.dead = self.dead.or(other.dead);
        self.unspeakable = self.unspeakable.or(other.unspeakable);
        self.chance = self.chance.or(other.chance);
        self.levels = (self.levels.0.max(other.levels.0), self.levels.1.max(other.levels.1));
    }

    /// Chance decides whether this value or the other is kept.
    fn compete(&mut self, other: Worth, node: usize) {
        if self.unspeakable.is_some() != other.unspeakable.is_some() {
            self.chance = Some(node);
            self.unspeakable = None;
        }
        self.chance = self.chance.or(other.chance);
        self.levels = (self.levels.0.min(other.levels.0), self.levels.1.max(other.levels.1));
    }

    fn deeper(mut self) -> Worth {
        self.levels = (self.levels.0 + 1, self.levels.1 + 1);
        self
    }
}

/// A collection that is being decoded.
enum Open {
    Sequence(Worth),
    Mapping(HashMap<Identity, Field>),
}

/// What is still to do.
#[derive(Clone, Copy)]
enum Task {
    Node(usize),
    /// The children of a list from one on.
    Sequence(usize, usize),
    Absorb,
    /// The fields of a mapping from one on; the flag: it is merged into another.
    Mapping(usize, usize, bool),
    /// The node just decoded is a key.
    Key(usize),
    /// The node just decoded is the value of the last key.
    Store(usize),
    Merge(usize),
    LeaveAlias(usize),
}

struct Walk<'d, 't> {
    document: &'d Document<'t>,
    budget: Budget,
    tasks: Vec<Task>,
    open: Vec<Open>,
    keys: Vec<Name>,
    /// The aliases that are being expanded.
    aliases: HashSet<usize>,
    /// The node just decoded: its worth, and its name if it is a scalar.
    last: (Worth, Option<Name>),
}

/// Decodes the whole document as the reader would and says whether it survives.
pub(super) fn check(document: &Document<'_>) -> Result<(), Failure> {
    let mut walk = Walk {
        document,
        budget: Budget { steps: 1, aliased: 0 },
        tasks: vec![Task::Node(0)],
        open: Vec::new(),
        keys: Vec::new(),
        aliases: HashSet::new(),
        last: (Worth::default(), None),
    };
    while let Some(task) = walk.tasks.pop() {
        walk.run(task).map_err(|(node, why)| failure(document, node, why, true))?;
    }
    let worth = walk.last.0;
    match worth {
        Worth { dead: Some((node, why)), .. } => Err(failure(document, node, why, true)),
        Worth { unspeakable: Some(node), .. } => Err(failure(document, node, Dead::NotFinite, true)),
        Worth { levels: (least, _), .. } if least > MAX_DEPTH => {
            Err(failure(document, 0, Dead::TooDeep, true))
        }
        Worth { chance: Some(node), .. } => Err(failure(document, node, Dead::NotFinite, false)),
        Worth { levels: (_, most), .. } if most > MAX_DEPTH => {
            Err(failure(document, 0, Dead::TooDeep, false))
        }
        _ => Ok(()),
    }
}

fn failure(document: &Document<'_>, node: usize, why: Dead, sure: bool) -> Failure {
    Failure { node_start: document.nodes.get(node).map_or(0, Node::start), why, sure }
}

impl Walk<'_, '_> {
    fn spend(&mut self, node: usize) -> Result<(), (usize, Dead)> {
        self.budget.spend(!self.aliases.is_empty()).map_err(|why| (node, why))
    }

    fn run(&mut self, task: Task) -> Result<(), (usize, Dead)> {
        match task {
            Task::Node(index) => self.node(index, false),
            Task::Merge(index) => self.node(index, true),
            Task::Sequence(child, end) => {
                if child < end {
                    let next = self.next(child);
                    self.tasks.extend([Task::Sequence(next, end), Task::Absorb, Task::Node(child)]);
                } else if let Some(Open::Sequence(worth)) = self.open.pop() {
                    self.last = (worth.deeper(), None);
                }
                Ok(())
            }
            Task::Absorb => {
                if let Some(Open::Sequence(worth)) = self.open.last_mut() {
                    worth.absorb(self.last.0);
                }
                Ok(())
            }
            Task::Mapping(key, end, merged) => self.mapping(key, end, merged),
            Task::Key(node) => {
                let name = self.last.1.take().ok_or((node, Dead::KeyIsCollection))?;
                self.keys.push(name);
                Ok(())
            }
            Task::Store(node) => {
                if let (Some(Open::Mapping(fields)), Some(name)) = (self.open.last_mut(), self.keys.pop()) {
                    fields.insert(name.identity, Field { node, json: name.json, value: self.last.0 });
                }
                Ok(())
            }
            Task::LeaveAlias(node) => {
                self.aliases.remove(&node);
                Ok(())
            }
        }
    }

    fn next(&self, index: usize) -> usize {
        self.document.nodes.get(index).map_or(usize::MAX, Node::next)
    }

    /// Decodes a node, into a value of its own or into the mapping that is open.
    fn node(&mut self, index: usize, merged: bool) -> Result<(), (usize, Dead)> {
        self.spend(index)?;
        let Some(node) = self.document.nodes.get(index) else { return Ok(()) };
        match node.kind {
            Kind::Alias(target) => {
                if !self.aliases.insert(index) {
                    return Err((index, Dead::Endless));
                }
                self.tasks.push(Task::LeaveAlias(index));
                self.tasks.push(if merged { Task::Merge(target.get()) } else { Task::Node(target.get()) });
            }
            Kind::Sequence => {
                self.open.push(Open::Sequence(Worth::default()));
                self.tasks.push(Task::Sequence(index + 1, node.next()));
            }
            Kind::Mapping => {
                if !merged {
                    self.open.push(Open::Mapping(HashMap::new()));
                }
                self.tasks.push(Task::Mapping(index + 1, node.next(), merged));
            }
            Kind::Scalar => {
                let scalar = node.resolve().map_err(|_| (index, Dead::Mistagged))?;
                let unspeakable =
                    matches!(scalar, Scalar::Float(value) if !value.is_finite()).then_some(index);
                self.last = (Worth { unspeakable, ..Worth::default() }, Some(Name::new(scalar, index)));
            }
        }
        Ok(())
    }

    fn mapping(&mut self, key: usize, end: usize, merged: bool) -> Result<(), (usize, Dead)> {
        if key >= end {
            if !merged && let Some(Open::Mapping(fields)) = self.open.pop() {
                self.last = (close(fields).deeper(), None);
            }
            return Ok(());
        }
        let value = self.next(key);
        self.tasks.push(Task::Mapping(self.next(value), end, merged));
        if !self.document.nodes.get(key).is_some_and(crate::yaml::Node::is_merge) {
            self.tasks.extend([Task::Store(key), Task::Node(value), Task::Key(key), Task::Node(key)]);
            return Ok(());
        }
        let is_mapping = |index: usize| {
            super::json::target(self.document, index).is_some_and(|(_, node)| node.kind == Kind::Mapping)
        };
        let direct = self.document.nodes.get(value).is_some_and(|node| node.kind == Kind::Sequence);
        let parts: Vec<usize> = if direct { self.document.children(value).collect() } else { vec![value] };
        if !parts.iter().all(|part| is_mapping(*part)) {
            return Err((key, Dead::Merge));
        }
        // The last part is merged first, so that the first one wins.
        self.tasks.extend(parts.into_iter().map(Task::Merge));
        Ok(())
    }
}

/// The worth of a mapping: fields whose keys become the same JSON name compete.
fn close(fields: HashMap<Identity, Field>) -> Worth {
    let mut worth = Worth::default();
    let mut names: HashMap<Vec<u8>, Worth> = HashMap::new();
    for Field { node, json, value } in fields.into_values() {
        let Some(name) = json else {
            worth.dead = worth.dead.or(Some((node, Dead::KeyIsNoName)));
            continue;
        };
        worth.dead = worth.dead.or(value.dead);
        names.entry(name).and_modify(|rival| rival.compete(value, node)).or_insert(value);
    }
    for value in names.into_values() {
        worth.absorb(value);
    }
    worth
}
