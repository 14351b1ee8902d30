//! `.fvecs` and `.ivecs`: records of a little-endian i32 count followed by that many f32 or i32
//! (<http://corpus-texmex.irisa.fr>).

use anyhow::{Context, ensure};

use super::input::{Table, Values};

/// Records of f32.
pub(super) fn parse_floats(bytes: &[u8]) -> anyhow::Result<Table> {
    let (columns, words) = records(bytes)?;
    Ok(Table {
        columns,
        values: Values::Floats(words.into_iter().map(f32::from_le_bytes).collect()),
    })
}

/// Records of i32.
pub(super) fn parse_integers(bytes: &[u8]) -> anyhow::Result<Table> {
    let (columns, words) = records(bytes)?;
    let integers = words
        .into_iter()
        .map(|word| i32::from_le_bytes(word).into())
        .collect();
    Ok(Table {
        columns,
        values: Values::Integers(integers),
    })
}

/// The values of all records, which have one length.
fn records(bytes: &[u8]) -> anyhow::Result<(usize, Vec<[u8; 4]>)> {
    let (words, rest) = bytes.as_chunks::<4>();
    let first = words
        .first()
        .context("found an empty file, expected at least one record")?;
    let columns = i32::from_le_bytes(*first);
    ensure!(
        (1..=1 << 20).contains(&columns),
        "found a record of {columns} values, expected 1 to {}",
        1 << 20
    );
    let columns = columns as usize;
    let whole = rest.is_empty() && words.len().is_multiple_of(columns + 1);
    ensure!(
        whole,
        "found {} bytes, expected a multiple of {} (truncated?)",
        bytes.len(),
        4 * (columns + 1)
    );
    let mut values = Vec::with_capacity(words.len());
    for (row, record) in words.chunks_exact(columns + 1).enumerate() {
        let found = i32::from_le_bytes(record[0]);
        ensure!(
            found == columns as i32,
            "found {found} values in record {row}, expected {columns} as in the first"
        );
        values.extend_from_slice(&record[1..]);
    }
    Ok((columns, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(words: &[i32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn records_are_read() {
        let table = parse_integers(&bytes(&[2, 5, -6, 2, 7, 8])).unwrap();
        assert_eq!(
            table,
            Table {
                columns: 2,
                values: Values::Integers(vec![5, -6, 7, 8])
            }
        );
        let one = 1.5_f32.to_bits() as i32;
        let table = parse_floats(&bytes(&[1, one])).unwrap();
        assert_eq!(
            table,
            Table {
                columns: 1,
                values: Values::Floats(vec![1.5])
            }
        );
    }

    #[test]
    fn broken_records_are_refused() {
        let error = |content: &[u8]| parse_floats(content).unwrap_err().to_string();
        assert!(error(b"").contains("empty file"));
        assert!(error(&bytes(&[-1, 0])).contains("record of -1 values"));
        assert!(error(&bytes(&[2, 5, 6, 2, 7])).contains("truncated?"));
        assert!(error(&bytes(&[2, 5, 6])[..11]).contains("truncated?"));
        assert!(error(&bytes(&[1, 5, 2, 7])).contains("found 2 values in record 1"));
    }
}
