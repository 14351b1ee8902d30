//! Opening a snapshot with what the log has after it, and warming it.

use super::{Engine, EngineError};
use crate::changes::{Calls, Rules, SEALED_FOLDER, read_ahead};
use crate::live::Live;
use crate::log::{LogSettings, Position};
use crate::snapshot::Collection;
use alike_indexes::{Effort, Index, Metric, Request, RowId, Scratch};
use std::io::ErrorKind;
use std::sync::Arc;

/// Rows whose vectors are touched before a snapshot is served: enough for every page of a hundred thousand short ones.
const TOUCHED_ROWS: usize = 65_536;
/// Rows that are looked for before a snapshot is served.
const CANARIES: usize = 8;

/// A snapshot with everything after it.
pub(super) struct Opened {
    pub(super) live: Live,
    pub(super) rules: Rules,
}

impl Engine {
    /// Opens a snapshot and applies the log after its position. The log is read and the model loaded while the files are
    /// verified.
    pub(super) fn open_beside(
        &self,
        collection: &Collection,
        id: &str,
        calls: &Calls,
    ) -> Result<Opened, EngineError> {
        let manifest = collection.manifest(id)?;
        let after = Position(manifest.log_position);
        let chunks = read_ahead(collection.log_dir(), after, Rules::new(&manifest, None)?);
        let wanted = manifest.model.as_ref();
        let (snapshot, encoder) = rayon::join(
            || collection.open(id, self.verify),
            || wanted.map(|wanted| self.models.wanted(wanted)).transpose(),
        );
        let (snapshot, encoder) = (snapshot?, encoder?);
        let rules = Rules::new(&manifest, encoder)?;
        let mut live = Live::new(Arc::new(snapshot));
        for chunk in chunks {
            chunk?.apply(&rules, &mut live, calls)?;
        }
        Ok(Opened { live, rules })
    }

    /// Reads what searches will read, and sees that items find themselves.
    pub(super) fn warm(&self, live: &Live, rules: &Rules) -> Result<(), EngineError> {
        let snapshot = live.snapshot();
        touch(snapshot.index());
        let lost = canaries(snapshot.index())?;
        // A graph may miss one; a wrong one misses nearly all.
        if lost * 2 > CANARIES.min(snapshot.rows()) {
            return Err(EngineError::Refused {
                name: rules.collection().to_owned(),
                reason: format!(
                    "{lost} of {} items of snapshot {} do not find themselves; build it again",
                    CANARIES.min(snapshot.rows()),
                    snapshot.id()
                ),
            });
        }
        if let Some(encoder) = rules.encoder() {
            encoder.encode_query("canary")?;
        }
        Ok(())
    }

    /// How a collection's log is kept: a log that ends before a snapshot of these has lost records.
    pub(super) fn log_settings(&self, collection: &Collection) -> LogSettings {
        let ids = collection.pointer().map(|pointer| {
            let before = pointer.history.into_iter();
            before.chain([pointer.snapshot]).collect::<Vec<_>>()
        });
        let positions = ids.unwrap_or_default().into_iter().filter_map(|id| {
            let manifest = collection.manifest(&id).ok()?;
            Some(manifest.log_position)
        });
        LogSettings {
            segment_bytes: self.writes.segment_bytes,
            start: Position(positions.max().unwrap_or(0)),
        }
    }
}

/// Removes what a process that died has left of sealed rows.
pub(super) fn clear_sealed(collection: &Collection) {
    let left = collection.dir().join(SEALED_FOLDER);
    match std::fs::remove_dir_all(&left) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            tracing::warn!(folder = %left.display(), %error, "sealed rows of a process that died cannot be removed");
        }
        _ => {}
    }
}

/// Reads a little of every page of the vectors, within reason.
fn touch(index: &dyn Index) {
    let step = (index.len() / TOUCHED_ROWS).max(1);
    let read = (0..index.len()).step_by(step).filter_map(|row| {
        let vector = index.vector(RowId(row as u32))?;
        vector.first().copied()
    });
    std::hint::black_box(read.sum::<f32>());
}

/// How many of some rows are not found by their own vectors.
fn canaries(index: &dyn Index) -> Result<usize, EngineError> {
    let step = (index.len() / CANARIES).max(1);
    let rows = (0..index.len()).step_by(step).take(CANARIES);
    let mut scratch = Scratch::default();
    let mut lost = 0;
    for row in rows {
        let Some(vector) = index.vector(RowId(row as u32)) else {
            lost += 1;
            continue;
        };
        let request = Request {
            k: 10,
            effort: Effort::Default,
            filter: None,
        };
        index.search(vector, &request, &mut scratch)?;
        let own = own_score(index.metric(), vector);
        let best = scratch.neighbors().first().map(|best| best.score);
        if !best.is_some_and(|best| best >= own - 1e-3 * own.abs().max(1.0)) {
            lost += 1;
        }
    }
    Ok(lost)
}

/// How similar a vector is to itself.
fn own_score(metric: Metric, vector: &[f32]) -> f32 {
    match metric {
        Metric::L2 => 0.0,
        Metric::Cosine | Metric::Dot => vector.iter().map(|number| number * number).sum(),
    }
}
