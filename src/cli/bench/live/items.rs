//! What is written and asked: vectors from a file or made up, as request bodies that are ready before the clock starts.

use super::Args;
use crate::cli::bench::input::{Vectors, read_vectors};
use crate::cli::bench::random::Random;
use anyhow::{Context, ensure};
use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Made-up vectors lie around this many centers.
const CENTERS: usize = 500;
/// How far around them: the share of a vector that is its own.
const SPREAD: f32 = 0.5;

/// Vectors by number, without end.
#[derive(Debug)]
pub(super) struct Items {
    vectors: Vectors,
    /// How many of them are from the file, or are centers.
    given: usize,
    from_file: bool,
}

impl Items {
    pub(super) fn new(args: &Args) -> anyhow::Result<Self> {
        match &args.input {
            Some(path) => {
                let vectors = read_vectors(path)?;
                ensure!(
                    vectors.len() > 0,
                    "{}: found no rows, expected vectors",
                    path.display()
                );
                Ok(Self {
                    given: vectors.len(),
                    vectors,
                    from_file: true,
                })
            }
            None => {
                let mut random = Random::new(args.seed);
                let dimension = args.dimension.get();
                let values = (0..CENTERS * dimension).map(|_| signed(&mut random)).collect();
                Ok(Self {
                    vectors: Vectors { values, dimension },
                    given: CENTERS,
                    from_file: false,
                })
            }
        }
    }

    pub(super) fn dimension(&self) -> usize {
        self.vectors.dimension
    }

    /// Where the vectors come from.
    pub(super) fn origin(&self) -> &'static str {
        if self.from_file { "file" } else { "clusters" }
    }

    /// The vector of that number: a row of the file as long as there are any, then rows with a little noise.
    pub(super) fn vector(&self, number: usize) -> Vec<f32> {
        let row = self.vectors.row(number % self.given);
        if self.from_file && number < self.given {
            return row.to_vec();
        }
        let mut random = Random::new(number as u64 ^ 0x5eed_0000_0000);
        let length = (row.iter().map(|value| value * value).sum::<f32>() / row.len() as f32).sqrt();
        let noise = if self.from_file { SPREAD / 2.0 } else { SPREAD };
        row.iter()
            .map(|value| value + noise * length * 1.7 * signed(&mut random))
            .collect()
    }

    /// An item as JSON: id, vector, a number, a keyword and a price.
    pub(super) fn row(&self, id: usize, vector: usize) -> String {
        let brand = id % 97;
        let mut text = format!(
            r#"{{"id":"item-{id}","title":"Item number {id} of a long list","brand":"brand {brand}","price":{},"v":"#,
            (id * 37) % 10_000
        );
        write_vector(&mut text, &self.vector(vector));
        text.push('}');
        text
    }

    /// One body of so many items: `first`, `first + 1`, …, with the vectors from number `vector` on.
    pub(super) fn body(&self, first: usize, count: usize, vector: usize) -> String {
        let rows: Vec<String> = (0..count).map(|at| self.row(first + at, vector + at)).collect();
        format!("[{}]", rows.join(","))
    }

    /// A search for the items near that vector.
    pub(super) fn search(&self, vector: usize, limit: usize) -> String {
        let mut text = format!(r#"{{"limit":{limit},"fields":["price"],"vector":"#);
        write_vector(&mut text, &self.vector(vector));
        text.push('}');
        text
    }

    /// Writes a catalog of the first `count` items.
    pub(super) fn write_catalog(&self, path: &Path, count: usize) -> anyhow::Result<()> {
        let file = std::fs::File::create(path).with_context(|| path.display().to_string())?;
        let mut file = BufWriter::new(file);
        for id in 0..count {
            writeln!(file, "{}", self.row(id, id)).with_context(|| path.display().to_string())?;
        }
        file.flush().with_context(|| path.display().to_string())
    }
}

/// Four digits, as a careful client would send them.
fn write_vector(text: &mut String, vector: &[f32]) {
    for (at, value) in vector.iter().enumerate() {
        let separator = if at == 0 { '[' } else { ',' };
        // A string takes whatever is written to it.
        let _ = write!(text, "{separator}{value:.4}");
    }
    text.push(']');
}

/// A number from -1 to 1.
fn signed(random: &mut Random) -> f32 {
    (random.below(2_000_001) as f32 - 1e6) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Items {
        let values = vec![0.1, 0.2, 0.3, -0.4];
        Items {
            vectors: Vectors { values, dimension: 2 },
            given: 2,
            from_file: true,
        }
    }

    #[test]
    fn rows_of_the_file_come_first_as_they_are_and_then_never_twice() {
        let items = items();
        assert_eq!(items.vector(1), [0.3, -0.4]);
        assert_ne!(items.vector(3), [0.3, -0.4]);
        assert_ne!(items.vector(3), items.vector(5));
        assert_eq!(items.vector(3), items.vector(3));
    }

    #[test]
    fn bodies_are_json() {
        let items = items();
        let body: serde_json::Value = serde_json::from_str(&items.body(7, 3, 0)).unwrap();
        assert_eq!(
            (&body[0]["id"], &body[2]["id"]),
            (&"item-7".into(), &"item-9".into())
        );
        assert_eq!(body[0]["v"], serde_json::json!([0.1, 0.2]));
        let search: serde_json::Value = serde_json::from_str(&items.search(0, 5)).unwrap();
        assert_eq!((&search["limit"], &search["vector"][1]), (&5.into(), &0.2.into()));
    }
}
