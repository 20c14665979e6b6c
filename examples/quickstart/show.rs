//! How the quickstart looks: steps, commands, diffs and a table, in colour on a terminal (but not where `NO_COLOR` is
//! set). Nothing of the operator is here.

use std::path::Path;
use std::time::Duration;

use anstream::println;
use anstyle::{AnsiColor, Style};
use aws_auth_operator::api::IamMapping;
use kube::ResourceExt as _;
use similar::{ChangeTag, TextDiff};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const PLAIN: Style = Style::new();

/// Cells of the table that are longer lose their middle.
const LONGEST_CELL: usize = 30;

/// How much of what stayed is shown around what changed.
#[derive(Debug, Clone, Copy)]
pub enum Context {
    Everything,
    FewLines,
}

/// What happens next.
pub fn step(what: &str) {
    println!("\n{BOLD}==> {what}{BOLD:#}");
}

/// What one would type.
pub fn command(command: &str) {
    println!("  {DIM}$ {command}{DIM:#}");
}

/// What a command printed.
pub fn output(text: &str) {
    indented(PLAIN, text);
}

/// The text of an object.
pub fn manifest(text: &str) {
    indented(DIM, text);
}

/// What somebody is told who asked for something that is refused.
pub fn sentence(text: &str) {
    indented(YELLOW, text);
}

fn indented(style: Style, text: &str) {
    for line in text.lines() {
        println!("  {style}{line}{style:#}");
    }
}

/// The lines that went and came, among those that stayed.
pub fn diff(before: &str, after: &str, context: Context) {
    let radius = match context {
        Context::Everything => before.lines().count(),
        Context::FewLines => 3,
    };
    let diff = TextDiff::from_lines(before, after);
    let unified = diff.unified_diff().context_radius(radius).header("before", "after").to_string();
    for line in unified.lines() {
        let style = match line.as_bytes().first() {
            _ if line.starts_with("---") || line.starts_with("+++") => BOLD,
            Some(b'+') => GREEN,
            Some(b'-') => RED,
            _ => PLAIN,
        };
        println!("  {style}{line}{style:#}");
    }
}

/// Whether every line of `before` is in `after`, in the same order.
pub fn only_adds(before: &str, after: &str) -> bool {
    TextDiff::from_lines(before, after).iter_all_changes().all(|change| change.tag() != ChangeTag::Delete)
}

/// The columns of `kubectl get iamm`, cut to what fits on a screen.
pub fn table(mappings: &[IamMapping]) {
    let heading = ["NAME", "PRINCIPAL", "USERNAME", "GROUPS", "READY", "REASON"].map(str::to_owned);
    let rows: Vec<[String; 6]> =
        std::iter::once(heading).chain(mappings.iter().map(row)).map(|row| row.map(cut)).collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let style = match row[4].as_str() {
            "READY" => BOLD,
            "True" => GREEN,
            _ => YELLOW,
        };
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        println!("  {style}{}{style:#}", line.trim_end());
    }
}

fn row(mapping: &IamMapping) -> [String; 6] {
    let status = mapping.status.clone().unwrap_or_default();
    let ready = status.conditions.into_iter().find(|condition| condition.type_ == "Ready");
    let (ready, reason) = ready.map_or_else(Default::default, |ready| (ready.status, ready.reason));
    let (username, groups) =
        status.applied.map_or_else(Default::default, |entry| (entry.username, entry.groups));
    [mapping.name_any(), status.principal.unwrap_or_default(), username, groups.join(","), ready, reason]
}

fn cut(cell: String) -> String {
    let characters: Vec<char> = cell.chars().collect();
    if characters.len() <= LONGEST_CELL {
        return cell;
    }
    let (head, tail) = (LONGEST_CELL / 3, LONGEST_CELL - LONGEST_CELL / 3 - 1);
    let (head, tail) = (&characters[..head], &characters[characters.len() - tail..]);
    head.iter().chain(['…'].iter()).chain(tail).collect()
}

/// That it went well.
pub fn done(took: Duration) {
    println!(
        "\n{GREEN}Done in {:.1} s.{GREEN:#} To try things yourself: cargo run --example quickstart -- --keep",
        took.as_secs_f32()
    );
}

/// How to go on by hand.
pub fn invitation(kubeconfig: &Path, kubectl: &Path, log: &Path) {
    step("It is yours until Ctrl-C. In another terminal:");
    println!("  export KUBECONFIG={}", kubeconfig.display());
    println!("  alias kubectl={}", kubectl.display());
    println!();
    for (command, what) in [
        ("kubectl get iamm", "everybody who asked for access"),
        ("kubectl describe iamm contractor", "why it was refused, and what to do"),
        ("kubectl apply -f examples/developers.yaml", "give the access back"),
        ("kubectl -n kube-system edit configmap aws-auth", "change one of our entries: it is put back"),
        ("kubectl get events -A", "who changed it, and what was done about it"),
        ("kubectl explain iamm.spec", "what else an IamMapping can say"),
    ] {
        println!("  {command:<48}{DIM}# {what}{DIM:#}");
    }
    println!("\n  The operator's log: {}", log.display());
}

/// The last that the operator said, for whoever has to find out what went wrong.
pub fn end_of_log(log: &Path) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    anstream::eprintln!("\nThe operator's log ends with:");
    for line in &lines[lines.len().saturating_sub(15)..] {
        anstream::eprintln!("  {line}");
    }
}
