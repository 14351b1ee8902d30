//! The log of a collection: the ordered, durable record of what came after its snapshot.
//!
//! A [`Record`] is one change of one item (or a note about the call that brought it); its [`Position`] is its number,
//! counted from 1 over the whole life of the collection. A collection is a published snapshot plus every record after the
//! position that the snapshot contains.

mod error;
mod record;

pub use error::LogError;
pub use record::{CallNote, Origin, Position, Record, StoredItem};

/// An append-only sequence of records.
///
/// There is one writer at a time; what it has appended is on the disk when [`Log::append`] returns, whole or not at all.
pub trait Log: Send {
    /// Appends `records` as one unit and returns the position of the last of them, after all of them are durable. No
    /// records: the position of the last one there is.
    ///
    /// # Errors
    /// [`LogError`]; then none of the records is in the log, now or after a restart.
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
