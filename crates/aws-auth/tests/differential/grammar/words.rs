//! What the documents are made of. Lists that begin with `ODD` are for those with slips.

/// Names of fields, among them those that only look like one.
pub(super) const FIELDS: &[&str] = &[
    "rolearn",
    "rolearn",
    "userarn",
    "username",
    "username",
    "username",
    "groups",
    "groups",
    "groups",
    "userid",
    "sso",
    "RoleARN",
    "ROLEARN",
    "roleArn",
    "userARN",
    "userName",
    "UserName",
    "USERNAME",
    "u\u{17F}ername",
    "Groups",
    "GROUPS",
    "group\u{17F}",
    "userId",
    "SSO",
    "s\u{17F}o",
    "x",
    "role arn",
    "notes",
];

/// Names within an `sso` block.
pub(super) const SSO_FIELDS: &[&str] = &[
    "permissionSetName",
    "permissionSetName",
    "accountID",
    "accountID",
    "partition",
    "permissionsetname",
    "PERMISSIONSETNAME",
    "accountid",
    "accountId",
    "Partition",
    "x",
];

/// Words that may stand without quotes in block style.
pub(super) const WORDS: &[&str] = &[
    "a",
    "dev",
    "system:masters",
    "system:node:x{{EC2PrivateDNSName}}",
    "ci:{{SessionName}}",
    "x{{AccountID}}",
    "arn:aws:iam::111122223333:role/dev",
    "arn:aws:iam::111122223333:user/team/jane",
    "111122223333",
    "012345678912",
    "jane@example.com",
    "it's",
    "a b",
    "a:b",
    "a#b",
    "a-b",
    "-a",
    "a,b",
    "a]b",
    "\u{e9}t\u{e9}",
    "\u{4e2d}\u{6587}",
    "\u{1F600}",
    "Ops",
    "Ops_1",
    "aws",
    "aws-cn",
    "C:\\x",
    "100%",
    "a?b",
    "a!b",
    "a&b*c",
    "x=y",
    "a\"b\"",
    "a{b}",
];

/// The same within brackets.
pub(super) const FLOW_WORDS: &[&str] = &[
    "a",
    "dev",
    "system:masters",
    "arn:aws:iam::111122223333:role/dev",
    "arn:aws:iam::111122223333:user/team/jane",
    "111122223333",
    "012345678912",
    "jane@example.com",
    "it's",
    "a b",
    "a-b",
    "-a",
    "\u{e9}t\u{e9}",
    "\u{1F600}",
    "Ops",
    "aws",
    "a!b",
    "a&b*c",
    "x=y",
    "a:b",
    "a#b",
];

pub(super) const ODD_WORDS: &[&str] = &[
    "{{AccountID}}",
    "{a}",
    "\"quoted\"",
    "a\tb",
    "a: b",
    "a #b",
    "[a]",
    "@a",
    "`a`",
    "a\u{85}b",
    "a\u{2028}b",
    "a\rb",
    "\u{FEFF}a",
    "a\u{7}b",
    "%a",
    "a\u{A0}b",
    "? a",
    "- a",
    ": a",
    "a:",
];

pub(super) const TAGS: &[&str] = &["!!str", "!", "!x", "!<tag:yaml.org,2002:str>", "!<x>"];

pub(super) const ODD_TAGS: &[&str] = &[
    "!!int",
    "!!float",
    "!!bool",
    "!!null",
    "!!seq",
    "!!map",
    "!!binary",
    "!!timestamp",
    "!!merge",
    "!!set",
    "!!omap",
    "!e!y",
    "!<tag:yaml.org,2002:int>",
    "!!",
    "!a!b",
    "!%41",
    "!<!str>",
    "!!value",
    "!!yaml",
    "!!python/none",
    "!e!str",
    "!<>",
    "!<",
    "!!str,",
    "!!s%74r",
];

/// The last one only where slips are made.
pub(super) const ANCHORS: &[&str] = &["a", "b", "c1", "-", "d_e", "\u{e9}"];

pub(super) const BREAKS: &[&str] =
    &["\n", "\n", "\n", "\n", "\n", "\n", "\r\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"];

pub(super) const COMMENTS: &[&str] =
    &["#", "# nodes", "#- rolearn: x", "# \u{e9}", "# a: 'b", "#\t\"", "# [", "# \u{1F600}", "#x"];

