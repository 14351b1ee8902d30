//! Calls with more texts than one batch holds: planned by length, then batch by batch through a lane, on as many threads
//! as the lane has sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::batch::plan;
use crate::lanes::{Admission, Lanes, Worker};
use crate::tokenizer::Tokens;
use crate::{Lane, Result};

/// Runs all of `texts`. `finished` gets a batch's positions and rows, on this thread. A call that is not `patient` is
/// refused where its lane's queue is full.
///
/// # Errors
/// The first one; it names a position in `texts`. [`EmbeddingError::Overloaded`](crate::EmbeddingError::Overloaded).
pub(crate) fn run_all<S: Worker>(
    lanes: &Lanes<S>,
    lane: Lane,
    texts: &[Arc<Tokens>],
    patient: bool,
    mut finished: impl FnMut(&[usize], &[f32]),
) -> Result<()> {
    let lengths: Vec<usize> = texts.iter().map(|tokens| tokens.len()).collect();
    let batches = plan(&lengths, lanes.batch_limit(), lanes.sessions(lane));
    let pledge = match (patient, batches.len()) {
        (true, _) | (_, 0 | 1) => None,
        _ => Some(lanes.pledge(lane, lengths.iter().sum())?),
    };
    let admission = match &pledge {
        Some(pledge) => Admission::Pledged(pledge),
        None if patient => Admission::Patient,
        None => Admission::Limited,
    };
    let job = Job {
        lanes,
        lane,
        texts,
        batches: &batches,
        admission: &admission,
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
    };
    let workers = lanes.sessions(lane).min(batches.len());
    if workers <= 1 {
        return batches.iter().try_for_each(|batch| {
            finished(batch, &job.run(batch)?);
            Ok(())
        });
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (job, sender) = (&job, sender.clone());
            scope.spawn(move || job.work(&sender));
        }
        drop(sender);
        for (batch, rows) in receiver {
            finished(&batches[batch], &rows?);
        }
        Ok(())
    })
}

/// The batches of one call, which its threads take in turn.
struct Job<'a, S: Worker> {
    lanes: &'a Lanes<S>,
    lane: Lane,
    texts: &'a [Arc<Tokens>],
    batches: &'a [Vec<usize>],
    admission: &'a Admission<'a, S>,
    next: AtomicUsize,
    stopped: AtomicBool,
}

impl<S: Worker> Job<'_, S> {
    /// Runs batches until none is left or one failed; sends each one's index and rows.
    fn work(&self, finished: &mpsc::Sender<(usize, Result<Vec<f32>>)>) {
        while !self.stopped.load(Ordering::Relaxed) {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = self.batches.get(next) else {
                return;
            };
            let rows = self.run(batch);
            if rows.is_err() {
                self.stopped.store(true, Ordering::Relaxed);
            }
            if finished.send((next, rows)).is_err() {
                return;
            }
        }
    }

    fn run(&self, batch: &[usize]) -> Result<Vec<f32>> {
        let texts: Vec<_> = batch.iter().map(|&text| Arc::clone(&self.texts[text])).collect();
        let rows = self.lanes.run(self.lane, &texts, self.admission);
        rows.map_err(|error| error.at(|row| batch[row]))
    }
}
