//! Records of the log on their way back into a state: made ready in parallel, applied in order.

use super::calls::Calls;
use super::rules::{Checked, Rules};
use crate::engine::EngineError;
use crate::live::{Item, Live, Step};
use crate::log::{LogError, Position, ReadOnlyLog, Record, StoredItem};
use crate::schema::joined_text;
use crate::snapshot::TextDigest;
use rayon::prelude::*;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Records that are made ready together.
const CHUNK: usize = 4_096;
/// Chunks that may wait to be applied: the log is read ahead while the snapshot is being verified.
const AHEAD: usize = 8;

/// Records that are ready, in order.
pub(crate) struct Chunk(Vec<(Position, Prior)>);

/// A record that has been read and checked.
enum Prior {
    Put(Arc<Item>),
    /// An item whose vector comes from another model or text.
    Encode(Checked),
    Update(Checked),
    Delete(Box<str>),
    Note(crate::log::CallNote),
    /// What means nothing in a log of changes.
    Nothing,
}

/// Reads the log in `dir` after `after` on a thread of its own and makes its records ready, some chunks ahead.
pub(crate) fn read_ahead(
    dir: PathBuf,
    after: Position,
    rules: Rules,
) -> Receiver<Result<Chunk, EngineError>> {
    let (sender, chunks) = sync_channel(AHEAD);
    let spawned = std::thread::Builder::new().name("alike-replay".to_owned());
    let send = sender.clone();
    let spawned = spawned.spawn(move || {
        if let Err(error) = send_chunks(&dir, after, &rules, &send) {
            let _left = send.send(Err(error));
        }
    });
    if let Err(source) = spawned {
        let error = std::io::Error::other(format!("no thread to read the log: {source}"));
        let _received = sender.try_send(Err(EngineError::Log(LogError::Io {
            path: PathBuf::new(),
            action: "read",
            source: error,
        })));
    }
    chunks
}

fn send_chunks(
    dir: &std::path::Path,
    after: Position,
    rules: &Rules,
    send: &SyncSender<Result<Chunk, EngineError>>,
) -> Result<(), EngineError> {
    let mut records = Vec::with_capacity(CHUNK);
    let flush = |records: &mut Vec<(Position, Record)>| {
        let chunk = ready(rules, std::mem::take(records));
        let is_error = chunk.is_err();
        if send.send(chunk).is_err() || is_error {
            // Whoever applies has left, or has heard.
            return Err(LogError::Stopped(String::new()));
        }
        Ok(())
    };
    let read = ReadOnlyLog::open(dir).read(after, &mut |position, record| {
        records.push((position, record));
        if records.len() < CHUNK {
            return Ok(());
        }
        flush(&mut records)
    });
    match read {
        Err(LogError::Stopped(_)) => Ok(()),
        read => {
            let _left = flush(&mut records);
            Ok(read.map(drop)?)
        }
    }
}

/// Makes records ready, on all cores.
///
/// # Errors
/// One contradicts the rules.
pub(crate) fn ready(rules: &Rules, records: Vec<(Position, Record)>) -> Result<Chunk, EngineError> {
    let ready = |(position, record)| match prior(rules, record) {
        Ok(prior) => Ok((position, prior)),
        Err(error) => Err(EngineError::Refused {
            name: rules.collection().to_owned(),
            reason: format!(
                "record {position} of its log contradicts the schema of the snapshot: {error}; publish a snapshot whose schema takes it, or roll back"
            ),
        }),
    };
    let chunk: Result<Vec<_>, _> = records.into_par_iter().map(ready).collect();
    chunk.map(Chunk)
}

fn prior(rules: &Rules, record: Record) -> Result<Prior, EngineError> {
    match record {
        Record::Upsert(stored) => put(rules, stored),
        Record::Update { id, document } => {
            let fields = parse(&document, &id)?;
            let checked = if rules.own_vectors() {
                rules.document(fields)?
            } else {
                rules.item(fields)?
            };
            Ok(Prior::Update(checked))
        }
        Record::Delete { id } => Ok(Prior::Delete(id)),
        Record::Call(note) => Ok(Prior::Note(note)),
        Record::Event(_) => Ok(Prior::Nothing),
    }
}

fn put(rules: &Rules, stored: StoredItem) -> Result<Prior, EngineError> {
    let fields = parse(&stored.document, &stored.id)?;
    if rules.own_vectors() {
        let checked = rules.document(fields)?;
        rules.check_vector(&stored.vector)?;
        return Ok(Prior::Put(item(checked, stored.vector, None)));
    }
    let checked = rules.item(fields)?;
    match stored.origin {
        Some(origin) if rules.made(&origin, &checked.text) && stored.vector.len() == rules.dimension() => {
            Ok(Prior::Put(item(checked, stored.vector, Some(origin))))
        }
        _ => Ok(Prior::Encode(checked)),
    }
}

fn item(checked: Checked, vector: Arc<[f32]>, origin: Option<crate::log::Origin>) -> Arc<Item> {
    Arc::new(Item {
        id: checked.id,
        document: checked.document,
        values: checked.values,
        vector,
        origin,
    })
}

