//! What decorates a value or a document: `&anchor`, `*alias`, `!tag` and `%` directives.

use std::borrow::Cow;

use super::chars::{is_blank, is_gap, is_uri, is_word, width};
use super::fault::{Cause, Error, Mark};
use super::input::Input;
use super::scanner::skip_line_rest;
use super::token::{Kind, Token};

fn token<'a>(kind: Kind, start: Mark, end: usize) -> Token<'a> {
    Token { kind, at: start.at, line: start.line, end, text: Cow::Borrowed(""), tag: None, key: None }
}

/// Scans a run of name characters.
fn word<'a>(input: &mut Input<'a>) -> Result<&'a str, Error> {
    let from = input.at;
    input.need(1)?;
    while is_word(input.peek(0)) {
        input.skip();
        input.need(1)?;
    }
    Ok(input.slice(from, input.at))
}

/// Scans `&name` or `*name`.
pub(super) fn anchor<'a>(input: &mut Input<'a>, kind: Kind) -> Result<Token<'a>, Error> {
    let start = input.mark();
    input.skip();
    let name = word(input)?;
    let ends = is_gap(input.bytes, input.at)
        || matches!(input.peek(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
    if name.is_empty() || !ends {
        return Err(Error { mark: start, cause: Cause::AnchorName });
    }
    Ok(Token { text: Cow::Borrowed(name), ..token(kind, start, input.at) })
}

/// Scans `!<uri>`, `!suffix`, `!handle!suffix` or a lone `!`.
pub(super) fn tag<'a>(input: &mut Input<'a>) -> Result<Token<'a>, Error> {
    let start = input.mark();
    input.need(2)?;
    let (handle, suffix) = if input.peek(1) == b'<' {
        input.skip();
        input.skip();
        let suffix = uri(input, b"", start, Cause::Tag)?;
        if input.peek(0) != b'>' {
            return Err(Error { mark: start, cause: Cause::Tag });
        }
        input.skip();
        (Vec::new(), suffix)
    } else {
        let head = handle(input)?.as_bytes();
        if head.len() > 1 && head.ends_with(b"!") {
            (head.to_vec(), uri(input, b"", start, Cause::Tag)?)
        } else {
            match uri(input, head, start, Cause::Tag)? {
                suffix if suffix.is_empty() => (suffix, b"!".to_vec()),
                suffix => (b"!".to_vec(), suffix),
            }
        }
    };
    input.need(1)?;
    if !is_gap(input.bytes, input.at) {
        return Err(Error { mark: start, cause: Cause::Tag });
    }
    Ok(Token { tag: Some(Box::new((handle, suffix))), ..token(Kind::Tag, start, input.at) })
}

/// Scans `!`, `!name` or `!name!`, from the `!` on.
fn handle<'a>(input: &mut Input<'a>) -> Result<&'a str, Error> {
    let from = input.at;
    input.skip();
    word(input)?;
    if input.peek(0) == b'!' {
        input.skip();
    }
    Ok(input.slice(from, input.at))
}

/// Scans the characters of a URI; `head` is what has been read of it, with a `!` in front that does not count.
fn uri(input: &mut Input<'_>, head: &[u8], start: Mark, cause: Cause) -> Result<Vec<u8>, Error> {
    let mut uri = head.get(1..).unwrap_or_default().to_vec();
    let mut any = !head.is_empty();
    input.need(1)?;
    loop {
        match input.peek(0) {
            b'%' => uri_escape(input, &mut uri, start, cause)?,
            byte if is_uri(byte) => {
                uri.push(byte);
                input.skip();
            }
            _ => break,
        }
        input.need(1)?;
        any = true;
    }
    if any { Ok(uri) } else { Err(Error { mark: start, cause }) }
}

/// Reads `%C3%A9`: as many octets as the first one announces.
fn uri_escape(input: &mut Input<'_>, uri: &mut Vec<u8>, mark: Mark, cause: Cause) -> Result<(), Error> {
    let mut left = None;
    while left != Some(0) {
        input.need(3)?;
        let digit = |ahead| char::from(input.peek(ahead)).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (b'%', Some(high), Some(low)) = (input.peek(0), digit(1), digit(2)) else {
            return Err(Error { mark, cause });
        };
        let octet = high << 4 | low;
        let proper = match left {
            None => matches!(octet, 0..=0x7F | 0xC0..=0xF7),
            Some(_) => octet & 0xC0 == 0x80,
        };
        if !proper {
            return Err(Error { mark, cause });
        }
        left = Some(left.unwrap_or(width(octet)) - 1);
        uri.push(octet);
        for _ in 0..3 {
            input.skip();
        }
    }
    Ok(())
}

/// Scans `%YAML 1.1` or `%TAG !e! tag:example.com,2000:` with the rest of the line.
pub(super) fn directive<'a>(input: &mut Input<'a>) -> Result<Token<'a>, Error> {
    let start = input.mark();
    let fail = || Error { mark: start, cause: Cause::Directive };
    input.skip();
    let name = word(input)?;
    if !is_gap(input.bytes, input.at) {
        return Err(fail());
    }
    let token = match name {
        "YAML" => {
            skip_blanks(input)?;
            let major = version_number(input)?.ok_or_else(fail)?;
            if input.peek(0) != b'.' {
                return Err(fail());
            }
            input.skip();
            let minor = version_number(input)?.ok_or_else(fail)?;
            let tag = Some(Box::new((vec![major], vec![minor])));
            Token { tag, ..token(Kind::Version, start, input.at) }
        }
        "TAG" => {
            skip_blanks(input)?;
            if input.peek(0) != b'!' {
                return Err(fail());
            }
            let handle = handle(input)?.as_bytes();
            if handle != b"!" && !handle.ends_with(b"!") {
                return Err(fail());
            }
            input.need(1)?;
            if !is_blank(input.bytes, input.at) {
                return Err(fail());
            }
            skip_blanks(input)?;
            let prefix = uri(input, b"", start, Cause::Directive)?;
            input.need(1)?;
            if !is_gap(input.bytes, input.at) {
                return Err(fail());
            }
            Token {
                tag: Some(Box::new((handle.to_vec(), prefix))),
                ..token(Kind::TagDirective, start, input.at)
            }
        }
        _ => return Err(fail()),
    };
    if !skip_line_rest(input)? {
        return Err(fail());
    }
    Ok(token)
}

fn skip_blanks(input: &mut Input<'_>) -> Result<(), Error> {
    input.need(1)?;
    while is_blank(input.bytes, input.at) {
        input.skip();
        input.need(1)?;
    }
    Ok(())
}

/// One or two digits.
fn version_number(input: &mut Input<'_>) -> Result<Option<u8>, Error> {
    input.need(1)?;
    let (mut value, mut length) = (0, 0);
    while input.peek(0).is_ascii_digit() {
        length += 1;
        if length > 2 {
            return Ok(None);
        }
        value = value * 10 + (input.peek(0) - b'0');
        input.skip();
        input.need(1)?;
    }
    Ok((length > 0).then_some(value))
}
