//! Faiss's C API and what `shim.cpp` adds to it, behind safe functions.
#![allow(unsafe_code, reason = "calls into Faiss; every block says why it is sound")]

use std::ffi::{c_char, c_int};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::{null, null_mut};

use faiss::index::IndexImpl;
use faiss_sys::FaissIndex;

use crate::row_set::RowSet;

/// Bytes of a message of the shim.
const MESSAGE_BYTES: usize = 512;

/// What the shim calls `AlikeAdmitted`.
#[repr(C)]
struct Admitted {
    words: *const u64,
    row_count: usize,
    rows: *const u32,
    node_count: usize,
    next: *const u32,
}

/// How many nodes a search asked the filter about, and how many passed.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tested {
    pub(super) nodes: u64,
    pub(super) admitted: u64,
}

unsafe extern "C" {
    fn alike_faiss_open(
        bytes: *const u8,
        len: usize,
        index: *mut *mut FaissIndex,
        message: *mut c_char,
    ) -> c_int;
    fn alike_faiss_write(index: *const FaissIndex, descriptor: c_int, message: *mut c_char) -> c_int;
    fn alike_faiss_set_ef_construction(index: *mut FaissIndex, ef_construction: c_int);
    fn alike_faiss_grows(index: *const FaissIndex) -> c_int;
    fn alike_faiss_selects(index: *const FaissIndex) -> c_int;
    fn alike_faiss_search(
        index: *const FaissIndex,
        query: *const f32,
        count: usize,
        effort: usize,
        admitted: *const Admitted,
        tested: *mut Tested,
        distances: *mut f32,
        nodes: *mut i64,
        message: *mut c_char,
    ) -> c_int;
    /// OpenMP's: how many threads the calling thread's next parallel regions use.
    fn omp_set_num_threads(threads: c_int);
}

/// Which rows the nodes of an index stand for, and which of them may be found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) admitted: &'a RowSet,
    /// Per node its first row.
    pub(super) rows: &'a [u32],
    /// Per row the next one with the same vector; empty where all differ.
    pub(super) next: &'a [u32],
}

impl Filter<'_> {
    fn as_native(&self) -> Admitted {
        let words = self.admitted.words();
        // Never more rows than each of the arrays has.
        let covered = match self.next.len() {
            0 => words.len() * 64,
            chained => chained.min(words.len() * 64),
        };
        Admitted {
            words: words.as_ptr(),
            row_count: self.admitted.len().min(covered),
            rows: self.rows.as_ptr(),
            node_count: self.rows.len(),
            next: if self.next.is_empty() {
                null()
            } else {
                self.next.as_ptr()
            },
        }
    }
}

/// Runs a function of the shim that may leave a message.
fn call(function: impl FnOnce(*mut c_char) -> c_int) -> Result<(), String> {
    let mut message = [0_u8; MESSAGE_BYTES];
    match function(message.as_mut_ptr().cast()) {
        0 => Ok(()),
        _ => Err(plain(&String::from_utf8_lossy(
            message.split(|byte| *byte == 0).next().unwrap_or(&[]),
        ))),
    }
}

/// Faiss's message without the place in its source, whose path is that of whoever compiled it.
pub(super) fn plain(message: &str) -> String {
    let place = message.find(".cpp:").or_else(|| message.find(".h:"));
    let text = place.and_then(|place| message.get(place..)?.split_once(": "));
    text.map_or(message, |(_, text)| text).trim().to_owned()
}

/// How many threads Faiss uses for what the calling thread asks of it.
pub(super) fn set_threads(threads: usize) {
    // SAFETY: takes any positive number, and changes a setting of the calling thread only.
    unsafe { omp_set_num_threads(c_int::try_from(threads.max(1)).unwrap_or(c_int::MAX)) }
}

/// Candidates kept while a graph is built.
pub(super) fn set_ef_construction(index: &mut IndexImpl, ef_construction: usize) {
    let ef_construction = c_int::try_from(ef_construction).unwrap_or(c_int::MAX);
    // SAFETY: the pointer is that of a live index, borrowed mutably.
    unsafe { alike_faiss_set_ef_construction(index.inner_ptr(), ef_construction) }
}

/// Writes an index at the start of an empty file.
pub(super) fn write(index: &IndexImpl, file: &File) -> Result<(), String> {
    // SAFETY: a live index, an open file, and room for the message.
    call(|message| unsafe { alike_faiss_write(index.inner_ptr(), file.as_raw_fd(), message) })
}

/// A Faiss index to search in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Searcher<'a> {
    index: &'a FaissIndex,
    dimension: usize,
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Nodes, nearest first as Faiss compares them.
    pub(super) nodes: Vec<u32>,
    pub(super) tested: Tested,
}

