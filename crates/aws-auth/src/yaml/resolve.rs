//! What kind of value a scalar is: YAML 1.1's rules as the reader applies them (contract, "Scalars that read wrong").

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use super::timestamp::is_timestamp;

/// The tags that make a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// No tag.
    None,
    /// A lone `!`.
    Bang,
    /// `!!null`
    Null,
    /// `!!bool`
    Bool,
    /// `!!str`
    Str,
    /// `!!int`
    Int,
    /// `!!float`
    Float,
    /// `!!timestamp`
    Timestamp,
    /// `!!binary`
    Binary,
    /// `!!merge`
    Merge,
    /// Any other: the value is taken as it stands.
    Other,
}

impl Tag {
    pub(super) fn from_name(name: &[u8]) -> Self {
        match name {
            b"!" => Tag::Bang,
            b"tag:yaml.org,2002:null" => Tag::Null,
            b"tag:yaml.org,2002:bool" => Tag::Bool,
            b"tag:yaml.org,2002:str" => Tag::Str,
            b"tag:yaml.org,2002:int" => Tag::Int,
            b"tag:yaml.org,2002:float" => Tag::Float,
            b"tag:yaml.org,2002:timestamp" => Tag::Timestamp,
            b"tag:yaml.org,2002:binary" => Tag::Binary,
            b"tag:yaml.org,2002:merge" => Tag::Merge,
            _ => Tag::Other,
        }
    }
}

/// What a scalar resolves to.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// `null`, `~` or nothing.
    Null,
    /// `yes`, `off`, `true`, `n`, …
    Bool(bool),
    /// A number that fits 64 bits with a sign.
    Int(i64),
    /// A whole number that fits 64 bits only without one.
    Uint(u64),
    /// Any other number.
    Float(f64),
    /// Anything else; the reader leaves timestamps as they are written.
    Str(Cow<'a, str>),
    /// The bytes of a `!!binary` that are no UTF-8.
    Bytes(Vec<u8>),
}

/// A value that its tag does not allow: the reader serves nothing from the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mistagged;

/// Resolves a scalar. `implicit`: unquoted and untagged, or tagged with a lone `!`.
///
/// # Errors
///
/// When the tag does not allow the value, such as `!!int x`.
pub fn resolve(tag: Tag, implicit: bool, text: &str) -> Result<Scalar<'_>, Mistagged> {
    let as_is = || Scalar::Str(Cow::Borrowed(text));
    match tag {
        Tag::None if implicit => Ok(plain(text, true)),
        Tag::None | Tag::Bang | Tag::Merge | Tag::Other | Tag::Str => Ok(as_is()),
        Tag::Binary => binary(text),
        Tag::Timestamp => {
            if is_timestamp(text) {
                Ok(as_is())
            } else {
                Err(Mistagged)
            }
        }
        Tag::Null | Tag::Bool | Tag::Int | Tag::Float => match (tag, plain(text, false)) {
            (Tag::Float, Scalar::Int(value)) => Ok(Scalar::Float(int_to_float(value))),
            (Tag::Null, value @ Scalar::Null)
            | (Tag::Bool, value @ Scalar::Bool(_))
            | (Tag::Int, value @ (Scalar::Int(_) | Scalar::Uint(_)))
            | (Tag::Float, value @ Scalar::Float(_)) => Ok(value),
            _ => Err(Mistagged),
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "the reader rounds as well")]
fn int_to_float(value: i64) -> f64 {
    value as f64
}

/// Whether an unquoted scalar is a string for sure; `false` says nothing.
#[inline]
pub(super) fn is_surely_str(text: &str) -> bool {
    match text.as_bytes() {
        [] | [b'+' | b'-' | b'.' | b'~' | b'0'..=b'9', ..] => false,
        // The words of YAML 1.1 are at most five letters long, and a merge key is `<<`.
        [_, rest @ ..] => rest.len() > 4 || text.starts_with(|c: char| !"yYnNtTfFoO<".contains(c)),
    }
}

