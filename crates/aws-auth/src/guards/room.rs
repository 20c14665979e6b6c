//! No growth past the limits of data and annotations; whatever shrinks goes on.
//!
//! Parts that grow are let in one by one, oldest mapping first, as long as they fit: so that the same mappings get in
//! whatever order they came in.

use crate::approval;
use crate::aws_auth::ANNOTATIONS;
use crate::entry::Key;
use crate::guards::{Context, Hold, remade};
use crate::ownership::{self, Record};
use crate::plan::HoldReason;
use crate::plan::part::Part;
use crate::spelling;

/// Holds what does not fit.
pub(super) fn guard(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> Vec<Hold> {
    let limits = &context.input.settings.guards;
    let source = context.input.aws_auth.source();
    let length = |(key, value): (&String, &String)| key.len() + value.len();
    let mut data: i64 = signed(source.data.iter().map(length).sum::<usize>());
    let others = source.annotations.iter().filter(|(key, _)| !ANNOTATIONS.contains(&key.as_str()));
    // Room is kept for what is held: it must be published when there is the least of it.
    let others: usize = others.map(length).sum::<usize>() + approval::MOST_BYTES + remade::MOST_BYTES;
    let mut rows = signed(context.claims.rows().count());

    let mut growing: Vec<(usize, i64, i64)> = Vec::new();
    for (n, part) in parts.iter().enumerate() {
        let (bytes, row) = growth(context, part);
        if bytes > 0 || row > 0 {
            growing.push((n, bytes, row));
        } else {
            data += bytes;
            rows += row;
        }
    }
    data += signed(headers(context, parts));
    // The usual case costs one sum.
    let total: i64 = growing.iter().map(|(_, bytes, _)| bytes).sum();
    let more: i64 = growing.iter().map(|(.., row)| row).sum();
    let fits = |data: i64, rows: i64| {
        data <= signed(limits.max_data_bytes)
            && signed(others + ownership::ANNOTATION.len()) + signed(Record::encoded_len(rows))
                <= signed(limits.max_annotation_bytes)
    };
    if fits(data + total, rows + more) {
        return Vec::new();
    }
    growing.sort_by_key(|&(n, ..)| parts[n].mapping.map(|mapping| (mapping.created, &mapping.name)));
    let mut holds = Vec::new();
    for (part, bytes, row) in growing {
        if fits(data + bytes, rows + row) {
            data += bytes;
            rows += row;
        } else {
            holds.push(Hold {
                part,
                reason: HoldReason::TargetFull,
                message: format!(
                    "aws-auth is full: {data} of {} bytes of data and {rows} owned entries; remove entries, or replace many of them by fewer roles (removals go on)",
                    limits.max_data_bytes
                ),
            });
        }
    }
    holds
}

/// By how many bytes of data and rows of the record the part grows aws-auth.
fn growth(context: &Context<'_, '_>, part: &Part<'_>) -> (i64, i64) {
    // With the line break after each.
    let before = part.at.and_then(|at| context.items.item(at)).map_or(0, |item| signed(item.span.len() + 1));
    let after = part.after.as_ref().map_or(0, |(key, entry)| {
        let mut text = String::new();
        spelling::block_item(&mut text, *key, entry, 0, "\n");
        signed(text.len() + 1)
    });
    let row = i64::from(part.begins.is_some()) - i64::from(part.ends.is_some());
    (after - before, row)
}

/// What the first entry of ours in a key brings along: the key's name and the comment above our entries.
fn headers(context: &Context<'_, '_>, parts: &[&Part<'_>]) -> usize {
    let comes = |key: Key| parts.iter().any(|part| part.at.is_none() && part.key() == Some(key));
    let new = |key: &Key| comes(*key) && !context.input.aws_auth.text(*key).contains(spelling::HEADER);
    Key::ALL.into_iter().filter(new).map(|key| key.as_str().len() + spelling::HEADER.len() + 1).sum()
}

fn signed(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}
