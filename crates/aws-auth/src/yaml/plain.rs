//! Unquoted scalars: `arn:aws:iam::111122223333:role/dev`, and those that go on over several lines.

use std::borrow::Cow;

use super::chars::{is_blank, is_break, is_gap, plain_run};
use super::fault::{Cause, Error};
use super::input::Input;
use super::token::{Kind, Token};

/// Scans one; `indent` is the column of the block collection around it plus one. The flag says that line breaks follow
/// it, so that a key may stand next.
pub(super) fn scan<'a>(input: &mut Input<'a>, indent: usize, flow: bool) -> Result<(Token<'a>, bool), Error> {
    let start = input.mark();
    let mut value = Value { input_from: start.at, owned: None };
    let (mut end, mut gap, mut first_break, mut more_breaks) = (start.at, start.at, "", String::new());
    let mut over_lines = false;
    loop {
        input.need(4)?;
        if input.at_marker() || input.peek(0) == b'#' {
            break;
        }
        while !is_gap(input.bytes, input.at) {
            let byte = input.peek(0);
            let closes = flow && matches!(byte, b',' | b'?' | b'[' | b']' | b'{' | b'}');
            if closes || byte == b':' && is_gap(input.bytes, input.at + 1) {
                break;
            }
            if over_lines {
                value.fold(input, end, first_break, &more_breaks);
                more_breaks.clear();
                over_lines = false;
            } else if gap < input.at {
                value.extend(input, gap);
            }
            let from = input.at;
            let run = plain_run(input.bytes, from, flow);
            if run > from {
                input.skip_to(run, 2)?;
            } else {
                input.skip();
                input.need(2)?;
            }
            value.extend(input, from);
            end = input.at;
            gap = end;
        }
        if !is_blank(input.bytes, input.at) && !is_break(input.bytes, input.at) {
            break;
        }
        gap = input.at;
        while is_blank(input.bytes, input.at) || is_break(input.bytes, input.at) {
            if is_blank(input.bytes, input.at) {
                if over_lines && input.column < indent && input.peek(0) == b'\t' {
                    return input.fail(Cause::Tab);
                }
                input.skip();
            } else {
                input.need(2)?;
                let read = input.skip_break();
                if over_lines {
                    more_breaks.push_str(read);
                } else {
                    first_break = read;
                    over_lines = true;
                }
            }
            input.need(1)?;
        }
        if !flow && input.column < indent {
            break;
        }
    }
    let text = value.finish(input, end);
    let token = Token { kind: Kind::Plain, at: start.at, line: start.line, end, text, tag: None, key: None };
    Ok((token, over_lines))
}

/// The value so far: a slice of the text as long as nothing is folded.
struct Value {
    input_from: usize,
    owned: Option<String>,
}

impl Value {
    /// Adds the text from `from` up to the position.
    fn extend(&mut self, input: &Input<'_>, from: usize) {
        if let Some(owned) = &mut self.owned {
            owned.push_str(input.slice(from, input.at));
        }
    }

    /// Adds what line breaks after `end` read as.
    fn fold(&mut self, input: &Input<'_>, end: usize, first: &str, more: &str) {
        let from = self.input_from;
        let owned = self.owned.get_or_insert_with(|| input.slice(from, end).to_owned());
        super::quoted::fold(owned, first, more);
    }

    fn finish<'a>(self, input: &Input<'a>, end: usize) -> Cow<'a, str> {
        self.owned.map_or_else(|| Cow::Borrowed(input.slice(self.input_from, end)), Cow::Owned)
    }
}
