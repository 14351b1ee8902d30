//! Where changes become acknowledged: the newest state of a collection and its log, in one pair of hands at a time.

use super::answers;
use super::calls::{Calls, now_ms};
use super::journal::Journal;
use super::prepare::{Action, Prepared, Ready};
use super::queue::{Note, Submission, Verdict};
use super::replay;
use super::rules::Rules;
use super::{Counts, Key, Outcome, Written};
use crate::engine::{EngineError, Stage};
use crate::live::{Live, Step};
use crate::log::{CallNote, LogError, Position, Record, StoredItem};
use crate::telemetry::{Committed, LiveState, Metrics};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Beside the log: files of sealed rows, which go with the process that made them.
pub(crate) const SEALED_FOLDER: &str = "sealed";
/// Records that are read together where the log is followed.
const FOLLOWED: usize = 4_096;

/// The newest state of a collection, and its log.
pub(crate) struct Desk {
    live: Live,
    rules: Arc<Rules>,
    journal: Journal,
    calls: Arc<Calls>,
    stage: Arc<Stage>,
    metrics: Arc<Metrics>,
}

/// One commit under construction.
struct Frame {
    first: Position,
    records: Vec<Record>,
    steps: Vec<(Position, Step)>,
    notes: Vec<(CallNote, Position)>,
    /// Versions of items that this commit changes; none: it deletes them.
    versions: HashMap<Box<str>, Option<Position>>,
    counts: Counts,
}

impl Frame {
    /// The position of the last record so far.
    fn position(&self) -> Position {
        Position(self.first.0 + self.records.len() as u64)
    }

    fn push(&mut self, record: Record) -> Position {
        self.records.push(record);
        self.position()
    }
}

impl Desk {
    pub(crate) fn new(
        (live, rules): (Live, Arc<Rules>),
        journal: Journal,
        calls: Arc<Calls>,
        stage: Arc<Stage>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            live,
            rules,
            journal,
            calls,
            stage,
            metrics,
        }
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// Takes in what was written while the snapshot was opened.
    ///
    /// # Errors
    /// The log cannot be read, or contradicts the snapshot.
    pub(crate) fn begin(&mut self) -> Result<(), EngineError> {
        self.catch_up()?;
        self.report();
        Ok(())
    }

    /// Gives up the log for good.
    pub(crate) fn close(&mut self, reason: &str) {
        self.journal.close(reason);
        self.stage.set_off(self.journal.off());
    }

    /// Where rows may be sealed in a file; none where this process may not write there.
    pub(crate) fn sealing_folder(&self) -> Option<PathBuf> {
        let writes = self.journal.off().is_none();
        writes.then(|| self.journal.dir().with_file_name(SEALED_FOLDER))
    }

    /// Makes the changes of all of `batch` in one commit, in their order, and tells every caller.
    pub(crate) fn commit(&mut self, batch: Vec<Submission>) {
        let start = Instant::now();
        let first = match self.ready_to_write() {
            Ok(first) => first,
            Err(error) => return refuse(batch, error),
        };
        let mut frame = Frame {
            first,
            records: Vec::new(),
            steps: Vec::new(),
            notes: Vec::new(),
            versions: HashMap::new(),
            counts: Counts::default(),
        };
        let (mut accepted, mut others) = (Vec::with_capacity(batch.len()), Vec::new());
        for mut submission in batch {
            match self.enter(&mut frame, &mut submission, start) {
                Ok(written) => accepted.push((submission, written)),
                Err(verdict) => others.push((submission, verdict)),
            }
        }
        let appended = self.append(&mut frame);
        // Only now: who prepares again shall see what this commit has done.
        for (submission, verdict) in others {
            submission.answer(verdict);
        }
        match appended {
            Ok(synced) => {
                self.metrics.committed(&Committed {
                    collection: self.rules.collection(),
                    callers: accepted.len(),
                    counts: frame.counts,
                    synced,
                    took: start.elapsed(),
                });
                for (submission, written) in accepted {
                    submission.answer(Verdict::Written(written));
                }
            }
            Err(error) => refuse(accepted.into_iter().map(|(submission, _)| submission), error),
        }
    }

    /// The position after which this process may append.
    fn ready_to_write(&mut self) -> Result<Position, EngineError> {
        if self.journal.off().is_some() {
            self.follow()?;
        }
        let Some(last) = self.journal.last() else {
            let reason = self.journal.off().unwrap_or_default().to_owned();
            return Err(EngineError::WritesOff { reason });
        };
        if last > self.live.position() {
            self.catch_up()?;
        }
        if last != self.live.position() {
            let at = self.live.position();
            let reason = format!("the log ends at {last}, before the snapshot's position {at}");
            return Err(EngineError::WritesOff { reason });
        }
        Ok(last)
    }

