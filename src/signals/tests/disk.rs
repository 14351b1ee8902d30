//! Where the log cannot be written, or not now.

use super::*;
use std::io;
use std::sync::Barrier;

#[test]
fn a_second_process_counts_in_memory_and_says_so() {
    let dir = TempDir::new().unwrap();
    let first = open(dir.path());
    first.record(&events(5)).unwrap();
    let second = open(dir.path());
    assert_eq!(
        (second.durability(), second.replay().events),
        (Durability::Locked, 5)
    );
    let taken = second.record(&[event("new", "u", 0)]).unwrap();
    assert_eq!((taken.accepted, taken.durable, taken.position), (1, false, None));
    let found = second.trending(Timestamp::now(), Window::Month, &|id| id == "new", 1);
    assert_eq!(found.len(), 1);
    drop(first);
    let third = open(dir.path());
    assert_eq!(
        (third.durability(), third.replay().events),
        (Durability::Durable, 5)
    );
}

/// `/sys` refuses new folders, to root as well.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_counts_in_memory_and_says_so() {
    let signals = open(Path::new("/sys/kernel/alike-events"));
    assert_eq!(signals.durability(), Durability::ReadOnly);
    let taken = signals.record(&events(7)).unwrap();
    assert_eq!((taken.accepted, taken.durable), (7, false));
    assert_eq!(
        signals
            .trending(Timestamp::now(), Window::Month, &|_| true, 10)
            .len(),
        7
    );
}

#[test]
fn a_file_in_place_of_the_folder_is_named() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("events");
    std::fs::write(&path, "not a folder").unwrap();
    let signals = open(&path);
    assert_eq!(signals.durability(), Durability::None);
    let problem = &signals.replay().problems[0];
    assert!(problem.contains("events"), "{problem}");
    assert!(!signals.record(&events(1)).unwrap().durable);
}

#[test]
fn a_damaged_log_is_named_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let live = open(dir.path());
    live.record(&events(3)).unwrap();
    live.record(&events(6)[3..]).unwrap();
    drop(live);
    let path = dir.path().join("00000000000000000001.log");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 0xFF;
    std::fs::write(&path, &bytes).unwrap();
    let reopened = open(dir.path());
    assert_eq!(reopened.durability(), Durability::None);
    let problem = &reopened.replay().problems[0];
    assert!(
        problem.contains("is damaged at byte 48") && problem.contains("0001.log"),
        "{problem}"
    );
    assert!(!reopened.record(&events(1)).unwrap().durable);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

/// A log in memory that refuses when told to.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<(Vec<Record>, bool)>>);

impl crate::log::Log for Memory {
    fn append(&mut self, records: &[Record]) -> Result<Position, LogError> {
        let mut inner = self.0.lock().unwrap();
        if inner.1 {
            let source = io::ErrorKind::StorageFull.into();
            return Err(LogError::Io {
                path: "events".into(),
                action: "append to",
                source,
            });
        }
        inner.0.extend_from_slice(records);
        Ok(Position(inner.0.len() as u64))
    }

    fn read(
        &self,
        _: Position,
        _: &mut dyn FnMut(Position, Record) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        Ok(())
    }

    fn truncate(&mut self, _: Position) -> Result<(), LogError> {
        Ok(())
    }

    fn last(&self) -> Position {
        Position(self.0.lock().unwrap().0.len() as u64)
    }

    fn start(&self) -> Position {
        Position::START
    }

    fn bytes(&self) -> u64 {
        0
    }
}

fn on(log: &Memory) -> Signals {
    let settings = Settings::default();
    let opened = Opened {
        journal: Journal {
            log: Some(Box::new(log.clone())),
            position: Position::START,
        },
        state: State::new(&settings),
        durability: Durability::Durable,
        replay: Replay::default(),
    };
    Signals::new(opened, settings)
}

#[test]
fn a_full_disk_changes_nothing_and_passes_once_there_is_room() {
    let log = Memory::default();
    let signals = on(&log);
    signals.record(&events(5)).unwrap();
    log.0.lock().unwrap().1 = true;
    let now = Timestamp::now();
    let before = (signals.generation(), everything(&signals, now));
    let error = signals.record(&[event("i1", "u1", 0)]).unwrap_err();
    assert!(
        matches!(&error, RecordError::Append(cause) if cause.is_disk_full()),
        "{error}"
    );
    assert!(error.to_string().contains("none was kept"), "{error}");
    assert_eq!((signals.generation(), everything(&signals, now)), before);
    log.0.lock().unwrap().1 = false;
    assert_eq!(signals.record(&events(7)).unwrap().position, Some(Position(12)));
}

#[test]
fn many_write_and_read_at_once() {
    const WRITERS: usize = 4;
    const BATCHES: usize = 10;
    let dir = TempDir::new().unwrap();
    let (folder, checkpoint) = (dir.path().join("events"), dir.path().join("checkpoint"));
    let signals = open(&folder);
    let now = Timestamp::now();
    let start = Barrier::new(WRITERS + 3);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (signals, start) = (&signals, &start);
            scope.spawn(move || {
                start.wait();
                for batch in 0..BATCHES {
                    let two = [
                        event("i1", &format!("{writer}/{batch}"), 0),
                        event("i2", "one", 0),
                    ];
                    signals.record(&two).unwrap();
                }
            });
        }
        scope.spawn(|| {
            start.wait();
            signals.checkpoint(&checkpoint).unwrap();
        });
        for _ in 0..2 {
            scope.spawn(|| {
                start.wait();
                let mut score = 0.0;
                while signals.position() < Position((2 * WRITERS * BATCHES) as u64) {
                    let found = signals.trending(now, Window::Month, &|id| id == "i1", 1);
                    let seen = found.first().map_or(0.0, |(_, score)| *score);
                    assert!(seen >= score, "nothing is ever taken back");
                    score = seen;
                }
            });
        }
    });
    let before = everything(&signals, now);
    drop(signals);
    for reopened in [open(&folder), open_with(&folder, &checkpoint)] {
        assert_eq!(everything(&reopened, now), before);
    }
}
