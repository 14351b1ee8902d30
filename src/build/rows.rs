//! Reads the catalog in chunks, checks every row, and stores what can be used.

use super::vectors::Vectors;
use super::{BuildError, OnError, Order, Watcher};
use crate::catalog::{ReadError, Reader, Row, RowError};
use crate::schema::Item;
use crate::snapshot::SnapshotWriter;
use alike_indexes::Metric;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// Items encoded together: enough that length-sorted batches are full, little enough to hold.
const CHUNK: usize = 8_192;

pub(super) struct Rows<'a> {
    order: &'a Order,
    watcher: &'a dyn Watcher,
    /// The line each id came from, to name both lines of a duplicate.
    lines_by_id: HashMap<String, u64>,
    /// All field names seen in documents.
    fields: BTreeSet<String>,
    /// The dimension of own vectors, set by the first.
    dimension: Option<usize>,
    read: u64,
    rejected: u64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(order: &'a Order, watcher: &'a dyn Watcher) -> Self {
        Self {
            order,
            watcher,
            lines_by_id: HashMap::new(),
            fields: BTreeSet::new(),
            dimension: None,
            read: 0,
            rejected: 0,
        }
    }

    pub(super) fn read(&self) -> u64 {
        self.read
    }

    pub(super) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// The dimension of the catalog's own vectors.
    pub(super) fn dimension(&self) -> Option<usize> {
        self.dimension
    }

    pub(super) fn field_names(&self) -> Vec<String> {
        self.fields.iter().cloned().collect()
    }

    /// Reads, encodes and stores the whole catalog; at least one row must be usable.
    pub(super) fn store_all(
        &mut self,
        mut reader: Reader,
        vectors: &mut Vectors,
        writer: &mut SnapshotWriter,
    ) -> Result<(), BuildError> {
        let mut chunk = Vec::with_capacity(CHUNK);
        let (mut before, mut more) = (0.0, true);
        while more {
            more = self.fill(&mut reader, &mut chunk, writer)?;
            let share = reader.bytes_read() as f64 / reader.total_bytes().max(1) as f64;
            self.store(&chunk, vectors, writer, before..share)?;
            before = share;
            chunk.clear();
        }
        let input = || self.order.input.clone();
        match (writer.rows(), self.rejected) {
            (0, 0) => Err(BuildError::Empty { input: input() }),
            (0, rejected) => Err(BuildError::NothingUsable {
                input: input(),
                rejected,
            }),
            _ => Ok(()),
        }
    }

    /// Reads until the chunk is full; false at the end of the catalog.
    fn fill(
        &mut self,
        reader: &mut Reader,
        chunk: &mut Vec<Item>,
        writer: &mut SnapshotWriter,
    ) -> Result<bool, BuildError> {
        while chunk.len() < CHUNK {
            let row = match reader.next() {
                None => return Ok(false),
                Some(Err(ReadError::Fatal(error))) => return Err(error.into()),
                Some(Err(ReadError::Row(error))) => Err(error),
                Some(Ok(row)) => Ok(row),
            };
            self.read += 1;
            match row.and_then(|row| self.check(row)) {
                Ok(item) => chunk.push(item),
                Err(error) => self.reject(error, writer)?,
            }
        }
        Ok(true)
    }

    fn check(&mut self, row: Row) -> Result<Item, RowError> {
        let line = row.line;
        let schema = &self.order.schema;
        for name in row.fields.keys() {
            if Some(name) != schema.vector.as_ref() && !self.fields.contains(name) {
                self.fields.insert(name.clone());
            }
        }
        let item = schema.item(row)?;
        if let Some(first) = self.lines_by_id.get(&item.id) {
            let reason = format!("{}: id {:?} was used in line {first} already", schema.id, item.id);
            return Err(RowError { line, reason });
        }
        self.check_vector(&item)
            .map_err(|reason| RowError { line, reason })?;
        self.lines_by_id.insert(item.id.clone(), line);
        Ok(item)
    }

    fn check_vector(&mut self, item: &Item) -> Result<(), String> {
        let (Some(vector), Some(field)) = (&item.vector, &self.order.schema.vector) else {
            return Ok(());
        };
        if self.order.index.metric == Metric::Cosine && vector.iter().all(|&number| number == 0.0) {
            return Err(format!(
                "{field}: is all zeros: it has no direction to compare by cosine"
            ));
        }
        let expected = *self.dimension.get_or_insert(vector.len());
        if vector.len() != expected {
            return Err(format!(
                "{field}: has {} numbers, earlier vectors have {expected}",
                vector.len()
            ));
        }
        Ok(())
    }

    fn reject(&mut self, error: RowError, writer: &mut SnapshotWriter) -> Result<(), BuildError> {
        if self.order.on_error == OnError::Fail {
            return Err(BuildError::Row(error));
        }
        self.rejected += 1;
        writer.reject(error.line, &error.reason)?;
        self.watcher.skipped(&error, self.rejected);
        Ok(())
    }

    /// Stores a chunk that is the part `share` of the catalog.
    fn store(
        &self,
        chunk: &[Item],
        vectors: &mut Vectors,
        writer: &mut SnapshotWriter,
        share: Range<f64>,
    ) -> Result<(), BuildError> {
        let before = writer.rows();
        let advance = |done: usize| {
            let part = done as f64 / chunk.len().max(1) as f64;
            self.watcher.encoded(
                before + done as u64,
                share.start + part * (share.end - share.start),
            );
        };
        vectors.store(chunk, writer, advance)?;
        advance(chunk.len());
        Ok(())
    }
}
