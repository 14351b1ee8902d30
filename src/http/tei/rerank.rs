//! `POST /rerank`.

use super::embed::report;
use super::error::ErrorAnswer;
use super::{TruncationDirection, long_text};
use crate::config::LongText;
use crate::http::encoding::{MAX_TEXTS, named};
use crate::http::extract::Json;
use crate::http::problem::{Cause, Problem};
use crate::http::state::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Texts to rank.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"query": "What is Deep Learning?", "texts": ["Deep Learning is not...", "Deep learning is..."]}))]
pub(in crate::http) struct RerankBody {
    /// What the texts are ranked by.
    query: String,
    /// 1 to 2,048 texts.
    texts: Vec<String>,
    /// The model's own numbers (logits) instead of `1 / (1 + exp(-logit))`.
    #[serde(default)]
    raw_scores: bool,
    /// Repeat the texts in the answer.
    #[serde(default)]
    return_text: bool,
    /// Cut pairs that are too long (`true`) or refuse them (`false`); `auto_truncate` of `/info` when absent.
    #[serde(default)]
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: TruncationDirection,
}

/// The texts, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RerankAnswer(Vec<Rank>);

/// A text's place in the answer.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct Rank {
    /// Its position in `texts`.
    index: usize,
    /// The text, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[schema(example = 0.97)]
    score: f32,
}

impl RerankBody {
    fn check(&self) -> Result<(), Problem> {
        if self.texts.is_empty() {
            let detail = "texts: cannot be empty; send at least one text";
            return Err(Problem::invalid(detail)
                .with_field("texts")
                .with_cause(Cause::Empty));
        }
        let count = self.texts.len();
        if count > MAX_TEXTS {
            let detail =
                format!("texts: has {count} texts, at most {MAX_TEXTS} per call; send them in parts");
            return Err(Problem::invalid(detail).with_field("texts"));
        }
        Ok(())
    }

    fn answer(mut self, app: &App) -> Result<Response, Problem> {
        self.check()?;
        let reranker = app.engine().reranker()?;
        let scored = reranker
            .score_with(&self.query, &self.texts, self.truncation_direction.into())
            .map_err(|error| named(error.into(), |position| format!("texts[{position}]")))?;
        if long_text(app, self.truncate) == LongText::Refuse
            && let Some(position) = scored.truncated.iter().position(|cut| *cut)
        {
            return Err(too_long(position, reranker.model().max_tokens));
        }
        let ranks = self.ranks(&scored.scores);
        let mut response = axum::Json(RerankAnswer(ranks)).into_response();
        report(&mut response, &scored.tokens, &scored.truncated);
        Ok(response)
    }

    /// Best first; equal ones in the order of the request.
    fn ranks(&mut self, logits: &[f32]) -> Vec<Rank> {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let rank = |index: usize| Rank {
            index,
            text: self.return_text.then(|| std::mem::take(&mut self.texts[index])),
            score: if self.raw_scores {
                logits[index]
            } else {
                sigmoid(logits[index])
            },
        };
        order.into_iter().map(rank).collect()
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

fn too_long(position: usize, limit: usize) -> Problem {
    let name = format!("texts[{position}]");
    let detail = format!(
        "{name}: has, with the query, more than the {limit} tokens that the model reads; shorten it or set truncate"
    );
    Problem::invalid(detail)
        .with_field(name)
        .with_cause(Cause::TooLong)
}

/// Texts in the order in which they answer a query
///
/// By the cross-encoder that `[reranker] path` or `--reranker` names; 424 where none is configured.
#[utoipa::path(
    post, path = "/rerank", tag = "Embeddings",
    request_body = RerankBody,
    responses(
        (status = 200, body = RerankAnswer,
            headers(("x-alike-truncated" = Option<String>, description = "Positions of texts that were cut, such as `0,3`"))),
        (status = "4XX", body = ErrorAnswer),
        (status = "5XX", body = ErrorAnswer),
    )
)]
pub(in crate::http) async fn rerank(
    State(app): State<App>,
    Json(body): Json<RerankBody>,
) -> Result<Response, Problem> {
    app.run(move |app| body.answer(app)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(raw_scores: bool, return_text: bool, logits: &[f32]) -> Vec<Rank> {
        let mut body = RerankBody {
            query: "q".to_owned(),
            texts: (0..logits.len()).map(|at| format!("text {at}")).collect(),
            raw_scores,
            return_text,
            truncate: None,
            truncation_direction: TruncationDirection::Right,
        };
        body.ranks(logits)
    }

    #[test]
    fn best_first_and_ties_in_order() {
        let found = ranks(true, false, &[1.0, 3.0, 1.0, 2.0]);
        let order: Vec<usize> = found.iter().map(|rank| rank.index).collect();
        assert_eq!(order, [1, 3, 0, 2]);
        assert_eq!(found[0].score, 3.0);
        assert_eq!(found[0].text, None);
    }

    #[test]
    fn scores_are_sigmoids_unless_raw_and_texts_go_with_them() {
        let found = ranks(false, true, &[0.0, f32::ln(3.0), -200.0]);
        assert_eq!(found[0].text.as_deref(), Some("text 1"));
        assert!((found[0].score - 0.75).abs() < 1e-6, "{found:?}");
        assert_eq!((found[1].score, found[2].score), (0.5, 0.0));
    }
}
