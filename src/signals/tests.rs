//! Signals as a whole: the disk and the memory together.

use super::journal::{Journal, Storage};
use super::*;
use jiff::ToSpan;
use proptest::prelude::*;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use tempfile::TempDir;

fn event(item: &str, user: &str, minutes_ago: i64) -> Event {
    Event {
        collection: "products".into(),
        kind: EventType::View,
        item: item.into(),
        user: Some(user.into()),
        session: None,
        time: Timestamp::from_millisecond((Timestamp::now() - minutes_ago.minutes()).as_millisecond())
            .unwrap(),
    }
}

fn events(count: usize) -> Vec<Event> {
    (0..count)
        .map(|n| event(&format!("i{}", n % 7), &format!("u{n}"), n as i64 % 90))
        .collect()
}

fn everything(signals: &Signals, now: Timestamp) -> Vec<Vec<(String, f64)>> {
    Window::ALL
        .map(|window| signals.trending(now, window, &|_| true, usize::MAX))
        .into()
}

fn journal_path(dir: &TempDir) -> PathBuf {
    dir.path().join(FILE_NAME)
}

/// A folder whose journal holds `count` acknowledged events, and its bytes.
fn recorded(count: usize) -> (TempDir, Vec<u8>) {
    let dir = TempDir::new().unwrap();
    let signals = Signals::open(dir.path()).unwrap();
    let taken = signals.record(&events(count)).unwrap();
    assert_eq!(
        taken,
        Recorded {
            accepted: count,
            durable: true
        }
    );
    let bytes = std::fs::read(journal_path(&dir)).unwrap();
    (dir, bytes)
}

#[test]
fn a_restart_answers_as_before() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("collections/products/events");
    let live = Signals::open(&folder).unwrap();
    for batch in events(200).chunks(33) {
        live.record(batch).unwrap();
    }
    let now = Timestamp::now();
    let before = everything(&live, now);
    assert_eq!(before[2].len(), 7);
    drop(live);

    let reopened = Signals::open(&folder).unwrap();
    assert!(reopened.replay().is_clean() && reopened.durable());
    assert_eq!(reopened.replay().events, 200);
    assert_eq!(everything(&reopened, now), before);
}

#[test]
fn the_generation_grows_with_what_is_recorded_only() {
    let dir = TempDir::new().unwrap();
    let signals = Signals::open(dir.path()).unwrap();
    let start = signals.generation();
    signals.record(&[]).unwrap();
    signals.record(&[event("", "u", 0)]).unwrap_err();
    assert_eq!(signals.generation(), start);
    signals.record(&events(3)).unwrap();
    assert!(signals.generation() > start);
}

#[test]
fn one_bad_event_refuses_its_whole_batch_by_position_and_field() {
    let dir = TempDir::new().unwrap();
    let signals = Signals::open(dir.path()).unwrap();
    let mut batch = events(4);
    batch[2].time = Timestamp::now() + 1.hour();
    let error = signals.record(&batch).unwrap_err();
    assert!(
        error.to_string().contains("event 2 of the batch: `time` is"),
        "{error}"
    );
    assert!(
        signals
            .trending(Timestamp::now(), Window::Month, &|_| true, 10)
            .is_empty()
    );
    assert_eq!(std::fs::metadata(journal_path(&dir)).unwrap().len(), 0);
}

