//! The graph kind: a hierarchical navigable small world graph over f32 rows.
//!
//! - `insert`: building the graph with `hnsw_rs`, on all cores.
//! - `freeze`: taking it out into flat arrays, the same in memory and in a file.
//! - `connect`: linking in nodes that the builder cut off.
//! - `graph`: walking the flat arrays; the only search code.
//! - `calibrate`: recall per beam, measured on rows that were held out.
//! - `write`: the order of these steps. `mapped`: the opened file.

mod calibrate;
mod connect;
mod freeze;
mod graph;
mod insert;
mod mapped;
mod write;

#[cfg(test)]
mod tests;

#[cfg(feature = "faiss")]
pub(crate) use calibrate::{calibrate, choose_beam};
pub(crate) use mapped::HnswIndex;
pub(crate) use write::write;
