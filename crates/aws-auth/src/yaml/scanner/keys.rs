//! Keys without a `?`: known as such only by the `:` after them, so that tokens wait in the queue until it is clear.

use std::borrow::Cow;

use super::Scanner;
use crate::yaml::fault::{Cause, Error, Mark};
use crate::yaml::token::{Kind, Token};

/// How many characters such a key may have at most.
const MAX_KEY: usize = 1024;

/// A token that turns out to be a key if a `:` follows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SimpleKey {
    pub(super) possible: bool,
    /// Nothing but a key can stand here.
    pub(super) required: bool,
    /// The token's number, counted from the stream's start.
    pub(super) token: usize,
    pub(super) mark: Mark,
    pub(super) index: usize,
}

impl Scanner<'_> {
    /// A key must end on its own line and within 1,024 characters.
    pub(super) fn key_is_valid(&mut self, level: usize) -> Result<bool, Error> {
        let (line, index) = (self.input.line, self.input.index);
        let Some(key) = self.keys.get_mut(level).filter(|key| key.possible) else { return Ok(false) };
        if key.mark.line >= line && key.index + MAX_KEY >= index {
            return Ok(true);
        }
        if key.required {
            return Err(Error { mark: key.mark, cause: Cause::KeyWithoutColon });
        }
        key.possible = false;
        Ok(false)
    }

    /// Notes that the token about to be pushed may be a key. Returns what to link the token to.
    pub(super) fn save_key(&mut self) -> Result<Option<usize>, Error> {
        if !self.key_allowed {
            return Ok(None);
        }
        self.remove_key()?;
        let level = self.keys.len() - 1;
        if let Some(key) = self.keys.last_mut() {
            *key = SimpleKey {
                possible: true,
                required: self.flow == 0 && self.indent == self.input.column + 1,
                token: self.taken + self.queue.len(),
                mark: self.input.mark(),
                index: self.input.index,
            };
        }
        Ok(Some(level))
    }

    pub(super) fn remove_key(&mut self) -> Result<(), Error> {
        let Some(key) = self.keys.last_mut().filter(|key| key.possible) else { return Ok(()) };
        if key.required {
            return Err(Error { mark: key.mark, cause: Cause::KeyWithoutColon });
        }
        key.possible = false;
        let number = key.token;
        self.unlink(number);
        Ok(())
    }

    /// Nothing waits for this token any more.
    pub(super) fn unlink(&mut self, number: usize) {
        if let Some(token) = number.checked_sub(self.taken).and_then(|i| self.queue.get_mut(i)) {
            token.key = None;
        }
    }

    /// Puts a token before the one with this number; after all others if that one has been taken (a flaw of the reader
    /// that makes `{}: x` an error).
    pub(super) fn insert(&mut self, kind: Kind, mark: Mark, number: usize) {
        let token = Token {
            kind,
            at: mark.at,
            line: mark.line,
            end: 0,
            text: Cow::Borrowed(""),
            tag: None,
            key: None,
        };
        match number.checked_sub(self.taken) {
            Some(i) if i <= self.queue.len() => self.queue.insert(i, token),
            _ => self.queue.push_back(token),
        }
    }

    pub(super) fn unlink_level(&mut self, number: usize, level: usize) {
        let token = number.checked_sub(self.taken).and_then(|i| self.queue.get_mut(i));
        if let Some(token) = token.filter(|token| token.key == Some(level)) {
            token.key = None;
        }
    }
}
