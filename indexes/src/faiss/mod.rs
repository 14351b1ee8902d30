//! The kind that Faiss builds and searches: any of its index types, named by a factory string.
//!
//! Faiss finds candidates; their scores, exact answers and answers over few matches come from the full rows in the same
//! file, as in every other kind. Equal vectors are one node to Faiss (as in `hnsw`).
//!
//! - `native`: the calls. `shim.cpp`: what Faiss's C API lacks.
//! - `candidates`: from nodes to rows with exact scores.
//! - `write`: train, add, measure, add the rest, write. `mapped`: the opened file.
//!
//! Faiss believes what it reads, so opening a file checks the checksum of Faiss's part first: opening reads all of it.
//! Where Faiss can, it then uses the mapped bytes in place (codes of flat types and of graphs, links of graphs);
//! inverted lists are copied into memory. A file that somebody made to deceive is not defended against: open files of
//! this kind only from whom you trust.

mod candidates;
mod mapped;
mod native;
mod write;

#[cfg(test)]
mod tests;

use ::faiss::MetricType;
use ::faiss::index::{IndexImpl, index_factory};

use crate::error::IndexError;
use crate::file::MappedFile;
use crate::index::Index;
use crate::metric::Metric;
use mapped::FaissIndex;

pub(crate) use write::write;

/// The index type where none is named: a graph of 32 links per node over 8-bit codes.
const DEFAULT_FACTORY: &str = "HNSW32,SQ8";
/// The longest factory string.
const MAX_FACTORY: usize = 1_024;

/// Opens a file of this kind.
pub(crate) fn open(file: MappedFile) -> Result<Box<dyn Index>, IndexError> {
    Ok(Box::new(FaissIndex::from_file(file)?))
}

/// Checks what the checksums cannot.
pub(crate) fn verify(file: MappedFile) -> Result<(), IndexError> {
    FaissIndex::from_file(file)?.verify()
}

/// Whether Faiss understands a factory string. Without a dimension, only what is wrong for every dimension is found.
pub(crate) fn check_factory(
    factory: Option<&str>,
    dimension: Option<usize>,
    metric: Metric,
) -> Result<(), IndexError> {
    let factory = factory.unwrap_or(DEFAULT_FACTORY);
    if factory.is_empty()
        || factory.len() > MAX_FACTORY
        || !factory.bytes().all(|byte| byte.is_ascii_graphic())
    {
        let found: String = factory.chars().take(64).collect();
        return Err(wrong_factory(&found, "1 to 1,024 plain characters"));
    }
    // Faiss divides by some of them before it looks, which ends the process.
    let mut numbers = factory.split(|letter: char| !letter.is_ascii_digit());
    let odd = |number: &str| number.len() > 9 || number.parse() == Ok(0);
    if numbers.any(odd) {
        return Err(wrong_factory(factory, "numbers from 1 to 999999999"));
    }
    match dimension {
        Some(dimension) => make(factory, dimension, metric).map(drop),
        None => {
            // Many sizes of sub-vector divide this one; whether the real dimension fits is found when it is known.
            let error = make(factory, 7_680, metric).map(drop);
            error.or_else(|error| match error.to_string().contains("could not parse") {
                true => Err(error),
                false => Ok(()),
            })
        }
    }
}

/// An empty index.
fn make(factory: &str, dimension: usize, metric: Metric) -> Result<IndexImpl, IndexError> {
    let metric = match metric {
        Metric::Cosine | Metric::Dot => MetricType::InnerProduct,
        Metric::L2 => MetricType::L2,
    };
    let made = index_factory(dimension as u32, factory, metric);
    made.map_err(|error| wrong_factory(factory, &native::plain(&error.to_string())))
}

/// A factory string that Faiss refuses, in Faiss's words.
fn wrong_factory(factory: &str, message: &str) -> IndexError {
    IndexError::Setting {
        name: "factory",
        found: factory.to_owned(),
        expected: format!(
            "a Faiss index type that suits the vectors, such as {DEFAULT_FACTORY} (Faiss: {message})"
        ),
    }
}
