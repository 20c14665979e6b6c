//! The configuration in force: read at the start, and again whenever its file says something else.
//!
//! A file that is wrong as a whole changes nothing, and is said to be. Not here: what the file means (`config`), and what
//! follows from a new one (`engine`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_auth::settings::Settings;
use tokio::sync::watch::Sender;

use crate::api::status::Surroundings;
use crate::config::{self, ConfigError};
use crate::controller::durations::Durations;
use crate::telemetry::Telemetry;
use crate::telemetry::health::Gate;
use crate::telemetry::metrics::ReloadResult;

/// What is in force.
#[derive(Debug, Clone)]
pub(super) struct Configuration {
    pub(super) settings: Arc<Settings>,
    /// What is wrong with the file, where it says something else by now.
    pub(super) stale: Option<Arc<str>>,
}

impl Configuration {
    pub(super) fn of(mut settings: Settings, durations: &Durations) -> Self {
        settings.guards.durations = durations.guards;
        Self { settings: Arc::new(settings), stale: None }
    }

    /// What every status says of it.
    pub(super) fn surroundings(&self) -> Surroundings {
        Surroundings { authentication_mode: self.settings.authentication_mode, stale: self.stale.clone() }
    }
}

/// What a file says, or why it cannot be read.
type Seen = Result<String, String>;

/// A file that is looked at again and again. By its content: a `ConfigMap` that is mounted changes by a symlink.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    judged: Seen,
    /// What the last look found. Only what two looks in a row find counts: half a file may be a valid one.
    last: Seen,
}

impl File {
    /// Reads the file for the first time.
    pub(super) fn read(path: PathBuf) -> Result<(Self, Settings), ConfigError> {
        let text = config::read(&path)?;
        let settings = config::parse(&path.display().to_string(), &text)?;
        Ok((Self { path, judged: Ok(text.clone()), last: Ok(text) }, settings))
    }

    /// Looks at the file from now on.
    pub(super) async fn follow(
        mut self,
        durations: &Durations,
        in_force: &Sender<Configuration>,
        telemetry: &Telemetry,
    ) -> ! {
        loop {
            tokio::time::sleep(durations.reload).await;
            let seen = config::read(&self.path).map_err(|error| error.to_string());
            match self.judge(seen) {
                None => {}
                Some(Ok(settings)) => {
                    tracing::info!(file = %self.path.display(), mode = ?settings.mode, "configuration reloaded");
                    telemetry.health.open(Gate::Configuration);
                    telemetry.metrics.reloaded(ReloadResult::ok);
                    in_force.send_replace(Configuration::of(settings, durations));
                }
                Some(Err(why)) => {
                    let said = format!("its file is not used, and the one from before is in force: {why}");
                    telemetry.health.close(Gate::Configuration, said);
                    telemetry.metrics.reloaded(ReloadResult::refused);
                    in_force.send_modify(|in_force| in_force.stale = Some(why.into()));
                }
            }
        }
    }

    /// What follows from what was seen, where that is news and the same as the time before.
    fn judge(&mut self, seen: Seen) -> Option<Result<Settings, String>> {
        let settled = seen == self.last;
        self.last = seen;
        if !settled || self.last == self.judged {
            return None;
        }
        self.judged.clone_from(&self.last);
        Some(parse(&self.path, &self.judged))
    }
}

fn parse(path: &Path, seen: &Seen) -> Result<Settings, String> {
    let text = seen.as_ref().map_err(Clone::clone)?;
    config::parse(&path.display().to_string(), text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_auth::settings::Mode;

    const OBSERVE: &str = "mode: Observe\n";

    fn file() -> File {
        let seen: Seen = Ok(OBSERVE.to_owned());
        File { path: PathBuf::from("config.yaml"), judged: seen.clone(), last: seen }
    }

    #[test]
    fn what_two_looks_find_counts_once() {
        let mut file = file();
        assert!(file.judge(Ok("mode: Enforce\n".to_owned())).is_none());
        let settings = file.judge(Ok("mode: Enforce\n".to_owned())).unwrap().unwrap();
        assert_eq!(settings.mode, Mode::Enforce);
        assert!(file.judge(Ok("mode: Enforce\n".to_owned())).is_none());
    }

    #[test]
    fn a_file_that_is_being_written_is_not_judged() {
        let mut file = file();
        for half in ["", "mode", "mode: Enforce\npolicy:\n", OBSERVE, OBSERVE] {
            assert!(file.judge(Ok(half.to_owned())).is_none(), "{half:?}");
        }
    }

    #[test]
    fn a_file_that_is_wrong_or_gone_is_told_once_and_going_back_is_news() {
        let mut file = file();
        let broken = "mode: observe\n";
        file.judge(Ok(broken.to_owned()));
        let why = file.judge(Ok(broken.to_owned())).unwrap().unwrap_err();
        assert!(why.starts_with("config.yaml:1:7: "), "{why}");
        let gone: Seen = Err("config.yaml: cannot be read".to_owned());
        file.judge(gone.clone());
        assert_eq!(file.judge(gone.clone()), Some(Err("config.yaml: cannot be read".to_owned())));
        assert!(file.judge(gone).is_none());
        file.judge(Ok(OBSERVE.to_owned()));
        assert_eq!(file.judge(Ok(OBSERVE.to_owned())).unwrap().unwrap().mode, Mode::Observe);
    }
}
