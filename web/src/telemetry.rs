//! Logs to stderr. Fields carry counts, times and ids; never questions, document text, keys or addresses.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, LogFormat, Settings};

/// Starts logging for this process.
pub fn start(settings: &Settings) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| ConfigError::Value { key: "log".into(), reason: error.to_string() })?;
    // Colours are for people in front of a terminal; a file is searched for `chunks=256`.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = match settings.log_format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    // A second start in one process (tests) keeps the first subscriber.
    if started.is_err() {
        tracing::debug!("logging was already started");
    }
    Ok(())
}
