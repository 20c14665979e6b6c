//! Patterns of the configuration: `*` stands for any text, but never crosses `:` or `/`, so that `dev:*` does not let
//! `dev:x:admin` in.

use std::fmt;

use thiserror::Error;

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(Box<str>);

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PatternError {
    /// It would match nothing.
    #[error("it is empty; write a name, with * for any text without : and /")]
    Empty,
    /// Only what stands before a placeholder is compared.
    #[error(
        "it has a placeholder, but only the text before the first placeholder is compared; write * for it, for example ci:*"
    )]
    Placeholder,
}

impl Pattern {
    /// Parses.
    ///
    /// # Errors
    /// When it could never be what was meant.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.trim().is_empty() {
            return Err(PatternError::Empty);
        }
        if text.contains("{{") {
            return Err(PatternError::Placeholder);
        }
        Ok(Self(text.into()))
    }

    /// Whether the whole of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        // What each star takes is as short as it can be: it may then cross the least.
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            if rest[..at].contains(CROSSED_BY_NO_STAR) {
                return false;
            }
            rest = &rest[at + part.len()..];
        }
        rest.strip_suffix(last).is_some_and(|taken| !taken.contains(CROSSED_BY_NO_STAR))
    }
}

const CROSSED_BY_NO_STAR: [char; 2] = [':', '/'];

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_takes_any_text_but_no_colon_and_no_slash() {
        for (pattern, text, matches) in [
            ("dev", "dev", true),
            ("dev", "devs", false),
            ("dev-*", "dev-a", true),
            ("dev-*", "dev-", true),
            ("dev-*", "dev", false),
            ("dev:*", "dev:x", true),
            ("dev:*", "dev:x:admin", false),
            ("dev:*:*", "dev:x:admin", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("team-*-ro", "team-a-b-ro", true),
            ("team-*-ro", "team-ro", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxa", false),
            ("a*a", "a", false),
            ("", "", false),
        ] {
            let parsed = Pattern::parse(pattern);
            assert_eq!(parsed.is_ok_and(|pattern| pattern.matches(text)), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_that_could_match_nothing_is_refused() {
        assert_eq!(Pattern::parse(" "), Err(PatternError::Empty));
        assert_eq!(Pattern::parse("ci:{{SessionName}}"), Err(PatternError::Placeholder));
    }
}
