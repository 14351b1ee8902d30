//! What is asked: the call after its JSON has been read, checked against one view.

use super::{EngineError, View};
use crate::live::{ItemRef, Place};
use alike_indexes::{Effort, Metric};

/// Most hits one call may ask for.
pub const MAX_LIMIT: usize = 1_000;
/// Longest query text in bytes; the model reads far less.
pub const MAX_TEXT_BYTES: usize = 64 << 10;
/// Most items one call may name as examples.
pub const MAX_EXAMPLES: usize = 1_000;

/// One search or recommendation call.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// What to look for.
    pub query: Query,
    /// The filter, as JSON (see [`super::filter`]).
    pub filter: Option<serde_json::Value>,
    /// Most hits wanted, 1 to [`MAX_LIMIT`].
    pub limit: usize,
    /// The document fields wanted; all when absent.
    pub fields: Option<Vec<String>>,
    /// Hits that score lower are left out.
    pub min_score: Option<f32>,
    /// How hard to look. A recall is above 0, at most 1.
    pub effort: Effort,
}

/// What to look for.
#[derive(Debug, Clone)]
pub enum Query {
    /// A text, encoded by the collection's model.
    Text(String),
    /// A vector of the collection's dimension.
    Vector(Vec<f32>),
    /// Items like these and unlike those; neither is returned.
    Examples {
        /// Ids of items to resemble; at least one.
        like: Vec<String>,
        /// Ids of items to move away from.
        unlike: Vec<String>,
    },
}

impl Default for Query {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Search {
    pub(super) fn check(&self, view: &View) -> Result<(), EngineError> {
        check_limit(self.limit)?;
        check_fields(self.fields.as_deref(), view)?;
        if self.min_score.is_some_and(|score| !score.is_finite()) {
            return Err(EngineError::invalid("min_score", "must be a finite number"));
        }
        check_effort(self.effort)
    }
}

pub(super) fn check_effort(effort: Effort) -> Result<(), EngineError> {
    match effort {
        Effort::Recall(recall) if !(recall > 0.0 && recall <= 1.0) => {
            let detail = format!("is {recall}, must be above 0 and at most 1 (1 compares with every row)");
            Err(EngineError::invalid("recall", detail))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_limit(limit: usize) -> Result<(), EngineError> {
    if limit == 0 || limit > MAX_LIMIT {
        let detail = format!("is {limit}, must be 1 to {MAX_LIMIT}");
        return Err(EngineError::invalid("limit", detail));
    }
    Ok(())
}

/// Every chosen field is one that some item has.
pub(super) fn check_fields(fields: Option<&[String]>, view: &View) -> Result<(), EngineError> {
    let (fields, live) = (fields.unwrap_or(&[]), view.live());
    let known = live.document_fields().len();
    if fields.len() > known {
        let detail = format!("names {} fields, the items have {known}", fields.len());
        return Err(EngineError::invalid("fields", detail));
    }
    match fields.iter().position(|field| !live.has_document_field(field)) {
        None => Ok(()),
        Some(at) => {
            let known: Vec<&str> = live.document_fields().collect();
            let detail = format!(
                "no item has a field {:?}; there are {}",
                fields[at],
                known.join(", ")
            );
            Err(EngineError::invalid(format!("fields[{at}]"), detail))
        }
    }
}

pub(super) fn check_text(text: &str) -> Result<(), EngineError> {
    if text.trim().is_empty() {
        return Err(EngineError::invalid("text", "is empty; give words to search for"));
    }
    if text.len() > MAX_TEXT_BYTES {
        let detail = format!("has {} bytes, at most {MAX_TEXT_BYTES} are accepted", text.len());
        return Err(EngineError::invalid("text", detail));
    }
    Ok(())
}

pub(super) fn check_vector(vector: &[f32], view: &View) -> Result<(), EngineError> {
    let expected = view.live().dimension();
    if vector.len() != expected {
        let detail = format!(
            "has {} numbers, this collection's vectors have {expected}",
            vector.len()
        );
        return Err(EngineError::invalid("vector", detail));
    }
    if let Some(at) = vector.iter().position(|number| !number.is_finite()) {
        return Err(EngineError::invalid(
            format!("vector[{at}]"),
            "is not a finite 32-bit number",
        ));
    }
    if view.live().metric() == Metric::Cosine && vector.iter().all(|&number| number == 0.0) {
        return Err(EngineError::invalid(
            "vector",
            "is all zeros: it has no direction to compare by cosine",
        ));
    }
    Ok(())
}

/// Examples resolved to items, and the vector that stands for them.
pub(super) struct Examples {
    pub(super) vector: Vec<f32>,
    pub(super) places: Vec<Place>,
}

/// The mean of the liked items, moved away from the mean of the unliked: `like + (like − unlike)`.
pub(super) fn resolve_examples(
    like: &[String],
    unlike: &[String],
    view: &View,
) -> Result<Examples, EngineError> {
    if like.is_empty() {
        return Err(EngineError::invalid("like", "is empty; name at least one item"));
    }
    let total = like.len() + unlike.len();
    if total > MAX_EXAMPLES {
        let field = if like.len() > MAX_EXAMPLES {
            "like"
        } else {
            "unlike"
        };
        let detail = format!("`like` and `unlike` name {total} items together, at most {MAX_EXAMPLES}");
        return Err(EngineError::invalid(field, detail));
    }
    let mut items = items_of(like, "like", view)?;
    let mut vector = mean(&items, view);
    if !unlike.is_empty() {
        let away = items_of(unlike, "unlike", view)?;
        let mean_away = mean(&away, view);
        vector
            .iter_mut()
            .zip(&mean_away)
            .for_each(|(toward, away)| *toward += *toward - away);
        items.extend(away);
    }
    let cosine = view.live().metric() == Metric::Cosine;
    if cosine && vector.iter().all(|&number| number.abs() < f32::EPSILON) {
        return Err(EngineError::invalid(
            "like",
            "the examples cancel out; name others",
        ));
    }
    let places = items.iter().map(|item| item.place).collect();
    Ok(Examples { vector, places })
}

fn items_of<'a>(ids: &[String], field: &str, view: &'a View) -> Result<Vec<ItemRef<'a>>, EngineError> {
    let item = |(at, id): (usize, &String)| view.item_named(&format!("{field}[{at}]"), id);
    ids.iter().enumerate().map(item).collect()
}

fn mean(items: &[ItemRef<'_>], view: &View) -> Vec<f32> {
    let mut sum = vec![0.0; view.live().dimension()];
    for item in items {
        sum.iter_mut()
            .zip(item.vector)
            .for_each(|(sum, number)| *sum += number);
    }
    let count = items.len() as f32;
    sum.iter_mut().for_each(|number| *number /= count);
    sum
}
