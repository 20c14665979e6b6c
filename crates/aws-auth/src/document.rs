//! Changing one key's text without touching what is not ours.
//!
//! Foreign items, comments, blank lines and further documents keep their bytes. What cannot be edited safely is an
//! error, never a guess; and whatever this module writes, `verify` reads again before anyone uses it. Not here: which
//! items are ours and what they should say (`plan`).

use std::ops::Range;

use thiserror::Error;

use crate::entry::{Entry, Key};
use crate::reader::{self, Fault, Item, List, ListStyle, Place, Reading};
use crate::spelling;

/// What to do to one key.
#[derive(Debug, Default)]
pub struct Edit<'a> {
    /// Items (by index) that get a new entry in their place, in ascending order.
    pub replace: Vec<(usize, &'a Entry)>,
    /// Items (by index) that go, in ascending order; disjoint from `replace`.
    pub remove: Vec<usize>,
    /// Entries to add; written in this order.
    pub insert: Vec<&'a Entry>,
    /// Items (by index) that are ours, in ascending order: new entries go after the last of them, and the comment above
    /// them goes when none is left.
    pub ours: Vec<usize>,
}

impl Edit<'_> {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replace.is_empty() && self.remove.is_empty() && self.insert.is_empty()
    }
}

/// Why a key's text is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Uneditable {
    /// The reader cannot read it, or we cannot tell how.
    #[error("line {}, column {}: {}", .0.place.line, .0.place.column, .0.message)]
    Unreadable(Fault),
    /// Not a list.
    #[error("line {}, column {}: the value is not a list; write it as a list of entries", .0.line, .0.column)]
    NotAList(Place),
    /// A spelling of "nothing" with more around it than can be replaced without a loss.
    #[error("the value is empty but spelled unusually; write [] instead")]
    OddlyEmpty,
}

/// The key's new text.
///
/// # Errors
/// When the text cannot be edited safely.
pub fn edit(key: Key, text: &str, reading: &Reading, edit: &Edit<'_>) -> Result<String, Uneditable> {
    match reading {
        Reading::Broken(fault) | Reading::Unsure(fault) => Err(Uneditable::Unreadable(fault.clone())),
        Reading::NotAList(place) => Err(Uneditable::NotAList(*place)),
        Reading::Nothing => start_list(key, text, edit),
        Reading::List(list) if list.items.is_empty() && text.trim() == "[]" => start_list(key, "", edit),
        Reading::List(list) => match list.style {
            ListStyle::Block { column } => Ok(edit_block(key, text, list, column, edit)),
            ListStyle::Flow { close } => Ok(edit_flow(key, text, list, close, edit)),
        },
    }
}

/// Writes the first list into a key that has none.
fn start_list(key: Key, text: &str, edit: &Edit<'_>) -> Result<String, Uneditable> {
    let only_comments = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let kept = if only_comments && text.contains('#') {
        text
    } else if matches!(text.trim(), "" | "``" | "\"\"" | "''" | "~" | "null" | "Null" | "NULL") {
        ""
    } else {
        return Err(Uneditable::OddlyEmpty);
    };
    let line_break = line_break_of(text);
    let mut out = String::from(kept);
    if !kept.is_empty() && !kept.ends_with(['\n', '\r']) {
        out.push_str(line_break);
    }
    push_new(&mut out, key, edit, 0, line_break, true);
    Ok(out)
}

/// Appends the new items as whole lines, under the header where they are the first of ours.
fn push_new(out: &mut String, key: Key, edit: &Edit<'_>, column: usize, line_break: &str, header: bool) {
    let indent = " ".repeat(column);
    if header {
        out.push_str(&indent);
        out.push_str(spelling::HEADER);
        out.push_str(line_break);
    }
    for entry in &edit.insert {
        out.push_str(&indent);
        spelling::block_item(out, key, entry, column, line_break);
        out.push_str(line_break);
    }
}

fn edit_block(key: Key, text: &str, list: &List, column: usize, edit: &Edit<'_>) -> String {
    let line_break = line_break_of(text);
    let ours_left = edit.ours.iter().any(|n| edit.remove.binary_search(n).is_err());
    // After the last of ours, gone or not, so that new entries take the place of those they follow.
    let insert_at = edit
        .ours
        .last()
        .and_then(|&n| list.items.get(n))
        .map_or(list.document_end, |item| line_end(text, item.span.end).min(list.document_end));
    let insert_at = match list.items.last() {
        Some(at_the_end)
            if !edit.insert.is_empty()
                && insert_at == text.len()
                && is_changed_by_a_break(key, text, line_break) =>
        {
            line_start(text, at_the_end)
        }
        _ => before_what_is_never_read(text, insert_at),
    };
    let mut cuts: Vec<(Range<usize>, String)> = Vec::new();
    for &(n, entry) in &edit.replace {
        if let Some(item) = list.items.get(n) {
            let mut new = String::new();
            spelling::block_item(&mut new, key, entry, column, line_break);
            cuts.push((item.span.clone(), new));
        }
    }
    for item in edit.remove.iter().filter_map(|&n| list.items.get(n)) {
        cuts.push((line_start(text, item)..line_end(text, item.span.end), String::new()));
    }
    if !edit.insert.is_empty() {
        let mut new = String::new();
        let follows_a_cut = edit.ours.last().is_some_and(|n| edit.remove.binary_search(n).is_ok());
        if !follows_a_cut && !text[..insert_at].is_empty() && !text[..insert_at].ends_with(LINE_BREAKS) {
            new.push_str(line_break);
        }
        let header = edit.ours.is_empty() && header_lines(text, list).next().is_none();
        push_new(&mut new, key, edit, column, line_break, header);
        cuts.push((insert_at..insert_at, new));
    }
    if !ours_left && edit.insert.is_empty() && !edit.remove.is_empty() {
        cuts.extend(header_lines(text, list).map(|line| (line, String::new())));
    }
    let mut out = splice(text, cuts);
    // The text ends in a line break exactly when it did before: so that taking everything back gives the first bytes.
    let had_break = text.ends_with(LINE_BREAKS);
    if !had_break
        && let Some(end) = out.strip_suffix(line_break)
        && !is_changed_by_a_break(key, end, line_break)
    {
        out.truncate(end.len());
    }
    if out.trim().is_empty() {
        out = format!("[]{line_break}");
    }
    out
}

