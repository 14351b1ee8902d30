//! Rows of a Parquet file, batch by batch.

use super::arrow_values::{supported, value};
use super::source::Position;
use super::{CatalogError, ReadError, Row};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde_json::{Map, Value};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 512;

/// Rows of a Parquet file.
pub(super) struct ParquetRows {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    columns: Vec<String>,
    batch: Option<RecordBatch>,
    /// The next row within the batch.
    at: usize,
    /// Rows given so far.
    rows: u64,
    total_rows: u64,
    position: Position,
}

impl ParquetRows {
    /// Reads the footer and checks that every column has a type that can be read.
    pub fn open(path: &Path, file: File, position: Position) -> Result<Self, CatalogError> {
        let builder = guarded(path, || ParquetRecordBatchReaderBuilder::try_new(file))?;
        let total_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let mut columns: Vec<String> = Vec::new();
        for field in builder.schema().fields() {
            if columns.contains(field.name()) {
                return Err(failure(path, format!("two columns are named `{}`", field.name())));
            }
            if !supported(field.data_type()) {
                let reason = format!(
                    "column `{}` has type {}; leave it out",
                    field.name(),
                    field.data_type()
                );
                return Err(failure(path, reason));
            }
            columns.push(field.name().clone());
        }
        let batches = guarded(path, || builder.with_batch_size(BATCH_ROWS).build())?;
        let path = path.to_owned();
        Ok(Self {
            path,
            batches,
            columns,
            batch: None,
            at: 0,
            rows: 0,
            total_rows,
            position,
        })
    }

    /// The column names, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    fn read(&mut self) -> Result<Option<Row>, ReadError> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.at >= batch.num_rows())
        {
            let next = guarded(&self.path, || self.batches.next().transpose())?;
            self.at = 0;
            self.report();
            if next.is_none() {
                return Ok(None);
            }
            self.batch = next;
        }
        let Some(batch) = &self.batch else {
            return Ok(None);
        };
        let (at, line) = (self.at, self.rows + 1);
        self.at += 1;
        self.rows += 1;
        let fields = fields(&self.columns, batch, at).map_err(|reason| ReadError::row(line, reason))?;
        Ok(Some(Row { line, fields }))
    }

    fn report(&self) {
        let share = self.rows as f64 / self.total_rows.max(1) as f64;
        self.position.set((share * self.position.total() as f64) as u64);
    }
}

impl Iterator for ParquetRows {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn fields(columns: &[String], batch: &RecordBatch, at: usize) -> Result<Map<String, Value>, String> {
    let field = |(name, array): (&String, &arrow::array::ArrayRef)| match value(array.as_ref(), at) {
        Ok(value) => Ok((name.clone(), value)),
        Err(reason) => Err(format!("field `{name}`: {reason}")),
    };
    columns.iter().zip(batch.columns()).map(field).collect()
}

/// Runs a step of the Parquet decoder. On damaged bytes some of its paths panic instead of giving an error; such a
/// panic ends the reading of this file, not the process. The decoder is not used again afterwards.
fn guarded<T, E: std::fmt::Display>(
    path: &Path,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<T, CatalogError> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failure(path, error.to_string())),
        Err(_) => Err(failure(path, "its data is damaged".to_owned())),
    }
}

fn failure(path: &Path, reason: String) -> CatalogError {
    CatalogError::Parquet {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::guarded;
    use std::path::Path;

    #[test]
    fn a_panic_of_the_decoder_is_an_error_that_names_the_file() {
        let nothing: &[u8] = &[];
        let step = || Ok::<u8, String>(nothing[std::hint::black_box(0)]);
        let error = guarded(Path::new("a.parquet"), step).unwrap_err().to_string();
        assert_eq!(error, "a.parquet: can't be read as Parquet: its data is damaged");
    }
}
