//! Characters into tokens, with the reader's rules for indentation and for keys that are known as such only by the
//! `:` after them.
//!
//! How far the scanner runs ahead of the parser is part of the contract: an error after the end of the first document
//! counts only if the reader comes to see it.

mod keys;

use std::borrow::Cow;
use std::collections::VecDeque;

use keys::SimpleKey;

use super::chars::{is_break, is_break_or_end, is_gap, line_end};
use super::fault::{Cause, Error, Mark};
use super::input::Input;
use super::token::{Kind, Token};

/// The deepest nesting of flow collections, and of block collections.
const MAX_DEPTH: usize = 10_000;

/// Hands out tokens one by one.
pub(super) struct Scanner<'a> {
    pub(super) input: Input<'a>,
    queue: VecDeque<Token<'a>>,
    /// How many tokens have been handed out.
    taken: usize,
    /// The front of the queue may be handed out.
    ready: bool,
    pub(super) flow: usize,
    /// The column of the innermost block collection, plus one: 0 outside any.
    pub(super) indent: usize,
    indents: Vec<usize>,
    pub(super) key_allowed: bool,
    /// One for each level of flow nesting.
    keys: Vec<SimpleKey>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            input: Input::new(text),
            queue: VecDeque::new(),
            taken: 0,
            ready: false,
            flow: 0,
            indent: 0,
            indents: Vec::new(),
            key_allowed: true,
            keys: vec![SimpleKey::default()],
        }
    }

    /// The kind of the next token.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Kind, Error> {
        if !self.ready {
            self.fill()?;
            self.ready = true;
        }
        Ok(self.queue.front().map_or(Kind::StreamEnd, |token| token.kind))
    }

    /// The next token itself, after a `peek`.
    #[inline]
    pub(super) fn front(&mut self) -> Option<&mut Token<'a>> {
        self.queue.front_mut()
    }

    /// Takes the next token, after a `peek`.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Token<'a>> {
        self.ready = false;
        self.taken += 1;
        self.queue.pop_front()
    }

    /// Fetches until the first token of the queue cannot turn out to be a key any more.
    fn fill(&mut self) -> Result<(), Error> {
        loop {
            if let Some(front) = self.queue.front() {
                let Some(level) = front.key else { return Ok(()) };
                if !self.key_is_valid(level)? {
                    return Ok(());
                }
            }
            self.fetch()?;
        }
    }

    pub(super) fn push(&mut self, token: Token<'a>) {
        self.queue.push_back(token);
    }

    fn push_mark(&mut self, kind: Kind, start: Mark, end: usize, key: Option<usize>) {
        self.push(Token {
            kind,
            at: start.at,
            line: start.line,
            end,
            text: Cow::Borrowed(""),
            tag: None,
            key,
        });
    }

    /// Opens a block collection if the column is deeper than the innermost one.
    fn roll(&mut self, mark: Mark, before: Option<usize>, kind: Kind) -> Result<(), Error> {
        if self.flow > 0 || self.indent > mark.column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = mark.column + 1;
        if self.indents.len() > MAX_DEPTH {
            return Err(Error { mark, cause: Cause::TooDeep });
        }
        match before {
            Some(number) => self.insert(kind, mark, number),
            None => self.push_mark(kind, mark, 0, None),
        }
        Ok(())
    }

    /// Closes the block collections that are deeper than `indent` (a column plus one).
    fn unroll(&mut self, indent: usize) {
        while self.flow == 0 && self.indent > indent {
            let mark = self.input.mark();
            self.push_mark(Kind::BlockEnd, mark, 0, None);
            self.indent = self.indents.pop().unwrap_or(0);
        }
    }

    /// Scans one token.
    fn fetch(&mut self) -> Result<(), Error> {
        self.input.need(1)?;
        self.skip_gap()?;
        self.unroll(self.input.column + 1);
        self.input.need(4)?;
        let (input, flow) = (&self.input, self.flow > 0);
        let gap_follows = is_gap(input.bytes, input.at + 1);
        match input.peek(0) {
            0 => self.fetch_end(),
            b'%' if input.column == 0 => self.fetch_directive(),
            b'-' if input.at_marker() => self.fetch_marker(Kind::DocumentStart),
            b'.' if input.at_marker() => self.fetch_marker(Kind::DocumentEnd),
            b'[' => self.fetch_open(Kind::FlowSequence),
            b'{' => self.fetch_open(Kind::FlowMapping),
            b']' => self.fetch_close(Kind::FlowSequenceEnd),
            b'}' => self.fetch_close(Kind::FlowMappingEnd),
            b',' => {
                self.remove_key()?;
                self.key_allowed = true;
                self.push_indicator(Kind::Comma);
                Ok(())
            }
            b'-' if gap_follows => self.fetch_block(Kind::Dash, Kind::BlockSequence, Cause::DashInValue),
            b'?' if flow || gap_follows => {
                self.fetch_block(Kind::Key, Kind::BlockMapping, Cause::QuestionInValue)
            }
            b':' if flow || gap_follows => self.fetch_value(),
            b'*' => self.fetch_anchor(Kind::Alias),
            b'&' => self.fetch_anchor(Kind::Anchor),
            b'!' => self.fetch_tag(),
            b'|' if !flow => self.fetch_block_scalar(true),
            b'>' if !flow => self.fetch_block_scalar(false),
            b'\'' => self.fetch_quoted(true),
            b'"' => self.fetch_quoted(false),
            b'|' | b'>' | b'#' | b'%' | b'@' | b'`' => self.cannot_start(),
            _ if is_gap(input.bytes, input.at) => self.cannot_start(),
            _ => self.fetch_plain(),
        }
    }

    fn cannot_start(&self) -> Result<(), Error> {
        self.input.fail(Cause::CannotStart(self.input.current()))
    }

    /// Skips white space, line breaks and comments.
    fn skip_gap(&mut self) -> Result<(), Error> {
        loop {
            self.input.need(1)?;
            if self.input.column == 0 && self.input.sees_bom() {
                self.input.skip();
            }
            self.input.need(1)?;
            let tabs = self.flow > 0 || !self.key_allowed;
            while self.input.peek(0) == b' ' || tabs && self.input.peek(0) == b'\t' {
                self.input.skip();
                self.input.need(1)?;
            }
            if self.input.peek(0) == b'#' {
                let end = line_end(self.input.bytes, self.input.at);
                self.input.skip_to(end, 1)?;
            }
            if !is_break(self.input.bytes, self.input.at) {
                return Ok(());
            }
            self.input.need(2)?;
            self.input.skip_break();
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    fn push_indicator(&mut self, kind: Kind) {
        let start = self.input.mark();
        self.input.skip();
        self.push_mark(kind, start, self.input.at, None);
    }

    fn fetch_end(&mut self) -> Result<(), Error> {
        if self.input.column != 0 {
            self.input.column = 0;
            self.input.line += 1;
        }
        self.unroll(0);
        self.remove_key()?;
        self.key_allowed = false;
        let mark = self.input.mark();
        self.push_mark(Kind::StreamEnd, mark, 0, None);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Error> {
        self.unroll(0);
        self.remove_key()?;
        self.key_allowed = false;
        let token = super::tags::directive(&mut self.input)?;
        self.push(token);
        Ok(())
    }

    fn fetch_marker(&mut self, kind: Kind) -> Result<(), Error> {
        self.unroll(0);
        self.remove_key()?;
        self.key_allowed = false;
        let start = self.input.mark();
        for _ in 0..3 {
            self.input.skip();
        }
        self.push_mark(kind, start, self.input.at, None);
        Ok(())
    }

    fn fetch_open(&mut self, kind: Kind) -> Result<(), Error> {
        let key = self.save_key()?;
        let start = self.input.mark();
        // The new level is numbered like the bracket before it: closing it without a key inside unlinks the bracket.
        self.keys.push(SimpleKey { token: self.taken + self.queue.len(), ..SimpleKey::default() });
        self.flow += 1;
        if self.flow > MAX_DEPTH {
            return self.input.fail(Cause::TooDeep);
        }
        self.key_allowed = true;
        self.input.skip();
        self.push_mark(kind, start, self.input.at, key);
        Ok(())
    }

    fn fetch_close(&mut self, kind: Kind) -> Result<(), Error> {
        self.remove_key()?;
        if self.flow > 0 {
            self.flow -= 1;
            if let Some(key) = self.keys.pop() {
                self.unlink(key.token);
            }
        }
        self.key_allowed = false;
        self.push_indicator(kind);
        Ok(())
    }

    /// `- ` and `? `.
    fn fetch_block(&mut self, kind: Kind, opens: Kind, refused: Cause) -> Result<(), Error> {
        if self.flow == 0 {
            if !self.key_allowed {
                return self.input.fail(refused);
            }
            self.roll(self.input.mark(), None, opens)?;
        }
        self.remove_key()?;
        self.key_allowed = kind == Kind::Dash || self.flow == 0;
        self.push_indicator(kind);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Error> {
        let level = self.keys.len() - 1;
        if self.key_is_valid(level)? {
            let key = self.keys.get(level).copied().unwrap_or_default();
            self.insert(Kind::Key, key.mark, key.token);
            self.roll(key.mark, Some(key.token), Kind::BlockMapping)?;
            // The key itself now stands after one or two inserted tokens.
            for number in key.token..key.token + 3 {
                self.unlink_level(number, level);
            }
            if let Some(key) = self.keys.get_mut(level) {
                key.possible = false;
            }
            self.key_allowed = false;
        } else {
            if self.flow == 0 {
                if !self.key_allowed {
                    return self.input.fail(Cause::ColonInValue);
                }
                self.roll(self.input.mark(), None, Kind::BlockMapping)?;
            }
            self.key_allowed = self.flow == 0;
        }
        self.push_indicator(Kind::Value);
        Ok(())
    }

    fn fetch_anchor(&mut self, kind: Kind) -> Result<(), Error> {
        let key = self.save_key()?;
        self.key_allowed = false;
        let token = super::tags::anchor(&mut self.input, kind)?;
        self.push(Token { key, ..token });
        Ok(())
    }

    fn fetch_tag(&mut self) -> Result<(), Error> {
        let key = self.save_key()?;
        self.key_allowed = false;
        let token = super::tags::tag(&mut self.input)?;
        self.push(Token { key, ..token });
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), Error> {
        self.remove_key()?;
        self.key_allowed = true;
        let token = super::block::scan(&mut self.input, self.indent, literal)?;
        self.push(token);
        Ok(())
    }

    fn fetch_quoted(&mut self, single: bool) -> Result<(), Error> {
        let key = self.save_key()?;
        self.key_allowed = false;
        let token = super::quoted::scan(&mut self.input, single)?;
        self.push(Token { key, ..token });
        Ok(())
    }

    fn fetch_plain(&mut self) -> Result<(), Error> {
        let key = self.save_key()?;
        self.key_allowed = false;
        let (token, over_lines) = super::plain::scan(&mut self.input, self.indent, self.flow > 0)?;
        self.push(Token { key, ..token });
        if over_lines {
            self.key_allowed = true;
        }
        Ok(())
    }
}

/// Skips blanks and a comment up to the end of the line, and says whether nothing else stands there.
pub(super) fn skip_line_rest(input: &mut Input<'_>) -> Result<bool, Error> {
    input.need(1)?;
    while super::chars::is_blank(input.bytes, input.at) {
        input.skip();
        input.need(1)?;
    }
    if input.peek(0) == b'#' {
        let end = line_end(input.bytes, input.at);
        input.skip_to(end, 1)?;
    }
    if !is_break_or_end(input.bytes, input.at) {
        return Ok(false);
    }
    if is_break(input.bytes, input.at) {
        input.need(2)?;
        input.skip_break();
    }
    Ok(true)
}