fn edit_flow(key: Key, text: &str, list: &List, close: usize, edit: &Edit<'_>) -> String {
    let mut cuts: Vec<(Range<usize>, String)> = Vec::new();
    for &(n, entry) in &edit.replace {
        if let Some(item) = list.items.get(n) {
            let mut new = String::new();
            spelling::flow_item(&mut new, key, entry);
            cuts.push((item.span.clone(), new));
        }
    }
    let kept = |n: usize| edit.remove.binary_search(&n).is_err();
    // Each removed run takes the separator before it along, or the one after it where nothing stands before.
    let mut last_kept: Option<&Item> = None;
    let mut run: Option<Range<usize>> = None;
    for (n, item) in list.items.iter().enumerate() {
        if !kept(n) {
            let start = run.map_or(last_kept.map_or(item.span.start, |kept| kept.span.end), |run| run.start);
            run = Some(start..item.span.end);
            continue;
        }
        if let Some(run) = run.take() {
            let end = if last_kept.is_none() { item.span.start } else { run.end };
            cuts.push((run.start..end, String::new()));
        }
        last_kept = Some(item);
    }
    if let Some(run) = run {
        let end = if last_kept.is_none() { close } else { run.end };
        cuts.push((run.start..end, String::new()));
    }
    if !edit.insert.is_empty() {
        let after = edit.ours.iter().rev().copied().find(|&n| kept(n));
        let after = after.and_then(|n| list.items.get(n)).or(last_kept);
        let mut new = String::new();
        for (n, entry) in edit.insert.iter().enumerate() {
            if n > 0 || after.is_some() {
                new.push_str(", ");
            }
            spelling::flow_item(&mut new, key, entry);
        }
        let at = after.map_or(close, |item| item.span.end);
        cuts.push((at..at, new));
    }
    splice(text, cuts)
}

/// Whether a text that ends without a line break reads otherwise with one: a block scalar's last line break is part of
/// it, so that nothing can stand behind the one that ends in none.
fn is_changed_by_a_break(key: Key, text: &str, line_break: &str) -> bool {
    if text.ends_with(LINE_BREAKS) || !text.contains(['|', '>']) {
        return false;
    }
    let elements = |text: &str| match reader::read(key, Some(text)) {
        Reading::List(list) => Some(list.items.into_iter().map(|item| item.element).collect::<Vec<_>>()),
        _ => None,
    };
    elements(text) != elements(&format!("{text}{line_break}"))
}

/// Carries the cuts out. They are disjoint; an insertion at the end of a cut comes after it.
fn splice(text: &str, mut cuts: Vec<(Range<usize>, String)>) -> String {
    cuts.sort_by_key(|(range, _)| (range.start, range.end));
    let added: usize = cuts.iter().map(|(_, new)| new.len()).sum();
    let mut out = String::with_capacity(text.len() + added);
    let mut at = 0;
    for (range, new) in cuts {
        if range.start > at {
            out.push_str(&text[at..range.start]);
        }
        out.push_str(&new);
        at = at.max(range.end);
    }
    out.push_str(&text[at..]);
    out
}

/// Whole lines outside of all items that are our header.
fn header_lines<'t>(text: &'t str, list: &'t List) -> impl Iterator<Item = Range<usize>> + 't {
    let mut from = 0;
    std::iter::from_fn(move || {
        let found = text[from..].find(spelling::HEADER)? + from;
        let end = line_end(text, found);
        from = end;
        Some((found, end))
    })
    .filter(move |&(found, end)| {
        let inside = list.items.partition_point(|item| item.span.end <= found);
        let outside = list.items.get(inside).is_none_or(|item| item.span.start >= end);
        outside && text[found..end].trim_end() == spelling::HEADER
    })
    .map(|(found, end)| {
        let start = text[..found].trim_end_matches(' ').len();
        start..end
    })
    .filter(move |line| line.start == 0 || text[..line.start].ends_with(LINE_BREAKS))
}

/// `at`, or the beginning of its line where only spaces stand between: the document may end in front of text that is
/// never read, and that is somebody's line all the same.
fn before_what_is_never_read(text: &str, at: usize) -> usize {
    let line = text[..at].trim_end_matches(' ').len();
    let begins = line == 0 || text[..line].ends_with(LINE_BREAKS);
    if begins && at < text.len() { line } else { at }
}

/// What ends a line for the reader's YAML.
const LINE_BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Where the item's line begins; nothing but spaces stands before its dash.
fn line_start(text: &str, item: &Item) -> usize {
    text[..item.span.start].trim_end_matches(' ').len()
}

/// Past the line break that ends the line around `at`, or the text's end.
fn line_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    match rest.find(LINE_BREAKS) {
        None => text.len(),
        Some(found) if rest[found..].starts_with("\r\n") => at + found + 2,
        Some(found) => at + found + rest[found..].chars().next().map_or(0, char::len_utf8),
    }
}

/// The line break that the text uses.
fn line_break_of(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}
