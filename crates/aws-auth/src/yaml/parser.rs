//! Tokens into events: a pushdown automaton, so that no nesting can overflow the stack.

mod flow;

use std::borrow::Cow;

use super::fault::{Cause, Error};
use super::resolve::Tag;
use super::scanner::Scanner;
use super::token::{Kind, Token};

/// What an event announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Scalar,
    Alias,
    Sequence,
    Mapping,
    /// The end of the innermost sequence or mapping.
    End,
    /// The end of the first document: nothing after it is read.
    DocumentEnd,
}

/// One step in the description of the document.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) what: What,
    /// Where the node begins, anchor and tag included, and the line of that.
    pub(super) at: usize,
    pub(super) line: usize,
    /// Where its last token so far ends.
    pub(super) end: usize,
    /// The dash before it, with its line.
    pub(super) dash: Option<(usize, usize)>,
    /// The value of a scalar, the name of an alias.
    pub(super) text: Cow<'a, str>,
    pub(super) anchor: Option<Cow<'a, str>>,
    pub(super) tag: Tag,
    /// Unquoted and untagged, or tagged with a lone `!`.
    pub(super) implicit: bool,
    /// Written with brackets.
    pub(super) flow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceFirst,
    BlockSequence,
    IndentlessSequence,
    BlockMappingFirst,
    BlockMappingKey,
    BlockMappingValue,
    FlowSequenceFirst,
    FlowSequence,
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowMappingFirst,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingEmptyValue,
}

