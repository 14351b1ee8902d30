//! What both embedding protocols do alike: choose the model, encode, say which texts were too long.

use super::inputs::Inputs;
use super::problem::{Cause, Problem};
use super::state::App;
use crate::config::LongText;
use crate::engine::EngineError;
use alike_embeddings::{EmbeddingError, Encoded, Encoder, Input, LostEnd, Prefix};
use axum::http::{HeaderName, HeaderValue};
use std::sync::Arc;

/// Most texts of one call.
pub(super) const MAX_TEXTS: usize = 2_048;

/// Names the texts of a call that were cut, by their positions.
pub(super) const TRUNCATED: HeaderName = HeaderName::from_static("x-alike-truncated");
/// As many positions are listed; `...` stands for the others.
const MAX_POSITIONS: usize = 100;

/// How the protocol names its texts, and what it does with those that are too long.
pub(super) struct Call<'a> {
    pub(super) inputs: &'a Inputs,
    /// The field that holds them.
    pub(super) field: &'static str,
    pub(super) prefix: Prefix,
    pub(super) long_text: LongText,
    /// Which end of a text that is too long is lost.
    pub(super) lost: LostEnd,
}

impl Call<'_> {
    /// Refuses what needs no model to be refused.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if let Some(empty) = self.inputs.first_empty(self.field) {
            let detail =
                format!("{empty}: cannot be empty; send a text with at least one character or token");
            return Err(Problem::invalid(detail)
                .with_field(empty)
                .with_cause(Cause::Empty));
        }
        let count = self.inputs.len();
        if count > MAX_TEXTS {
            let detail = format!(
                "{}: has {count} texts, at most {MAX_TEXTS} per call; send them in parts",
                self.field
            );
            return Err(Problem::invalid(detail).with_field(self.field));
        }
        Ok(())
    }

    /// The vectors; in order, one for each text.
    pub(super) fn encode(&self, encoder: &Encoder) -> Result<Encoded, Problem> {
        let tails = self.tails(encoder)?;
        let texts = self.inputs.texts();
        let given = texts.iter().zip(&tails);
        let given: Vec<Input<'_>> = given
            .map(|(text, tail)| tail.as_ref().map_or(*text, Tail::input))
            .collect();
        let mut encoded = encoder
            .encode(&given, self.prefix, self.inputs.lane())
            .map_err(|error| self.named(error))?;
        for (cut, tail) in encoded.truncated.iter_mut().zip(&tails) {
            *cut |= tail.is_some();
        }
        let too_long = encoded.truncated.iter().position(|cut| *cut);
        match too_long {
            Some(position) if self.long_text == LongText::Refuse => {
                Err(self.too_long(position, encoder.model().max_tokens))
            }
            _ => Ok(encoded),
        }
    }

    fn too_long(&self, position: usize, limit: usize) -> Problem {
        let name = self.inputs.name(self.field, position);
        let detail = format!("{name}: has more than the {limit} tokens that the model reads; shorten it");
        Problem::invalid(detail)
            .with_field(name)
            .with_cause(Cause::TooLong)
    }

    /// What is left of each text that has to lose its beginning; nothing where texts lose their end, which the encoder
    /// does by itself.
    fn tails(&self, encoder: &Encoder) -> Result<Vec<Option<Tail>>, Problem> {
        if self.lost == LostEnd::Right {
            return Ok(self.inputs.texts().iter().map(|_| None).collect());
        }
        let texts = self.inputs.texts();
        let tails = texts.iter().enumerate().map(|(position, text)| {
            let tail = encoder.tail(*text, self.prefix);
            tail.map(|tail| tail.map(Tail))
                .map_err(|error| self.named(error.at(|_| position)))
        });
        tails.collect()
    }

    fn named(&self, error: EmbeddingError) -> Problem {
        named(error.into(), |position| self.inputs.name(self.field, position))
    }
}

/// The last tokens of a text.
struct Tail(Vec<u32>);

impl Tail {
    fn input(&self) -> Input<'_> {
        Input::Tokens(&self.0)
    }
}

/// The problem of an error; of one that names a text by its position, with that text as its field.
pub(super) fn named(error: EngineError, name: impl Fn(usize) -> String) -> Problem {
    let position = error.text();
    let problem = Problem::from(error);
    match position {
        Some(position) => problem.with_field(name(position)),
        None => problem,
    }
}

/// The value of the header [`TRUNCATED`], if any text was cut.
pub(super) fn positions(truncated: &[bool]) -> Option<HeaderValue> {
    let mut cut = truncated
        .iter()
        .enumerate()
        .filter(|(_, cut)| **cut)
        .map(|(position, _)| position.to_string());
    let mut listed: Vec<String> = cut.by_ref().take(MAX_POSITIONS).collect();
    if cut.next().is_some() {
        listed.push("...".to_owned());
    }
    if listed.is_empty() {
        return None;
    }
    HeaderValue::from_str(&listed.join(",")).ok()
}

/// The encoder that protocols without a field for the model use.
pub(super) fn default_encoder(app: &App) -> Result<Arc<Encoder>, Problem> {
    let encoder = app.engine().encoders()?.into_iter().next();
    encoder.ok_or_else(|| Problem::unavailable("no embedding model is loaded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_lists_positions_and_stays_short() {
        assert_eq!(positions(&[false; 3]), None);
        assert_eq!(positions(&[true, false, true]).unwrap(), "0,2");
        let long = positions(&[true; MAX_TEXTS]).unwrap();
        assert!(long.to_str().unwrap().ends_with(",99,...") && long.len() < 300);
    }
}
