//! The format as it was published. The file is never written again; a new format version gets one of its own.

use super::*;
use crate::log::frame::{SegmentHeader, encode_frame, seal};

/// Made by a script from the tables in the module's documentation, not by this code.
const VERSION_1: &[u8] = include_bytes!("fixtures/version-1.log");

#[test]
fn version_1_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("00000000000000000042.log"), VERSION_1).unwrap();
    let (log, opened) = EmbeddedLog::open(folder.path(), LogSettings::default()).unwrap();
    assert_eq!((opened.torn_bytes, opened.records), (0, 6));
    assert_eq!((log.start(), log.last()), (Position(41), Position(47)));
    let mut expected = every_kind();
    expected.push(delete("last"));
    assert_eq!(records_of(&log, 41), numbered(42, &expected));
}

#[test]
fn version_1_is_written() {
    let header = SegmentHeader {
        first: 42,
        previous: 17,
        previous_seal: *b"seal",
        mark: *b"\x01mark\xFE\x00\x80",
    };
    let mut bytes = header.to_bytes().to_vec();
    for (first, records) in [(42, every_kind()), (47, vec![delete("last")])] {
        let mut frame = Vec::new();
        encode_frame(&records, &mut frame).unwrap();
        seal(&mut frame, first, records.len(), header.mark);
        bytes.extend(frame);
    }
    assert!(
        bytes == VERSION_1,
        "the format changed: write a new version, and read both"
    );
}
