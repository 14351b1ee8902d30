//! The log of a collection: the ordered, durable record of what came after its snapshot.
//!
//! A [`Record`] is one change of one item (or a note about the call that brought it); its [`Position`] is its number,
//! counted from 1 over the whole life of the collection. A collection is a published snapshot plus every record after the
//! position that the snapshot contains.
//!
//! Events are kept in a log of their own beside that of changes, with positions of their own, in the same format: a flood
//! of them never delays a change. An event in a log of changes means nothing and is passed over.
//!
//! [`Log`] is what a log does. [`EmbeddedLog`] keeps one in a folder of this machine; [`ReadOnlyLog`] reads it from
//! another process. [`EmbeddedLog::open`] finds its end, [`Log::append`] returns when everything is on the disk.
//!
//! # Format
//!
//! A log is a folder of segments, each named by the position of its first record in 20 digits
//! (`00000000000000000001.log`), and `LOCK`, which the writing process holds (`flock`). All numbers are little-endian, all
//! checksums CRC-32 (IEEE). `NAME.log.new` is a segment whose start was interrupted; it holds nothing and is removed.
//!
//! A segment is a header and frames without gaps:
//!
//! | offset | bytes | content of a segment's header |
//! |---|---|---|
//! | 0 | 8 | magic `ALIKElog` |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | position of its first record, as in its name |
//! | 24 | 8 | that of the segment before it, 0 in the first one of a log: a missing file is noticed |
//! | 32 | 8 | mark: random bytes that all of its frames start with. Nothing else does, whatever a record contains, so frames behind a damaged one can be found |
//! | 40 | 4 | the last checksum in the segment before it, 0 in the first one of a log: records that were taken back are noticed by who has read them |
//! | 44 | 4 | checksum of bytes 0–43 |
//!
//! A frame is what one append wrote, whole or not at all:
//!
//! | offset | bytes | content of a frame |
//! |---|---|---|
//! | 0 | 8 | the segment's mark |
//! | 8 | 8 | position of its first record: the one after the last of the frame before |
//! | 16 | 4 | number of records, at least 1 |
//! | 20 | 4 | payload bytes, at most 64 MiB |
//! | 24 | 4 | checksum of bytes 0–23 |
//! | 28 | payload bytes | the records |
//! | 28 + payload bytes | 4 | checksum of bytes 0–23 and the payload |
//!
//! A record, at most 16 MiB:
//!
//! | offset | bytes | content of a record |
//! |---|---|---|
//! | 0 | 4 | bytes that follow |
//! | 4 | 1 | kind: 1 upsert, 2 update, 3 delete, 4 call, 5 event |
//! | 5 | 1 | flags: 1 in an upsert whose origin follows; otherwise 0 |
//! | 6 | 2 | zero |
//! | 8 | | by kind, as follows |
//!
//! | kind | content, one after the other; lengths are of 4 bytes |
//! |---|---|
//! | upsert | bytes of the id, bytes of the document, numbers of the vector; if flagged the origin: 16 bytes each of model, variant, digest of the text; id, document, vector as 32-bit floats |
//! | update | bytes of the id, bytes of the document; id, document |
//! | delete | bytes of the id; id |
//! | event | bytes of the document; document |
//! | call | digest of the body (16 bytes), time in milliseconds since 1970 (8 bytes, signed), bytes of the key, bytes of the answer; key, answer |
//!
//! # Crashes
//!
//! An append is written behind the last acknowledged byte and acknowledged after `fdatasync`; at any time at most one is
//! not. So what a crash leaves is, at most, one frame that is not whole, at the end of the last segment: it is cut off when
//! the log is opened again, and reported. A frame that is not whole anywhere else, or with a whole one behind it, was
//! acknowledged: that is damage, and is refused with the file, the byte and the first record that is lost. A last frame
//! that was acknowledged and damaged later cannot be told from a torn one. Sectors are taken to be written whole or not
//! at all.
//!
//! A segment gets its name when its header is on the disk, and records when its name is. An append that fails is cut off
//! again. After a failed sync its pages may look written and not be, so the log goes on in a new segment. If cutting it off
//! fails, too, nothing is accepted until it works; a process that ends before that may find the records whole when it
//! opens the log again. Segments are removed one by one from the oldest on, each removal being on the disk before the next,
//! and the last one never, since its name says where the log stands.

mod disk;
mod embedded;
mod encoding;
mod error;
mod follow;
mod frame;
mod open;
mod record;
mod scan;
mod segments;
#[cfg(test)]
mod tests;

pub use embedded::{EmbeddedLog, LogSettings};
pub use encoding::MAX_RECORD_BYTES;
pub use error::LogError;
pub use follow::ReadOnlyLog;
pub use frame::MAX_FRAME_BYTES;
pub use open::Opened;
pub use record::{CallNote, Origin, Position, Record, StoredItem};

use std::path::Path;

/// The position of the last record of the log in `dir`, also while another process writes it; [`Position::START`] where
/// there is none.
///
/// # Errors
/// The last segment is damaged or cannot be read.
pub fn end(dir: &Path) -> Result<Position, LogError> {
    ReadOnlyLog::open(dir).end()
}

/// An append-only sequence of records.
///
/// There is one writer at a time; what it has appended is on the disk when [`Log::append`] returns, whole or not at all.
pub trait Log: Send {
    /// Appends `records` as one unit and returns the position of the last of them, after all of them are durable. No
    /// records: the position of the last one there is.
    ///
    /// Together they take at most [`MAX_FRAME_BYTES`], as counted by [`Record::encoded_len`], and each at most
    /// [`MAX_RECORD_BYTES`].
    ///
    /// # Errors
    /// [`LogError`]; then none of the records is in the log. Should it be impossible to take back what a failed append has
    /// written, then this is tried again first at every later one, which fails until it works.
    fn append(&mut self, records: &[Record]) -> Result<Position, LogError>;

    /// Hands every record after `after` to `each`, in order.
    ///
    /// # Errors
    /// Records after `after` are gone ([`Log::truncate`]), damaged or unreadable, or `each` says so.
    fn read(
        &self,
        after: Position,
        each: &mut dyn FnMut(Position, Record) -> Result<(), LogError>,
    ) -> Result<(), LogError>;

    /// Forgets records at and below `through` as far as that can be done cheaply (whole segments); never later ones.
    ///
    /// # Errors
    /// A file cannot be removed.
    fn truncate(&mut self, through: Position) -> Result<(), LogError>;

    /// The position of the last record; [`Position::START`] where there never was one.
    fn last(&self) -> Position;

    /// The position before the first record that can still be read.
    fn start(&self) -> Position;

    /// Bytes that the log takes.
    fn bytes(&self) -> u64;
}
