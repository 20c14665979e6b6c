//! Lists and mappings in brackets.

use super::{Event, Parser, State, What};
use crate::yaml::fault::{Cause, Error};
use crate::yaml::token::Kind;

impl<'a> Parser<'a> {
    pub(super) fn flow_sequence(&mut self, first: bool) -> Result<Event<'a>, Error> {
        let mut kind = self.scanner.peek()?;
        if kind != Kind::FlowSequenceEnd && !first {
            if kind != Kind::Comma {
                return self.fail(Cause::OpenList);
            }
            kind = self.take_then_peek()?;
        }
        match kind {
            Kind::FlowSequenceEnd => Ok(self.end()),
            Kind::Key => {
                let event = self.event(What::Mapping);
                self.take();
                self.state = State::FlowPairKey;
                Ok(Event { flow: true, ..event })
            }
            _ => self.node_then(State::FlowSequence, false, false),
        }
    }

    pub(super) fn flow_mapping_key(&mut self, first: bool) -> Result<Event<'a>, Error> {
        let mut kind = self.scanner.peek()?;
        if kind != Kind::FlowMappingEnd && !first {
            if kind != Kind::Comma {
                return self.fail(Cause::OpenMapping);
            }
            kind = self.take_then_peek()?;
        }
        match kind {
            Kind::FlowMappingEnd => Ok(self.end()),
            Kind::Key => {
                let follows = self.take_then_peek()?;
                if matches!(follows, Kind::Value | Kind::Comma | Kind::FlowMappingEnd) {
                    self.state = State::FlowMappingValue;
                    return Ok(self.empty_here());
                }
                self.node_then(State::FlowMappingValue, false, false)
            }
            _ => self.node_then(State::FlowMappingEmptyValue, false, false),
        }
    }

    /// The key of a pair without braces in a list.
    pub(super) fn flow_pair_key(&mut self, kind: Kind) -> Result<Event<'a>, Error> {
        if matches!(kind, Kind::Value | Kind::Comma | Kind::FlowSequenceEnd) {
            // The reader takes the token here, so that `[? , a]` and `[? : a]` lose it.
            let end = self.take().map_or(0, |token| token.end);
            self.state = State::FlowPairValue;
            return Ok(self.empty(end));
        }
        self.node_then(State::FlowPairValue, false, false)
    }

    /// What follows a key, up to a comma or the bracket that closes.
    pub(super) fn flow_value(&mut self, kind: Kind, close: Kind, then: State) -> Result<Event<'a>, Error> {
        let follows = if kind == Kind::Value { self.take_then_peek()? } else { Kind::Comma };
        if follows == Kind::Comma || follows == close {
            self.state = then;
            return Ok(self.empty_here());
        }
        self.node_then(then, false, false)
    }
}
