//! Documents made from a grammar of YAML 1.1 and JSON, not from other documents: every way to spell a list of entries,
//! with everything that YAML has to offer.
//!
//! Two of three are meant to be correct, or what is wrong would only ever be seen up to the first mistake; the others
//! have a slip here and there. Here: documents and what is spelled by indentation.

#[path = "grammar/flow.rs"]
mod flow;
#[path = "grammar/scalars.rs"]
mod scalars;
#[path = "grammar/words.rs"]
mod words;

use crate::material::HOSTILE;
use crate::mutate::Rng;
use words::{ANCHORS, BREAKS, COMMENTS, DIRECTIVES, FIELDS, ODD_DIRECTIVES, ODD_TAGS, SSO_FIELDS, TAGS};

/// A document.
pub(crate) fn document(rng: &mut Rng) -> String {
    let (line_break, odd) = (rng.pick(BREAKS), rng.chance(3));
    let mut maker = Maker { rng, text: String::new(), line_break, anchors: Vec::new(), odd, nodes: 0 };
    maker.stream();
    maker.text
}

struct Maker<'r> {
    rng: &'r mut Rng,
    text: String,
    line_break: &'static str,
    /// What an alias may name.
    anchors: Vec<&'static str>,
    /// Whether slips are made.
    odd: bool,
    /// What was made so far, so that it ends.
    nodes: usize,
}

/// What a value is for, which decides what is likely.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Text,
    Groups,
    Sso,
    Anything,
}

/// Nodes of a document at the most, more or less.
const NODES: usize = 60;
const DEPTH: usize = 4;

