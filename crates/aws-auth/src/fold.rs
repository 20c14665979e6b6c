//! Case folding as the reader compares ARNs: Go's `strings.EqualFold`, one character at a time.

use std::borrow::Cow;

/// Folds `text` so that two texts are equal exactly when Go's `strings.EqualFold` says so for everything that can
/// stand in an ARN: ASCII, and the two characters outside of it that fold into ASCII (K for Kelvin, long s).
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Owned(
        text.chars()
            .map(|c| match c {
                '\u{212a}' => 'k',
                '\u{17f}' => 's',
                c => {
                    let mut lower = c.to_lowercase();
                    match (lower.next(), lower.next()) {
                        (Some(one), None) => one,
                        _ => c,
                    }
                }
            })
            .collect(),
    )
}
