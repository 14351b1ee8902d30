//! In place of the kind `faiss` where the feature is off: every use of it is an error that says so.

use std::path::Path;

use crate::build::{BuildSettings, Progress};
use crate::description::Description;
use crate::error::IndexError;
use crate::file::MappedFile;
use crate::index::Index;
use crate::metric::Metric;
use crate::vectors::AlignedRows;

#[expect(clippy::needless_pass_by_value, reason = "as where the feature is on")]
pub(crate) fn open(file: MappedFile) -> Result<Box<dyn Index>, IndexError> {
    Err(IndexError::without_faiss(file.path().display()))
}

#[expect(clippy::needless_pass_by_value, reason = "as where the feature is on")]
pub(crate) fn verify(file: MappedFile) -> Result<(), IndexError> {
    Err(IndexError::without_faiss(file.path().display()))
}

pub(crate) fn check_factory(
    _factory: Option<&str>,
    _dimension: Option<usize>,
    _metric: Metric,
) -> Result<(), IndexError> {
    Err(IndexError::without_faiss("kind"))
}

pub(crate) fn write(
    _path: &Path,
    _description: &mut Description,
    _rows: &AlignedRows,
    _settings: &BuildSettings,
    _progress: &(dyn Fn(Progress) + Sync),
) -> Result<u64, IndexError> {
    Err(IndexError::without_faiss("kind"))
}
