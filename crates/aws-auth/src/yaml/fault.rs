//! Why a text cannot be read, in words for the person who must mend it.

use std::fmt;

/// A place in the text, as the scanner counts: lines and columns from 0, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Byte offset.
    pub at: usize,
    /// Line, from 0.
    pub line: usize,
    /// Column, from 0.
    pub column: usize,
}

/// A syntax error: the reader serves nothing from a key that has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where the scanner stumbles.
    pub mark: Mark,
    /// Why.
    pub cause: Cause,
}

/// The ways in which a text can fail to be the reader's YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A character that YAML does not allow anywhere.
    Control(char),
    /// A character that cannot begin a value.
    CannotStart(char),
    /// `: ` inside an unquoted value.
    ColonInValue,
    /// A `- ` where no list can begin.
    DashInValue,
    /// A `? ` where no mapping can begin.
    QuestionInValue,
    /// A line of a mapping that has no `:`.
    KeyWithoutColon,
    /// A tab that indents.
    Tab,
    /// A quote that is never closed.
    OpenQuote,
    /// A `---` or `...` line inside quotes.
    MarkerInQuote,
    /// A backslash escape that the reader does not know.
    Escape(char),
    /// An escape whose hexadecimal digits are missing.
    EscapeDigits,
    /// An escape for half of a surrogate pair or beyond Unicode.
    Surrogate,
    /// The `|` or `>` of a block scalar followed by something else than a comment.
    BlockHeader,
    /// `|0`.
    BlockIndent,
    /// An anchor or alias without a proper name.
    AnchorName,
    /// A malformed tag.
    Tag,
    /// A tag with a handle that nothing declares.
    TagHandle,
    /// A malformed or unknown `%` directive.
    Directive,
    /// `%YAML` with a version other than 1.1.
    Version,
    /// The same directive twice.
    DirectiveTwice,
    /// Directives without the `---` that must follow.
    NoDocument,
    /// More levels than the reader follows.
    TooDeep,
    /// More bytes than any cluster stores.
    TooLong,
    /// Something else than a list item at a list's indentation.
    NotAnItem,
    /// Something else than a field at a mapping's indentation.
    NotAField,
    /// A `[` list without `,` or `]`.
    OpenList,
    /// A `{` mapping without `,` or `}`.
    OpenMapping,
    /// A value is missing, for example an indicator stands where it should.
    NoValue,
    /// An alias for an anchor that is not there.
    UnknownAnchor,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Cause::Control(c) => {
                return write!(
                    f,
                    "found the character U+{:04X}, which YAML does not allow: remove it",
                    u32::from(*c)
                );
            }
            Cause::CannotStart('\t') => {
                "found a tab where an indentation or a value is expected: write spaces"
            }
            Cause::CannotStart(c) => {
                return write!(f, "found {c:?} at the start of a value: put the value in double quotes");
            }
            Cause::ColonInValue => {
                "found ': ' inside an unquoted value, or a field indented deeper than the one before: \
                 put the value in double quotes, or align the fields"
            }
            Cause::DashInValue => "found '- ' where no list can begin: start the item on a line of its own",
            Cause::QuestionInValue => "found '? ' where no mapping can begin: put the value in double quotes",
            Cause::KeyWithoutColon => {
                "found a line without ':' where a field is expected: write 'name: value', or close the quote before it"
            }
            Cause::Tab => "found a tab where an indentation is expected: write spaces",
            Cause::OpenQuote => "found a quote that is never closed: close it",
            Cause::MarkerInQuote => {
                "found a line '---' or '...' inside quotes: close the quote before it, or indent the line"
            }
            Cause::Escape('/') => "found '\\/', which the reader does not know: write '/'",
            Cause::Escape(c) => {
                return write!(
                    f,
                    "found the unknown escape '\\{}': write '\\\\' for a backslash",
                    c.escape_debug()
                );
            }
            Cause::EscapeDigits => {
                "found an escape without its hexadecimal digits: write '\\\\' for a backslash"
            }
            Cause::Surrogate => {
                "found an escape for half of a surrogate pair, as JSON writes them: write the character itself, or \\U and eight digits"
            }
            Cause::BlockHeader => {
                "found text after '|' or '>': start it on the next line, or put the value in double quotes"
            }
            Cause::BlockIndent => "found an indentation of 0 after '|' or '>': leave the digit out",
            Cause::AnchorName => {
                "found '&' or '*' at the start of a value without a proper anchor name: put the value in double quotes"
            }
            Cause::Tag => {
                "found '!' at the start of a value that is no proper tag: put the value in double quotes"
            }
            Cause::TagHandle => "found a tag whose prefix nothing declares: put the value in double quotes",
            Cause::Directive => {
                "found '%' at the start of a line that is no %YAML or %TAG directive: put the value in double quotes"
            }
            Cause::Version => "found a %YAML version other than 1.1: remove the line",
            Cause::DirectiveTwice => "found the same % directive twice: remove one",
            Cause::NoDocument => "found % directives without a '---' line after them: remove them",
            Cause::TooDeep => "found more levels of nesting than the reader follows",
            Cause::TooLong => "found 4 GiB and more: no ConfigMap holds a MiB",
            Cause::NotAnItem => {
                "found something else than '- ' at the indentation of a list: indent it, or start it with '- '"
            }
            Cause::NotAField => {
                "found something that is no field at the indentation of a mapping: align it with the fields, or indent it"
            }
            Cause::OpenList => {
                "found no ',' or ']' after an element of a [ list: add it, or put the element in quotes"
            }
            Cause::OpenMapping => {
                "found no ',' or '}' after an element of a { mapping: add it, or put the value in double quotes"
            }
            Cause::NoValue => "found no value where one is expected: put the value in double quotes",
            Cause::UnknownAnchor => {
                "found '*' with a name that no '&' before it declares: put the value in double quotes"
            }
        };
        f.write_str(text)
    }
}