    /// Enters a call's changes into the commit: all of them, or none.
    fn enter(
        &self,
        frame: &mut Frame,
        submission: &mut Submission,
        now: Instant,
    ) -> Result<Written, Verdict> {
        if submission.deadline < now {
            return Err(Verdict::Refused(EngineError::Full {
                what: "the changes waited until the call's deadline".to_owned(),
                retry_after: 1,
            }));
        }
        let same = Arc::ptr_eq(&submission.rules, &self.rules) || submission.rules.same(&self.rules);
        if !same {
            return Err(Verdict::Again { id: "".into() });
        }
        for prepared in &submission.changes {
            if let Prepared::Ready(ready) = prepared
                && ready.version.is_some()
                && self.version(frame, &ready.id) != ready.version
            {
                return Err(Verdict::Again { id: ready.id.clone() });
            }
        }
        let mut outcomes = Vec::with_capacity(submission.changes.len());
        for prepared in submission.changes.drain(..) {
            let outcome = match prepared {
                Prepared::Settled(outcome) => outcome,
                Prepared::Ready(ready) => self.change(frame, ready),
            };
            frame.counts.add(&outcome);
            outcomes.push(outcome);
        }
        if let Some(note) = submission.note.take() {
            enter_note(frame, note, &outcomes);
        }
        Ok(Written {
            position: frame.position(),
            outcomes,
        })
    }

    /// The version of an item as it is after what the commit holds so far; none: there is no such item.
    fn version(&self, frame: &Frame, id: &str) -> Option<Position> {
        match frame.versions.get(id) {
            Some(version) => *version,
            None => self.live.find(id).map(|found| found.version),
        }
    }

    fn change(&self, frame: &mut Frame, ready: Ready) -> Outcome {
        let Ready { id, action, .. } = ready;
        let there = self.version(frame, &id).is_some();
        let (record, step, outcome) = match action {
            Action::Put(item) => {
                let record = Record::Upsert(StoredItem {
                    id: item.id.clone(),
                    document: item.document.clone(),
                    vector: Arc::clone(&item.vector),
                    origin: item.origin,
                });
                let outcome = if there { Outcome::Updated } else { Outcome::Created };
                (record, Step::Put(item), outcome)
            }
            Action::Update { document, values } => {
                let record = Record::Update {
                    id: id.clone(),
                    document: document.clone(),
                };
                let id = id.clone();
                (record, Step::Update { id, document, values }, Outcome::Updated)
            }
            Action::Delete if !there => return Outcome::Missing,
            Action::Delete => {
                let record = Record::Delete { id: id.clone() };
                (record, Step::Delete { id: id.clone() }, Outcome::Deleted)
            }
        };
        let position = frame.push(record);
        let is_there = !matches!(outcome, Outcome::Deleted);
        frame.versions.insert(id, is_there.then_some(position));
        frame.steps.push((position, step));
        outcome
    }

    /// Makes the commit durable, then visible. Says how long the first took.
    ///
    /// # Errors
    /// Nothing of it is durable or visible.
    fn append(&mut self, frame: &mut Frame) -> Result<Duration, EngineError> {
        if frame.records.is_empty() {
            return Ok(Duration::ZERO);
        }
        let start = Instant::now();
        let last = self.journal.append(&frame.records)?;
        let synced = start.elapsed();
        debug_assert_eq!(last, frame.position());
        for (note, position) in frame.notes.drain(..) {
            self.calls.noted(note, position);
        }
        self.live.apply(frame.steps.drain(..));
        self.live.skip_to(last);
        self.publish();
        Ok(synced)
    }

    /// Shows the newest state to readers.
    fn publish(&self) {
        self.stage.show(self.live.clone(), &self.rules);
        self.report();
    }

    fn report(&self) {
        self.stage.set_off(self.journal.off());
        self.metrics.live_state(&LiveState {
            collection: self.rules.collection(),
            items: self.live.len(),
            live_rows: self.live.live_rows(),
            dead_rows: self.live.dead_rows(),
            patched_rows: self.live.patched_rows(),
            bytes: self.live.bytes(),
            position: self.live.position(),
            log_bytes: self.journal.bytes(),
        });
    }