fn parse(document: &str, id: &str) -> Result<Map<String, Value>, EngineError> {
    serde_json::from_str(document).map_err(|error| {
        EngineError::invalid("", format!("the document of item {id:?} is not JSON: {error}"))
    })
}

impl Chunk {
    /// Applies the records to `live` and remembers the calls.
    ///
    /// # Errors
    /// A text cannot be encoded, or the items do not fit into memory; `live` is then as it was.
    pub(crate) fn apply(self, rules: &Rules, live: &mut Live, calls: &Calls) -> Result<(), EngineError> {
        let Some(&(last, _)) = self.0.last() else {
            return Ok(());
        };
        let records = encode(rules, live, self.0)?;
        let mut steps = Vec::with_capacity(records.len());
        for (position, prior) in records {
            let step = match prior {
                Prior::Put(item) => Step::Put(item),
                // Nothing is left to encode.
                Prior::Update(checked) | Prior::Encode(checked) => Step::Update {
                    id: checked.id,
                    document: checked.document,
                    values: checked.values,
                },
                Prior::Delete(id) => Step::Delete { id },
                Prior::Note(note) => {
                    calls.noted(note, position);
                    continue;
                }
                Prior::Nothing => continue,
            };
            steps.push((position, step));
        }
        live.apply(steps);
        live.skip_to(last);
        Ok(())
    }
}

/// Replaces what has to be encoded by what was.
fn encode(
    rules: &Rules,
    live: &Live,
    mut records: Vec<(Position, Prior)>,
) -> Result<Vec<(Position, Prior)>, EngineError> {
    if rules.own_vectors() {
        return Ok(records);
    }
    mark_changed_texts(rules, live, &mut records);
    let places: Vec<usize> = (0..records.len())
        .filter(|&at| matches!(records[at].1, Prior::Encode(_)))
        .collect();
    let text = |&at: &usize| match &records[at].1 {
        Prior::Encode(checked) => checked.text.as_str(),
        _ => "",
    };
    let texts: Vec<&str> = places.iter().map(text).collect();
    if texts.is_empty() {
        return Ok(records);
    }
    let Some(encoder) = rules.encoder() else {
        let detail = "texts of the log have to be encoded again".to_owned();
        return Err(EngineError::NoModel { detail });
    };
    tracing::info!(
        collection = rules.collection(),
        texts = texts.len(),
        "texts of the log are encoded again"
    );
    let embeddings = encoder.encode_documents(&texts)?;
    for (&at, vector) in places.iter().zip(embeddings.rows()) {
        let record = &mut records[at].1;
        if let Prior::Encode(checked) = std::mem::replace(record, Prior::Delete("".into())) {
            let origin = rules.origin(&checked.text);
            *record = Prior::Put(item(checked, Arc::from(vector), origin));
        }
    }
    Ok(records)
}

/// A record that replaces a document was written while the text stayed the same, under the schema of that time. Where it
/// does not under these rules, the item is encoded again.
fn mark_changed_texts(rules: &Rules, live: &Live, records: &mut [(Position, Prior)]) {
    let text_before = |(_, prior): &(Position, Prior)| match prior {
        Prior::Update(checked) => Some((text_of(rules, live, &checked.id), TextDigest::of(&checked.text))),
        _ => None,
    };
    let texts: Vec<Option<(Option<TextDigest>, TextDigest)>> = records.par_iter().map(text_before).collect();
    if texts.iter().all(Option::is_none) {
        return;
    }
    // What came before in this chunk; none: deleted.
    let mut now: HashMap<Box<str>, Option<TextDigest>> = HashMap::new();
    for ((_, prior), texts) in records.iter_mut().zip(texts) {
        match (&*prior, texts) {
            (Prior::Put(item), _) => drop(now.insert(item.id.clone(), item.origin.map(|origin| origin.text))),
            (Prior::Encode(checked), _) => {
                now.insert(checked.id.clone(), Some(TextDigest::of(&checked.text)));
            }
            (Prior::Delete(id), _) => drop(now.insert(id.clone(), None)),
            (Prior::Update(checked), Some((before, text))) => {
                let known = now.get(&checked.id).copied().unwrap_or(before);
                if known.is_some_and(|known| known != text) {
                    now.insert(checked.id.clone(), Some(text));
                    encode_instead(prior);
                }
            }
            (Prior::Update(_) | Prior::Note(_) | Prior::Nothing, _) => {}
        }
    }
}

fn encode_instead(prior: &mut Prior) {
    *prior = match std::mem::replace(prior, Prior::Delete("".into())) {
        Prior::Update(checked) => Prior::Encode(checked),
        other => other,
    };
}

fn text_of(rules: &Rules, live: &Live, id: &str) -> Option<TextDigest> {
    let found = live.find(id)?;
    let fields: Map<String, Value> = serde_json::from_slice(live.document(found.place)?).ok()?;
    let text = joined_text(&rules.schema().embed, &fields).ok()?;
    Some(TextDigest::of(&text))
}
