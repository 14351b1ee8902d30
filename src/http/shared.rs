//! Answers that everybody gets alike, kept as the bytes that were sent: trending, and placements asked for with GET.
//!
//! A kept answer is given ahead of the routes, without reading the query again, a document or a place among the calls
//! in flight. It holds while the same snapshot is served, the placement is the same, and every item it shows is as it was
//! shown: what is deleted or changed is never given from here once the write is acknowledged. Items that it does not show
//! may have changed: of those, and of newer events, it hears when its time is over (see [`Ages`]).
//! Caches outside hold an answer as long as its `Cache-Control` allows them to; `ETag` is over its bytes.

use super::problem::Problem;
use super::state::App;
use crate::engine::{Ages, Kept, Outcome, Shared, Suggestion, View};
use crate::log::Position;
use crate::placements::Placement;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes of answers that are kept, of all collections.
const MAX_BYTES: u64 = 64 << 20;

/// Whose answers are counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    Trending,
    Placement,
}

impl Of {
    /// The template of its route.
    fn route(self) -> &'static str {
        match self {
            Self::Trending => "/v1/collections/{collection}/trending",
            Self::Placement => "/v1/collections/{collection}/recommend/{placement}",
        }
    }

    fn count(self, app: &App, outcome: Outcome) {
        match self {
            Self::Trending => app.metrics().trending_requested(outcome),
            Self::Placement => app.metrics().placement_requested(outcome),
        }
    }
}

/// Kept answers, by the path and query that they answer.
pub(super) struct Answers {
    kept: Shared<String, Answer>,
    cache_control: HeaderValue,
}

/// An answer as it was sent.
pub(super) struct Sent {
    bytes: Bytes,
    etag: HeaderValue,
    collection: Box<str>,
    snapshot: Box<str>,
    /// The last position at which everything shown was as it is shown.
    checked: AtomicU64,
    shown: Vec<(Box<str>, Position)>,
    placement: Option<(Box<str>, Arc<Placement>)>,
}

/// What makes an answer; told whether it is to be made of a new list in any case.
pub(super) type Maker = Arc<dyn Fn(&App, bool) -> Result<Made, Problem> + Send + Sync>;

/// An answer, and how to make it anew.
struct Answer {
    of: Of,
    sent: Sent,
    maker: Maker,
}

/// An answer that was just made, and from how old a list.
pub(super) struct Made {
    pub(super) sent: Sent,
    pub(super) made: Instant,
    pub(super) outcome: Outcome,
}

impl Answers {
    pub(super) fn new(ttl: Duration) -> Self {
        let ages = Ages::of(ttl);
        let cache_control = HeaderValue::try_from(ages.cache_control());
        Self {
            kept: Shared::new(ages, MAX_BYTES, |key, answer| key.len() + answer.sent.weight()),
            cache_control: cache_control.unwrap_or(HeaderValue::from_static("no-cache")),
        }
    }
}

impl Sent {
    /// An answer made of one view that shows these items.
    pub(super) fn new(
        view: &View,
        answer: &impl Serialize,
        hits: &[Suggestion],
        placement: Option<(&str, &Arc<Placement>)>,
    ) -> Result<Self, Problem> {
        let bytes = serde_json::to_vec(answer).map_err(|error| Problem::internal(&error))?;
        let etag = format!("\"{}\"", &blake3::hash(&bytes).to_hex()[..32]);
        Ok(Self {
            bytes: bytes.into(),
            etag: HeaderValue::try_from(etag).map_err(|error| Problem::internal(&error))?,
            collection: view.collection().into(),
            snapshot: view.snapshot().id().into(),
            checked: AtomicU64::new(view.position().0),
            shown: hits
                .iter()
                .map(|hit| (hit.id.as_str().into(), hit.version))
                .collect(),
            placement: placement.map(|(name, placement)| (name.into(), Arc::clone(placement))),
        })
    }

    fn weight(&self) -> usize {
        let shown = self
            .shown
            .iter()
            .map(|(id, _)| id.len() + size_of::<(Box<str>, Position)>());
        size_of::<Self>() + self.bytes.len() + shown.sum::<usize>()
    }

