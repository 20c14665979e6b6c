//! Which bytes mean what to the scanner. Positions past the end read as NUL, as the reader pads its buffer.
//!
//! Line breaks are YAML 1.1's five: LF, CR, NEL, LS and PS. A parser for YAML 1.2 takes the last three for letters,
//! which is how `- rolearn: a<NEL>  username: b` smuggles a second field past it.

/// The byte at `i`, NUL past the end.
#[inline]
pub(super) fn at(bytes: &[u8], i: usize) -> u8 {
    bytes.get(i).copied().unwrap_or(0)
}

/// Space or tab.
#[inline]
pub(super) fn is_blank(bytes: &[u8], i: usize) -> bool {
    matches!(at(bytes, i), b' ' | b'\t')
}

/// One of the five line breaks.
#[inline]
pub(super) fn is_break(bytes: &[u8], i: usize) -> bool {
    match at(bytes, i) {
        b'\n' | b'\r' => true,
        0xC2 => at(bytes, i + 1) == 0x85,
        0xE2 => at(bytes, i + 1) == 0x80 && matches!(at(bytes, i + 2), 0xA8 | 0xA9),
        _ => false,
    }
}

/// A line break or the end of the text.
#[inline]
pub(super) fn is_break_or_end(bytes: &[u8], i: usize) -> bool {
    at(bytes, i) == 0 || is_break(bytes, i)
}

/// A space, a tab, a line break or the end of the text.
#[inline]
pub(super) fn is_gap(bytes: &[u8], i: usize) -> bool {
    match at(bytes, i) {
        b' ' | b'\t' | 0 => true,
        _ => is_break(bytes, i),
    }
}

/// What names of anchors, tags and directives are made of.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// What a tag may consist of, `%` escapes aside.
pub(super) fn is_uri(byte: u8) -> bool {
    is_word(byte)
        || matches!(byte, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',' | b'.')
        || matches!(byte, b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'[' | b']')
}

/// How many bytes the character has whose first byte this is.
#[inline]
pub(super) fn width(first: u8) -> usize {
    match first {
        0..=0x7F => 1,
        0x80..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    }
}

/// Bytes at which a run of plain characters may end outside flow collections.
const STOP: u8 = 1;
/// Bytes at which it may end inside them.
const FLOW_STOP: u8 = 2;

const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let (mut i, stops) = (0, b" \t\r\n\0:\xC2\xE2");
    while i < stops.len() {
        class[stops[i] as usize] = STOP | FLOW_STOP;
        i += 1;
    }
    let (mut i, stops) = (0, b",?[]{}");
    while i < stops.len() {
        class[stops[i] as usize] = FLOW_STOP;
        i += 1;
    }
    class
};

/// The first position at or after `from` at which a plain scalar has to look closer.
#[inline]
pub(super) fn plain_run(bytes: &[u8], from: usize, flow: bool) -> usize {
    let mask = if flow { FLOW_STOP } else { STOP };
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().position(|byte| CLASS[usize::from(*byte)] & mask != 0).unwrap_or(rest.len())
}

/// The first position at or after `from` that is a line break or the text's end.
#[inline]
pub(super) fn line_end(bytes: &[u8], from: usize) -> usize {
    let mut i = from;
    while i < bytes.len() && !is_break_or_end(bytes, i) {
        i += 1;
    }
    i
}

/// Whether the reader refuses a text that holds this character (contract, "Parsing": a syntax error empties the key).
pub(super) fn is_forbidden(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' => false,
        c => !matches!(c, '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}'),
    }
}
