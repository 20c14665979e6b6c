//! What kills a whole key after its syntax was found sound: values that their tags do not allow, keys that cannot
//! become JSON names, `.nan` and `.inf`, aliases without end, too many levels.
//!
//! The walk follows the reader's decoder step by step, aliases expanded, because the decoder counts its steps. It needs
//! no recursion: what is still to do lies on a stack.

use std::collections::{HashMap, HashSet};

use crate::yaml::{Document, Kind, Scalar};

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
    braces: bool,
}

impl Failure {
    pub(super) fn into_reading(self, text: &str) -> Reading {
        let message = match self.why {
            _ if !self.sure => {
                "found two keys in one mapping that become the same name, such as 1 and \"1\": remove one; \
                 the authenticator keeps either of them at random"
            }
            Dead::KeyIsCollection if self.braces => BRACES,
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
        let fault = Fault { place: place(text, self.node_start), message: message.to_owned() };
        if self.sure { Reading::Broken(fault) } else { Reading::Unsure(fault) }
    }
}

/// A mapping's key.
struct Name {
    /// What tells it apart from other keys.
    identity: Identity,
    /// The JSON name that it becomes. `None`: none, and the conversion fails.
    json: Option<Vec<u8>>,
}

/// What tells keys apart in the reader's map.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    /// The bits of a number, and which one it is for those that equal nothing.
    Float(u64, usize),
    Str(Vec<u8>),
}

impl Name {
    fn new(scalar: Scalar<'_>, node: usize) -> Self {
        let json = match &scalar {
            Scalar::Null | Scalar::Uint(_) => None,
            Scalar::Bool(value) => Some(value.to_string().into_bytes()),
            Scalar::Int(value) => Some(value.to_string().into_bytes()),
            Scalar::Float(value) => Some(float_name(*value).into_bytes()),
            Scalar::Str(text) => Some(text.as_bytes().to_vec()),
            Scalar::Bytes(bytes) => Some(bytes.clone()),
        };
        let identity = match scalar {
            Scalar::Null => Identity::Null,
            Scalar::Bool(value) => Identity::Bool(value),
            Scalar::Int(value) => Identity::Int(value),
            Scalar::Uint(value) => Identity::Uint(value),
            Scalar::Float(value) if value.is_nan() => Identity::Float(value.to_bits(), node),
            // Both zeros are the same key.
            Scalar::Float(value) => Identity::Float((value + 0.0).to_bits(), 0),
            Scalar::Str(text) => Identity::Str(text.into_owned().into_bytes()),
            Scalar::Bytes(bytes) => Identity::Str(bytes),
        };
        Self { identity, json }
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
    let found = document.nodes.get(node);
    let braces = found.is_some_and(|node| node.kind == Kind::Mapping && node.flow);
    Failure { node_start: found.map_or(0, |node| node.start), why, sure, braces }
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
        self.document.nodes.get(index).map_or(usize::MAX, |node| node.next)
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
                self.tasks.push(if merged { Task::Merge(target) } else { Task::Node(target) });
            }
            Kind::Sequence => {
                self.open.push(Open::Sequence(Worth::default()));
                self.tasks.push(Task::Sequence(index + 1, node.next));
            }
            Kind::Mapping => {
                if !merged {
                    self.open.push(Open::Mapping(HashMap::new()));
                }
                self.tasks.push(Task::Mapping(index + 1, node.next, merged));
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
        let parts: Vec<usize> =
            if direct { super::json::children(self.document, value).collect() } else { vec![value] };
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

/// Go's shortest notation of a number with the precision of 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the reader rounds to 32 bits as well")]
fn float_name(value: f64) -> String {
    let single = value as f32;
    if single.is_nan() {
        return ".nan".to_owned();
    }
    if single.is_infinite() {
        return if single > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{single:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{single}")
}
