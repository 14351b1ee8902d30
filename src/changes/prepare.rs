//! Changes made ready in the thread of their caller: checked, merged with what is there, encoded. What is left to the
//! writer is to see that nothing happened meanwhile.

use super::rules::{Checked, Rules};
use super::{Change, Outcome};
use crate::engine::EngineError;
use crate::live::{Found, Item, Live};
use crate::log::{MAX_RECORD_BYTES, Position};
use crate::schema::{FieldValues, joined_text};
use crate::snapshot::TextDigest;
use rayon::prelude::*;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

type Fields = Map<String, Value>;

/// From as many changes on, the work is shared among cores.
const SHARED_FROM: usize = 64;
/// What a record takes at most beside id, document and vector.
const RECORD_EXTRA_BYTES: usize = 128;

/// A change that the writer can make.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) id: Box<str>,
    pub(crate) action: Action,
    /// The version of the item that it was made from; it holds only while the item has that one.
    pub(crate) version: Option<Position>,
}

#[derive(Debug)]
pub(crate) enum Action {
    Put(Arc<Item>),
    Update {
        document: Box<str>,
        values: Vec<FieldValues>,
    },
    Delete,
}

/// A change as the caller's thread leaves it.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// The writer's turn.
    Ready(Ready),
    /// There is nothing to do.
    Settled(Outcome),
}

impl Prepared {
    /// What its record takes, at most.
    pub(crate) fn bytes(&self) -> usize {
        let Self::Ready(ready) = self else {
            return 0;
        };
        let content = match &ready.action {
            Action::Put(item) => item.document.len() + 4 * item.vector.len(),
            Action::Update { document, .. } => document.len(),
            Action::Delete => 0,
        };
        ready.id.len() + content + RECORD_EXTRA_BYTES
    }
}

/// A change on its way.
enum Draft {
    Prepared(Prepared),
    /// Needs the vector of this text.
    Encode(Checked, Option<Position>),
}

/// Vectors of a call's texts, kept should its changes have to be prepared again.
#[derive(Default)]
pub(crate) struct Encoded {
    rules: Option<Arc<Rules>>,
    vectors: HashMap<TextDigest, Arc<[f32]>>,
}

impl Encoded {
    /// Those that the model of `rules` has made.
    fn under(&mut self, rules: &Arc<Rules>) -> &mut HashMap<TextDigest, Arc<[f32]>> {
        if !self.rules.as_ref().is_some_and(|known| known.same(rules)) {
            self.vectors.clear();
            self.rules = Some(Arc::clone(rules));
        }
        &mut self.vectors
    }
}

/// Makes changes ready against the items that are there.
///
/// # Errors
/// The model fails; then none is.
pub(crate) fn prepare(
    rules: &Arc<Rules>,
    live: &Live,
    changes: &[Change],
    encoded: &mut Encoded,
) -> Result<Vec<Prepared>, EngineError> {
    let draft = |change: &Change| draft(rules, live, change);
    let mut drafts: Vec<Draft> = if changes.len() < SHARED_FROM {
        changes.iter().map(draft).collect()
    } else {
        changes.par_iter().map(draft).collect()
    };
    refuse_duplicates(&mut drafts, &rules.schema().id);
    encode(rules, &mut drafts, encoded.under(rules))?;
    Ok(drafts
        .into_iter()
        .map(|draft| match draft {
            Draft::Prepared(prepared) => prepared,
            Draft::Encode(checked, _) => rejected(EngineError::NoModel {
                detail: format!("nothing encodes the text of item {:?}", checked.id),
            }),
        })
        .collect())
}

fn draft(rules: &Rules, live: &Live, change: &Change) -> Draft {
    let drafted = match change {
        Change::Upsert(fields) => upsert(rules, live, fields.clone()),
        Change::Update { id, fields } => update(rules, live, id, fields),
        Change::Delete { id } => Ok(Draft::Prepared(Prepared::Ready(Ready {
            id: id.as_str().into(),
            action: Action::Delete,
            version: None,
        }))),
    };
    drafted.unwrap_or_else(|error| Draft::Prepared(rejected(error)))
}

