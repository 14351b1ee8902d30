//! Random sequences of appends, truncations, failures, crashes and restarts on a simulated disk.
//!
//! What is acknowledged is there after every restart, in order and unchanged; what is not is there whole or not at all; an
//! append that failed and was taken back never comes back; a second process that follows sees the same.
//!
//! `ALIKE_SEED=n cargo test -p alike --lib log::tests::crash` runs the sequence of one seed;
//! `ALIKE_SEQUENCES=n` runs those of n seeds (4,000 unless said otherwise).

use super::random::Random;
use super::simulated::{Faults, SimulatedDisk};
use super::*;

const SEQUENCES: u64 = 4_000;
const STEPS: u64 = 60;
const DIR: &str = "log";

#[test]
fn acknowledged_records_survive_every_crash() {
    let given = |name| {
        std::env::var(name)
            .ok()
            .map(|value| value.parse::<u64>().unwrap())
    };
    let first = given("ALIKE_SEED");
    let count = given("ALIKE_SEQUENCES").unwrap_or(if first.is_some() { 1 } else { SEQUENCES });
    let seeds = first.unwrap_or(0)..first.unwrap_or(0) + count;
    let mut seen = Seen::default();
    for seed in seeds {
        let _name = NameOnPanic(seed);
        let mut run = Run::new(seed);
        run.run();
        seen.add(&run.seen);
    }
    if count >= SEQUENCES {
        seen.check();
    }
}

struct NameOnPanic(u64);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with ALIKE_SEED={}", self.0);
        }
    }
}

/// How often what was met: a test that meets nothing shows nothing.
#[derive(Debug, Default)]
struct Seen {
    acknowledged: u64,
    failed: u64,
    stuck: u64,
    power_cuts: u64,
    kills: u64,
    torn: u64,
    surfaced: u64,
    collected: u64,
    followed: u64,
    withdrawn: u64,
}

impl Seen {
    fn counts(&mut self) -> [&mut u64; 10] {
        [
            &mut self.acknowledged,
            &mut self.failed,
            &mut self.stuck,
            &mut self.power_cuts,
            &mut self.kills,
            &mut self.torn,
            &mut self.surfaced,
            &mut self.collected,
            &mut self.followed,
            &mut self.withdrawn,
        ]
    }

    fn add(&mut self, other: &Seen) {
        let mut other = Seen { ..*other };
        for (sum, more) in self.counts().into_iter().zip(other.counts()) {
            *sum += *more;
        }
    }

    fn check(&mut self) {
        eprintln!("{self:?}");
        assert!(self.counts().into_iter().all(|count| *count > 0), "{self:?}");
    }
}

struct Run {
    random: Random,
    disk: SimulatedDisk,
    log: Option<EmbeddedLog>,
    /// Every record that was acknowledged, or found whole after a crash; the first has position 1.
    records: Vec<Record>,
    /// Appends that failed and could not be taken back: one of them may be found after a restart.
    unsure: Vec<Vec<Record>>,
    /// The highest position that truncation was asked for.
    through: u64,
    follower: ReadOnlyLog,
    followed: Vec<Record>,
    seen: Seen,
}

impl Run {
    fn new(seed: u64) -> Self {
        let disk = SimulatedDisk::new(seed ^ 0x5EED);
        Self {
            random: Random(seed),
            follower: ReadOnlyLog::open_on(Box::new(disk.clone()), Path::new(DIR)),
            disk,
            log: None,
            records: Vec::new(),
            unsure: Vec::new(),
            through: 0,
            followed: Vec::new(),
            seen: Seen::default(),
        }
    }

    fn run(&mut self) {
        self.reopen();
        for _ in 0..STEPS {
            match self.random.below(100) {
                0..60 => self.append(),
                60..67 => self.truncate(),
                67..77 => self.follow(),
                77..85 => self.change_faults(),
                85..92 => {
                    let calls = self.random.below(12);
                    self.disk.die_after(calls + 1);
                }
                92..96 => self.crash(),
                _ => self.check(),
            }
            if self.disk.is_dead() {
                self.crash();
            }
        }
        self.crash();
    }

    fn some_records(&mut self) -> Vec<Record> {
        let count = 1 + self.random.below(5);
        (0..count)
            .map(|_| {
                let number = self.random.next();
                match self.random.below(3) {
                    0 => delete(&format!("{number}")),
                    1 => upsert(
                        &format!("{number}"),
                        &vec![number as f32; (number % 300) as usize],
                    ),
                    _ => Record::Update {
                        id: format!("{number}").into(),
                        document: "x".repeat((number % 700) as usize).into(),
                    },
                }
            })
            .collect()
    }