/// Resolves an unquoted scalar. What looks like a timestamp stays a string, and no number looks like one.
fn plain(text: &str, timestamps: bool) -> Scalar<'_> {
    if is_surely_str(text) {
        return Scalar::Str(Cow::Borrowed(text));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.as_bytes().first() {
        Some(b'.') => dotted_float(text),
        Some(b'+' | b'-' | b'0'..=b'9') if !(timestamps && is_timestamp(text)) => number(text),
        _ => None,
    };
    number.unwrap_or(Scalar::Str(Cow::Borrowed(text)))
}

/// `.5` and `.5_0e1`: underscores between digits only.
fn dotted_float(text: &str) -> Option<Scalar<'static>> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let sound =
        bytes.iter().enumerate().all(|(i, byte)| *byte != b'_' || i > 0 && digit(i - 1) && digit(i + 1));
    let plain = text.replace('_', "");
    if sound && is_decimal(&plain) { float(&plain) } else { None }
}

/// Whole numbers in Go's notations, then decimals. Underscores do not count, wherever they are.
fn number(text: &str) -> Option<Scalar<'static>> {
    let plain = Cow::Borrowed(text);
    let plain = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { plain };
    let (negative, digits) = match plain.as_bytes() {
        [b'-', ..] => (true, plain.get(1..)?),
        [b'+', ..] => (false, plain.get(1..)?),
        _ => (false, &*plain),
    };
    let signed = digits.len() < plain.len();
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', _, ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', _, ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if let Some(value) = int(negative, digits, radix) {
        return Some(Scalar::Int(value));
    }
    if let (false, Some(value)) = (signed, uint(digits, radix)) {
        return Some(Scalar::Uint(value));
    }
    if is_decimal(&plain)
        && let Some(value) = float(&plain)
    {
        return Some(value);
    }
    // What is left of `0b` is read on its own, so that a sign may follow it.
    if let Some(rest) = plain.strip_prefix("0b") {
        let (negative, digits) = match rest.as_bytes() {
            [b'-', ..] => (true, rest.get(1..)?),
            [b'+', ..] => (false, rest.get(1..)?),
            _ => (false, rest),
        };
        return int(negative, digits, 2).map(Scalar::Int);
    }
    None
}

fn uint(digits: &str, radix: u32) -> Option<u64> {
    // Rust would take a sign here.
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

fn int(negative: bool, digits: &str, radix: u32) -> Option<i64> {
    let value = i128::from(uint(digits, radix)?);
    i64::try_from(if negative { -value } else { value }).ok()
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(whole, rest)| (whole, Some(rest)));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let some = if whole.is_empty() { fraction.is_some_and(|f| !f.is_empty()) } else { true };
    some && all_digits(whole)
        && fraction.is_none_or(all_digits)
        && !exponent.is_empty()
        && all_digits(exponent)
}

/// A number beyond what a float can hold is no number to the reader.
fn float(text: &str) -> Option<Scalar<'static>> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Scalar::Float)
}

/// Go's base64: line breaks are skipped, padding is required, trailing bits are not looked at.
fn binary(text: &str) -> Result<Scalar<'_>, Mistagged> {
    let engine =
        GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));
    let bytes = engine.decode(text.replace(['\r', '\n'], "")).map_err(|_| Mistagged)?;
    Ok(String::from_utf8(bytes)
        .map_or_else(|error| Scalar::Bytes(error.into_bytes()), |text| Scalar::Str(Cow::Owned(text))))
}

/// Bytes as JSON carries them: U+FFFD for each byte that belongs to no character.
#[must_use]
pub fn lossy(mut bytes: &[u8]) -> String {
    let mut text = String::new();
    while !bytes.is_empty() {
        match std::str::from_utf8(bytes) {
            Ok(rest) => {
                text.push_str(rest);
                break;
            }
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                text.push('\u{FFFD}');
                bytes = rest.get(1..).unwrap_or_default();
            }
        }
    }
    text
}