fn rejected(error: EngineError) -> Prepared {
    Prepared::Settled(Outcome::Rejected(error))
}

fn upsert(rules: &Rules, live: &Live, fields: Fields) -> Result<Draft, EngineError> {
    let checked = rules.item(fields)?;
    check_size(&checked, rules)?;
    let Some(found) = live.find(&checked.id) else {
        return Ok(put(checked, None));
    };
    if keeps_vector(rules, live, &found, &checked)? {
        return Ok(patch(checked, found.version));
    }
    Ok(put(checked, None))
}

fn update(rules: &Rules, live: &Live, id: &str, changed: &Fields) -> Result<Draft, EngineError> {
    let Some(found) = live.find(id) else {
        return Ok(Draft::Prepared(Prepared::Settled(Outcome::Missing)));
    };
    let mut fields = document(live, &found, id)?;
    let brings_vector = merge(rules, id, &mut fields, changed)?;
    let checked = if rules.own_vectors() && !brings_vector {
        rules.document(fields)?
    } else {
        rules.item(fields)?
    };
    check_size(&checked, rules)?;
    let stays = match rules.own_vectors() {
        true if !brings_vector => true,
        _ => keeps_vector(rules, live, &found, &checked)?,
    };
    if stays {
        Ok(patch(checked, found.version))
    } else {
        Ok(put(checked, Some(found.version)))
    }
}

/// Lays the changed fields over those that are there; says whether a vector is among them.
fn merge(rules: &Rules, id: &str, fields: &mut Fields, changed: &Fields) -> Result<bool, EngineError> {
    let schema = rules.schema();
    let mut brings_vector = false;
    for (name, value) in changed {
        if *name == schema.id {
            let same = match value {
                Value::String(text) => text == id,
                Value::Number(number) => number.to_string() == id,
                _ => false,
            };
            if !same {
                let detail = format!(
                    "is the id of item {id:?} and cannot be changed; upsert a new item and delete this one"
                );
                return Err(EngineError::invalid(name, detail));
            }
            continue;
        }
        let is_vector = Some(name) == schema.vector.as_ref();
        brings_vector |= is_vector;
        match value {
            Value::Null if is_vector => {
                let detail = "cannot be removed; an item needs its vector";
                return Err(EngineError::invalid(name, detail));
            }
            Value::Null => drop(fields.remove(name)),
            value => drop(fields.insert(name.clone(), value.clone())),
        }
    }
    Ok(brings_vector)
}

fn document(live: &Live, found: &Found, id: &str) -> Result<Fields, EngineError> {
    let read = live.document(found.place).map(serde_json::from_slice);
    match read {
        Some(Ok(fields)) => Ok(fields),
        _ => Err(EngineError::Refused {
            name: live.snapshot().manifest().collection.clone(),
            reason: format!(
                "snapshot {} has no readable document for item {id:?}",
                live.snapshot().id()
            ),
        }),
    }
}

/// Whether the item's vector is that of `checked`, too: made from the same text, or the same numbers.
fn keeps_vector(rules: &Rules, live: &Live, found: &Found, checked: &Checked) -> Result<bool, EngineError> {
    if let Some(vector) = &checked.vector {
        return Ok(live
            .vector(found.place)
            .is_some_and(|there| rules.compares_as(vector, there)));
    }
    let before = document(live, found, &checked.id)?;
    Ok(joined_text(&rules.schema().embed, &before).is_ok_and(|text| text == checked.text))
}

fn check_size(checked: &Checked, rules: &Rules) -> Result<(), EngineError> {
    let vector = checked.vector.as_ref().map_or(0, |vector| vector.len());
    let bytes =
        checked.id.len() + checked.document.len() + 4 * vector.max(rules.dimension()) + RECORD_EXTRA_BYTES;
    if bytes <= MAX_RECORD_BYTES {
        return Ok(());
    }
    let detail = format!(
        "item {:?} takes {bytes} bytes, at most {MAX_RECORD_BYTES} are accepted",
        checked.id
    );
    Err(EngineError::invalid(&rules.schema().id, detail))
}

