//! The graph kind: a flat graph walked over quantized codes, answers ranked by the full rows.
//!
//! - `rotation`, `quantizer`: a vector becomes codes of 4 or 8 bits per dimension and a scale; a query becomes `i8`.
//! - `codes`: codes as they lie in memory or a file, and distances to them.
//! - `prune`, `grow`: building the graph on code distances, all cores, the same links whatever their number.
//! - `heal`: taking over what is still right of an older graph.
//! - `entries`: where walks start. `walk`: the only search code, with and without a filter.
//! - `course`: which way a request is answered. `sift`: a walk for a filter that leaves out few rows.
//! - `rank`: from estimated distances to exact ones.
//! - `calibrate`: recall and cost per setting, on rows that were held out.
//! - `write`: the order of these steps. `mapped`: the opened file. `inspect`: checking all of it.
//!
//! The graph follows Vamana (`DiskANN`, NeurIPS 2019) in batches that do not see each other, as `ParlayANN`
//! (arXiv 2305.04359); codes follow extended `RaBitQ` (arXiv 2409.09913); no upper layers, as `FlatNav`
//! (arXiv 2412.01940); the walk stops as in adaptive beam search (arXiv 2505.15636).

mod calibrate;
mod codes;
mod course;
mod entries;
mod grow;
mod heal;
mod inspect;
mod mapped;
mod prune;
mod quantizer;
mod rank;
mod rotation;
mod sift;
#[cfg(test)]
mod tests;
mod walk;
mod write;

pub(crate) use codes::Codes;
pub(crate) use heal::{Inherited, Older};
pub(crate) use mapped::GraphIndex;
pub use quantizer::CodeBits;
pub(crate) use quantizer::{CodedQuery, Quantizer, quantize};
pub(crate) use rotation::Rotation;
pub(crate) use walk::WalkScratch;
pub(crate) use write::write;
