//! Commits a call's changes part by part.

use super::body::{Changes, Part, PartLimits};
use super::change::{Read, Verb, read};
use super::lines::End;
use super::report::{Place, Report};
use crate::changes::{Change, WriteOptions};
use crate::http::problem::Problem;
use crate::http::state::App;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What a call is about.
#[derive(Debug, Clone)]
pub(in crate::http) struct Call {
    pub(in crate::http) collection: String,
    pub(in crate::http) verb: Verb,
    /// Whether the answer names the outcome of every change.
    pub(in crate::http) outcomes: bool,
}

/// A call as far as it has come.
struct Progress {
    report: Report,
    /// Where each id stands in a batch, in which it may stand once.
    seen: Option<HashMap<String, usize>>,
}

/// Commits all of `changes`, a part at a time: the next one is read when this one is done, so that a caller who sends
/// faster than the disk writes has to wait, and memory holds one part. A place among the requests in flight is held while a
/// part is worked on.
///
/// # Errors
/// A part could not be written, or the changes ended before their end; the problem says what was done. What is wrong with
/// single items is in the report.
pub(in crate::http) async fn write_all(
    app: &App,
    call: &Call,
    changes: &mut Changes,
) -> Result<Report, Problem> {
    let limits = PartLimits::of(&*app.engine().view(&call.collection)?);
    let progress = Arc::new(Mutex::new(Progress {
        report: Report::new(&call.collection, call.outcomes),
        seen: changes.is_batch().then(HashMap::new),
    }));
    let mut begun = false;
    loop {
        let (part, end) = changes.part(&limits, app).await;
        let broken = matches!(end, Some(End::Broken(_)));
        let mut failure = None;
        if !broken && !part.pieces.is_empty() {
            let (call, progress) = (call.clone(), Arc::clone(&progress));
            let work = move |app: &App| {
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                write_part(app, &call, &part, &mut progress)
            };
            // A call that has begun waits for its turn; one that has not is told at once when there is no room.
            failure = match std::mem::replace(&mut begun, true) {
                true => app.run_part(work).await.err(),
                false => app.run(work).await.err(),
            };
        }
        if failure.is_none() && end.is_none() {
            continue;
        }
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = Report::new(&call.collection, false);
        let report = std::mem::replace(&mut progress.report, empty);
        return match failure.or_else(|| end.and_then(|end| unfinished(app, end))) {
            Some(problem) => Err(report.failed(problem)),
            None => Ok(report),
        };
    }
}

/// The problem of a body that ended before its end.
pub(super) fn unfinished(app: &App, end: End) -> Option<Problem> {
    match end {
        End::Complete => None,
        End::Broken(why) => {
            let detail = format!("the body could not be read to its end: {why}");
            Some(Problem::invalid(detail).with_field("body"))
        }
        End::Silent => Some(Problem::silent(app.settings().request_timeout())),
        End::Stopping => Some(Problem::unavailable(
            "the server is about to stop; send the rest of the call again",
        )),
    }
}

/// Makes one change.
///
/// # Errors
/// Nothing could be written.
pub(in crate::http) fn write_one(
    app: &App,
    collection: &str,
    id: &str,
    change: Change,
) -> Result<Report, Problem> {
    let mut report = Report::new(collection, false);
    let place = Place {
        position: 0,
        line: None,
        id: Some(id.to_owned()),
    };
    report.reached(app.engine().view(collection)?.position());
    write_run(app, collection, vec![(place, Ok(change))], &mut report)?;
    Ok(report)
}

fn write_part(app: &App, call: &Call, part: &Part, progress: &mut Progress) -> Result<(), Problem> {
    let view = app.engine().view(&call.collection)?;
    progress.report.reached(view.position());
    let id_field = &view.snapshot().manifest().schema.id;
    let limit = app.settings().body_limit_bytes;
    let mut entries: Vec<(Place, Result<Change, Problem>)> = Vec::with_capacity(part.pieces.len());
    for piece in &part.pieces {
        let read = match &piece.text {
            Ok(range) => read(call.verb, id_field, &part.bytes[range.clone()]),
            Err(length) => too_long(*length, limit),
        };
        let place = Place {
            position: piece.position,
            line: piece.line,
            id: read.id,
        };
        let change = progress.unique(&place, id_field).and(read.change);
        entries.push((place, change));
    }
    for run in runs(entries) {
        write_run(app, &call.collection, run, &mut progress.report)?;
    }
    Ok(())
}

fn too_long(length: usize, limit: usize) -> Read {
    let detail = format!("the line has {length} bytes, at most {limit} (server.body_limit_bytes)");
    Read {
        id: None,
        change: Err(Problem::invalid(detail).with_field("body")),
    }
}

impl Progress {
    /// Refuses an id that stood in the batch before.
    fn unique(&mut self, place: &Place, id_field: &str) -> Result<(), Problem> {
        let (Some(seen), Some(id)) = (&mut self.seen, &place.id) else {
            return Ok(());
        };
        match seen.get(id) {
            None => {
                seen.insert(id.clone(), place.position);
                Ok(())
            }
            Some(first) => {
                let shown: String = id.chars().take(100).collect();
                let detail = format!(
                    "{id_field}: {shown:?} is the id of item {first} of this call, too; an id may stand in a batch once"
                );
                Err(Problem::invalid(detail).with_field(id_field))
            }
        }
    }
}

type Entry = (Place, Result<Change, Problem>);

/// Cuts a part where an id comes again: lines are a sequence, in which a later change of an item follows the earlier.
fn runs(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut runs: Vec<Vec<Entry>> = vec![Vec::new()];
    let mut ids: HashSet<String> = HashSet::new();
    for entry in entries {
        if entry.1.is_ok()
            && let Some(id) = &entry.0.id
            && !ids.insert(id.clone())
        {
            ids = HashSet::from([id.clone()]);
            runs.push(Vec::new());
        }
        if let Some(run) = runs.last_mut() {
            run.push(entry);
        }
    }
    runs
}

/// Has the engine make the changes of a run in one commit.
fn write_run(app: &App, collection: &str, run: Vec<Entry>, report: &mut Report) -> Result<(), Problem> {
    let mut changes = Vec::with_capacity(run.len());
    let mut places = Vec::with_capacity(run.len());
    for (place, change) in run {
        match change {
            Ok(change) => {
                changes.push(change);
                places.push((place, None));
            }
            Err(problem) => places.push((place, Some(problem))),
        }
    }
    let mut outcomes = Vec::new().into_iter();
    if !changes.is_empty() {
        let options = WriteOptions {
            key: None,
            deadline: app.deadline(),
        };
        let written = app.engine().write(collection, changes, &options)?;
        report.reached(written.position);
        outcomes = written.outcomes.into_iter();
    }
    for (place, refused) in places {
        match refused {
            Some(problem) => report.refuse(place, problem),
            None => {
                if let Some(outcome) = outcomes.next() {
                    report.done(place, outcome);
                }
            }
        }
    }
    Ok(())
}
