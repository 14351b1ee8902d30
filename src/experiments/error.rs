//! Why an experiment cannot be defined, used or read.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a call about experiments, or with their files.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// There is no experiment of that name.
    #[error("there is no experiment {name:?}; {}", known(names))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those there are.
        names: Vec<String>,
    },
    /// A part of a definition or call is wrong.
    #[error("{field}: {detail}")]
    Invalid {
        /// The offending field, as a path into the request.
        field: String,
        /// What is wrong and what is expected.
        detail: String,
    },
    /// What was counted would say nothing of what the experiment is changed to.
    #[error(
        "{field}: experiment {name:?} has counted {exposures} exposures, which say nothing of it with another value here; start it anew with `?restart=true`, which counts from zero and assigns every unit again, or define another one"
    )]
    Counted {
        /// The experiment.
        name: String,
        /// The field that was to change.
        field: &'static str,
        /// What it has counted.
        exposures: u64,
    },
    /// This process does not change experiments.
    #[error("this process does not change experiments: {reason}")]
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("can't {action} {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{} is damaged: {detail}; put back a copy of it, or move it away to start without", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found and expected.
        detail: String,
    },
}

impl ExperimentError {
    pub(super) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            detail: detail.into(),
        }
    }

    pub(super) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            action,
            source,
        }
    }

    pub(super) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            detail: detail.into(),
        }
    }
}

fn known(names: &[String]) -> String {
    match names {
        [] => "none is defined".to_owned(),
        names => format!("defined: {}", names.join(", ")),
    }
}
