//! What every command prints the same way: formats, colours, exit codes.
//!
//! Answers go to standard output, progress and remarks to standard error. Colours are for terminals only, and `NO_COLOR`
//! turns them off there too.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, bail};
use serde::Serialize;

/// Good: what comes, who gets in.
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
/// Bad: what goes, who does not get in.
pub(super) const RED: Style = AnsiColor::Red.on_default();
/// What to look at twice.
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Headings.
pub(super) const BOLD: Style = Style::new().bold();
/// What is only there for orientation.
pub(super) const DIM: Style = Style::new().dimmed();

/// How a command that did its work ends. What went wrong is an error, exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Nothing is to be done.
    Done,
    /// Something is to be done.
    Changes,
    /// Something that was asked for is held or refused.
    Held,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Changes => Self::from(2),
            Exit::Held => Self::from(3),
        }
    }
}

/// Writes `text` to standard output; colours go where there is no terminal.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    is_read(text).map(drop)
}

/// The same; whether anybody still reads.
pub(super) fn is_read(text: &str) -> anyhow::Result<bool> {
    let mut uncoloured = io::stdout().lock();
    // To look for colours in megabytes of JSON takes longer than to make them.
    let written = if text.contains('\u{1b}') {
        let mut coloured = anstream::AutoStream::auto(uncoloured);
        coloured.write_all(text.as_bytes()).and_then(|()| coloured.flush())
    } else {
        uncoloured.write_all(text.as_bytes()).and_then(|()| uncoloured.flush())
    };
    match written {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true).context("standard output"),
    }
}

/// Whether there is a person to be asked.
pub(super) fn somebody_is_there() -> bool {
    io::stdin().is_terminal()
}

/// Asks a person; whoever is no terminal is none.
pub(super) fn agreed(question: &str) -> anyhow::Result<bool> {
    if !somebody_is_there() {
        bail!("nobody is there to be asked: --yes does not ask");
    }
    eprint!("{question} [y/N] ");
    io::stderr().flush().context("standard error")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("standard input")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A remark beside the answer.
pub(super) fn note(text: &str) {
    anstream::eprintln!("{DIM}note: {text}{DIM:#}");
}

/// JSON for programs.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("JSON")?;
    text.push('\n');
    Ok(text)
}

/// YAML for programs: long texts stay in one line or as they are, so that nothing is folded.
pub(super) fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(value, options).context("YAML")
}

/// Text that others chose, for a line of ours: what could move the cursor or hide is shown as an escape.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hides = c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
        if hides {
            // Writing to a String cannot fail.
            _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// `1 change`, `2 changes`.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Columns for people: as wide as their widest cell, two spaces between them, none at the end of a line.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    let line = |out: &mut String, cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            _ = write!(text, "{cell:width$}  ");
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&mut out, &mut header.iter().copied());
    for row in rows {
        line(&mut out, &mut row.iter().map(String::as_str));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_cannot_move_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}\n"), "a\\u{1b}[2Jb\\u{202e}\\u{a}");
    }

    #[test]
    fn a_table_is_as_wide_as_its_widest_cells() {
        let rows = [vec!["a".to_owned(), "x".to_owned()], vec!["long".to_owned(), String::new()]];
        assert_eq!(table(&["N", "V"], &rows), "N     V\na     x\nlong\n");
    }
}