impl<'a> Searcher<'a> {
    /// An index that is being built.
    pub(super) fn of(index: &'a IndexImpl) -> Self {
        // SAFETY: the pointer is that of a live index, which the borrow keeps alive and unchanged.
        Self::new(unsafe { &*index.inner_ptr() })
    }

    fn new(index: &'a FaissIndex) -> Self {
        // SAFETY: a live index.
        let dimension = unsafe { faiss_sys::faiss_Index_d(index) };
        Self {
            index,
            dimension: usize::try_from(dimension).unwrap_or(0),
        }
    }

    /// Values per vector.
    pub(super) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        // SAFETY: a live index.
        usize::try_from(unsafe { faiss_sys::faiss_Index_ntotal(self.index) }).unwrap_or(0)
    }

    /// Whether vectors can be added in steps; otherwise all of them go in at once.
    pub(super) fn grows(&self) -> bool {
        // SAFETY: a live index.
        unsafe { alike_faiss_grows(self.index) != 0 }
    }

    /// Whether a filter is better given to [`Self::search`] than applied to what it finds.
    pub(super) fn selects(&self) -> bool {
        // SAFETY: a live index.
        unsafe { alike_faiss_selects(self.index) != 0 }
    }

    /// At most `count` nodes near `query`: `effort` is the candidates a graph keeps, or 1,024 times the share of the
    /// inverted lists that is looked into; other types have none.
    pub(super) fn search(
        &self,
        query: &[f32],
        count: usize,
        effort: usize,
        filter: Option<&Filter<'_>>,
    ) -> Result<Found, String> {
        let Some(query) = query.get(..self.dimension) else {
            return Err(format!("a query of {} values", query.len()));
        };
        let count = count.min(self.len());
        if count == 0 {
            return Ok(Found::default());
        }
        let effort = effort.min(1 << 30);
        let admitted = filter.map(Filter::as_native);
        let mut tested = Tested::default();
        let (mut distances, mut nodes) = (vec![0.0_f32; count], vec![-1_i64; count]);
        // SAFETY: a live index that searching does not change; the query has `d` values, the outputs have room for one
        // query's `count`; the filter's arrays have the lengths given, outlive the call and are checked against them;
        // the message has its room.
        call(|message| unsafe {
            alike_faiss_search(
                self.index,
                query.as_ptr(),
                count,
                effort,
                admitted.as_ref().map_or(null(), |admitted| admitted),
                &raw mut tested,
                distances.as_mut_ptr(),
                nodes.as_mut_ptr(),
                message,
            )
        })?;
        let nodes = nodes
            .into_iter()
            .filter_map(|node| u32::try_from(node).ok())
            .collect();
        Ok(Found { nodes, tested })
    }
}

/// An index over bytes that are mapped.
#[derive(Debug)]
pub(super) struct OpenIndex {
    index: *mut FaissIndex,
}

// SAFETY: nothing in an index is bound to a thread.
unsafe impl Send for OpenIndex {}
// SAFETY: only searches, which Faiss allows from many threads at once, are reached through a shared reference.
unsafe impl Sync for OpenIndex {}

impl OpenIndex {
    /// Reads an index that Faiss wrote. Faiss believes what it reads: the caller has checked that they are the bytes
    /// that were written.
    ///
    /// # Safety
    /// The bytes stay where they are, unchanged, until the result is dropped.
    pub(super) unsafe fn open(bytes: &[u8]) -> Result<Self, String> {
        let mut index = null_mut();
        // SAFETY: the bytes have the length given and outlive the index, as the caller promises.
        call(|message| unsafe { alike_faiss_open(bytes.as_ptr(), bytes.len(), &raw mut index, message) })?;
        match index.is_null() {
            true => Err("no index".to_owned()),
            false => Ok(Self { index }),
        }
    }

    /// To search in.
    pub(super) fn searcher(&self) -> Searcher<'_> {
        // SAFETY: not null, made by `open`, freed only when `self` is dropped.
        Searcher::new(unsafe { &*self.index })
    }
}

impl Drop for OpenIndex {
    fn drop(&mut self) {
        // SAFETY: made by `open`, and nothing uses it any more.
        unsafe { faiss_sys::faiss_Index_free(self.index) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_lose_the_place_in_the_source() {
        let message =
            "Error in void f() at /somewhere/index_factory.cpp:917: could not parse index string: no";
        assert_eq!(plain(message), "could not parse index string: no");
        assert_eq!(plain("anything else"), "anything else");
    }
}
