//! Any bytes as an index file: opened, verified, searched. What is refused is refused with an error; what opens answers
//! every question, without a panic, a read outside the file or an endless walk.
//!
//! Checksums would stop the fuzzer at the door. So unless the bytes are a whole file already, they are tried twice: as they
//! are, and with magic, version, file length and all checksums set right (`FORMAT.md`), which leaves the content to be wrong.

#![no_main]

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use alike_indexes::{Effort, Index, Request, RowSet, Scratch, VectorsView};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Files that open with more values than this per vector are not searched: a walk would take too long to be worth it.
const MAX_DIMENSION: usize = 4_096;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if read(bytes) {
        return Corpus::Keep;
    }
    match signed(bytes) {
        Some(bytes) => {
            read(&bytes);
            Corpus::Keep
        }
        None => Corpus::Reject,
    }
});

/// Writes the bytes to a file and does with it all there is to do. Says whether they are a whole index file.
fn read(bytes: &[u8]) -> bool {
    let path = place();
    fs::write(&path, bytes).expect("the temporary folder takes a file");
    let verified = alike_indexes::verify(&path);
    let opened = alike_indexes::open(&path);
    // What is mapped stays; a fuzzer that is stopped leaves nothing behind.
    fs::remove_file(&path).expect("the file that was just written");
    if let Ok(index) = &opened
        && index.dimension() <= MAX_DIMENSION
    {
        search(index.as_ref(), verified.is_ok());
    }
    opened.is_ok()
}

/// One file per process, in memory where the system has such a folder.
fn place() -> PathBuf {
    let shared = Path::new("/dev/shm");
    let folder = if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    };
    folder.join(format!("alike-fuzz-{}", std::process::id()))
}

fn search(index: &dyn Index, whole: bool) {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    let rows = index.len();
    let query: Vec<f32> = (0..index.dimension())
        .map(|place| 0.3 - (place % 3) as f32)
        .collect();
    let filters: [Option<RowSet>; 3] = [
        None,
        Some((0..rows).map(|row| row % 10 > 0).collect()),
        Some((0..rows).map(|row| row % 2 == 0).collect()),
    ];
    for filter in filters.iter().map(Option::as_ref) {
        for effort in [
            Effort::Default,
            Effort::Recall(0.9),
            Effort::Beam(12),
            Effort::Exact,
        ] {
            let request = Request {
                k: 10,
                effort,
                filter,
            };
            SCRATCH.with_borrow_mut(|scratch| {
                index
                    .search(&query, &request, scratch)
                    .expect("a question that can be asked");
                check(rows, &request, scratch, whole);
            });
        }
    }
    let queries = VectorsView::new(&query, query.len()).expect("one whole vector");
    index
        .search_batch(queries, &Request::default())
        .expect("a question that can be asked");
}

/// There is as much as there is to find, and nothing but rows; in a file that `verify` accepts, none twice.
fn check(rows: usize, request: &Request<'_>, scratch: &Scratch, whole: bool) {
    let neighbors = scratch.neighbors();
    let admitted = request.filter.map_or(rows, RowSet::count);
    assert_eq!(neighbors.len(), request.k.min(admitted), "{request:?}");
    let mut seen = RowSet::new(rows);
    for neighbor in neighbors {
        assert!(neighbor.row.index() < rows, "{request:?}: no row {neighbor:?}");
        assert!(request.filter.is_none_or(|filter| filter.contains(neighbor.row)));
        assert!(
            seen.insert(neighbor.row) || !whole,
            "{request:?}: {neighbor:?} twice"
        );
    }
    assert!(neighbors.is_sorted());
}

/// The bytes with magic, length and checksums as they have to be; `None` if there is no table to sign.
fn signed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let len = bytes.len() as u64;
    let head = bytes.get_mut(..64)?;
    head[..8].copy_from_slice(b"\x8bALIKE\r\n");
    let version: u32 = if head[8] == 1 { 1 } else { 2 };
    head[8..12].copy_from_slice(&version.to_le_bytes());
    head[24..32].copy_from_slice(&len.to_le_bytes());
    let count = usize::from(head[16]) % 16;
    head[16..20].copy_from_slice(&(count as u32).to_le_bytes());
    let end = 64 + 48 * count;
    for at in (64..end).step_by(48) {
        let entry = bytes.get(at..at + 48)?;
        let number = |at: usize| entry[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let (start, len) = (number(8)? as usize, number(16)? as usize);
        if let Some(section) = bytes.get(start..start.saturating_add(len)) {
            let sum = blake3::hash(section);
            bytes[at + 24..at + 40].copy_from_slice(&sum.as_bytes()[..16]);
        }
    }
    bytes.get_mut(32..48)?.fill(0);
    let sum = blake3::hash(bytes.get(..end)?);
    bytes[32..48].copy_from_slice(&sum.as_bytes()[..16]);
    Some(bytes)
}
