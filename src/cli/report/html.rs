//! The report as one page: its styles and its script are in it, no request leaves it, and without a script it is still a
//! table. What others wrote goes in as text, never as markup.

use std::fmt::Write as _;

use super::rows::{Row, State};

const HEAD: &str = include_str!("head.html");
const FOOT: &str = include_str!("foot.html");

pub(super) fn page(rows: &[Row], at: &str) -> String {
    let mut out = HEAD.to_owned();
    let enter = rows.iter().filter(|row| row.state == State::Counts).count();
    let admins = rows.iter().filter(|row| row.state == State::Counts && row.admin).count();
    // Writing to a String cannot fail.
    _ = writeln!(
        out,
        "<p><b>{enter}</b> can enter, <b>{admins}</b> of them with <code>system:masters</code>. As of {}.</p>",
        escape(at)
    );
    out.push_str("<div class=\"tools\"><label>Search <input id=\"search\" type=\"search\" autocomplete=\"off\"></label>\n<label>Group <select id=\"group\"><option value=\"\">all</option>");
    let mut groups: Vec<&String> = rows.iter().flat_map(|row| &row.groups).collect();
    groups.sort();
    groups.dedup();
    for group in groups {
        _ = write!(out, "<option>{}</option>", escape(group));
    }
    out.push_str("</select></label>\n<span id=\"shown\" role=\"status\"></span></div>\n<table id=\"rows\">\n<thead><tr>");
    for header in ["Principal", "Username", "Groups", "May do", "IamMapping", "Since", "Until", "Entry"] {
        _ = write!(out, "<th aria-sort=\"none\"><button type=\"button\">{header}</button></th>");
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        line(&mut out, row);
    }
    out.push_str("</tbody>\n</table>\n");
    out.push_str(FOOT);
    out
}

fn line(out: &mut String, row: &Row) {
    let class = match (row.admin, row.state) {
        (_, State::Shadowed | State::MatchesNobody) => "dead",
        (true, _) => "admin",
        (false, _) => "",
    };
    let groups: Vec<String> = row.groups.iter().map(|group| escape(group)).collect();
    _ = write!(
        out,
        "<tr class=\"{class}\" data-groups=\"{}\"><td><code>{}</code>",
        groups.join("\n"),
        escape(&row.principal)
    );
    if row.state != State::Counts {
        _ = write!(out, " <span class=\"tag\">{}</span>", row.state.as_str());
    }
    _ = write!(out, "</td><td><code>{}</code></td><td>", escape(&row.username));
    for group in groups {
        _ = write!(out, "<span class=\"tag\">{group}</span> ");
    }
    out.push_str("</td><td>");
    if row.admin {
        out.push_str("<b>everything</b>");
    }
    for given in row.rbac.iter().flatten() {
        let place =
            given.namespace.as_ref().map_or(String::new(), |namespace| format!(" in {}", escape(namespace)));
        let rules =
            given.allows.as_ref().map_or("the role does not exist".to_owned(), |rules| rules.join("\n"));
        _ = write!(
            out,
            "<div title=\"{}\">{}{place} <small>through {}</small></div>",
            escape(&rules),
            escape(&given.role),
            escape(&given.through)
        );
    }
    let text = |text: &Option<String>| escape(text.as_deref().unwrap_or_default());
    _ = writeln!(
        out,
        "</td><td title=\"{}\">{}</td><td>{}</td><td>{}</td><td>{} line {}</td></tr>",
        text(&row.description),
        text(&row.mapping),
        text(&row.since),
        text(&row.until),
        row.key,
        row.line
    );
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
            '\n' => out.push('\n'),
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
    use super::*;

    #[test]
    fn what_others_wrote_is_text() {
        assert_eq!(escape("<script>\"&'"), "&lt;script&gt;&quot;&amp;&#39;");
        assert_eq!(escape("a\u{202e}b"), "a\\u{202e}b");
    }
}
