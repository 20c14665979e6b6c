//! What typing errors, other programs and attackers make of documents.

use crate::material::{HOSTILE, TOKENS};

/// Repeatable chance (splitmix64).
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).expect("a length")).expect("below a length")
    }

    pub(crate) fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// One document out of the seeds.
pub(crate) fn document(rng: &mut Rng, seeds: &[String]) -> String {
    let mut text = match rng.below(24) {
        0 => hostile_in_place(rng),
        1 => rng.pick(HOSTILE).to_owned(),
        2 => soup(rng),
        _ => seeds[rng.below(seeds.len())].clone(),
    };
    for _ in 0..=rng.below(4).min(rng.below(4)) {
        mutate(rng, &mut text, seeds);
    }
    // Now and then beyond what the reader has in its buffer.
    if rng.chance(60) {
        let filler = if rng.chance(2) { "# comment\n" } else { "\n" };
        let at = boundary(rng, &text);
        text.insert_str(at, &filler.repeat(rng.below(700)));
    }
    if rng.chance(60) {
        text.push_str("\n...\n");
        text.push_str(&"x".repeat(rng.below(1100)));
        text.push_str(rng.pick(TOKENS));
    }
    text
}

/// A hostile scalar where a value may stand.
fn hostile_in_place(rng: &mut Rng) -> String {
    let h = rng.pick(HOSTILE);
    match rng.below(12) {
        0 => format!("- rolearn: {h}\n  username: u\n"),
        1 => format!("- rolearn: a\n  username: {h}\n  groups: [g]\n- rolearn: b\n"),
        2 => format!("- rolearn: a\n  groups:\n  - {h}\n  - x\n"),
        3 => format!("- rolearn: a\n  groups: [x, {h}, y]\n"),
        4 => format!("- rolearn: a\n  {h}: x\n"),
        5 => format!("- rolearn: a\n  groups: {h}\n"),
        6 => format!("- {h}\n- rolearn: b\n"),
        7 => format!("[{{\"rolearn\": \"a\", \"username\": {h}}}]"),
        8 => format!("{h}\n- rolearn: a\n"),
        9 => format!("- rolearn: a\n{h}"),
        10 => format!("- {{rolearn: a, {h}: b}}\n"),
        _ => format!("- {h}\n- \"1\"\n- {}\n", rng.pick(HOSTILE)),
    }
}

fn soup(rng: &mut Rng) -> String {
    (0..=rng.below(14)).map(|_| if rng.chance(4) { rng.pick(HOSTILE) } else { rng.pick(TOKENS) }).collect()
}

/// A place between two characters.
fn boundary(rng: &mut Rng, text: &str) -> usize {
    let mut at = rng.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn range(rng: &mut Rng, text: &str, longest: usize) -> std::ops::Range<usize> {
    let from = boundary(rng, text);
    let mut to = (from + 1 + rng.below(longest)).min(text.len());
    while !text.is_char_boundary(to) {
        to += 1;
    }
    from..to
}

fn mutate(rng: &mut Rng, text: &mut String, seeds: &[String]) {
    match rng.below(14) {
        0 => {
            let range = range(rng, text, 1);
            text.replace_range(range, "");
        }
        1 => {
            let range = range(rng, text, 12);
            text.replace_range(range, "");
        }
        2 | 3 => {
            let at = boundary(rng, text);
            text.insert_str(at, rng.pick(TOKENS));
        }
        4 => {
            let range = range(rng, text, 3);
            text.replace_range(range, rng.pick(TOKENS));
        }
        5 => {
            // Some character of the text somewhere else.
            let from = range(rng, text, 1);
            let piece = text[from].to_owned();
            let at = boundary(rng, text);
            text.insert_str(at, &piece);
        }
        6 => {
            let c = char::from_u32(match rng.below(3) {
                0 => u32::try_from(rng.below(0x80)).expect("small"),
                1 => u32::try_from(rng.below(0x3000)).expect("small"),
                _ => u32::try_from(rng.below(0x11_0000)).expect("small"),
            });
            let at = boundary(rng, text);
            text.insert(at, c.unwrap_or(' '));
        }
        7 => lines(rng, text, |rng, lines| {
            let at = rng.below(lines.len());
            lines.remove(at);
        }),
        8 => lines(rng, text, |rng, lines| {
            let (from, to) = (rng.below(lines.len()), rng.below(lines.len() + 1));
            let line = lines[from].clone();
            lines.insert(to, line);
        }),
        9 => lines(rng, text, |rng, lines| {
            let at = rng.below(lines.len());
            let line = &mut lines[at];
            if rng.chance(2) {
                line.insert_str(0, rng.pick(&[" ", "  ", "\t", "- ", "    "]));
            } else {
                line.remove(0);
            }
        }),
        10 => {
            let other = &seeds[rng.below(seeds.len())];
            let (cut, from) = (boundary(rng, text), boundary(rng, other));
            text.truncate(cut);
            text.push_str(&other[from..]);
        }
        11 | 12 => scalar(rng, text),
        _ => {
            let at = boundary(rng, text);
            text.truncate(at);
        }
    }
}

fn lines(rng: &mut Rng, text: &mut String, change: impl FnOnce(&mut Rng, &mut Vec<String>)) {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if !lines.is_empty() {
        change(rng, &mut lines);
    }
    *text = lines.concat();
}

/// Puts a hostile scalar where a word stands.
fn scalar(rng: &mut Rng, text: &mut String) {
    let is_word = |c: char| !c.is_whitespace() && !"[]{},\"'".contains(c);
    let start = boundary(rng, text);
    let Some(from) = text[start..].find(is_word).map(|at| start + at) else { return };
    let to = text[from..].find(|c| !is_word(c)).map_or(text.len(), |at| from + at);
    text.replace_range(from..to, rng.pick(HOSTILE));
}