impl Maker<'_> {
    fn chance(&mut self, one_in: usize) -> bool {
        self.rng.chance(one_in)
    }

    fn one_of(&mut self, numbers: &[usize]) -> usize {
        numbers[self.rng.below(numbers.len())]
    }

    fn slip(&mut self) -> bool {
        self.odd && self.rng.chance(40)
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn put_one(&mut self, of: &[&'static str]) {
        let one = self.rng.pick(of);
        self.put(one);
    }

    fn newline(&mut self) {
        if self.slip() { self.put_one(BREAKS) } else { self.put(self.line_break) }
    }

    fn spaces(&mut self, count: usize) {
        if self.slip() {
            self.put_one(&["\t", " \t", "", "   ", "\u{a0}", "\u{FEFF}"]);
        } else {
            self.text.extend(std::iter::repeat_n(' ', count));
        }
    }

    /// Space between two tokens of a line.
    fn gap(&mut self) {
        self.put_one(&[" ", " ", " ", " ", " ", " ", " ", "  ", "\t", "    "]);
    }

    /// Comments and empty lines before a line of this column.
    fn between(&mut self, column: usize) {
        while self.chance(10) {
            match self.rng.below(4) {
                0 => {}
                1 => self.spaces(column + 1),
                2 if self.odd => self.put("\t"),
                _ => {
                    let indent = self.one_of(&[column, 0, column + 2, 1]);
                    self.spaces(indent);
                    self.put_one(COMMENTS);
                }
            }
            self.newline();
        }
    }

    fn end_line(&mut self) {
        if self.chance(4) {
            self.put_one(&[" ", " # why", "\t# why", "  #"]);
        }
        self.newline();
    }

    fn stream(&mut self) {
        if self.chance(20) {
            self.put("\u{FEFF}");
        }
        if self.chance(8) {
            let pretty = self.chance(2);
            return self.json_document(pretty);
        }
        self.between(0);
        let mut marked = self.chance(6);
        while self.chance(12) {
            self.put_one(if self.odd { ODD_DIRECTIVES } else { DIRECTIVES });
            self.end_line();
            marked = true;
            if !self.odd {
                break;
            }
        }
        if marked && !self.slip() {
            self.put("---");
            if self.chance(8) {
                self.put(" ");
                self.properties(&["!!seq"]);
            }
            self.end_line();
        }
        self.root();
        self.after();
    }

    fn root(&mut self) {
        match self.rng.below(20) {
            0 => self.mapping(0, Use::Anything, 0),
            1 => self.scalar(0, Use::Text),
            2..=5 => {
                self.flow_sequence(0, Use::Anything, 0);
                self.end_line();
            }
            // Accounts.
            6 | 7 => {
                let column = self.one_of(&[0, 0, 2]);
                for _ in 0..=self.rng.below(5) {
                    self.between(column);
                    self.spaces(column);
                    self.put("-");
                    self.gap();
                    self.node(column + 2, Use::Text, 1, true);
                }
            }
            _ => {
                let column = self.one_of(&[0, 0, 0, 0, 1, 2, 4]);
                self.sequence(column, Use::Anything, 0);
            }
        }
    }

    /// What comes after the first document, or instead of its end.
    fn after(&mut self) {
        let later: &[&str] = match self.rng.below(16) {
            0 => &["..."],
            1 => &["...", "- rolearn: later"],
            2 => &["---", "- rolearn: later", ""],
            3 => &["...", "%YAML 1.1", "--- x", ""],
            4 => &["...", "\u{FEFF}# x", "- a: ]"],
            5 => {
                while self.text.ends_with(self.line_break) {
                    self.text.truncate(self.text.len() - self.line_break.len());
                }
                return;
            }
            6 if self.odd => return self.put_one(HOSTILE),
            _ => return self.between(0),
        };
        for (n, line) in later.iter().enumerate() {
            if n > 0 {
                self.end_line();
            }
            self.put(line);
        }
    }

    /// Anchor and tag, in any order.
    fn properties(&mut self, tags: &[&'static str]) {
        let tag = self.chance(2);
        let (anchor, anchor_first) = (!tag || self.chance(3), self.chance(2));
        if anchor && anchor_first {
            self.anchor();
            self.put(if tag { " " } else { "" });
        }
        if tag {
            let tags = if self.odd && self.chance(2) { ODD_TAGS } else { tags };
            self.put_one(tags);
            self.put(if anchor && !anchor_first { " " } else { "" });
        }
        if anchor && !anchor_first {
            self.anchor();
        }
    }

    fn anchor(&mut self) {
        let known = ANCHORS.len() - usize::from(!self.odd);
        let name = self.rng.pick(&ANCHORS[..known]);
        self.put("&");
        self.put(name);
        self.anchors.push(name);
    }

    /// Whether there was something to name.
    fn alias(&mut self) -> bool {
        let name = match self.anchors.len() {
            0 if !self.odd => return false,
            0 => self.rng.pick(ANCHORS),
            known => self.anchors[self.rng.below(known)],
        };
        self.put("*");
        self.put(name);
        true
    }

    /// Items at this column, each on lines of its own.
    fn sequence(&mut self, column: usize, of: Use, depth: usize) {
        for n in 0..=self.rng.below(4) {
            if n > 0 || depth == 0 {
                self.between(column);
            }
            self.spaces(column);
            self.item(column, of, depth);
        }
    }

    /// One item from its dash on.
    fn item(&mut self, column: usize, of: Use, depth: usize) {
        self.put("-");
        let inner = if of == Use::Groups { Use::Text } else { Use::Anything };
        let gap = self.one_of(&[1, 1, 1, 1, 1, 1, 3, 0]);
        if gap > 0 {
            self.spaces(gap);
            return self.node(column + 1 + gap, inner, depth + 1, true);
        }
        // Everything on the next line, or nothing at all.
        self.end_line();
        if !self.chance(6) {
            let deeper = column + 1 + self.rng.below(3);
            self.between(deeper);
            self.spaces(deeper);
            self.node(deeper, inner, depth + 1, true);
        }
    }

    /// A node whose first character stands at this column, to the end of its last line. `block`: a collection without
    /// brackets may begin here.
    fn node(&mut self, column: usize, of: Use, depth: usize, block: bool) {
        self.nodes += 1;
        let (mut block, simple) = (block, depth > DEPTH || self.nodes > NODES);
        if self.chance(22) && self.alias() {
            return self.end_line();
        }
        if self.chance(14) {
            self.properties(TAGS);
            // A collection without brackets cannot follow on the same line.
            if block && self.chance(2) {
                self.end_line();
                self.spaces(column);
            } else {
                self.gap();
                block = false;
            }
        }
        match (of, self.rng.below(10)) {
            (Use::Anything, 0..=7) if block && !simple && depth <= 1 => self.entry(column, depth),
            (Use::Anything, 0..=2) if block && !simple => self.mapping(column, Use::Anything, depth),
            (_, 3) if block && !simple => {
                self.item(column, of, depth);
                if self.chance(2) {
                    self.spaces(column);
                    self.item(column, of, depth);
                }
            }
            (Use::Groups, 4..=8) | (Use::Anything, 4) if !simple => {
                self.flow_sequence(column, of, depth);
                self.end_line();
            }
            (Use::Sso, 4..=9) | (Use::Anything, 5 | 6) if !simple => {
                self.flow_mapping(column, of, depth);
                self.end_line();
            }
            _ => self.scalar(column, of),
        }
    }

    /// A mapping that looks like an entry. Its first key stands at this column already.
    fn entry(&mut self, column: usize, depth: usize) {
        self.put_one(&["rolearn", "rolearn", "userarn", "RoleARN", "ROLEARN", "userarn"]);
        self.put(":");
        self.gap();
        self.scalar(column + 1, Use::Text);
        for _ in 0..self.rng.below(5) {
            self.between(column);
            self.spaces(column);
            self.pair(column, Use::Anything, depth);
        }
    }

    fn mapping(&mut self, column: usize, of: Use, depth: usize) {
        for n in 0..=self.rng.below(4) {
            if n > 0 {
                self.between(column);
                self.spaces(column);
            }
            self.pair(column, of, depth);
        }
    }

    fn key(&mut self, of: Use) -> (&'static str, Use) {
        let name = self.rng.pick(if of == Use::Sso { SSO_FIELDS } else { FIELDS });
        let of = match name.to_lowercase().replace('\u{17F}', "s").as_str() {
            "groups" => Use::Groups,
            "sso" => Use::Sso,
            "x" | "notes" => Use::Anything,
            _ => Use::Text,
        };
        (name, of)
    }

    /// A key and its value, to the end of its last line.
    fn pair(&mut self, column: usize, of: Use, depth: usize) {
        let explicit = self.chance(16);
        if explicit {
            self.put("?");
            self.gap();
        }
        if self.chance(30) {
            self.properties(&["!!str", "!"]);
            self.gap();
        }
        let (name, mut value) = self.key(of);
        match self.rng.below(24) {
            0 if !self.anchors.is_empty() => {
                self.put("<<: ");
                self.merged();
                return self.end_line();
            }
            1 => {
                let typed = self.typed();
                self.put(&typed);
                value = Use::Anything;
            }
            2 if self.alias() => self.put(" "),
            3 => self.double(name, column, true),
            4 => self.single(name, column, true),
            5 if self.chance(4) => self.flow_sequence(column, Use::Text, DEPTH),
            6 if self.chance(4) => self.flow_mapping(column, Use::Anything, DEPTH),
            _ => self.put(name),
        }
        if explicit {
            self.end_line();
            if self.chance(6) {
                return;
            }
            self.spaces(column);
        } else if self.chance(20) {
            self.gap();
        }
        self.put(":");
        self.value(column, value, depth, explicit);
    }

    /// What a merge key merges.
    fn merged(&mut self) {
        if self.chance(3) {
            self.put("[");
            self.alias();
            self.put(" , ");
            self.alias();
            self.put(" ]");
        } else {
            self.alias();
        }
    }

    /// What follows a colon.
    fn value(&mut self, column: usize, of: Use, depth: usize, explicit: bool) {
        let one_in = match of {
            Use::Text => 20,
            Use::Groups | Use::Sso => 2,
            Use::Anything => 4,
        };
        if self.chance(24) {
            // Nothing at all.
            return self.end_line();
        }
        if depth > DEPTH || self.nodes > NODES || !self.chance(one_in) {
            self.gap();
            return self.node(column + 1, of, depth + 1, explicit);
        }
        if self.chance(8) {
            self.gap();
            self.properties(&["!"]);
        }
        self.end_line();
        self.nodes += 1;
        if of == Use::Sso || of == Use::Anything && self.chance(2) {
            let deeper = column + 1 + self.rng.below(4);
            self.between(deeper);
            self.spaces(deeper);
            return self.mapping(deeper, of, depth + 1);
        }
        // A list may stand at the column of its key.
        let deeper = column + self.one_of(&[0, 0, 2, 2, 1, 4]);
        self.sequence(deeper, of, depth + 1);
    }
}
