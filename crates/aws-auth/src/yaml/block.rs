//! Block scalars: `|` keeps line breaks, `>` folds them.

use std::borrow::Cow;

use super::chars::{is_blank, is_break, line_end};
use super::fault::{Cause, Error, Mark};
use super::input::Input;
use super::scanner::skip_line_rest;
use super::token::{Kind, Token};

/// What becomes of the line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomp {
    Clip,
    Strip,
    Keep,
}

/// Scans one; `parent` is the column of the block collection around it plus one.
pub(super) fn scan<'a>(input: &mut Input<'a>, parent: usize, literal: bool) -> Result<Token<'a>, Error> {
    let start = input.mark();
    input.skip();
    input.need(1)?;
    let (chomp, increment) = header(input, start)?;
    let mut end = input.at;
    if !skip_line_rest(input)? {
        return input.fail(Cause::BlockHeader);
    }

    // Outside any collection the reader counts from column 0, as it does in one at column 0.
    let mut indent = if increment > 0 { parent.saturating_sub(1) + increment } else { 0 };
    let (mut value, mut pending, mut breaks) = (String::new(), "", String::new());
    let mut last_break = None;
    skip_breaks(input, &mut indent, parent, &mut breaks, &mut last_break)?;
    input.need(1)?;
    let mut after_blank = false;
    while input.column == indent && input.peek(0) != 0 {
        let blank = is_blank(input.bytes, input.at);
        if !literal && !after_blank && !blank && pending == "\n" {
            if breaks.is_empty() {
                value.push(' ');
            }
        } else {
            value.push_str(pending);
        }
        value.push_str(&breaks);
        breaks.clear();
        after_blank = blank;

        let from = input.at;
        let line = line_end(input.bytes, from);
        input.skip_to(line, 1)?;
        value.push_str(input.slice(from, line));
        end = line;
        input.need(2)?;
        last_break = Some(input.at);
        pending = input.skip_break();
        skip_breaks(input, &mut indent, parent, &mut breaks, &mut last_break)?;
    }

    if chomp != Chomp::Strip {
        value.push_str(pending);
    }
    if chomp == Chomp::Keep {
        value.push_str(&breaks);
        // Blank lines at the end belong to the value, so that the token ends before the last of their breaks.
        end = last_break.filter(|at| *at < input.bytes.len()).map_or(end, |at| at.max(end));
    }
    let text = Cow::Owned(value);
    Ok(Token { kind: Kind::Quoted, at: start.at, line: start.line, end, text, tag: None, key: None })
}

/// `+` or `-` and a digit, in either order.
fn header(input: &mut Input<'_>, start: Mark) -> Result<(Chomp, usize), Error> {
    let (mut chomp, mut increment) = (Chomp::Clip, 0);
    for _ in 0..2 {
        match input.peek(0) {
            b'+' if chomp == Chomp::Clip => chomp = Chomp::Keep,
            b'-' if chomp == Chomp::Clip => chomp = Chomp::Strip,
            b'0' if increment == 0 => return Err(Error { mark: start, cause: Cause::BlockIndent }),
            digit @ b'1'..=b'9' if increment == 0 => increment = usize::from(digit - b'0'),
            _ => break,
        }
        input.skip();
        input.need(1)?;
    }
    Ok((chomp, increment))
}

/// Skips indentation and empty lines, and settles the indentation if the header did not.
fn skip_breaks(
    input: &mut Input<'_>,
    indent: &mut usize,
    parent: usize,
    breaks: &mut String,
    last_break: &mut Option<usize>,
) -> Result<(), Error> {
    let mut deepest = 0;
    loop {
        input.need(1)?;
        while (*indent == 0 || input.column < *indent) && input.peek(0) == b' ' {
            input.skip();
            input.need(1)?;
        }
        deepest = deepest.max(input.column);
        if (*indent == 0 || input.column < *indent) && input.peek(0) == b'\t' {
            return input.fail(Cause::Tab);
        }
        if !is_break(input.bytes, input.at) {
            break;
        }
        input.need(2)?;
        *last_break = Some(input.at);
        breaks.push_str(input.skip_break());
    }
    if *indent == 0 {
        *indent = deepest.max(parent).max(1);
    }
    Ok(())
}
