//! A body with one JSON value per line, read as it comes and never held as a whole.

use super::body::{Part, PartLimits, Piece};
use crate::http::extract::{MAX_DISCARDED, next_piece};
use crate::http::state::App;
use std::ops::Range;
use std::time::Duration;
use tokio::time::Instant;

/// Lines that are there are committed when nothing more has come for so long: whoever sends a line now and then does not
/// wait for a whole part to fill.
const LINGER: Duration = Duration::from_millis(20);

/// Who sends nothing for so long is taken to wait for the answer.
const QUIET: Duration = Duration::from_millis(200);

/// Why there are no further parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The body is complete.
    Complete,
    /// The connection broke, or what came was no HTTP.
    Broken(String),
    /// No line was completed for as long as a request may take.
    Silent,
    /// The server is about to stop.
    Stopping,
}

/// Reads the lines of a body. What it holds is one part and one unfinished line.
pub(in crate::http) struct LineReader {
    body: axum::body::Body,
    digest: blake3::Hasher,
    /// The bytes that have come and are in no part yet.
    buffer: Vec<u8>,
    /// The finished lines at the start of the buffer.
    lines: Vec<Piece>,
    /// Where the unfinished line starts.
    start: usize,
    /// No line feed between `start` and here.
    scanned: usize,
    /// Bytes of an unfinished line that were dropped because it is too long already.
    dropped: usize,
    /// Lines finished.
    number: u64,
    /// Values found.
    position: usize,
    /// The longest line.
    longest: usize,
    progress: Instant,
}

impl LineReader {
    pub(in crate::http) fn new(body: axum::body::Body, digest: blake3::Hasher, longest: usize) -> Self {
        Self {
            body,
            digest,
            buffer: Vec::new(),
            lines: Vec::new(),
            start: 0,
            scanned: 0,
            dropped: 0,
            number: 0,
            position: 0,
            longest,
            progress: Instant::now(),
        }
    }

    /// Digest of all that was read.
    pub(super) fn digest(&self) -> blake3::Hash {
        self.digest.finalize()
    }

    /// The next lines: as many as a part takes, or those there are when no more come. With the last part comes the reason
    /// why it is the last.
    pub(super) async fn part(&mut self, limits: &PartLimits, app: &App) -> (Part, Option<End>) {
        self.progress = Instant::now();
        loop {
            if self.split(limits) {
                return (self.take(), None);
            }
            let patience = if self.lines.is_empty() {
                self.progress + app.settings().request_timeout()
            } else {
                Instant::now() + LINGER
            };
            let piece = tokio::select! {
                piece = next_piece(&mut self.body) => piece,
                () = tokio::time::sleep_until(patience) => {
                    let end = self.lines.is_empty().then_some(End::Silent);
                    return (self.take(), end);
                }
                () = app.stopping() => return (self.take(), Some(End::Stopping)),
            };
            match piece {
                Some(Ok(bytes)) => self.push(&bytes),
                Some(Err(error)) => return (self.take(), Some(End::Broken(error.to_string()))),
                None => {
                    self.finish_line(self.buffer.len());
                    self.start = self.buffer.len();
                    return (self.take(), Some(End::Complete));
                }
            }
        }
    }

    /// Reads the rest for its digest alone; at most as long as a request may take without a byte.
    pub(super) async fn skip(&mut self, app: &App) -> End {
        loop {
            let next = tokio::time::timeout(app.settings().request_timeout(), next_piece(&mut self.body));
            match next.await {
                Ok(Some(Ok(bytes))) => drop(self.digest.update(&bytes)),
                Ok(Some(Err(error))) => return End::Broken(error.to_string()),
                Ok(None) => return End::Complete,
                Err(_elapsed) => return End::Silent,
            }
        }
    }

    /// Reads on after the call has failed, as long as more keeps coming, so that a caller who is still sending gets to read
    /// the answer.
    pub(super) async fn discard(self) {
        let mut body = self.body;
        let mut discarded = 0;
        while discarded < MAX_DISCARDED
            && let Ok(Some(Ok(piece))) = tokio::time::timeout(QUIET, next_piece(&mut body)).await
        {
            discarded += piece.len();
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.buffer.extend_from_slice(bytes);
    }

    /// Finds the lines of what has come; whether a part is full.
    fn split(&mut self, limits: &PartLimits) -> bool {
        while self.lines.len() < limits.changes && self.start < limits.bytes {
            let found = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n');
            let Some(found) = found else {
                self.scanned = self.buffer.len();
                self.drop_what_is_too_long();
                return false;
            };
            let end = self.scanned + found;
            self.finish_line(end);
            self.start = end + 1;
            self.scanned = self.start;
        }
        true
    }

    /// A line longer than `longest` is counted, not kept.
    fn drop_what_is_too_long(&mut self) {
        let length = self.buffer.len() - self.start;
        if self.dropped > 0 || length > self.longest {
            self.dropped += length;
            self.buffer.truncate(self.start);
            self.scanned = self.start;
        }
    }

    /// The line that ends before `end` is a piece of the part, unless it is blank.
    fn finish_line(&mut self, end: usize) {
        self.number += 1;
        self.progress = Instant::now();
        let length = std::mem::take(&mut self.dropped) + (end - self.start);
        let text = if length > self.longest {
            Err(length)
        } else {
            let text = trimmed(&self.buffer, self.start..end);
            if text.is_empty() {
                return;
            }
            Ok(text)
        };
        self.lines.push(Piece {
            position: self.position,
            line: Some(self.number),
            text,
        });
        self.position += 1;
    }

    fn take(&mut self) -> Part {
        let rest = self.buffer.split_off(self.start);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        self.scanned -= self.start.min(self.scanned);
        self.start = 0;
        Part {
            bytes: bytes.into(),
            pieces: std::mem::take(&mut self.lines),
        }
    }
}

/// `range` of `bytes` without the blanks around it.
pub(super) fn trimmed(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let text = &bytes[range.clone()];
    let start = range.start + (text.len() - text.trim_ascii_start().len());
    start..start + text.trim_ascii().len()
}
