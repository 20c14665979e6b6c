//! The text with the reader's position in it, and what the reader's input buffer would hold.
//!
//! The buffer matters in two rare cases, and only then is it modelled. The reader decodes 512 bytes at a time, so a
//! forbidden character *after* the first document kills the key only when its block is decoded. And where it looks
//! for a byte order mark at the start of a line it looks at the start of the buffer instead: after a mark inside the
//! text it swallows the first character of lines until the buffer is refilled.

use super::chars::{at, is_break, is_forbidden, width};
use super::fault::{Cause, Error, Mark};

/// How much the reader decodes at once.
const BLOCK: usize = 512;
const BOM: &str = "\u{FEFF}";

/// A text and a position in it.
pub(super) struct Input<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    /// Byte offset of the position.
    pub(super) at: usize,
    pub(super) line: usize,
    /// Characters since the line's start.
    pub(super) column: usize,
    /// Characters since the text's start, a leading byte order mark aside.
    pub(super) index: usize,
    ascii: bool,
    window: Option<Window>,
}

/// What the reader's buffer holds.
struct Window {
    /// Byte offset of the buffer's first character.
    start: usize,
    /// Byte offset up to which the text has been decoded.
    decoded: usize,
    /// NUL characters that stand after the text's end.
    padding: usize,
    /// The first forbidden character.
    forbidden: Option<(usize, char)>,
}

impl<'a> Input<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ascii = text.is_ascii();
        let start = if text.starts_with(BOM) { BOM.len() } else { 0 };
        let forbidden = if ascii {
            let is_bad = |byte: &u8| !matches!(byte, b' '..=b'~' | b'\n' | b'\t' | b'\r');
            text.bytes().position(|byte| is_bad(&byte)).map(|i| (i, char::from(at(text.as_bytes(), i))))
        } else {
            text.char_indices().find(|(_, c)| is_forbidden(*c))
        };
        let modelled =
            forbidden.is_some() || !ascii && text.get(start..).is_some_and(|rest| rest.contains(BOM));
        let window = modelled.then_some(Window { start, decoded: 0, padding: 0, forbidden });
        Self { text, bytes: text.as_bytes(), at: start, line: 0, column: 0, index: 0, ascii, window }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, line: self.line, column: self.column }
    }

    pub(super) fn fail<T>(&self, cause: Cause) -> Result<T, Error> {
        Err(Error { mark: self.mark(), cause })
    }

    /// The byte `ahead` of the position.
    #[inline]
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        at(self.bytes, self.at + ahead)
    }

    /// The character at the position, NUL at the end.
    pub(super) fn current(&self) -> char {
        self.text.get(self.at..).and_then(|rest| rest.chars().next()).unwrap_or('\0')
    }

    /// The text from `from` to `to`.
    #[inline]
    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Makes sure that `count` characters are in the buffer, as the reader does before it looks at them.
    #[inline]
    pub(super) fn need(&mut self, count: usize) -> Result<(), Error> {
        if self.window.is_some() { self.refill(count) } else { Ok(()) }
    }

    #[cold]
    fn refill(&mut self, count: usize) -> Result<(), Error> {
        let Some(window) = &mut self.window else { return Ok(()) };
        if window.decoded >= self.at.saturating_add(4 * count) {
            return Ok(());
        }
        let ahead = self.text.get(self.at..window.decoded).unwrap_or_default();
        let mut unread = ahead.chars().count() + window.padding;
        if unread >= count {
            return Ok(());
        }
        window.start = self.at;
        while unread < count {
            if window.decoded >= self.bytes.len() {
                window.padding += 1;
                break;
            }
            let mut end = (window.decoded + BLOCK).min(self.bytes.len());
            while !self.text.is_char_boundary(end) {
                end -= 1;
            }
            if let Some((place, c)) = window.forbidden.filter(|(place, _)| *place < end) {
                let mark = place_of(self.text, place);
                return Err(Error { mark, cause: Cause::Control(c) });
            }
            let from = window.decoded.max(self.at);
            unread += self.text.get(from..end).unwrap_or_default().chars().count();
            window.decoded = end;
        }
        Ok(())
    }

    /// Whether the reader believes that a byte order mark is next.
    pub(super) fn sees_bom(&self) -> bool {
        self.window
            .as_ref()
            .is_some_and(|w| self.text.get(w.start..).is_some_and(|rest| rest.starts_with(BOM)))
    }

    /// Moves on by one character.
    #[inline]
    pub(super) fn skip(&mut self) {
        if self.at < self.bytes.len() {
            self.at += width(self.peek(0));
        } else if let Some(window) = &mut self.window {
            window.padding = window.padding.saturating_sub(1);
        }
        self.column += 1;
        self.index += 1;
    }

    /// Moves on to `end` on the same line, looking `ahead` characters ahead after each.
    #[inline]
    pub(super) fn skip_to(&mut self, end: usize, ahead: usize) -> Result<(), Error> {
        if self.window.is_some() {
            while self.at < end {
                self.skip();
                self.need(ahead)?;
            }
            return Ok(());
        }
        let count = if self.ascii { end - self.at } else { self.slice(self.at, end).chars().count() };
        self.at = end;
        self.column += count;
        self.index += count;
        Ok(())
    }

    /// Moves over a line break, if one is next, and says how it reads: all but LS and PS as a line feed.
    #[inline]
    pub(super) fn skip_break(&mut self) -> &'a str {
        let from = self.at;
        match self.peek(0) {
            b'\r' if self.peek(1) == b'\n' => {
                self.at += 2;
                self.index += 1;
            }
            b'\n' | b'\r' => self.at += 1,
            first if is_break(self.bytes, self.at) => self.at += width(first),
            _ => return "",
        }
        self.index += 1;
        self.column = 0;
        self.line += 1;
        let read = self.slice(from, self.at);
        if read.len() == 3 { read } else { "\n" }
    }

    /// Whether a line of `---` or `...` begins here.
    pub(super) fn at_marker(&self) -> bool {
        self.column == 0
            && matches!(self.bytes.get(self.at..self.at + 3), Some(b"---" | b"..."))
            && super::chars::is_gap(self.bytes, self.at + 3)
    }
}

/// Line and column of a byte offset, counted as the scanner counts.
pub(super) fn place_of(text: &str, offset: usize) -> Mark {
    let bytes = text.as_bytes();
    let (mut line, mut start) = (0, if text.starts_with(BOM) { BOM.len() } else { 0 });
    let mut i = start;
    while i < offset.min(bytes.len()) {
        if is_break(bytes, i) {
            i += if at(bytes, i) == b'\r' && at(bytes, i + 1) == b'\n' { 2 } else { width(at(bytes, i)) };
            line += 1;
            start = i;
        } else {
            i += 1;
        }
    }
    let column = text.get(start..offset.min(bytes.len())).unwrap_or_default().chars().count();
    Mark { at: offset, line, column }
}