    /// Whether it still is what would be answered, but for its age.
    fn holds(&self, app: &App) -> bool {
        let Ok(view) = app.engine().view(&self.collection) else {
            return false;
        };
        view.snapshot().id() == &*self.snapshot && self.is_shown_by(&view) && self.is_placed(app)
    }

    fn is_shown_by(&self, view: &View) -> bool {
        let now = view.position().0;
        if self.checked.load(Ordering::Acquire) == now {
            return true;
        }
        let same = |(id, version): &(Box<str>, Position)| {
            let found = view.live().find(id);
            found.is_some_and(|found| found.version == *version)
        };
        let holds = self.shown.iter().all(same);
        if holds {
            self.checked.store(now, Ordering::Release);
        }
        holds
    }

    fn is_placed(&self, app: &App) -> bool {
        let Some((name, placement)) = &self.placement else {
            return true;
        };
        let now = app.engine().placement(&self.collection, name);
        now.is_ok_and(|now| Arc::ptr_eq(&now, placement) || now == *placement)
    }

    fn response(&self, app: &App, headers: &HeaderMap) -> Response {
        let same = is_none_match(headers, &self.etag);
        let (status, body) = if same {
            (StatusCode::NOT_MODIFIED, Body::empty())
        } else {
            (StatusCode::OK, Body::from(self.bytes.clone()))
        };
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, app.answers().cache_control.clone());
        if !same {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        response
    }
}

/// Whether the caller has this answer already.
fn is_none_match(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    let given = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

impl App {
    /// The kept answer to a path and query, if it holds, with its route. One caller after its time has it made anew, while
    /// everybody is given the old one.
    pub(super) fn kept_answer(&self, key: &str, headers: &HeaderMap) -> Option<(&'static str, Response)> {
        let peeked = self.answers().kept.peek(key)?;
        let answer = &peeked.kept.value;
        if !answer.sent.holds(self) {
            if peeked.refresh {
                peeked.kept.give_up();
            }
            return None;
        }
        if peeked.refresh {
            self.renew(key.to_owned(), peeked.kept.clone());
        }
        let outcome = if peeked.stale {
            Outcome::Stale
        } else {
            Outcome::Hit
        };
        answer.of.count(self, outcome);
        Some((answer.of.route(), answer.sent.response(self, headers)))
    }

    /// Makes an answer anew in the background; where that fails the next caller may try.
    fn renew(&self, key: String, old: Kept<Answer>) {
        let app = self.clone();
        tokio::spawn(async move {
            let maker = Arc::clone(&old.value.maker);
            let again = Arc::clone(&maker);
            if let Ok(made) = app.run(move |app| again(app, true)).await {
                app.keep_answer(&key, old.value.of, made, maker);
            }
            old.give_up();
        });
    }

    /// Makes an answer and keeps it.
    pub(super) async fn make_answer(
        &self,
        of: Of,
        key: &str,
        headers: &HeaderMap,
        maker: Maker,
    ) -> Result<Response, Problem> {
        let first = Arc::clone(&maker);
        let made = self.run(move |app| first(app, false)).await?;
        Ok(self
            .keep_answer(key, of, made, maker)
            .sent
            .response(self, headers))
    }

    fn keep_answer(&self, key: &str, of: Of, made: Made, maker: Maker) -> Arc<Answer> {
        let Made { sent, made, outcome } = made;
        let answer = Arc::new(Answer { of, sent, maker });
        // A stale list is being made anew; the next call finds that.
        if outcome != Outcome::Stale {
            self.answers().kept.put(key.to_owned(), Arc::clone(&answer), made);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_may_name_several_answers() {
        let etag = HeaderValue::from_static("\"a1\"");
        for (given, same) in [
            ("\"a1\"", true),
            ("W/\"a1\"", true),
            ("\"b\", \"a1\"", true),
            ("*", true),
            ("\"a2\"", false),
            ("a1", false),
            ("", false),
        ] {
            let headers = [(header::IF_NONE_MATCH, HeaderValue::from_static(given))];
            assert_eq!(
                is_none_match(&headers.into_iter().collect(), &etag),
                same,
                "{given}"
            );
        }
        assert!(!is_none_match(&HeaderMap::new(), &etag));
    }
}
