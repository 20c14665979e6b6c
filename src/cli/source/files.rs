//! Files, folders and standard input, as text.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

/// No aws-auth and no manifest is larger: etcd ends at 1.5 MiB an object.
const LARGEST: u64 = 32 * 1024 * 1024;
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// A text and what errors call it.
#[derive(Debug)]
pub(in crate::cli) struct Text {
    /// The path as it was given, or `standard input`.
    pub(in crate::cli) name: String,
    /// Its content.
    pub(in crate::cli) text: String,
}

/// Reads one file, or standard input for `-`.
pub(in crate::cli) fn read(path: &Path) -> anyhow::Result<Text> {
    if path == Path::new("-") {
        let name = "standard input".to_owned();
        let text = text(io::stdin().lock(), &name)?;
        return Ok(Text { name, text });
    }
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("{name} cannot be read"))?;
    ensure!(
        !file.metadata().is_ok_and(|metadata| metadata.is_dir()),
        "{name} is a folder; name a file in it"
    );
    let text = text(file, &name)?;
    Ok(Text { name, text })
}

/// Reads one file, standard input, or every YAML and JSON file below a folder, sorted by path.
pub(in crate::cli) fn read_all(path: &Path) -> anyhow::Result<Vec<Text>> {
    if path == Path::new("-") || !path.is_dir() {
        return Ok(vec![read(path)?]);
    }
    let mut found = Vec::new();
    collect(path, &mut found)?;
    if found.is_empty() {
        bail!("{} holds no .yaml, .yml or .json file; name the folder with the IamMappings", path.display());
    }
    found.sort();
    found.iter().map(|path| read(path)).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("{} cannot be read", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        // Hidden: `.git`, and editors' leftovers.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        // Links to files count (a mounted ConfigMap is made of them), links to folders do not: they may go in circles.
        if entry.file_type().with_context(unreadable)?.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|end| ENDINGS.iter().any(|known| end == *known)) {
            let about = fs::metadata(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            ensure!(
                about.is_file(),
                "{} is no file, and reading it may never end; move it away",
                path.display()
            );
            found.push(path);
        }
    }
    Ok(())
}

fn text(from: impl Read, name: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    from.take(LARGEST + 1).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be read"))?;
    ensure!(
        bytes.len() as u64 <= LARGEST,
        "{name} is larger than {} MiB: that is no Kubernetes manifest; is it the right file?",
        LARGEST / 1024 / 1024
    );
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes().iter().take(error.utf8_error().valid_up_to()).filter(|b| **b == b'\n');
        anyhow::anyhow!("{name}:{}: not UTF-8 text; is it the right file?", line.count() + 1)
    })?;
    // Windows editors begin a file with it; YAML and JSON parsers do not all expect it.
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}