/// A new document for an item that keeps its vector.
fn patch(checked: Checked, version: Position) -> Draft {
    Draft::Prepared(Prepared::Ready(Ready {
        id: checked.id,
        action: Action::Update {
            document: checked.document,
            values: checked.values,
        },
        version: Some(version),
    }))
}

/// A whole item, with its vector or for want of one.
fn put(mut checked: Checked, version: Option<Position>) -> Draft {
    match checked.vector.take() {
        Some(vector) => Draft::Prepared(whole(checked, vector, None, version)),
        None => Draft::Encode(checked, version),
    }
}

fn whole(
    checked: Checked,
    vector: Arc<[f32]>,
    origin: Option<crate::log::Origin>,
    version: Option<Position>,
) -> Prepared {
    Prepared::Ready(Ready {
        id: checked.id.clone(),
        action: Action::Put(Arc::new(Item {
            id: checked.id,
            document: checked.document,
            values: checked.values,
            vector,
            origin,
        })),
        version,
    })
}

/// Of changes of one item only the first counts: which one was meant to be the last is for the caller to say.
fn refuse_duplicates(drafts: &mut [Draft], id_field: &str) {
    let mut first: HashMap<Box<str>, usize> = HashMap::with_capacity(drafts.len());
    for (at, draft) in drafts.iter_mut().enumerate() {
        let id = match draft {
            Draft::Encode(checked, _) => &checked.id,
            Draft::Prepared(Prepared::Ready(ready)) => &ready.id,
            Draft::Prepared(Prepared::Settled(_)) => continue,
        };
        match first.get(id) {
            None => drop(first.insert(id.clone(), at)),
            Some(first) => {
                let detail =
                    format!("{id:?} is in this call already, at position {first}; send one change per item");
                *draft = Draft::Prepared(rejected(EngineError::invalid(id_field, detail)));
            }
        }
    }
}

/// Encodes all texts that need it together. A text that the model cannot take rejects its item alone.
fn encode(
    rules: &Rules,
    drafts: &mut [Draft],
    known: &mut HashMap<TextDigest, Arc<[f32]>>,
) -> Result<(), EngineError> {
    let Some(encoder) = rules.encoder() else {
        return Ok(());
    };
    loop {
        let digest = |draft: &Draft| match draft {
            Draft::Encode(checked, _) => Some(TextDigest::of(&checked.text)),
            Draft::Prepared(_) => None,
        };
        for draft in &mut *drafts {
            if let Some(vector) = digest(draft).and_then(|text| known.get(&text)) {
                complete(rules, draft, Arc::clone(vector));
            }
        }
        let is_text = |draft: &Draft| matches!(draft, Draft::Encode(..));
        let places: Vec<usize> = (0..drafts.len()).filter(|&at| is_text(&drafts[at])).collect();
        let text = |&at: &usize| match &drafts[at] {
            Draft::Encode(checked, _) => checked.text.as_str(),
            Draft::Prepared(_) => "",
        };
        let texts: Vec<&str> = places.iter().map(text).collect();
        if texts.is_empty() {
            return Ok(());
        }
        match encoder.encode_documents(&texts).map_err(EngineError::from) {
            Ok(embeddings) => {
                let digests = texts.iter().map(|text| TextDigest::of(text));
                known.extend(digests.zip(embeddings.rows().map(Arc::from)));
            }
            Err(error) => match error.text().and_then(|at| places.get(at)) {
                Some(&at) => drafts[at] = Draft::Prepared(rejected(of_text(rules, &error))),
                None => return Err(error),
            },
        }
    }
}

fn complete(rules: &Rules, draft: &mut Draft, vector: Arc<[f32]>) {
    let gone = Draft::Prepared(Prepared::Settled(Outcome::Missing));
    *draft = match std::mem::replace(draft, gone) {
        Draft::Encode(checked, version) => {
            let origin = rules.origin(&checked.text);
            Draft::Prepared(whole(checked, vector, origin, version))
        }
        prepared => prepared,
    };
}

fn of_text(rules: &Rules, error: &EngineError) -> EngineError {
    let field = rules.schema().embed.first().map_or("", String::as_str);
    EngineError::invalid(field, format!("cannot be encoded: {error}"))
}
