//! What can be wrong with a kubeconfig, in words for whoever must mend it. Nothing of a file's own text is repeated: it may
//! hold credentials.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use kube::Config;
use kube::config::{Kubeconfig, KubeconfigError};

use super::ConnectError;

/// The kubeconfig of a file, or the one that kubectl would take.
pub(super) fn read(path: Option<&PathBuf>) -> Result<Kubeconfig, ConnectError> {
    let Some(path) = path else {
        usual_paths().iter().try_for_each(|path| is_text(path))?;
        return Kubeconfig::read().map_err(|error| ConnectError::Kubeconfig(wording(&error)));
    };
    is_text(path)?;
    Kubeconfig::read_from(path).map_err(|error| {
        let why = match &error {
            KubeconfigError::ReadConfig(error, _) => error.to_string(),
            error => wording(error),
        };
        ConnectError::Kubeconfig(format!("{}: {why}", path.display()))
    })
}

/// Where kubectl looks.
fn usual_paths() -> Vec<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    match (set("KUBECONFIG"), set("HOME")) {
        (Some(paths), _) => env::split_paths(&paths).collect(),
        (None, Some(home)) => vec![Path::new(&home).join(".kube").join("config")],
        (None, None) => Vec::new(),
    }
}

/// kube takes what begins like UTF-16 for UTF-16, and panics where that ends in the middle of a character.
fn is_text(path: &Path) -> Result<(), ConnectError> {
    match fs::read(path).as_deref() {
        Ok([0xFF, 0xFE, rest @ ..] | [0xFE, 0xFF, rest @ ..]) if !rest.len().is_multiple_of(2) => {
            Err(ConnectError::Kubeconfig(format!("{}: not text; is it the right file?", path.display())))
        }
        // Whatever else is wrong with it, kube says.
        _ => Ok(()),
    }
}

pub(super) fn wording(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::CurrentContextNotSet => {
            "it names no current context; pass --context NAME".to_owned()
        }
        KubeconfigError::LoadContext(name) => {
            format!("no context {name:?} in it; kubectl config get-contexts lists them")
        }
        // Below the first line there is the file's own text. A path comes in two kinds of quotes.
        error => error.to_string().lines().next().unwrap_or_default().replace("'\"", "'").replace("\"'", "'"),
    }
}

/// Credentials that cannot be used.
pub(super) fn credentials(config: &Config, error: kube::Error) -> ConnectError {
    match config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone()) {
        Some(command) => ConnectError::Exec { command, source: error },
        None => ConnectError::Credentials(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_text_is_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        for bytes in [&[0xFF, 0xFE, 0][..], &[0xFE, 0xFF, 1, 2, 3], &[0xFF, 0xFE, 0, 0xD8], &[0xFF], &[0]] {
            fs::write(&path, bytes).unwrap();
            assert!(read(Some(&path)).is_err(), "{bytes:?}");
        }
    }
}
