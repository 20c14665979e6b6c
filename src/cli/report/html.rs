//! The report as one page for people who have nothing else at hand: its styles and its script are in it, no request leaves
//! it, and without a script it is still a table. What others wrote goes in as text, never as markup; and the page's own
//! policy lets no script run but the one that it has.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::rows::{Kind, Row, State};
use crate::cli::grants::Given;

const HEAD: &str = include_str!("head.html");
const FOOT: &str = include_str!("foot.html");

/// Of the style and the script, in base64: a test says what to write here.
const STYLE_SHA256: &str = "k/jcp4dKYevN9Y3p5jfJAv8M3sVMU2S5w1mAN3z82sk=";
const SCRIPT_SHA256: &str = "pk3SCPhH5bcbzXlsaCOsLHCMkw3iD/PUv9gHEPuigIU=";

/// What is due within this many days is worth a look.
const SOON: i64 = 7;

const COLUMNS: [&str; 8] =
    ["Principal", "Username", "Groups", "May do", "IamMapping", "Since", "Until", "Entry"];

/// `of`: which cluster or file that is, for the title.
pub(super) fn page(rows: &[Row], of: &str, at: Timestamp) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{STYLE_SHA256}'; script-src 'sha256-{SCRIPT_SHA256}'\">\n{HEAD}"
    );
    let rbac = rows.iter().any(|row| row.rbac.is_some());
    // Writing to a String cannot fail.
    _ = write!(
        out,
        "<h1>Who can enter {}</h1>\n<p class=\"dim\">Read from kube-system/aws-auth as aws-iam-authenticator reads it, on {}. All times are UTC.{}</p>\n",
        escape(of),
        at.strftime("%Y-%m-%d at %H:%M"),
        if rbac { "" } else { " Roles and bindings were not read, so what people may do is not in it." }
    );
    let classes: Vec<String> = rows.iter().map(|row| classes(row, at)).collect();
    tiles(&mut out, &classes);
    tools(&mut out, rows);
    out.push_str("<table id=\"rows\">\n<thead><tr>");
    for (n, column) in (1..).zip(COLUMNS) {
        _ = write!(
            out,
            "<th class=\"c{n}\" scope=\"col\" aria-sort=\"none\"><button type=\"button\">{column}</button></th>"
        );
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let roles = Roles::of(rows);
    for (row, classes) in rows.iter().zip(&classes) {
        line(&mut out, row, classes, &roles);
    }
    out.push_str("</tbody>\n</table>\n<p id=\"none\" class=\"none\" hidden>No entry fits. Escape shows all of them again.</p>\n");
    roles.section(&mut out);
    out.push_str(REMARKS);
    out.push_str(FOOT);
    out
}

const REMARKS: &str = "<h2>What is not in it</h2>
<p>The cluster's creator, where nobody wrote that binding down in aws-auth. EKS access entries, which outrank aws-auth. Whose
entry is gone may use a token that the API server has cached for some minutes more.</p>
<p>Since and until are known of entries that an IamMapping asks for. Everybody who gets in may also do what Kubernetes allows all
authenticated users: ask who they are and what kinds of objects there are.</p>
";

/// What a row is: it is styled and filtered by these.
fn classes(row: &Row, at: Timestamp) -> String {
    let counts = !matches!(row.state, State::Shadowed | State::MatchesNobody);
    let until = row.until.as_deref().and_then(|until| until.parse::<Timestamp>().ok());
    let soon = until.is_some_and(|until| until.duration_since(at) <= SignedDuration::from_hours(SOON * 24));
    let all = [
        ("dead", !counts),
        ("enters", counts),
        ("admin", counts && row.admin),
        ("everything", counts && row.everything && !row.admin),
        ("node", counts && row.kind == Kind::Node),
        ("soon", counts && soon),
        ("unmanaged", counts && row.mapping.is_none()),
    ];
    let set: Vec<&str> = all.into_iter().filter_map(|(class, set)| set.then_some(class)).collect();
    set.join(" ")
}

/// The sums; each shows its rows alone.
fn tiles(out: &mut String, classes: &[String]) {
    out.push_str("<ul class=\"tiles\">\n");
    for (show, style, what) in [
        ("", "", "entries"),
        ("enters", "", "can enter"),
        ("admin", "bad", "in system:masters"),
        ("everything", "warn", "may do everything by RBAC"),
        ("node", "", "are for nodes"),
        ("soon", "warn", "end within seven days"),
        ("unmanaged", "", "without an IamMapping"),
        ("dead", "", "let nobody in"),
    ] {
        let n = classes.iter().filter(|set| show.is_empty() || set.split(' ').any(|one| one == show)).count();
        // A sum of nothing is worth a tile only where nothing is the news.
        if n == 0 && !matches!(show, "" | "enters" | "admin") {
            continue;
        }
        let style = if n == 0 { "" } else { style };
        _ = writeln!(
            out,
            "<li><button type=\"button\" class=\"{style}\" data-show=\"{show}\" aria-pressed=\"false\"><b>{}</b>{what}</button></li>",
            thousands(n)
        );
    }
    out.push_str("</ul>\n");
}

fn tools(out: &mut String, rows: &[Row]) {
    out.push_str("<div class=\"tools\" hidden><label>Search <input id=\"search\" type=\"search\" autocomplete=\"off\" placeholder=\"name, account, group, role … ( / )\"></label>\n<label>Group <select id=\"group\"><option value=\"\">all</option>");
    let mut groups: Vec<&String> = rows.iter().flat_map(|row| &row.groups).collect();
    groups.sort();
    groups.dedup();
    for group in groups {
        // The value is the text, which a browser would otherwise trim.
        _ = write!(out, "<option value=\"{0}\">{0}</option>", escape(group));
    }
    out.push_str("</select></label>\n<span id=\"shown\" role=\"status\"></span></div>\n");
}