#[test]
fn a_torn_end_is_cut_at_every_byte_and_appending_goes_on() {
    let (_dir, bytes) = recorded(3);
    let ends: Vec<usize> = bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .map(|(at, _)| at + 1)
        .collect();
    for length in 0..=bytes.len() {
        let dir = TempDir::new().unwrap();
        std::fs::write(journal_path(&dir), &bytes[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count();
        let good = if whole == 0 { 0 } else { ends[whole - 1] };

        let signals = Signals::open(dir.path()).unwrap();
        assert_eq!(signals.replay().events, whole as u64, "cut at {length}");
        assert_eq!(
            signals.replay().torn_bytes,
            (length - good) as u64,
            "cut at {length}"
        );
        signals.record(&events(1)).unwrap();
        drop(signals);
        let again = Signals::open(dir.path()).unwrap();
        assert!(again.replay().is_clean(), "cut at {length}: {}", again.replay());
        assert_eq!(again.replay().events, whole as u64 + 1);
    }
}

#[test]
fn a_damaged_middle_is_reported_with_its_line_and_left_as_it_is() {
    let (dir, mut bytes) = recorded(5);
    let second = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    bytes[second] = 0xff;
    std::fs::write(journal_path(&dir), &bytes).unwrap();

    let signals = Signals::open(dir.path()).unwrap();
    let found = signals.replay();
    assert_eq!(
        (found.events, found.damaged_lines, found.damaged[0].line),
        (4, 1, 2)
    );
    assert_eq!(std::fs::read(journal_path(&dir)).unwrap(), bytes);
    signals.record(&events(2)).unwrap();
    drop(signals);
    assert_eq!(Signals::open(dir.path()).unwrap().replay().events, 6);
}

#[test]
fn a_second_process_counts_in_memory_and_says_so() {
    let (dir, bytes) = recorded(5);
    let first = Signals::open(dir.path()).unwrap();
    let mut torn = bytes.clone();
    torn.extend_from_slice(b"{\"in\":\"progress");
    std::fs::write(journal_path(&dir), &torn).unwrap();

    let second = Signals::open(dir.path()).unwrap();
    assert_eq!(
        (second.durability(), second.replay().events),
        (Durability::Locked, 5)
    );
    let taken = second.record(&[event("new", "u", 0)]).unwrap();
    assert_eq!(
        taken,
        Recorded {
            accepted: 1,
            durable: false
        }
    );
    let found = second.trending(Timestamp::now(), Window::Month, &|id| id == "new", 1);
    assert_eq!(found.len(), 1);
    assert_eq!(
        std::fs::read(journal_path(&dir)).unwrap(),
        torn,
        "somebody else's file is left alone"
    );
    drop(first);
    assert_eq!(
        Signals::open(dir.path()).unwrap().durability(),
        Durability::Durable
    );
}

/// `/sys` refuses new folders, to root as well.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_counts_in_memory_and_says_so() {
    let signals = Signals::open(Path::new("/sys/kernel/alike-events")).unwrap();
    assert_eq!(signals.durability(), Durability::ReadOnly);
    assert_eq!(
        signals.record(&events(7)).unwrap(),
        Recorded {
            accepted: 7,
            durable: false
        }
    );
    assert_eq!(
        signals
            .trending(Timestamp::now(), Window::Month, &|_| true, 10)
            .len(),
        7
    );
}

#[test]
fn a_file_in_place_of_the_folder_is_an_error_that_names_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("events");
    std::fs::write(&path, "not a folder").unwrap();
    let error = Signals::open(&path).err().unwrap().to_string();
    assert!(
        error.contains("can't open the journal") && error.contains("events"),
        "{error}"
    );
}

/// A file in memory that fails when told to.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Default)]
struct DiskState {
    bytes: Vec<u8>,
    /// How many bytes fit.
    room: Option<usize>,
    sync_fails: bool,
    truncate_fails: bool,
}

impl Disk {
    fn set(&self, change: impl FnOnce(&mut DiskState)) {
        change(&mut self.0.lock().unwrap());
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    fn signals(&self) -> Signals {
        let journal = Journal::new(Box::new(self.clone()), "events.jsonl".into(), 0);
        Signals {
            journal: Mutex::new(Some(journal)),
            trending: RwLock::default(),
            generation: AtomicU64::new(0),
            durability: Durability::Durable,
            replay: Replay::default(),
        }
    }
}

impl Storage for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let room = disk
            .room
            .map_or(bytes.len(), |room| room.saturating_sub(disk.bytes.len()));
        disk.bytes.extend_from_slice(&bytes[..room.min(bytes.len())]);
        if room < bytes.len() {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.0.lock().unwrap().sync_fails {
            Err(io::Error::other("disk on fire"))
        } else {
            Ok(())
        }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if disk.truncate_fails {
            return Err(io::Error::other("disk on fire"));
        }
        disk.bytes.truncate(length as usize);
        Ok(())
    }
}

/// The append error, with nothing changed by the refused batch.
fn refused(signals: &Signals) -> AppendError {
    let now = Timestamp::now();
    let before = (signals.generation(), everything(signals, now));
    let error = signals.record(&[event("refused", "u", 0)]).unwrap_err();
    assert_eq!((signals.generation(), everything(signals, now)), before);
    match error {
        RecordError::Append(error) => error,
        RecordError::Invalid { .. } => panic!("expected the disk's error: {error}"),
    }
}

