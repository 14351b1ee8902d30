//! What is wrong in a log's files when it is opened or read: a torn end is cut, anything else is refused by name.

use super::*;
use crate::log::frame::SEGMENT_HEADER_BYTES;
use std::fs;

/// Every record in a segment of its own size, so that a frame's place is known.
fn record(number: u64) -> Record {
    upsert(&format!("{number:03}"), &[number as f32; 20])
}

/// A log of `count` appends of one record; the lengths of its last segment after each.
fn filled(dir: &Path, count: u64, settings: LogSettings) {
    let (mut log, _) = EmbeddedLog::open(dir, settings).unwrap();
    for number in 1..=count {
        log.append(&[record(number)]).unwrap();
    }
}

/// One append of [`record`].
fn frame_bytes() -> u64 {
    32 + record(1).encoded_len() as u64
}

/// Where the frame of a record starts in a log of one segment.
fn frame_at(number: u64) -> u64 {
    SEGMENT_HEADER_BYTES as u64 + (number - 1) * frame_bytes()
}

fn open(dir: &Path) -> Result<(EmbeddedLog, crate::log::Opened), LogError> {
    EmbeddedLog::open(dir, LogSettings::default())
}

#[track_caller]
fn damage(error: LogError) -> (String, u64, u64) {
    match error {
        LogError::Damaged {
            path, offset, first, ..
        } => {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, offset, first.0)
        }
        other => panic!("{other:?}"),
    }
}

fn numbers(log: &EmbeddedLog) -> Vec<u64> {
    records_of(log, log.start().0)
        .into_iter()
        .map(|(position, _)| position)
        .collect()
}

#[test]
fn a_torn_end_is_cut_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3, LogSettings::default());
    let path = &segment_files(folder.path())[0];
    let whole = fs::read(path).unwrap();
    let (third, end) = (frame_at(3) as usize, whole.len());
    assert_eq!(end as u64, frame_at(4));
    for cut in (third..end).step_by(3) {
        for tail in [
            vec![],
            vec![0; 40],
            vec![0x5A; 5_000],
            whole[third..third + 20].to_vec(),
        ] {
            let mut torn = whole[..cut].to_vec();
            torn.extend(&tail);
            fs::write(path, &torn).unwrap();
            let (mut log, opened) = open(folder.path()).unwrap();
            assert_eq!(opened.torn_bytes as usize, torn.len() - third, "cut at {cut}");
            assert_eq!((opened.records, opened.bytes as usize), (2, third));
            assert_eq!(numbers(&log), [1, 2]);
            assert_eq!(log.append(&[delete("new")]).unwrap(), Position(3));
            assert_eq!(records_of(&log, 2), [(3, delete("new"))]);
        }
    }
}

#[test]
fn a_last_frame_with_a_flipped_bit_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2, LogSettings::default());
    let path = &segment_files(folder.path())[0];
    let whole = fs::read(path).unwrap();
    for at in frame_at(2) as usize..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(path, &flipped).unwrap();
        let (log, opened) = open(folder.path()).unwrap();
        assert_eq!(opened.torn_bytes, frame_bytes(), "byte {at}");
        assert_eq!(numbers(&log), [1]);
    }
}

#[test]
fn a_damaged_middle_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 4, LogSettings::default());
    let path = &segment_files(folder.path())[0];
    let whole = fs::read(path).unwrap();
    for at in frame_at(2) as usize..frame_at(3) as usize {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(path, &flipped).unwrap();
        let expected = ("00000000000000000001.log".to_owned(), frame_at(2), 2);
        assert_eq!(damage(open(folder.path()).err().unwrap()), expected, "byte {at}");
        let mut seen = 0;
        let mut reader = ReadOnlyLog::open(folder.path());
        let read = reader.read(Position::START, &mut |position, _| {
            seen = position.0;
            Ok(())
        });
        assert_eq!(damage(read.unwrap_err()), expected);
        assert_eq!(seen, 1);
        assert_eq!(fs::read(path).unwrap(), flipped, "nothing is cut");
    }
    fs::write(path, &whole).unwrap();
    assert_eq!(numbers(&open(folder.path()).unwrap().0), [1, 2, 3, 4]);
}

#[test]
fn the_message_says_where_and_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3, LogSettings::default());
    let path = &segment_files(folder.path())[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[frame_at(2) as usize + 40] ^= 4;
    fs::write(path, &bytes).unwrap();
    let message = open(folder.path()).err().unwrap().to_string();
    let file = path.display().to_string();
    for part in [
        file.as_str(),
        &format!("byte {}", frame_at(2)),
        "wrong checksum",
        "records from 2 on",
    ] {
        assert!(message.contains(part), "{message}: {part}");
    }
}

#[test]
fn a_lost_frame_in_the_middle_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3, LogSettings::default());
    let path = &segment_files(folder.path())[0];
    let mut bytes = fs::read(path).unwrap();
    bytes.drain(frame_at(2) as usize..frame_at(3) as usize);
    fs::write(path, &bytes).unwrap();
    assert_eq!(damage(open(folder.path()).err().unwrap()).1, frame_at(2));
}

