//! The report for spreadsheets, which take what begins with `=` for a formula: such a cell gets a quote in front.

use super::rows::Row;

pub(super) fn csv(rows: &[Row]) -> String {
    let mut out = line(
        [
            "principal",
            "kind",
            "username",
            "groups",
            "admin",
            "state",
            "iammapping",
            "since",
            "until",
            "roles",
            "key",
            "line",
        ]
        .map(str::to_owned),
    );
    for row in rows {
        let roles: Vec<String> = row
            .rbac
            .iter()
            .flatten()
            .map(|given| match &given.namespace {
                Some(namespace) => format!("{} in {namespace}", given.role),
                None => given.role.clone(),
            })
            .collect();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        out.push_str(&line([
            row.principal.clone(),
            row.kind.as_str().to_owned(),
            row.username.clone(),
            row.groups.join(" "),
            if row.admin { "yes" } else { "no" }.to_owned(),
            row.state.as_str().to_owned(),
            text(&row.mapping),
            text(&row.since),
            text(&row.until),
            roles.join("; "),
            row.key.to_owned(),
            row.line.to_string(),
        ]));
    }
    out
}

fn line<const N: usize>(cells: [String; N]) -> String {
    let cells = cells.map(|cell| {
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let cell = if formula { format!("'{cell}") } else { cell };
        if cell.contains(['"', ',', '\n', '\r', '\'']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    });
    // As RFC 4180 has it.
    format!("{}\r\n", cells.join(","))
}
