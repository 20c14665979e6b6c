//! Logs: what happened, for people on a terminal and for log stores elsewhere. Never the text of aws-auth.

use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// Without `RUST_LOG`: our own doings, and of libraries what went wrong. kube's client prints whole bodies at WARN.
const DEFAULT_FILTER: &str = "warn,aws_auth_operator=info,kube_client=error";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Sends logs to standard error: text on a terminal, JSON elsewhere, unless `format` says otherwise. A second call in
/// one process changes nothing.
pub fn init(format: Option<LogFormat>) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let terminal = io::stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let installed = match format {
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
        LogFormat::Text => lines.with_ansi(terminal).try_init(),
    };
    if let Err(error) = installed {
        tracing::debug!("logs go where somebody else in this process sends them: {error}");
    }
}