fn line(out: &mut String, row: &Row, classes: &str, roles: &Roles<'_>) {
    let groups: Vec<String> = row.groups.iter().map(|group| escape(group)).collect();
    _ = write!(
        out,
        "<tr class=\"{classes}\" data-groups=\"{}\"><td>{}",
        groups.join("\n"),
        principal(&row.principal)
    );
    if row.state != State::Counts {
        _ = write!(out, "<small class=\"warn\">{}</small>", row.state.as_str());
    }
    _ = write!(out, "</td><td><code>{}</code></td><td>", escape(&row.username));
    for group in groups {
        _ = write!(out, "<span class=\"tag\">{group}</span>");
    }
    out.push_str("</td><td>");
    if row.admin {
        out.push_str("<b class=\"bad\">everything</b><small>system:masters is beyond RBAC</small>");
    }
    for given in row.rbac.iter().flatten() {
        roles.link(out, given);
    }
    out.push_str("</td><td>");
    match &row.mapping {
        Some(mapping) => out.push_str(&escape(mapping)),
        None => out.push_str("<span class=\"dim\">none</span>"),
    }
    if let Some(description) = &row.description {
        _ = write!(out, "<small>{}</small>", escape(description));
    }
    let soon = classes.split(' ').any(|class| class == "soon");
    _ = writeln!(
        out,
        "</td>{}{}<td data-key=\"{key} {line}\"><span class=\"dim\">{key}<br>line {line}</span></td></tr>",
        time(row.since.as_deref(), false),
        time(row.until.as_deref(), soon),
        key = row.key,
        line = row.line
    );
}

/// An ARN with its name in front of the eye.
fn principal(arn: &str) -> String {
    match arn.rsplit_once('/') {
        Some((before, name)) if arn.starts_with("arn:") && !name.is_empty() => {
            format!("<code><span class=\"dim\">{}/</span><b>{}</b></code>", escape(before), escape(name))
        }
        _ => format!("<code>{}</code>", escape(arn)),
    }
}

/// A point in time to the minute.
fn time(at: Option<&str>, soon: bool) -> String {
    let Some(at) = at else { return "<td></td>".to_owned() };
    let shown = match at.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d<small>%H:%M</small>").to_string(),
        Err(_) => escape(at),
    };
    let class = if soon { " class=\"warn\"" } else { "" };
    format!("<td{class} data-key=\"{0}\"><time datetime=\"{0}\">{shown}</time></td>", escape(at))
}

/// Every role that somebody has, once, with what it allows.
struct Roles<'a>(BTreeMap<&'a str, (usize, Option<&'a [String]>)>);

impl<'a> Roles<'a> {
    fn of(rows: &'a [Row]) -> Self {
        let given = rows.iter().flat_map(|row| row.rbac.iter().flatten());
        let mut all: BTreeMap<&str, (usize, Option<&[String]>)> =
            given.map(|given| (given.role.as_str(), (0, given.allows.as_deref()))).collect();
        for (n, role) in (1..).zip(all.values_mut()) {
            role.0 = n;
        }
        Self(all)
    }

    fn link(&self, out: &mut String, given: &Given) {
        let place = given
            .namespace
            .as_ref()
            .map_or(String::new(), |namespace| format!(" in namespace {}", escape(namespace)));
        let n = self.0.get(given.role.as_str()).map_or(0, |role| role.0);
        _ = write!(
            out,
            "<p><a href=\"#role-{n}\">{}</a>{place}<small>{} through {}</small></p>",
            escape(&given.role),
            escape(&given.binding),
            escape(&given.through)
        );
    }

    fn section(&self, out: &mut String) {
        if self.0.is_empty() {
            return;
        }
        out.push_str("<h2>What the roles allow</h2>\n<table id=\"roles\">\n<tbody>\n");
        for (role, (n, allows)) in &self.0 {
            _ = write!(out, "<tr id=\"role-{n}\"><td><b>{}</b></td><td>", escape(role));
            match allows {
                None => out.push_str("<span class=\"warn\">Nothing: there is no such role.</span>"),
                Some([]) => out.push_str("<span class=\"dim\">Nothing: it has no rules.</span>"),
                Some(rules) => {
                    for rule in *rules {
                        _ = write!(out, "<code>{}</code>", escape(rule));
                    }
                }
            }
            out.push_str("</td></tr>\n");
        }
        out.push_str("</tbody>\n</table>\n");
    }
}

/// `12,345`.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Text as text, in elements and in double-quoted attributes. Characters that turn the direction of reading are shown.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control()
                || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}') =>
            {
                _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn what_others_wrote_is_text() {
        assert_eq!(escape("<script>\"&'"), "&lt;script&gt;&quot;&amp;&#39;");
        assert_eq!(escape("a\u{202e}b\nc"), "a\\u{202e}b\\u{a}c");
    }

    #[test]
    fn the_pages_own_policy_lets_its_style_and_its_script_through_and_no_other() {
        let page = page(&[], "a cluster", Timestamp::UNIX_EPOCH);
        for (element, hash) in [("style", STYLE_SHA256), ("script", SCRIPT_SHA256)] {
            let inside: Vec<&str> = page
                .split(&format!("<{element}>"))
                .skip(1)
                .filter_map(|rest| rest.split(&format!("</{element}>")).next())
                .collect();
            let [inside] = inside.as_slice() else { panic!("{} of {element}", inside.len()) };
            assert_eq!(
                hash,
                BASE64_STANDARD.encode(Sha256::digest(inside)),
                "write this as the hash of {element}"
            );
        }
        assert!(
            !page.contains(" style=") && !page.contains("javascript:"),
            "the policy would not let it through"
        );
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
