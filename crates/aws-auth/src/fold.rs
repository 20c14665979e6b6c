//! Case as the reader ignores it when it compares ARNs: Go's `strings.EqualFold` and `strings.ToLower`, one character
//! at a time. A test compares every character there is with the reader's Go.

use std::borrow::Cow;

/// Folds `text` so that two texts are equal exactly when Go's `strings.EqualFold` says so. Outside of ASCII two
/// characters fold into it: the Kelvin sign and the long s.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    map(text, |c| to_lower(to_upper(c)))
}

/// Go's `strings.ToLower`. Unlike [`fold`] it leaves the long s alone, and it makes an `i` of an İ.
#[must_use]
pub fn lower(text: &str) -> Cow<'_, str> {
    map(text, |c| if c == 'İ' { 'i' } else { to_lower(c) })
}

fn map(text: &str, change: fn(char) -> char) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Owned(text.chars().map(|c| if is_caseless(c) { c } else { change(c) }).collect())
}

fn to_lower(c: char) -> char {
    single(c.to_lowercase()).unwrap_or(c)
}

fn to_upper(c: char) -> char {
    single(c.to_uppercase()).unwrap_or(c)
}

/// Go knows only those pairs of letters that are one character each.
fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

/// The dotless i, which Go folds with nothing, and letters whose other case is younger than Go's Unicode 15.
fn is_caseless(c: char) -> bool {
    matches!(c,
        'ı' | '\u{19B}' | '\u{264}' | '\u{1C89}'..='\u{1C8A}' | '\u{A7CB}'..='\u{A7CF}' | '\u{A7D2}'..='\u{A7D5}'
        | '\u{A7DA}'..='\u{A7DC}' | '\u{10D50}'..='\u{10D85}' | '\u{16EA0}'..='\u{16ED3}')
}