    fn append(&mut self) {
        let records = self.some_records();
        let log = self.log.as_mut().unwrap();
        let was_stuck = log.is_stuck();
        match log.append(&records) {
            Ok(position) => {
                self.records.extend(records);
                assert_eq!(position.0, self.records.len() as u64);
                self.unsure.clear();
                self.seen.acknowledged += 1;
            }
            Err(error) => {
                assert!(matches!(error, LogError::Io { .. }), "{error}");
                self.seen.failed += 1;
                if !(was_stuck && log.is_stuck()) {
                    self.unsure.clear();
                }
                if log.is_stuck() {
                    self.unsure.push(records);
                    self.seen.stuck += 1;
                }
            }
        }
        assert_eq!(log.last().0, self.records.len() as u64);
    }

    fn truncate(&mut self) {
        let through = self.random.below(self.records.len() as u64 + 2);
        self.through = self.through.max(through);
        let log = self.log.as_mut().unwrap();
        let before = log.start();
        match log.truncate(Position(through)) {
            Ok(()) | Err(LogError::Io { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(log.start() >= before);
        self.seen.collected += u64::from(log.start() > before);
    }

    fn change_faults(&mut self) {
        let random = &mut self.random;
        let mut now_and_then = || if random.chance(400) { random.below(300) } else { 0 };
        self.disk.set_faults(Faults {
            write: now_and_then(),
            short: now_and_then(),
            sync: now_and_then(),
            names: now_and_then(),
            read: 0,
        });
        let room = if self.random.chance(200) {
            self.random.below(3_000) as usize
        } else {
            usize::MAX / 2
        };
        self.disk.leave_room(room);
    }

    /// Kills the process or cuts the power, and starts again.
    fn crash(&mut self) {
        self.log = None;
        if self.random.chance(500) {
            self.cut_power();
        } else {
            self.disk.restart();
            self.seen.kills += 1;
        }
        self.reopen();
        self.check();
    }

    fn cut_power(&mut self) {
        self.disk.power_cut();
        self.seen.power_cuts += 1;
        // It ends every process.
        self.follower = ReadOnlyLog::open_on(Box::new(self.disk.clone()), Path::new(DIR));
        self.followed.clear();
    }

    /// Opens the log; failures of the disk while it is opened, and further crashes, do no harm.
    fn reopen(&mut self) {
        for attempt in 0.. {
            if attempt == 4 {
                self.disk.leave_room(usize::MAX / 2);
                self.disk.set_faults(Faults::default());
            } else if self.random.chance(300) {
                let calls = self.random.below(20);
                self.disk.die_after(calls + 1);
            }
            match EmbeddedLog::open_on(Box::new(self.disk.clone()), Path::new(DIR), SMALL) {
                Ok((log, opened)) => {
                    self.disk.restart();
                    self.seen.torn += u64::from(opened.torn_bytes > 0);
                    assert_eq!(opened.bytes, log.bytes());
                    return self.take_over(log);
                }
                Err(LogError::Io { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            self.disk.restart();
            if self.random.chance(300) {
                self.cut_power();
            }
        }
    }

    /// What was unsure is decided now.
    fn take_over(&mut self, log: EmbeddedLog) {
        let known = self.records.len() as u64;
        let found = records_of(&log, known.max(log.start().0));
        let more: Vec<Record> = found.into_iter().map(|(_, record)| record).collect();
        if !more.is_empty() {
            assert!(self.unsure.contains(&more), "{} records from nowhere", more.len());
            self.seen.surfaced += 1;
            self.records.extend(more);
        }
        self.unsure.clear();
        assert_eq!(log.last().0, self.records.len() as u64);
        self.log = Some(log);
    }

    /// The log holds what it should.
    fn check(&mut self) {
        let log = self.log.as_ref().unwrap();
        let start = log.start().0;
        assert!(start <= self.through, "{start} is more than {}", self.through);
        let expected = numbered(start + 1, &self.records[start as usize..]);
        assert_eq!(records_of(log, start), expected);
        self.follow();
    }

    /// The other process reads on.
    fn follow(&mut self) {
        let log = self.log.as_ref().unwrap();
        let after = self.followed.len() as u64;
        let followed = &mut self.followed;
        let read = self.follower.read(Position(after), &mut |position, record| {
            assert_eq!(position.0, followed.len() as u64 + 1);
            followed.push(record);
            Ok(())
        });
        match read {
            Ok(position) => assert_eq!(position.0, self.followed.len() as u64),
            // It starts again from a snapshot of what there is.
            Err(LogError::Gone { start, .. }) => {
                self.followed = self.records[..start.0 as usize].to_vec();
                return;
            }
            Err(LogError::Withdrawn { .. }) => {
                self.seen.withdrawn += 1;
                self.followed = self.records[..log.start().0 as usize].to_vec();
                return;
            }
            Err(error) => panic!("{error}"),
        }
        self.seen.followed += 1;
        if !log.is_stuck() && !self.disk.is_dead() {
            assert!(self.followed == self.records, "the follower sees something else");
            assert_eq!(self.follower.end().unwrap(), log.last());
        }
    }
}