#[test]
fn a_full_disk_changes_nothing_and_passes_once_there_is_room() {
    let disk = Disk::default();
    let signals = disk.signals();
    signals.record(&events(5)).unwrap();
    let good = disk.bytes();
    for room in [good.len(), good.len() + 1, good.len() + 50] {
        disk.set(|disk| disk.room = Some(room));
        let error = refused(&signals);
        assert!(
            error.is_disk_full() && error.to_string().contains("none was kept"),
            "{error}"
        );
        assert_eq!(disk.bytes(), good, "the torn write is cut");
    }
    disk.set(|disk| disk.room = None);
    signals.record(&events(2)).unwrap();
    assert_eq!(disk.bytes().iter().filter(|byte| **byte == b'\n').count(), 7);
}

#[test]
fn a_failed_sync_changes_nothing() {
    let disk = Disk::default();
    let signals = disk.signals();
    signals.record(&events(5)).unwrap();
    let good = disk.bytes();
    disk.set(|disk| disk.sync_fails = true);
    assert!(!refused(&signals).is_disk_full());
    assert_eq!(disk.bytes(), good);
}

#[test]
fn nothing_follows_a_torn_write_that_could_not_be_cut() {
    let disk = Disk::default();
    let signals = disk.signals();
    signals.record(&events(5)).unwrap();
    let good = disk.bytes();
    disk.set(|disk| (disk.room, disk.truncate_fails) = (Some(good.len() + 10), true));
    refused(&signals);
    let torn = disk.bytes();
    assert_eq!(torn.len(), good.len() + 10);

    disk.set(|disk| disk.room = None);
    refused(&signals);
    assert_eq!(disk.bytes(), torn, "no line is written after the torn one");

    disk.set(|disk| disk.truncate_fails = false);
    signals.record(&[event("late", "u", 0)]).unwrap();
    assert!(disk.bytes().starts_with(&good));
    let found = replay::replay(&disk.bytes()[..], Timestamp::now(), &mut |_| {}).unwrap();
    assert!(found.is_clean() && found.events == 6, "{found}");
}

#[test]
fn many_write_and_read_at_once() {
    const WRITERS: usize = 4;
    const BATCHES: usize = 10;
    let dir = TempDir::new().unwrap();
    let signals = Signals::open(dir.path()).unwrap();
    let now = Timestamp::now();
    let start = Barrier::new(WRITERS + 2);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (signals, start) = (&signals, &start);
            scope.spawn(move || {
                start.wait();
                for batch in 0..BATCHES {
                    signals
                        .record(&[event("i", &format!("{writer}/{batch}"), 0), event("j", "one", 0)])
                        .unwrap();
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                start.wait();
                let (mut score, mut generation) = (0.0, 0);
                while signals.generation() < (WRITERS * BATCHES) as u64 {
                    let found = signals.trending(now, Window::Month, &|id| id == "i", 1);
                    let seen = found.first().map_or(0.0, |(_, score)| *score);
                    assert!(
                        seen >= score && signals.generation() >= generation,
                        "nothing is ever taken back"
                    );
                    (score, generation) = (seen, signals.generation());
                }
            });
        }
    });
    let before = everything(&signals, now);
    drop(signals);
    let reopened = Signals::open(dir.path()).unwrap();
    assert_eq!(reopened.replay().events, (2 * WRITERS * BATCHES) as u64);
    assert_eq!(everything(&reopened, now), before);
}

fn any_event() -> impl Strategy<Value = Event> {
    let user = proptest::option::of("[a-c]|é\"\\\\|\n");
    (
        "[a-e]|\u{1}|日本",
        proptest::sample::select(EventType::ALL.to_vec()),
        user,
        0..(60 * 24 * 31_i64),
    )
        .prop_map(|(item, kind, user, minutes_ago)| Event {
            kind,
            user,
            ..event(&item, "", minutes_ago)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_replay_equals_what_was_counted_live(batches in proptest::collection::vec(proptest::collection::vec(any_event(), 0..20), 0..6)) {
        let dir = TempDir::new().unwrap();
        let live = Signals::open(dir.path()).unwrap();
        for batch in &batches {
            live.record(batch).unwrap();
        }
        let now = Timestamp::now();
        let before = everything(&live, now);
        drop(live);
        let reopened = Signals::open(dir.path()).unwrap();
        prop_assert!(reopened.replay().is_clean());
        prop_assert_eq!(everything(&reopened, now), before);
    }

    #[test]
    fn any_bytes_at_all_open(bytes in proptest::collection::vec(any::<u8>(), 0..400), lines in 0..4_usize) {
        let (dir, mut content) = recorded(lines);
        content.extend_from_slice(&bytes);
        std::fs::write(journal_path(&dir), &content).unwrap();
        let signals = Signals::open(dir.path()).unwrap();
        prop_assert!(signals.replay().events >= lines as u64);
        signals.record(&events(1)).unwrap();
    }
}
