//! The container that index files use: a header, a table of sections, the sections. See `FORMAT.md`.
//!
//! [`FileWriter`] writes a temporary file beside the target, syncs it and renames it, so a file under its final name is
//! always whole. [`MappedFile`] maps it; opening checks the header, the table and the lengths, [`MappedFile::verify`]
//! reads every byte. A published file never changes: a reader may keep its map for as long as it likes.

mod header;
mod reader;
mod writer;

pub(crate) use header::tag;
pub(crate) use reader::{Mapped, MappedFile};
pub(crate) use writer::FileWriter;
#[cfg(feature = "faiss")]
pub(crate) use writer::folder_of;

#[cfg(target_endian = "big")]
compile_error!(
    "index files are little-endian and mapped as they are; big-endian processors are not supported"
);