/// Hands out the events of the first document.
pub(super) struct Parser<'a> {
    pub(super) scanner: Scanner<'a>,
    state: State,
    states: Vec<State>,
    /// Tag handles and what they stand for.
    handles: Vec<(Vec<u8>, Vec<u8>)>,
    dash: Option<(usize, usize)>,
    /// The end of the last token taken that stands for characters.
    last_end: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::DocumentEnd,
            states: Vec::new(),
            handles: Vec::new(),
            dash: None,
            last_end: 0,
        }
    }

    /// Reads what stands before the document. `false`: the text holds no document at all.
    pub(super) fn start(&mut self) -> Result<bool, Error> {
        self.states.push(State::DocumentEnd);
        match self.scanner.peek()? {
            Kind::StreamEnd => return Ok(false),
            Kind::Version | Kind::TagDirective | Kind::DocumentStart => {
                self.directives()?;
                if self.scanner.peek()? != Kind::DocumentStart {
                    return self.fail(Cause::NoDocument);
                }
                self.take();
                self.state = State::DocumentContent;
            }
            _ => {
                self.directives()?;
                self.state = State::BlockNode;
            }
        }
        Ok(true)
    }

    fn directives(&mut self) -> Result<(), Error> {
        let mut version = false;
        loop {
            match self.scanner.peek()? {
                Kind::Version => {
                    if version {
                        return self.fail(Cause::DirectiveTwice);
                    }
                    let is_1_1 =
                        |token: &mut Token<'_>| token.tag.as_ref().is_some_and(|t| t.0 == [1] && t.1 == [1]);
                    if !self.scanner.front().is_some_and(is_1_1) {
                        return self.fail(Cause::Version);
                    }
                    version = true;
                    self.take();
                }
                Kind::TagDirective => {
                    let tag = self.scanner.front().and_then(|token| token.tag.take()).unwrap_or_default();
                    if self.handles.iter().any(|(handle, _)| *handle == tag.0) {
                        return self.fail(Cause::DirectiveTwice);
                    }
                    self.handles.push(*tag);
                    self.take();
                }
                _ => break,
            }
        }
        for (handle, prefix) in [(&b"!"[..], &b"!"[..]), (b"!!", b"tag:yaml.org,2002:")] {
            if !self.handles.iter().any(|known| known.0 == handle) {
                self.handles.push((handle.to_vec(), prefix.to_vec()));
            }
        }
        Ok(())
    }

    fn fail<T>(&mut self, cause: Cause) -> Result<T, Error> {
        let place = self.scanner.front().map_or(0, |token| token.at);
        Err(Error { mark: super::input::place_of(self.scanner.input.text, place), cause })
    }

    #[inline]
    fn take(&mut self) -> Option<Token<'a>> {
        let token = self.scanner.take();
        if let Some(token) = &token {
            self.last_end = self.last_end.max(token.end);
        }
        token
    }

    /// Takes an indicator and looks at what follows.
    fn take_then_peek(&mut self) -> Result<Kind, Error> {
        self.take();
        self.scanner.peek()
    }

    /// The next event. After [`What::DocumentEnd`] it must not be called again.
    pub(super) fn next(&mut self) -> Result<Event<'a>, Error> {
        let kind = self.scanner.peek()?;
        match self.state {
            State::DocumentContent => match kind {
                Kind::Version
                | Kind::TagDirective
                | Kind::DocumentStart
                | Kind::DocumentEnd
                | Kind::StreamEnd => {
                    self.pop();
                    Ok(self.empty_here())
                }
                _ => self.node(true, false),
            },
            State::DocumentEnd => {
                let at = if kind == Kind::StreamEnd { self.scanner.input.bytes.len() } else { self.here().0 };
                // Where `{}: x` ends the document, the next token is the late key with the mapping's place.
                Ok(Event { at: at.max(self.last_end), ..self.event(What::DocumentEnd) })
            }
            State::BlockNode => self.node(true, false),
            State::BlockSequenceFirst => {
                self.take();
                self.block_sequence()
            }
            State::BlockSequence => self.block_sequence(),
            State::IndentlessSequence => self.indentless_sequence(kind),
            State::BlockMappingFirst => {
                self.take();
                self.block_mapping_key()
            }
            State::BlockMappingKey => self.block_mapping_key(),
            State::BlockMappingValue => self.block_mapping_value(kind),
            State::FlowSequenceFirst => {
                self.take();
                self.flow_sequence(true)
            }
            State::FlowSequence => self.flow_sequence(false),
            State::FlowPairKey => self.flow_pair_key(kind),
            State::FlowPairValue => self.flow_value(kind, Kind::FlowSequenceEnd, State::FlowPairEnd),
            State::FlowPairEnd => {
                self.state = State::FlowSequence;
                Ok(self.event(What::End))
            }
            State::FlowMappingFirst => {
                self.take();
                self.flow_mapping_key(true)
            }
            State::FlowMappingKey => self.flow_mapping_key(false),
            State::FlowMappingValue => self.flow_value(kind, Kind::FlowMappingEnd, State::FlowMappingKey),
            State::FlowMappingEmptyValue => {
                self.state = State::FlowMappingKey;
                Ok(self.empty_here())
            }
        }
    }

    fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::DocumentEnd);
    }

    /// Offset and line of the next token.
    fn here(&mut self) -> (usize, usize) {
        self.scanner.front().map_or((0, 0), |token| (token.at, token.line))
    }

    fn event(&mut self, what: What) -> Event<'a> {
        let (at, line) = self.here();
        let dash = if what == What::End { None } else { self.dash.take() };
        Event {
            what,
            at,
            line,
            end: self.last_end,
            dash,
            text: Cow::Borrowed(""),
            anchor: None,
            tag: Tag::None,
            implicit: true,
            flow: false,
        }
    }

    /// A scalar that is not there, at `at`.
    fn empty(&mut self, at: usize) -> Event<'a> {
        Event { at, end: at, ..self.event(What::Scalar) }
    }

    /// A scalar that is not there, before the next token.
    fn empty_here(&mut self) -> Event<'a> {
        let end = self.last_end;
        Event { end, ..self.event(What::Scalar) }
    }

    fn end(&mut self) -> Event<'a> {
        self.pop();
        let token = self.take();
        let at = token.map_or(0, |token| token.at);
        Event { at, ..self.event(What::End) }
    }

    fn node_then(&mut self, then: State, block: bool, indentless: bool) -> Result<Event<'a>, Error> {
        self.states.push(then);
        self.node(block, indentless)
    }

    /// A node with its anchor and tag, in either order.
    fn node(&mut self, block: bool, indentless: bool) -> Result<Event<'a>, Error> {
        let mut kind = self.scanner.peek()?;
        if kind == Kind::Alias {
            self.pop();
            let event = self.event(What::Alias);
            let token = self.take();
            return Ok(Event {
                end: self.last_end,
                text: token.map(|t| t.text).unwrap_or_default(),
                ..event
            });
        }
        let (at, line) = self.here();
        let (mut anchor, mut tag) = (None, None);
        for _ in 0..2 {
            match kind {
                Kind::Anchor if anchor.is_none() => anchor = self.take().map(|token| token.text),
                Kind::Tag if tag.is_none() => tag = self.take(),
                _ => break,
            }
            kind = self.scanner.peek()?;
        }
        let tag = tag.map_or(Ok(Tag::None), |token| self.resolve_tag(&token))?;
        let decorated = anchor.is_some() || tag != Tag::None;
        let event = Event { at, line, anchor, tag, ..self.event(What::Scalar) };
        let (what, state, flow) = match kind {
            Kind::Dash if indentless => (What::Sequence, State::IndentlessSequence, false),
            Kind::Plain | Kind::Quoted => {
                self.pop();
                let implicit =
                    if kind == Kind::Plain { matches!(tag, Tag::None | Tag::Bang) } else { tag == Tag::Bang };
                let text = self.take().map(|token| token.text).unwrap_or_default();
                return Ok(Event { end: self.last_end, text, implicit, ..event });
            }
            Kind::FlowSequence => (What::Sequence, State::FlowSequenceFirst, true),
            Kind::FlowMapping => (What::Mapping, State::FlowMappingFirst, true),
            Kind::BlockSequence if block => (What::Sequence, State::BlockSequenceFirst, false),
            Kind::BlockMapping if block => (What::Mapping, State::BlockMappingFirst, false),
            _ if decorated => {
                self.pop();
                return Ok(Event { end: self.last_end, implicit: tag == Tag::None, ..event });
            }
            _ => return self.fail(Cause::NoValue),
        };
        self.state = state;
        Ok(Event { what, flow, ..event })
    }

    fn resolve_tag(&mut self, token: &Token<'a>) -> Result<Tag, Error> {
        let Some((handle, suffix)) = token.tag.as_deref() else { return Ok(Tag::None) };
        if handle.is_empty() {
            return Ok(Tag::from_name(suffix));
        }
        let Some((_, prefix)) = self.handles.iter().find(|known| known.0 == *handle) else {
            let mark = super::input::place_of(self.scanner.input.text, token.at);
            return Err(Error { mark, cause: Cause::TagHandle });
        };
        Ok(Tag::from_name(&[&prefix[..], suffix].concat()))
    }

    fn note_dash(&mut self) {
        self.dash = Some(self.here());
    }

    fn block_sequence(&mut self) -> Result<Event<'a>, Error> {
        match self.scanner.peek()? {
            Kind::Dash => {
                self.note_dash();
                let follows = self.take_then_peek()?;
                if matches!(follows, Kind::Dash | Kind::BlockEnd) {
                    self.state = State::BlockSequence;
                    let end = self.last_end;
                    return Ok(self.empty(end));
                }
                self.node_then(State::BlockSequence, true, false)
            }
            Kind::BlockEnd => Ok(self.end()),
            _ => self.fail(Cause::NotAnItem),
        }
    }

    /// A list at the indentation of the mapping that it is a value of.
    fn indentless_sequence(&mut self, kind: Kind) -> Result<Event<'a>, Error> {
        if kind != Kind::Dash {
            self.pop();
            return Ok(self.event(What::End));
        }
        self.note_dash();
        let follows = self.take_then_peek()?;
        if matches!(follows, Kind::Dash | Kind::Key | Kind::Value | Kind::BlockEnd) {
            self.state = State::IndentlessSequence;
            let end = self.last_end;
            return Ok(self.empty(end));
        }
        self.node_then(State::IndentlessSequence, true, false)
    }

    fn block_mapping_key(&mut self) -> Result<Event<'a>, Error> {
        match self.scanner.peek()? {
            Kind::Key => {
                let follows = self.take_then_peek()?;
                if matches!(follows, Kind::Key | Kind::Value | Kind::BlockEnd) {
                    self.state = State::BlockMappingValue;
                    let end = self.last_end;
                    return Ok(self.empty(end));
                }
                self.node_then(State::BlockMappingValue, true, true)
            }
            Kind::BlockEnd => Ok(self.end()),
            _ => self.fail(Cause::NotAField),
        }
    }

    fn block_mapping_value(&mut self, kind: Kind) -> Result<Event<'a>, Error> {
        if kind != Kind::Value {
            self.state = State::BlockMappingKey;
            return Ok(self.empty_here());
        }
        let follows = self.take_then_peek()?;
        if matches!(follows, Kind::Key | Kind::Value | Kind::BlockEnd) {
            self.state = State::BlockMappingKey;
            let end = self.last_end;
            return Ok(self.empty(end));
        }
        self.node_then(State::BlockMappingKey, true, true)
    }
}