    /// Takes in what another process has written, and becomes the writer where that one has stopped.
    ///
    /// # Errors
    /// The log is damaged or cannot be read; what is served stays.
    pub(crate) fn follow(&mut self) -> Result<(), EngineError> {
        if self.journal.off().is_none() {
            return Ok(());
        }
        if self.journal.take_over()? {
            tracing::info!(
                collection = self.rules.collection(),
                "writes are taken from now on"
            );
        }
        self.catch_up()?;
        if let Some(last) = self.journal.last()
            && last < self.live.position()
        {
            let path = self.journal.dir().to_path_buf();
            return Err(LogError::Withdrawn { path, last }.into());
        }
        self.report();
        Ok(())
    }

    /// Applies what the log has beyond the newest state.
    fn catch_up(&mut self) -> Result<(), EngineError> {
        let before = self.live.position();
        let mut live = self.live.clone();
        read_into(&mut self.journal, &self.rules, &mut live, &self.calls)?;
        if live.position() > before {
            self.live = live;
            self.publish();
        }
        Ok(())
    }

    /// Goes over to another snapshot, whose state `live` may lack what was written last.
    ///
    /// # Errors
    /// The log cannot be read, or contradicts the snapshot; what is served stays.
    pub(crate) fn adopt(&mut self, mut live: Live, rules: Rules) -> Result<(), EngineError> {
        read_into(&mut self.journal, &rules, &mut live, &self.calls)?;
        self.live = live;
        if !rules.same(&self.rules) || rules.encoder().is_some() {
            self.rules = Arc::new(rules);
        }
        self.publish();
        Ok(())
    }

    /// Takes over rows that were sealed in the background.
    pub(crate) fn seal(&mut self, sealed: crate::live::Sealed) {
        self.live.replace_sealed(sealed);
        self.publish();
    }

    /// Forgets records that no snapshot needs; notes of calls that are still kept are carried on.
    ///
    /// # Errors
    /// The log cannot be written here.
    pub(crate) fn truncate(&mut self, through: Position) -> Result<(), EngineError> {
        let last = self.ready_to_write()?;
        let notes = self.calls.through(through.min(last))?;
        if !notes.is_empty() {
            let records: Vec<Record> = notes.iter().cloned().map(Record::Call).collect();
            let end = self.journal.append(&records)?;
            for (at, note) in notes.into_iter().enumerate() {
                self.calls.noted(note, Position(last.0 + 1 + at as u64));
            }
            self.live.skip_to(end);
        }
        self.journal.truncate(through.min(last))?;
        self.publish();
        Ok(())
    }
}

fn enter_note(frame: &mut Frame, note: Note, outcomes: &[Outcome]) {
    let position = Position(frame.position().0 + 1);
    let (Key { name, body }, answer) = match note {
        Note::Outcomes(key) => (key, answers::write(position, outcomes)),
        Note::Answer(key, answer) => (key, answer),
    };
    let note = CallNote {
        key: name.into(),
        body,
        at_ms: now_ms(),
        answer,
    };
    frame.push(Record::Call(note.clone()));
    frame.notes.push((note, position));
}

/// Applies what the journal has beyond `live`.
fn read_into(
    journal: &mut Journal,
    rules: &Rules,
    live: &mut Live,
    calls: &Calls,
) -> Result<(), EngineError> {
    let after = live.position();
    let mut records = Vec::new();
    let mut failed = None;
    let mut apply = |records: &mut Vec<(Position, Record)>| {
        let chunk = replay::ready(rules, std::mem::take(records));
        chunk
            .and_then(|chunk| chunk.apply(rules, live, calls))
            .map_err(|error| {
                failed = Some(error);
                LogError::Stopped(String::new())
            })
    };
    let read = journal.read(after, &mut |position, record| {
        records.push((position, record));
        match records.len() {
            FOLLOWED.. => apply(&mut records),
            _ => Ok(()),
        }
    });
    let read = read.and_then(|()| apply(&mut records));
    match failed {
        Some(error) => Err(error),
        None => Ok(read?),
    }
}

fn refuse(submissions: impl IntoIterator<Item = Submission>, error: EngineError) {
    let reason = match &error {
        EngineError::WritesOff { reason } => reason.clone(),
        error => error.to_string(),
    };
    // What is wrong with a call alone is said of a call that is alone.
    let mut first = Some(error);
    for submission in submissions {
        let again = || EngineError::WritesOff {
            reason: reason.clone(),
        };
        submission.answer(Verdict::Refused(first.take().unwrap_or_else(again)));
    }
}
