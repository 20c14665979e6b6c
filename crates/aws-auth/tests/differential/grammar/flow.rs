//! What is spelled with brackets and braces: YAML's flow style, and JSON as programs write it.

use super::words::{FLOW_WORDS, JSON_ENDS, JSON_SCALARS, JSON_STRINGS, TAGS, WORDS};
use super::{DEPTH, Maker, NODES, Use};
use crate::material::HOSTILE;

impl Maker<'_> {
    /// Space inside of brackets, where lines may end anywhere.
    fn flow_gap(&mut self, column: usize) {
        match self.rng.below(16) {
            0 | 1 => {
                self.end_line();
                let indent = column + self.rng.below(3);
                self.spaces(indent);
            }
            2 => self.put("  "),
            3 => self.put("\t"),
            4..=8 => {}
            _ => self.put(" "),
        }
    }

    /// Commas between so many, and now and then one at the end.
    fn comma(&mut self, n: usize, count: usize) {
        if n + 1 < count || self.chance(6) {
            self.put(",");
        }
    }

    pub(super) fn flow_sequence(&mut self, column: usize, of: Use, depth: usize) {
        self.put("[");
        let count = self.rng.below(4);
        for n in 0..count {
            self.flow_gap(column);
            if self.chance(20) {
                // A pair alone.
                self.flow_pair(column, Use::Anything, depth);
            } else if of == Use::Anything && depth <= 1 && !self.chance(4) {
                self.flow_entry(column, depth);
            } else {
                self.flow_node(column, if of == Use::Groups { Use::Text } else { of }, depth);
            }
            self.flow_gap(column);
            self.comma(n, count);
        }
        if self.slip() {
            self.put_one(&[",", "]", "}", ":", "? ", "-", "- "]);
        }
        self.put("]");
    }

    pub(super) fn flow_mapping(&mut self, column: usize, of: Use, depth: usize) {
        self.put("{");
        let count = self.rng.below(4);
        for n in 0..count {
            self.flow_gap(column);
            self.flow_pair(column, of, depth);
            self.flow_gap(column);
            self.comma(n, count);
        }
        self.put("}");
    }

    fn flow_entry(&mut self, column: usize, depth: usize) {
        let arn = self.rng.pick(&["rolearn", "userarn"]);
        if self.chance(2) {
            self.put("{");
            self.double(arn, column, true);
            self.put_one(&[":", ": ", ": "]);
        } else {
            self.put("{");
            self.put(arn);
            self.put(": ");
        }
        self.flow_scalar(column);
        for _ in 0..self.rng.below(4) {
            self.put(",");
            self.flow_gap(column);
            self.flow_pair(column, Use::Anything, depth + 1);
        }
        self.put("}");
    }

    fn flow_pair(&mut self, column: usize, of: Use, depth: usize) {
        if self.chance(16) {
            self.put("? ");
        }
        let (name, value) = self.key(of);
        match self.rng.below(12) {
            0 => {
                let typed = self.typed();
                self.put(&typed);
            }
            1..=4 => self.double(name, column, true),
            5 => self.single(name, column, true),
            6 if self.odd => {}
            7 if !self.anchors.is_empty() => {
                self.put("<<: ");
                self.merged();
                return self.put(" ");
            }
            _ => self.put(name),
        }
        match self.rng.below(14) {
            // A key alone.
            0 => {}
            1 => self.put(" :"),
            2 => {
                self.put(":");
                self.flow_gap(column);
            }
            3 if self.text.ends_with(['"', '\'']) => {
                self.put(":");
                self.flow_node(column, value, depth + 1);
            }
            4 if self.odd => self.put(":"),
            _ => {
                self.put(": ");
                self.flow_node(column, value, depth + 1);
            }
        }
    }

    fn flow_node(&mut self, column: usize, of: Use, depth: usize) {
        self.nodes += 1;
        if self.chance(24) && self.alias() {
            // Else a comma or colon would belong to it.
            return self.put(" ");
        }
        if self.chance(24) {
            self.properties(TAGS);
            self.gap();
        }
        let simple = depth > DEPTH || self.nodes > NODES;
        match (of, self.rng.below(6)) {
            (Use::Groups, 0..=4) | (Use::Anything, 0) if !simple => self.flow_sequence(column, of, depth + 1),
            (Use::Sso, 0..=4) | (Use::Anything, 1) if !simple => self.flow_mapping(column, of, depth + 1),
            _ => self.flow_scalar(column),
        }
    }

    fn flow_scalar(&mut self, column: usize) {
        match self.rng.below(10) {
            0 | 1 => {
                let typed = self.typed();
                self.put(&typed);
            }
            2..=4 => {
                let words = self.words();
                self.double(&words, column, false);
            }
            5 | 6 => {
                let words = self.words();
                self.single(&words, column, false);
            }
            7 if self.odd => self.put_one(HOSTILE),
            8 if self.odd => self.put_one(WORDS),
            _ => self.put_one(FLOW_WORDS),
        }
    }

    /// JSON as programs write it.
    pub(super) fn json_document(&mut self, pretty: bool) {
        if self.chance(12) {
            return self.json_entry(pretty);
        }
        self.put("[");
        for n in 0..self.rng.below(4) {
            self.put(if n > 0 { "," } else { "" });
            self.json_gap(pretty);
            if self.chance(8) { self.json_scalar() } else { self.json_entry(pretty) }
        }
        self.json_gap(pretty);
        self.put("]");
        let usual = JSON_ENDS.len() - if self.odd { 0 } else { 4 };
        self.put_one(&JSON_ENDS[..usual]);
    }

    fn json_gap(&mut self, pretty: bool) {
        if pretty {
            self.put_one(
                &["\n  ", "\n", "\n  ", " ", "\r\n  ", "\n    ", "\n\t"][..6 + usize::from(self.odd)],
            );
        }
    }

    fn json_entry(&mut self, pretty: bool) {
        self.put("{");
        for n in 0..self.rng.below(5) {
            self.put(if n > 0 { "," } else { "" });
            self.json_gap(pretty);
            let (name, of) = if n == 0 {
                (self.rng.pick(&["rolearn", "userarn"]), Use::Text)
            } else {
                self.key(Use::Anything)
            };
            self.put(&serde_json::Value::from(name).to_string());
            self.put_one(&[":", ": ", ": ", " : ", ":\t"]);
            match of {
                Use::Groups if !self.chance(6) => {
                    self.put("[");
                    for n in 0..self.rng.below(3) {
                        self.put(if n > 0 { "," } else { "" });
                        self.json_scalar();
                    }
                    self.put("]");
                }
                Use::Sso => {
                    self.put("{\"permissionSetName\":\"Ops\",\"accountID\":");
                    self.put_one(&["\"111122223333\"", "111122223333", "\"1\"", "null"]);
                    self.put("}");
                }
                _ => self.json_scalar(),
            }
        }
        self.json_gap(pretty);
        self.put("}");
    }

    fn json_scalar(&mut self) {
        match self.rng.below(10) {
            0 => self.put_one(JSON_SCALARS),
            1 => self.put_one(JSON_STRINGS),
            _ => {
                let words = self.words();
                self.put(&serde_json::Value::from(words).to_string());
            }
        }
    }
}
