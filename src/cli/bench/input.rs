//! Reading vectors and true neighbors, whatever the format; every complaint names the file.

use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::{fvecs, npy};

/// Row-major vectors.
#[derive(Debug)]
pub(super) struct Vectors {
    pub(super) values: Vec<f32>,
    pub(super) dimension: usize,
}

impl Vectors {
    pub(super) fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// One vector; the caller knows that it exists.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dimension..(row + 1) * self.dimension]
    }
}

/// A table as it comes out of a file.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    pub(super) columns: usize,
    pub(super) values: Values,
}

#[derive(Debug, PartialEq)]
pub(super) enum Values {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

fn extension(path: &Path) -> &str {
    path.extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or("")
}

fn read(path: &Path) -> anyhow::Result<Table> {
    let bytes =
        std::fs::read(path).with_context(|| format!("{}: could not read this file", path.display()))?;
    let table = match extension(path) {
        "npy" => npy::parse(&bytes),
        "fvecs" => fvecs::parse_floats(&bytes),
        "ivecs" => fvecs::parse_integers(&bytes),
        other => bail!(
            "{}: found extension {other:?}, expected .npy, .fvecs or .ivecs",
            path.display()
        ),
    };
    table.with_context(|| format!("{}: unusable file", path.display()))
}

/// Reads finite vectors.
pub(super) fn read_vectors(path: &Path) -> anyhow::Result<Vectors> {
    let Table { columns, values } = read(path)?;
    let Values::Floats(values) = values else {
        bail!(
            "{}: found integers, expected vectors of f2, f4 or f8",
            path.display()
        );
    };
    ensure!(
        columns > 0,
        "{}: found rows of 0 values, expected at least 1",
        path.display()
    );
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        let (row, column, found) = (at / columns, at % columns, values[at]);
        bail!(
            "{}: found {found} in row {row}, column {column}, expected finite numbers",
            path.display()
        );
    }
    Ok(Vectors {
        values,
        dimension: columns,
    })
}

/// Reads the first `k` true neighbors of each of `queries` queries over `rows` base rows.
pub(super) fn read_truth(
    path: &Path,
    queries: usize,
    rows: usize,
    k: usize,
) -> anyhow::Result<Vec<Vec<u32>>> {
    let Table { columns, values } = read(path)?;
    let Values::Integers(values) = values else {
        bail!(
            "{}: found floating-point numbers, expected row numbers (i4, i8 or u4)",
            path.display()
        );
    };
    ensure!(
        columns >= k,
        "{}: found {columns} neighbors per query, expected at least k = {k}",
        path.display()
    );
    let found = values.len().checked_div(columns).unwrap_or(0);
    ensure!(
        found == queries,
        "{}: found {found} rows, expected {queries}, one per query",
        path.display()
    );
    if let Some(at) = values.iter().position(|&row| row < 0 || row >= rows as i64) {
        let (row, column, found) = (at / columns, at % columns, values[at]);
        bail!(
            "{}: found {found} in row {row}, column {column}, expected a base row, 0 to {}",
            path.display(),
            rows as i64 - 1
        );
    }
    Ok(values
        .chunks_exact(columns.max(1))
        .map(|row| row[..k].iter().map(|&row| row as u32).collect())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error<T: std::fmt::Debug>(
        name: &str,
        bytes: &[u8],
        read: impl Fn(&Path) -> anyhow::Result<T>,
    ) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let text = format!("{:#}", read(&path).unwrap_err());
        assert!(text.contains(name), "{text}");
        text
    }

    fn record(values: &[[u8; 4]]) -> Vec<u8> {
        (values.len() as i32)
            .to_le_bytes()
            .into_iter()
            .chain(values.as_flattened().iter().copied())
            .collect()
    }

    #[test]
    fn unusable_vectors_are_named() {
        assert!(error("a.txt", b"1 2", read_vectors).contains("expected .npy, .fvecs or .ivecs"));
        assert!(error("a.npy", b"", read_vectors).contains("unusable file"));
        let nan = record(&[1_f32.to_le_bytes(), f32::NAN.to_le_bytes()]);
        assert!(error("a.fvecs", &nan, read_vectors).contains("found NaN in row 0, column 1"));
        assert!(error("a.ivecs", &record(&[[1, 0, 0, 0]]), read_vectors).contains("found integers"));
        assert!(
            format!("{:#}", read_vectors(Path::new("/nowhere/b.npy")).unwrap_err())
                .contains("could not read")
        );
    }

    #[test]
    fn unusable_truth_is_named() {
        let truth = record(&[[7, 0, 0, 0], [1, 0, 0, 0]]);
        let text = |queries, rows, k| error("t.ivecs", &truth, |path| read_truth(path, queries, rows, k));
        assert!(text(1, 7, 2).contains("found 7 in row 0, column 0, expected a base row, 0 to 6"));
        assert!(text(2, 9, 2).contains("found 1 rows, expected 2"));
        assert!(text(1, 9, 3).contains("expected at least k = 3"));
    }
}
