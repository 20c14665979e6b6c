//! The page on performance, with the tables of this run in it.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::report::Report;

const BEGIN: &str = "<!-- what the benchmark printed: begin -->\n";
const END: &str = "<!-- what the benchmark printed: end -->\n";

const GROWTH: &str = "![How time and memory grow from 10 to 5,000 mappings](growth.svg)\n";

/// Writes the tables between the marks.
pub(crate) fn update(report: &Report) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let page = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let marks = || format!("{} needs the lines {BEGIN} and {END}", path.display());
    let (before, rest) = page.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    let page = format!("{before}{BEGIN}\n{report}\n{GROWTH}\n{END}{after}");
    fs::write(&path, page).with_context(|| format!("write {}", path.display()))
}