#[test]
fn only_the_last_segment_may_end_torn() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 12, SMALL);
    let files = segment_files(folder.path());
    assert!(files.len() >= 4);
    let name = files[1].file_name().unwrap().to_str().unwrap().to_owned();
    let whole = fs::read(&files[1]).unwrap();
    // In the middle of a frame, behind a frame, at the header's end, in it.
    for length in [whole.len() - 5, frame_at(2) as usize, SEGMENT_HEADER_BYTES] {
        fs::write(&files[1], &whole[..length]).unwrap();
        let (log, _) = open(folder.path()).unwrap();
        let mut seen = 0;
        let read = log.read(Position::START, &mut |position, _| {
            seen = position.0;
            Ok(())
        });
        let (file, _, first) = damage(read.unwrap_err());
        assert_eq!((file, first), (name.clone(), seen + 1), "length {length}");
        let read = ReadOnlyLog::open(folder.path()).read(Position::START, &mut |_, _| Ok(()));
        assert_eq!(damage(read.unwrap_err()).0, name);
        // What is behind it can be read by whoever needs no more.
        assert_eq!(records_of(&log, 11), [(12, record(12))]);
    }
    fs::write(&files[1], &whole[..SEGMENT_HEADER_BYTES - 1]).unwrap();
    assert_eq!(damage(open(folder.path()).err().unwrap()).0, name);
}

#[test]
fn a_missing_segment_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 12, SMALL);
    let files = segment_files(folder.path());
    let first: u64 = files[1].file_stem().unwrap().to_str().unwrap().parse().unwrap();
    fs::remove_file(&files[1]).unwrap();
    let name = files[1].file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(damage(open(folder.path()).err().unwrap()), (name, 0, first));
    fs::remove_file(&files[2]).unwrap();
    assert_eq!(damage(open(folder.path()).err().unwrap()).2, first);
    fs::remove_file(&files[0]).unwrap();
    let (log, _) = open(folder.path()).unwrap();
    let gone = log.read(Position::START, &mut |_, _| Ok(()));
    assert!(matches!(gone, Err(LogError::Gone { .. })), "{gone:?}");
}

#[test]
fn a_damaged_header_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2, LogSettings::default());
    let path = &segment_files(folder.path())[0];
    let whole = fs::read(path).unwrap();
    for at in 0..SEGMENT_HEADER_BYTES {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        fs::write(path, &flipped).unwrap();
        let (_, offset, first) = damage(open(folder.path()).err().unwrap());
        assert_eq!((offset, first), (0, 1), "byte {at}");
    }
    let other = folder.path().join("00000000000000000009.log");
    fs::write(path, &whole).unwrap();
    fs::rename(path, other).unwrap();
    assert_eq!(damage(open(folder.path()).err().unwrap()).2, 9);
}

#[test]
fn a_newer_version_is_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1, LogSettings::default());
    let path = &segment_files(folder.path())[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..44]);
    bytes[44..48].copy_from_slice(&crc.to_le_bytes());
    fs::write(path, &bytes).unwrap();
    match open(folder.path()).err().unwrap() {
        LogError::Version { found, newest, .. } => assert_eq!((found, newest), (2, 1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_stands_behind_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let at = |start| LogSettings {
        start: Position(start),
        ..LogSettings::default()
    };
    let (mut log, opened) = EmbeddedLog::open(folder.path(), at(100)).unwrap();
    assert_eq!((opened.records, log.last()), (0, Position(100)));
    assert_eq!(log.append(&[delete("a")]).unwrap(), Position(101));
    drop(log);
    assert_eq!(crate::log::end(folder.path()).unwrap(), Position(101));
    let (log, _) = EmbeddedLog::open(folder.path(), at(101)).unwrap();
    assert_eq!((log.start(), log.last()), (Position(100), Position(101)));
    drop(log);
    let refused = EmbeddedLog::open(folder.path(), at(102)).err().unwrap();
    assert!(refused.to_string().contains("ends with record 101"), "{refused}");
    assert_eq!(damage(refused).2, 102);
}

#[test]
fn one_process_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _) = open(folder.path()).unwrap();
    let second = open(folder.path()).err().unwrap();
    assert!(
        matches!(&second, LogError::Locked { path } if path.ends_with("LOCK")),
        "{second:?}"
    );
    drop(log);
    open(folder.path()).unwrap();
}

#[test]
fn an_interrupted_start_of_a_segment_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 2, LogSettings::default());
    let unfinished = folder.path().join("00000000000000000003.log.new");
    fs::write(&unfinished, b"ALIKE").unwrap();
    fs::write(folder.path().join("notes.log"), b"somebody's").unwrap();
    let (log, opened) = open(folder.path()).unwrap();
    assert_eq!((opened.segments, numbers(&log)), (1, vec![1, 2]));
    assert!(!unfinished.exists() && folder.path().join("notes.log").exists());
}
