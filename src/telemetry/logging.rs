//! The log: what is written, where, in which form.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// The variable that says what is logged, such as `info` or `info,alike::http=debug`.
pub const LOG_VARIABLE: &str = "ALIKE_LOG";

/// Why the log can't be started.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// [`LOG_VARIABLE`] can't be understood.
    #[error(
        "{LOG_VARIABLE}=`{found}`: {source}; expected a level (error, warn, info, debug, trace) or `module=level`, separated by commas"
    )]
    Filter {
        /// The variable's value.
        found: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process has a log already.
    #[error("the log was started twice: {0}")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts the log on standard error: lines for people, or one JSON object per line. `ALIKE_LOG` says what is logged
/// (`info` unless set); the encoder's runtime only warns, unless it is named there (`ort=debug`).
///
/// # Errors
/// A filter that can't be understood; a second call.
pub fn init_logging(json: bool) -> Result<(), LoggingError> {
    let filter = log_filter(&std::env::var(LOG_VARIABLE).unwrap_or_default())?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        builder.json().flatten_event(true).finish().try_init()?;
    } else {
        builder
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init()?;
    }
    Ok(())
}

fn log_filter(asked: &str) -> Result<EnvFilter, LoggingError> {
    let asked = if asked.trim().is_empty() { "info" } else { asked };
    // The later of two directives for the same target wins.
    EnvFilter::builder()
        .parse(format!("ort=warn,{asked}"))
        .map_err(|source| LoggingError::Filter {
            found: asked.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_filter_caps_the_runtime_unless_it_is_named() {
        for (asked, expected) in [
            ("", "ort=warn,info"),
            (" ", "ort=warn,info"),
            ("debug", "ort=warn,debug"),
            ("ort=debug", "ort=debug"),
        ] {
            assert_eq!(log_filter(asked).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_second_log_is_refused() {
        // Another test of this process may have been first.
        drop(init_logging(true));
        assert!(matches!(
            init_logging(false).unwrap_err(),
            LoggingError::Started(_)
        ));
    }

    #[test]
    fn a_wrong_log_filter_names_the_variable() {
        let error = log_filter("alike=loud").unwrap_err().to_string();
        assert!(
            error.contains("ALIKE_LOG=`alike=loud`") && error.contains("expected a level"),
            "{error}"
        );
    }
}
