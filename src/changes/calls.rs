//! Idempotency keys: which calls are at work, and what those that are done were answered.

use super::{CallStart, Key};
use crate::engine::EngineError;
use crate::log::{CallNote, LogError, Position, ReadOnlyLog, Record};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The calls of one collection.
pub(crate) struct Calls {
    table: Mutex<Table>,
    ttl_ms: i64,
    most: usize,
    /// Notes in the log before the records that were replayed, read when the first key comes.
    older: Mutex<Option<Older>>,
}

/// Where older notes stand.
pub(crate) struct Older {
    pub(crate) log: PathBuf,
    pub(crate) through: Position,
}

#[derive(Default)]
struct Table {
    calls: HashMap<Box<str>, Call>,
    /// Keys of the calls that are done, in the order of their notes.
    done: VecDeque<(i64, Box<str>)>,
}

enum Call {
    AtWork([u8; 16]),
    Done(CallNote, Position),
}

impl Call {
    fn body(&self) -> &[u8; 16] {
        match self {
            Self::AtWork(body) => body,
            Self::Done(note, _) => &note.body,
        }
    }
}

impl Calls {
    pub(crate) fn new(ttl: Duration, most: usize, older: Option<Older>) -> Self {
        Self {
            table: Mutex::default(),
            ttl_ms: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX),
            most,
            older: Mutex::new(older),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins.
    pub(crate) fn begin(&self, key: &Key) -> Result<CallStart, EngineError> {
        self.read_older()?;
        let mut table = self.table();
        table.forget(now_ms().saturating_sub(self.ttl_ms), self.most);
        match table.calls.get(key.name.as_str()) {
            Some(call) if *call.body() != key.body => Err(EngineError::KeyReused {
                key: key.name.clone(),
            }),
            Some(Call::AtWork(_)) => Ok(CallStart::InProgress),
            Some(Call::Done(note, _)) => Ok(CallStart::Answered(note.answer.clone())),
            None => {
                let call = Call::AtWork(key.body);
                table.calls.insert(key.name.as_str().into(), call);
                Ok(CallStart::New)
            }
        }
    }

    /// A call that is at work is given up.
    pub(crate) fn abandon(&self, key: &Key) {
        let mut table = self.table();
        if let Some(Call::AtWork(body)) = table.calls.get(key.name.as_str())
            && *body == key.body
        {
            table.calls.remove(key.name.as_str());
        }
    }

    /// A note is in the log.
    pub(crate) fn noted(&self, note: CallNote, position: Position) {
        let mut table = self.table();
        if note.at_ms < now_ms().saturating_sub(self.ttl_ms) {
            return;
        }
        let known = table.calls.get(&note.key);
        if matches!(known, Some(Call::Done(_, known)) if *known >= position) {
            return;
        }
        // One that was carried on in the log has its place already.
        if !matches!(known, Some(Call::Done(known, _)) if known.at_ms == note.at_ms) {
            table.done.push_back((note.at_ms, note.key.clone()));
        }
        table.calls.insert(note.key.clone(), Call::Done(note, position));
        table.forget(i64::MIN, self.most);
    }

    /// Notes at or below `through` that are still kept: they must not go with the log.
    pub(crate) fn through(&self, through: Position) -> Result<Vec<CallNote>, EngineError> {
        self.read_older()?;
        let mut table = self.table();
        table.forget(now_ms().saturating_sub(self.ttl_ms), self.most);
        let mut notes: Vec<CallNote> = table
            .calls
            .values()
            .filter_map(|call| match call {
                Call::Done(note, position) if *position <= through => Some(note.clone()),
                _ => None,
            })
            .collect();
        notes.sort_by(|a, b| (a.at_ms, &a.key).cmp(&(b.at_ms, &b.key)));
        Ok(notes)
    }

    /// Reads the notes that stand before what was replayed, once. Whoever comes meanwhile waits.
    fn read_older(&self) -> Result<(), EngineError> {
        let mut pending = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = &*pending {
            older.read(&mut |note, position| self.noted(note, position))?;
            *pending = None;
        }
        Ok(())
    }
}

impl Table {
    /// Drops what was answered before `before_ms`, and the oldest beyond `most`.
    fn forget(&mut self, before_ms: i64, most: usize) {
        while let Some((at_ms, _)) = self.done.front()
            && (*at_ms < before_ms || self.done.len() > most)
        {
            let Some((at_ms, key)) = self.done.pop_front() else {
                return;
            };
            if matches!(self.calls.get(&key), Some(Call::Done(note, _)) if note.at_ms == at_ms) {
                self.calls.remove(&key);
            }
        }
    }
}

impl Older {
    fn read(&self, each: &mut dyn FnMut(CallNote, Position)) -> Result<(), LogError> {
        let mut log = ReadOnlyLog::open(&self.log);
        let done = || LogError::Stopped(String::new());
        let read = log.read(log.start()?, &mut |position, record| {
            if position > self.through {
                return Err(done());
            }
            if let Record::Call(note) = record {
                each(note, position);
            }
            Ok(())
        });
        match read {
            Err(LogError::Stopped(_)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, body: u8) -> Key {
        Key {
            name: name.to_owned(),
            body: [body; 16],
        }
    }

    fn note(name: &str, at_ms: i64) -> CallNote {
        CallNote {
            key: name.into(),
            body: [1; 16],
            at_ms,
            answer: format!("answer {name}").into(),
        }
    }

    #[test]
    fn a_key_stands_for_one_call() {
        let calls = Calls::new(Duration::from_secs(100), 10, None);
        assert_eq!(calls.begin(&key("a", 1)).unwrap(), CallStart::New);
        assert_eq!(calls.begin(&key("a", 1)).unwrap(), CallStart::InProgress);
        let reused = calls.begin(&key("a", 2)).unwrap_err();
        assert!(matches!(reused, EngineError::KeyReused { .. }), "{reused}");
        calls.abandon(&key("a", 2));
        assert_eq!(
            calls.begin(&key("a", 1)).unwrap(),
            CallStart::InProgress,
            "another call gives nothing up"
        );
        calls.abandon(&key("a", 1));
        assert_eq!(calls.begin(&key("a", 1)).unwrap(), CallStart::New);
        calls.noted(note("a", now_ms()), Position(4));
        calls.abandon(&key("a", 1));
        assert_eq!(
            calls.begin(&key("a", 1)).unwrap(),
            CallStart::Answered("answer a".into())
        );
    }

    #[test]
    fn old_keys_and_too_many_are_forgotten() {
        let calls = Calls::new(Duration::from_secs(100), 2, None);
        calls.noted(note("old", now_ms() - 101_000), Position(1));
        assert_eq!(calls.begin(&key("old", 1)).unwrap(), CallStart::New);
        for (at, name) in ["a", "b", "c"].iter().enumerate() {
            calls.noted(note(name, now_ms()), Position(2 + at as u64));
        }
        assert_eq!(calls.begin(&key("a", 1)).unwrap(), CallStart::New);
        assert!(matches!(
            calls.begin(&key("c", 1)).unwrap(),
            CallStart::Answered(_)
        ));
        let kept = calls.through(Position(3)).unwrap();
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!(&*kept[0].key, "b");
    }
}