pub(super) const DIRECTIVES: &[&str] = &[
    "%YAML 1.1",
    "%TAG ! tag:example.com,2000:",
    "%TAG !e! tag:yaml.org,2002:",
    "%TAG !! tag:yaml.org,2002:",
];

pub(super) const ODD_DIRECTIVES: &[&str] = &[
    "%YAML 1.1",
    "%YAML 1.2",
    "%YAML 1.0",
    "%YAML 2.0",
    "%YAML  1.1",
    "%YAML 1.1 x",
    "%FOO bar",
    "%TAG !e! !x",
    "%TAG !\u{e9}! x",
    "%TAG !! tag:example.com,2000:",
    "%TAG ! !",
    "%",
    "% YAML 1.1",
    "%TAG !e! tag:yaml.org,2002:",
];

pub(super) const BOOLS: &[&str] = &[
    "y", "Y", "yes", "Yes", "YES", "yEs", "n", "N", "no", "No", "NO", "nO", "true", "True", "TRUE", "tRue",
    "false", "False", "FALSE", "on", "On", "ON", "oN", "off", "Off", "OFF", "oFF",
];

pub(super) const NULLS: &[&str] =
    &["~", "null", "Null", "NULL", "nULL", "~~", "nul", "<<", "=", "-.", "--", "?.", ".", "..", "~a"];

pub(super) const ALMOST_NUMBERS: &[&str] = &[
    ".inf", ".Inf", ".INF", ".iNf", "inf", ".nan", ".NaN", ".NAN", ".Nan", "nan", "Infinity", "NaN", "0.",
    "1_.2_",
];

pub(super) const DATES: &[&str] = &[
    "2001-01-01",
    "2001-1-1",
    "1-01-01",
    "0000-01-01",
    "9999-12-31",
    "99999-01-01",
    "2024-02-29",
    "2023-02-29",
    "2001-13-01",
    "2001-00-01",
    "2001-01-32",
    "2001-01-00",
    "2001-12-1",
    "2001-1-12",
];

pub(super) const TIMES: &[&str] = &[
    "",
    "",
    "",
    "T10:20:30Z",
    "t1:2:3",
    " 10:20:30",
    "  10:20:30",
    "T24:00:00Z",
    " 10:20:30.123456789",
    "T10:20:30+01:00",
    "T10:20:30 Z",
    " 10:20:30 +1",
    " 10:20",
    "T10:20:60Z",
    " 1:20:30.5 -05:30",
    "T10:20:30.5Z",
    "t10:20:30.5z",
    "T10:20:30-0530",
];

pub(super) const BASE64: &[&str] = &["YQ==", "YQ", "/w==", "YWI=", "AA==", "Y Q = =", "YR=="];

pub(super) const ESCAPES: &[&str] = &[
    "\\0",
    "\\a",
    "\\b",
    "\\e",
    "\\f",
    "\\v",
    "\\r",
    "\\ ",
    "\\N",
    "\\_",
    "\\L",
    "\\P",
    "\\u00e9",
    "\\uFEFF",
    "\\U0001F600",
    "\\x7f",
    "\\x85",
    "\\u2028",
    "\\uFFFF",
    "\\uE000",
];

pub(super) const ODD_ESCAPES: &[&str] = &[
    "\\/",
    "\\'",
    "\\\t",
    "\\uD83D\\uDE00",
    "\\U00110000",
    "\\x8",
    "\\z",
    "\\U0000D800",
    "\\uDFFF",
    "\\ud7ff",
    "\\X41",
    "\\u 041",
    "\\N\\",
];

pub(super) const JSON_SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e3",
    "1E400",
    "[]",
    "{}",
    "[1,[2]]",
    "{\"a\":{}}",
    "-0",
    "1e-400",
];

pub(super) const JSON_STRINGS: &[&str] = &[
    "\"\\ud83d\\ude00\"",
    "\"\\/\"",
    "\"\\u2028\"",
    "\"\\u0000\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\ud800\"",
    "\"\u{7f}\"",
    "\"\\u007f\"",
    "\"a\tb\"",
    "\"a\nb\"",
    "\"\\u00E9\"",
    "\"{{SessionName}}\"",
    "\"\u{FEFF}\"",
];

/// The last four only where slips are made.
pub(super) const JSON_ENDS: &[&str] =
    &["", "", "\n", " ", "\n\n", "\n# x\n", "\n---\n", "\n...\n[", ",", "x", "\u{0}", "]"];
