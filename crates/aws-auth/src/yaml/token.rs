//! What the scanner hands to the parser.

use std::borrow::Cow;

/// The kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    StreamEnd,
    Version,
    TagDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequence,
    BlockMapping,
    BlockEnd,
    FlowSequence,
    FlowSequenceEnd,
    FlowMapping,
    FlowMappingEnd,
    Dash,
    Comma,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    /// An unquoted scalar.
    Plain,
    /// A quoted or block scalar.
    Quoted,
}

/// One token.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// Byte offset and line of the first character.
    pub(super) at: usize,
    pub(super) line: usize,
    /// Byte offset after the last character; 0 for tokens that no characters stand for.
    pub(super) end: usize,
    /// The value of a scalar, the name of an anchor or alias.
    pub(super) text: Cow<'a, str>,
    /// Handle and suffix of a tag, handle and prefix of a `%TAG`, bytes because escapes need not make up UTF-8.
    pub(super) tag: Option<Box<(Vec<u8>, Vec<u8>)>>,
    /// Which entry of the scanner's stack of possible simple keys waits for this token.
    pub(super) key: Option<usize>,
}
