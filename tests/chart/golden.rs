//! Generated files: compared, or written when that was asked for.

use std::env;
use std::fs;
use std::path::Path;

use similar::TextDiff;

/// Holds `text` against the file at `path` below the repository's root; writes it there with `UPDATE_GOLDEN`.
#[track_caller]
pub fn check(path: &Path, text: &str) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == text,
        "{} is not what is generated now. If that is meant: UPDATE_GOLDEN=1 cargo test --test chart\n{}",
        path.display(),
        diff(&expected, text)
    );
}

/// What differs, with a little of what does not.
pub fn diff(before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().context_radius(4).to_string()
}
