//! Scalars: plain, quoted, literal, folded; and those that YAML 1.1 has a type for.

use super::words::{
    ALMOST_NUMBERS, BASE64, BOOLS, DATES, ESCAPES, NULLS, ODD_ESCAPES, ODD_WORDS, TIMES, WORDS,
};
use super::{Maker, Use};
use crate::material::HOSTILE;
use crate::mutate::Rng;

const DECIMAL: &[&str] = &["0", "1", "2", "5", "7", "8", "9", "0", "_"];
const OCTAL: &[&str] = &["0", "1", "7", "8", "_"];
const BINARY: &[&str] = &["0", "1", "_"];
const HEXADECIMAL: &[&str] = &["0", "1", "7", "9", "a", "F", "_", "g"];

fn digits(rng: &mut Rng, of: &[&'static str], most: usize) -> String {
    (0..=rng.below(most)).map(|_| rng.pick(of)).collect()
}

impl Maker<'_> {
    /// A plain scalar that YAML 1.1 has a type for, or almost.
    pub(super) fn typed(&mut self) -> String {
        let rng = &mut *self.rng;
        let sign = rng.pick(&["", "", "", "-", "+"]);
        match rng.below(14) {
            0 => format!("{sign}{}", digits(rng, DECIMAL, 4)),
            1 => format!("{sign}{}", digits(rng, DECIMAL, 21)),
            2 => format!("{sign}0{}", digits(rng, OCTAL, 12)),
            3 => format!("{sign}0{}{}", rng.pick(&["x", "X", "o", "b", "B"]), digits(rng, HEXADECIMAL, 17)),
            4 => format!("{sign}0b{}", digits(rng, BINARY, 66)),
            5 => format!("{sign}{}.{}", digits(rng, DECIMAL, 3), digits(rng, DECIMAL, 3)),
            6 => {
                let (whole, point) = (digits(rng, DECIMAL, 2), rng.pick(&["", ".", ".5"]));
                let exponent = rng.pick(&["e", "E", "e+", "e-", "E-", "e+0"]);
                format!("{sign}{whole}{point}{exponent}{}", digits(rng, DECIMAL, 3))
            }
            7 => format!("{sign}{}", rng.pick(ALMOST_NUMBERS)),
            8 => rng.pick(BOOLS).to_owned(),
            9 => rng.pick(NULLS).to_owned(),
            10 => format!("{}{}", rng.pick(DATES), rng.pick(TIMES)),
            11 => {
                let rest = rng.pick(&["00", "30", "59", "60", "5", "00:15", "59:61", "30.5"]);
                format!("{sign}{}:{rest}", digits(rng, DECIMAL, 2))
            }
            12 => rng.pick(BASE64).to_owned(),
            _ => format!("{sign}.{}{}", digits(rng, DECIMAL, 3), rng.pick(&["", "e5", "e-5", "e", "e999"])),
        }
    }

    /// Text for a scalar: sometimes nothing, sometimes several words or lines.
    pub(super) fn words(&mut self) -> String {
        let mut words = String::new();
        for n in 0..self.one_of(&[1, 1, 1, 1, 2, 3, 0]) {
            if n > 0 {
                words.push_str(self.rng.pick(&[" ", "\n", "\n\n", "  ", "\t", " \n", "\n "]));
            }
            match self.rng.below(10) {
                0 | 1 => words.push_str(&self.typed()),
                2 => words.push_str(self.rng.pick(ODD_WORDS)),
                _ => words.push_str(self.rng.pick(WORDS)),
            }
        }
        words
    }

    /// A scalar to the end of its last line.
    pub(super) fn scalar(&mut self, column: usize, of: Use) {
        match self.rng.below(16) {
            0 | 1 => {
                let typed = self.typed();
                self.put(&typed);
            }
            2 if self.odd => self.put_one(HOSTILE),
            3 if self.odd => self.put_one(ODD_WORDS),
            4..=6 => {
                let words = self.words();
                self.double(&words, column, false);
            }
            7 | 8 => {
                let words = self.words();
                self.single(&words, column, false);
            }
            9 | 10 => return self.block_scalar(column),
            11 => return self.plain_lines(column),
            12 if of != Use::Text => {}
            _ => self.put_one(WORDS),
        }
        self.end_line();
    }

    fn plain_lines(&mut self, column: usize) {
        for n in 0..=self.rng.below(3) {
            if n > 0 {
                self.newline();
                if self.chance(4) {
                    self.put_one(&["", "  ", "\t"][..2 + usize::from(self.odd)]);
                    self.newline();
                }
                let indent = column + self.rng.below(3);
                self.spaces(indent);
            }
            self.put_one(WORDS);
        }
        self.end_line();
    }

    pub(super) fn single(&mut self, text: &str, column: usize, key: bool) {
        self.put("'");
        self.quoted_text(&text.replace('\'', "''"), column, key);
        self.put("'");
    }

    pub(super) fn double(&mut self, text: &str, column: usize, key: bool) {
        let mut escaped = String::new();
        for c in text.chars() {
            let code = u32::from(c);
            match c {
                '"' => escaped.push_str("\\\""),
                '\\' => escaped.push_str("\\\\"),
                '\n' if self.chance(2) => escaped.push_str(self.rng.pick(&["\\n", "\\\n"])),
                '\t' if self.chance(2) => escaped.push_str("\\t"),
                _ if self.chance(30) => {
                    let by_number = match self.rng.below(3) {
                        0 if code < 0x100 => format!("\\x{code:02x}"),
                        1 if code < 0x1_0000 => format!("\\u{code:04X}"),
                        _ => format!("\\U{code:08x}"),
                    };
                    escaped.push_str(&by_number);
                }
                _ if self.chance(60) => escaped.push_str(self.rng.pick(ESCAPES)),
                _ if self.odd && self.chance(60) => escaped.push_str(self.rng.pick(ODD_ESCAPES)),
                c => escaped.push(c),
            }
        }
        self.put("\"");
        self.quoted_text(&escaped, column, key);
        self.put("\"");
    }

    /// A line break in it is one of the document's, with whatever indentation.
    fn quoted_text(&mut self, text: &str, column: usize, key: bool) {
        for c in text.chars() {
            if c == '\n' && !key {
                self.newline();
                let indent = column + self.rng.below(3);
                self.spaces(indent);
            } else {
                self.text.push(c);
            }
        }
    }

    fn block_scalar(&mut self, column: usize) {
        self.put_one(&["|", ">"]);
        let indent = column + self.rng.below(3);
        // Where the parent stands is not known here for certain: some are too large, as people's are.
        let hint = if self.chance(if self.odd { 6 } else { 40 }) {
            (1 + self.rng.below(4)).to_string()
        } else {
            String::new()
        };
        let chomp = self.rng.pick(&["", "", "-", "+"]);
        let (first, second) = if self.chance(2) { (chomp, &*hint) } else { (&*hint, chomp) };
        self.put(first);
        self.put(second);
        self.end_line();
        for n in 0..self.rng.below(5) {
            match self.rng.below(10) {
                0 => {}
                1 => self.spaces(indent.saturating_sub(1)),
                2 if n > 0 => self.spaces(indent + 2),
                kind => {
                    self.spaces(indent + usize::from(kind == 3 && n > 0));
                    self.put_one(match kind {
                        4 => &["\tx"],
                        5 => &["# no comment"],
                        6 => &["- x: y "],
                        _ => WORDS,
                    });
                }
            }
            self.newline();
        }
    }
}
