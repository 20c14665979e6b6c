//! Documents that somebody might write, and what typing errors, other programs and attackers make of them.

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

/// Texts as they are found in clusters, and texts that use what YAML has to offer.
pub(crate) const SEEDS: &[&str] = &[
    "- rolearn: arn:aws:iam::111122223333:role/dev\n  username: dev\n  groups:\n    - developers\n    - readers\n",
    "- groups:\n  - system:bootstrappers\n  - system:nodes\n  rolearn: arn:aws:iam::111122223333:role/node\n  username: system:node:{{EC2PrivateDNSName}}\n- rolearn: arn:aws:iam::111122223333:role/admin\n  username: 'admin:{{SessionName}}'\n  groups: [system:masters]\n",
    "# nodes\n- \"groups\":\n  - \"system:bootstrappers\"\n  - \"system:nodes\"\n  \"rolearn\": \"arn:aws:iam::111122223333:role/node\"\n  \"username\": \"system:node:{{EC2PrivateDNSName}}\"\n\n# people\n- rolearn: arn:aws:iam::111122223333:role/x # x\n  username: x\n",
    "[{\"rolearn\":\"arn:aws:iam::111122223333:role/a\",\"username\":\"a\",\"groups\":[\"g\",\"h\"]},{\"rolearn\":\"arn:aws:iam::111122223333:role/b\",\"username\":\"b\"}]",
    "[{rolearn: a, username: b, groups: [c, d]}, {rolearn: e}]\n",
    "- userarn: arn:aws:iam::111122223333:user/team/jane\n  username: jane\n  groups:\n  - system:masters\n- userarn: arn:aws:iam::111122223333:user/bob\n  username: bob\n",
    "- userarn: a\n  username: b\n  rolearn: c\n  groups:\n  - d\n",
    "- \"111122223333\"\n- 012345678912\n- '444455556666'\n- 444455556666\n",
    "[\"111122223333\", 444455556666]",
    "- rolearn: a\n  username: |\n    b\n    c\n  groups:\n  - >-\n    d\n    e\n\n    f\n  - |+\n    g\n\n- rolearn: h\n",
    "- rolearn: a\n  username: \"b \\\n    c\\n\\x41\\u00e9\\U0001F600\n\n    d\"\n  groups: ['it''s', 'two\n    lines']\n",
    "defaults: &d\n  username: u\n- rolearn: a\n  <<: *d\n",
    "- &a\n  rolearn: r\n  username: u\n  groups: &g [x, y]\n- *a\n- <<: *a\n  rolearn: s\n- rolearn: t\n  groups: *g\n- <<: [*a, {username: v, userid: w}]\n  rolearn: q\n",
    "- sso:\n    permissionSetName: Ops\n    accountID: \"012345678912\"\n    partition: aws\n  username: u\n  groups: [g]\n- sso: {permissionsetname: x, ACCOUNTID: '111122223333'}\n",
    "- ROLEARN: a\n  rolearn: b\n  RoleArn: c\n  Groups: [d, e, f]\n  groups: [g, null, 1]\n  GROUPS: [h]\n  userName: i\n  u\u{17F}ername: j\n",
    "%YAML 1.1\n%TAG !e! tag:yaml.org,2002:\n--- !!seq\n- !!map\n  rolearn: !!str a\n  username: !e!str b\n  groups: !<tag:yaml.org,2002:seq> [!!str 1, ! 2, !x 3]\n...\n- more\n",
    "- ? rolearn\n  : a\n  ? username\n  : b\n  ? groups\n  : - c\n    - d\n",
    "- rolearn: !!binary YQ==\n  username: !!float 1\n  groups: [!!int 2, !!null ~, !!bool yes, !!timestamp 2001-01-01, !!str]\n",
    "- rolearn: a\n  1: x\n  \"1\": y\n  true: .inf\n  ~: z\n  1.5: .nan\n  0x10: w\n",
    "---\n# nothing\n---\n- rolearn: a\n",
    "- rolearn: a\n  groups:\n  - b\n\n  - c\n  # d\n  username: e\n-\n  rolearn: f\n-   rolearn: g\n    username: h\n- - i\n- j\n- {}\n- []\n- [k: l]\n- {m, n: , : o}\n",
    "\u{FEFF}- rolearn: a\r\n  username: b\r\n  groups:\r\n  - c\r\n",
    "- rolearn: jos\u{e9}\n  username: \u{1F600}\n  groups: [\u{4e2d}\u{6587}, \u{85}, \u{2028}x]\n",
    "\t\n",
    "null\n",
    "{\"rolearn\": \"a\"}",
    "rolearn: a\nusername: b\n",
];

