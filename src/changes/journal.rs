//! The log of a collection as this process has it: to write, or only to read while another process writes it.

use crate::engine::EngineError;
use crate::log::{EmbeddedLog, Log, LogError, LogSettings, Position, ReadOnlyLog, Record};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The log, or why it can't be written here.
pub(crate) struct Journal {
    dir: PathBuf,
    settings: LogSettings,
    /// Never writes.
    read_only: bool,
    state: State,
}

enum State {
    Writing(Box<EmbeddedLog>),
    Following(ReadOnlyLog, String),
}

impl Journal {
    /// Opens the log in `dir` for writing; where that cannot be done at the moment, for reading.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn open(dir: &Path, settings: LogSettings, read_only: bool) -> Result<Self, LogError> {
        let mut journal = Self {
            dir: dir.to_path_buf(),
            settings,
            read_only,
            state: State::Following(ReadOnlyLog::open(dir), "it only reads".to_owned()),
        };
        if !read_only {
            journal.lock()?;
        }
        Ok(journal)
    }

    fn lock(&mut self) -> Result<(), LogError> {
        match EmbeddedLog::open(&self.dir, self.settings) {
            Ok((log, _opened)) => self.state = State::Writing(Box::new(log)),
            Err(error @ (LogError::Locked { .. } | LogError::Io { .. })) => {
                if let State::Following(_, known) = &mut self.state {
                    let reason = reason(&error);
                    if *known != reason {
                        tracing::warn!(log = %self.dir.display(), reason, "no writes are taken; the log is followed");
                        *known = reason;
                    }
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Tries to write from now on, where it only reads so far. Says whether it does.
    ///
    /// # Errors
    /// The log is damaged.
    pub(crate) fn take_over(&mut self) -> Result<bool, LogError> {
        if !self.read_only && matches!(self.state, State::Following(..)) {
            self.lock()?;
        }
        Ok(matches!(self.state, State::Writing(_)))
    }

    /// Gives the log up for good.
    pub(crate) fn close(&mut self, reason: &str) {
        self.read_only = true;
        self.state = State::Following(ReadOnlyLog::open(&self.dir), reason.to_owned());
    }

    /// Why nothing can be written; none where it can.
    pub(crate) fn off(&self) -> Option<&str> {
        match &self.state {
            State::Writing(_) => None,
            State::Following(_, reason) => Some(reason),
        }
    }

    /// Hands every record after `after` to `each`.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub(crate) fn read(
        &mut self,
        after: Position,
        each: &mut dyn FnMut(Position, Record) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        match &mut self.state {
            State::Writing(log) => log.read(after, each),
            State::Following(log, _) => log.read(after, each).map(drop),
        }
    }

    /// Appends as one unit; returns the position of the last record.
    ///
    /// # Errors
    /// Nothing is appended; the next call tries again.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<Position, EngineError> {
        match &mut self.state {
            State::Following(_, reason) => Err(EngineError::WritesOff {
                reason: reason.clone(),
            }),
            State::Writing(log) => log.append(records).map_err(|error| match error {
                error @ (LogError::TooMuch { .. } | LogError::TooLarge { .. }) => error.into(),
                error => EngineError::WritesOff {
                    reason: format!("the log could not be written ({error}); the next call tries again"),
                },
            }),
        }
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the log to write ends.
    pub(crate) fn last(&self) -> Option<Position> {
        match &self.state {
            State::Writing(log) => Some(log.last()),
            State::Following(..) => None,
        }
    }

    /// Bytes on disk, where this process writes it.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match &self.state {
            State::Writing(log) => Some(log.bytes()),
            State::Following(..) => None,
        }
    }

    /// Forgets records at and below `through`, as far as that is cheap.
    ///
    /// # Errors
    /// A file cannot be removed, or another process writes the log.
    pub(crate) fn truncate(&mut self, through: Position) -> Result<(), EngineError> {
        match &mut self.state {
            State::Following(_, reason) => Err(EngineError::WritesOff {
                reason: reason.clone(),
            }),
            State::Writing(log) => Ok(log.truncate(through)?),
        }
    }
}

fn reason(error: &LogError) -> String {
    match error {
        LogError::Io { source, .. } if is_read_only(source) => {
            format!("the data directory cannot be written ({error})")
        }
        error => error.to_string(),
    }
}

fn is_read_only(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
    )
}
