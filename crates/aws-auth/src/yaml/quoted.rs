//! Scalars in single and double quotes.

use std::borrow::Cow;

use super::chars::{is_blank, is_break, is_gap};
use super::fault::{Cause, Error};
use super::input::Input;
use super::token::{Kind, Token};

/// Scans one.
pub(super) fn scan<'a>(input: &mut Input<'a>, single: bool) -> Result<Token<'a>, Error> {
    let start = input.mark();
    let quote = if single { b'\'' } else { b'"' };
    input.skip();
    let content = input.at;
    // None as long as the value is what stands between the quotes.
    let mut owned: Option<String> = None;
    loop {
        input.need(4)?;
        if input.at_marker() {
            return input.fail(Cause::MarkerInQuote);
        }
        if input.peek(0) == 0 {
            return Err(Error { mark: start, cause: Cause::OpenQuote });
        }
        let mut folding = false;
        while !is_gap(input.bytes, input.at) {
            let byte = input.peek(0);
            if single && byte == b'\'' && input.peek(1) == b'\'' {
                let value = owned.get_or_insert_with(|| input.slice(content, input.at).to_owned());
                value.push('\'');
                input.skip();
                input.skip();
            } else if byte == quote {
                break;
            } else if !single && byte == b'\\' {
                let value = owned.get_or_insert_with(|| input.slice(content, input.at).to_owned());
                if is_break(input.bytes, input.at + 1) {
                    input.need(3)?;
                    input.skip();
                    input.skip_break();
                    folding = true;
                    break;
                }
                value.push(escape(input)?);
            } else {
                let from = input.at;
                let run = run(input.bytes, from, quote);
                if run > from {
                    input.skip_to(run, 2)?;
                } else {
                    input.skip();
                }
                if let Some(value) = &mut owned {
                    value.push_str(input.slice(from, input.at));
                }
            }
            input.need(2)?;
        }
        input.need(1)?;
        if input.peek(0) == quote {
            break;
        }
        let (gap, mut first_break, mut more_breaks) = (input.at, "", String::new());
        let mut gap_end = gap;
        while is_blank(input.bytes, input.at) || is_break(input.bytes, input.at) {
            if is_blank(input.bytes, input.at) {
                input.skip();
                if !folding {
                    gap_end = input.at;
                }
            } else {
                input.need(2)?;
                let read = input.skip_break();
                if folding {
                    more_breaks.push_str(read);
                } else {
                    first_break = read;
                    folding = true;
                }
            }
            input.need(1)?;
        }
        if folding {
            let value = owned.get_or_insert_with(|| input.slice(content, gap).to_owned());
            fold(value, first_break, &more_breaks);
        } else if let Some(value) = &mut owned {
            value.push_str(input.slice(gap, gap_end));
        }
    }
    let text = owned.map_or_else(|| Cow::Borrowed(input.slice(content, input.at)), Cow::Owned);
    input.skip();
    Ok(Token {
        kind: Kind::Quoted,
        at: start.at,
        line: start.line,
        end: input.at,
        text,
        tag: None,
        key: None,
    })
}

/// Adds what a run of line breaks reads as: a space for one, all but the first otherwise; LS and PS stay.
pub(super) fn fold(value: &mut String, first: &str, more: &str) {
    if first != "\n" {
        value.push_str(first);
        value.push_str(more);
    } else if more.is_empty() {
        value.push(' ');
    } else {
        value.push_str(more);
    }
}

/// The first position after `from` that needs a closer look.
fn run(bytes: &[u8], from: usize, quote: u8) -> usize {
    let stops =
        |byte: u8| byte == quote || matches!(byte, b'\\' | b' ' | b'\t' | b'\n' | b'\r' | 0 | 0xC2 | 0xE2);
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| stops(*byte)).unwrap_or(rest.len())
}

/// Reads a backslash escape. JSON's `\/` and surrogate pairs are not among them (contract, "Scalars that read wrong").
fn escape(input: &mut Input<'_>) -> Result<char, Error> {
    let (digits, plain) = match input.peek(1) {
        b'0' => (0, '\0'),
        b'a' => (0, '\x07'),
        b'b' => (0, '\x08'),
        b't' | b'\t' => (0, '\t'),
        b'n' => (0, '\n'),
        b'v' => (0, '\x0B'),
        b'f' => (0, '\x0C'),
        b'r' => (0, '\r'),
        b'e' => (0, '\x1B'),
        b' ' => (0, ' '),
        b'"' => (0, '"'),
        b'\'' => (0, '\''),
        b'\\' => (0, '\\'),
        b'N' => (0, '\u{85}'),
        b'_' => (0, '\u{A0}'),
        b'L' => (0, '\u{2028}'),
        b'P' => (0, '\u{2029}'),
        b'x' => (2, '\0'),
        b'u' => (4, '\0'),
        b'U' => (8, '\0'),
        _ => {
            let next = input.text.get(input.at + 1..).and_then(|rest| rest.chars().next());
            return input.fail(Cause::Escape(next.unwrap_or(' ')));
        }
    };
    let mark = input.mark();
    input.skip();
    input.skip();
    if digits == 0 {
        return Ok(plain);
    }
    input.need(digits)?;
    let mut code = 0_u32;
    for ahead in 0..digits {
        let Some(digit) = char::from(input.peek(ahead)).to_digit(16) else {
            return Err(Error { mark, cause: Cause::EscapeDigits });
        };
        code = code << 4 | digit;
    }
    let Some(c) = char::from_u32(code) else { return Err(Error { mark, cause: Cause::Surrogate }) };
    for _ in 0..digits {
        input.skip();
    }
    Ok(c)
}
