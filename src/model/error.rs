//! Why a model could not be brought here, with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong while a model is pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The name is neither a repository's nor a known model's.
    #[error(
        "{name:?} names no model: {reason}; give OWNER/NAME of a Hugging Face repository, or one of: {known}"
    )]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
        /// The models that need no repository.
        known: String,
    },
    /// A flag that has no meaning for this kind of name.
    #[error("{flag} has no meaning for {name:?}: {reason}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// The model's name.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// The target is there already.
    #[error("{} exists already; --force replaces it, --into DIR takes another folder", path.display())]
    Exists {
        /// The target.
        path: PathBuf,
    },
    /// No answer.
    #[error("can't reach {url}: {reason}; {remedy}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the client said.
        reason: String,
        /// What may help.
        remedy: &'static str,
    },
    /// An answer, but not the thing.
    #[error("{url} answered {status}; {meaning}")]
    Refused {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// What that probably means.
        meaning: String,
    },
    /// A file that the model needs is not published.
    #[error("{origin} has no {file}; {remedy}")]
    NoFile {
        /// The repository or wheel.
        origin: String,
        /// The file, or files.
        file: String,
        /// What to do instead.
        remedy: String,
    },
    /// A published file is damaged, or says something that a bundle can't express.
    #[error("{origin}: {file}: {reason}")]
    BadFile {
        /// The repository or wheel.
        origin: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No published file says it, and it is not guessed.
    #[error("{origin}: nothing says {what} ({file}); give {flag}")]
    Undecided {
        /// The repository or wheel.
        origin: String,
        /// The property.
        what: &'static str,
        /// Where it was looked for.
        file: String,
        /// The flag that says it.
        flag: &'static str,
    },
    /// A download is not the pinned file.
    #[error("{file} is damaged or another file: its sha256 is {found}, expected {expected}")]
    Digest {
        /// The file.
        file: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A local file or folder.
    #[error("{}: {action}: {source}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's own error.
        source: io::Error,
    },
    /// The model was brought here and does not work.
    #[error(transparent)]
    Model(#[from] alike_embeddings::EmbeddingError),
}

/// For `map_err`: a failure to do `action` with `path`.
pub(super) fn file_error(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> PullError {
    move |source| PullError::File {
        path: path.to_owned(),
        action,
        source,
    }
}