/// Scalars that parsers and emitters stumble over.
pub(crate) const HOSTILE: &[&str] = &[
    "",
    "~",
    "null",
    "Null",
    "NULL",
    "nUll",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "Y",
    "N",
    "true",
    "FALSE",
    "1",
    "0",
    "-1",
    "+1",
    "017",
    "08",
    "0o17",
    "0x1F",
    "0xZ",
    "0b101",
    "0b",
    "0b-1",
    "-0b11",
    "1_000",
    "_1",
    "1e3",
    "1e999",
    "-1e-999",
    ".5",
    "5.",
    ".",
    "..",
    ".5_0",
    "._5",
    ".1e400",
    "1.2.3",
    ".inf",
    "-.Inf",
    "+.INF",
    ".nan",
    ".NaN",
    "inf",
    "nan",
    "12:30:45",
    "2001-01-01",
    "2001-1-1",
    "2001-13-01",
    "2001-01-01T10:20:30Z",
    "2001-01-01 10:20:30.5",
    "2001-01-01t1:2:3+24:60",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "012345678912",
    "<<",
    "=",
    "{{SessionName}}",
    "{{EC2PrivateDNSName}}",
    "x{{SessionName}}",
    "@a",
    "`a",
    "%a",
    "&a",
    "*a",
    "!a",
    "!!str",
    "!!int x",
    "!!int 5",
    "!",
    "! x",
    "!<a> b",
    "!e!x y",
    "|",
    ">",
    "|-\n    x",
    ">+\n    x\n\n",
    "|2\n  x",
    "|0",
    "# c",
    "a # b",
    "a #b",
    "a#b",
    "a: b",
    "a:b",
    "a:",
    ":a",
    ": a",
    "?a",
    "? a",
    "a? b",
    "a?b",
    "- a",
    "-a",
    "--- a",
    "---",
    "...",
    "[",
    "]",
    "{",
    "}",
    ",",
    "[]",
    "{}",
    "[a",
    "{a: b",
    "[a, b]",
    "[a?b]",
    "[a:, b]",
    "[:a]",
    "[: a]",
    "[? a : b]",
    "[? , a]",
    "{? a}",
    "{a: , b}",
    "{a b: c}",
    "[a]: b",
    "{}: b",
    "[{}: c]",
    "{[]: c}",
    "'",
    "\"",
    "''",
    "\"\"",
    "'a",
    "\"a",
    "'a'b",
    "\"a\"b",
    "'a''b'",
    "\"\\/\"",
    "\"\\ud83d\\ude00\"",
    "\"\\uD800\"",
    "\"\\U00110000\"",
    "\"\\x4\"",
    "\"\\",
    "\"a\\",
    "\"\\q\"",
    "\"\\N\\_\\L\\P\\e\\0\"",
    "\"\\\n  a\"",
    "'a\n\n  b'",
    "a\tb",
    "\ta",
    "a\u{85}b",
    "a\u{2028}b",
    "a\u{2029}b",
    "a\rb",
    "a\r\nb",
    "\u{FEFF}",
    "\u{FEFF}a",
    "a\u{7}b",
    "\0",
    "\u{7F}",
    "\u{80}",
    "\u{9F}",
    "\u{A0}",
    "\u{FFFE}",
    "\u{FFFF}",
    "\u{FFFD}",
    "\u{E000}",
    "\u{10FFFF}",
    "\u{1F600}",
    "\u{17F}",
    "\u{212A}",
    "&a x",
    "&a",
    "*a",
    "*a : b",
    "&a &b x",
    "!!str &a x",
    "<<: *a",
    "<<: [*a]",
    "<<: x",
    "!!binary YQ==",
    "!!binary YQ",
    "!!binary /w==",
    "!!binary YR==",
    "!!null x",
    "!!null",
    "!!bool yes",
    "!!bool x",
    "!!float 1",
    "!!float x",
    "!!merge <<",
    "!!timestamp x",
    "!!timestamp 2001-01-01",
    "!!seq",
    "!!map",
    "%YAML 1.2",
    "%YAML 1.1",
    "%TAG ! x",
    "``",
];

/// Pieces of syntax to strew in.
const TOKENS: &[&str] = &[
    " ",
    "  ",
    "\t",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{FEFF}",
    "- ",
    "-",
    "-\n",
    "? ",
    "?",
    ": ",
    ":",
    ",",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "[]",
    "{}",
    "#",
    " #",
    "# x\n",
    "\"",
    "'",
    "\\",
    "|",
    ">",
    "|\n",
    "&a ",
    "*a",
    "!!str ",
    "!",
    "!!int ",
    "<<: ",
    "<<",
    "---\n",
    "\n---\n",
    "...\n",
    "\n...\n",
    "%YAML 1.1\n",
    "%TAG !e! x\n",
    "\u{7}",
    "null",
    "~",
    "1",
    ".nan",
    "rolearn: x\n",
    "  username: y\n",
    "- rolearn: z\n",
    "groups",
    "sso: ",
    "@",
    "`",
    "%",
    "\u{e9}",
    "{{",
    "}}",
    "rolearn",
    "username",
];

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
