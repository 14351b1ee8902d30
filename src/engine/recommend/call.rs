//! What a call asks for, and what it comes to with its placement and variant.

use crate::engine::query::{MAX_EXAMPLES, check_effort, check_fields, check_limit};
use crate::engine::{EngineError, View};
use crate::placements::{Part, Placement};
use crate::ranking::{Rules, Strategy};
use crate::signals::{MAX_ID_BYTES, Window};
use alike_indexes::Effort;
use serde_json::Value;

/// Hits where neither the call nor its placement says how many.
pub const DEFAULT_LIMIT: usize = 10;
/// Most items that one call may name as recent, and as its basket.
pub const MAX_NAMED: usize = 1_000;

/// One recommendation call.
#[derive(Debug, Clone, Default)]
pub struct Recommend {
    /// What the call itself says of what is shown; it wins over its placement.
    pub settings: Placement,
    /// Ids of items to resemble, or to go with; they are not returned.
    pub like: Option<Vec<String>>,
    /// Ids of items to move away from; they are not returned.
    pub unlike: Vec<String>,
    /// Who it is for.
    pub user: Option<String>,
    /// The visit it is for.
    pub session: Option<String>,
    /// Ids of items that were looked at just now, latest first; unknown ones are passed over.
    pub recent: Vec<String>,
    /// Ids of the items in the basket; unknown ones are passed over.
    pub basket: Option<Vec<String>>,
    /// Candidates that score lower are left out.
    pub min_score: Option<f32>,
    /// How hard to look for similar items.
    pub effort: Effort,
    /// What the share of explored items depends on, where it is neither the user nor the session.
    pub unit: Option<String>,
    /// Where an answer that is shared is past its time, it is computed first instead of given.
    pub renew: bool,
}

impl Recommend {
    /// Whether everybody who sends it is to get the same.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        let named = [&self.user, &self.session, &self.unit]
            .iter()
            .any(|name| name.is_some());
        !named && self.recent.is_empty() && self.basket.is_none()
    }
}

/// What a call comes to.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) parts: Vec<Part>,
    pub(super) fallback: Vec<Strategy>,
    pub(super) rules: Rules,
    pub(super) filter: Option<Value>,
    pub(super) limit: usize,
    pub(super) window: Window,
    pub(super) segment: Option<String>,
    pub(super) fields: Option<Vec<String>>,
}

impl Wanted {
    /// Lays the call's own settings over those of its placement, and those of a variant over both.
    pub(super) fn of(
        call: &Recommend,
        placement: Option<&Placement>,
        variant: Option<&Placement>,
        view: &View,
    ) -> Result<Self, EngineError> {
        check(call, view)?;
        let mut settings =
            placement.map_or_else(|| call.settings.clone(), |under| under.under(&call.settings));
        if let Some(variant) = variant {
            settings = settings.under(variant);
        }
        let parts = parts(call, &settings)?;
        check_inputs(call, &parts)?;
        let limit = settings.limit.unwrap_or(DEFAULT_LIMIT);
        check_limit(limit)?;
        check_fields(settings.fields.as_deref(), view)?;
        let fallback = settings.fallback.unwrap_or_else(|| fallback(call, &parts));
        Ok(Self {
            parts,
            fallback,
            rules: settings.rules.unwrap_or_default(),
            filter: settings.filter,
            limit,
            window: settings.window.unwrap_or_default(),
            segment: settings.segment,
            fields: settings.fields,
        })
    }

    /// Whether a strategy is among those that were asked for.
    pub(super) fn has(&self, strategy: Strategy) -> bool {
        self.parts.iter().any(|part| part.strategy == strategy)
    }

    /// Whether it is about items that go together with those of the call.
    pub(super) fn is_together(&self) -> bool {
        self.has(Strategy::BoughtTogether) || self.has(Strategy::ViewedTogether)
    }
}

/// The strategies asked for, or the one that goes with what the call has.
fn parts(call: &Recommend, settings: &Placement) -> Result<Vec<Part>, EngineError> {
    let one = |strategy| {
        vec![Part {
            strategy,
            weight: 1.0,
        }]
    };
    if let Some(blend) = &settings.blend {
        return Ok(blend.clone());
    }
    if let Some(strategy) = settings.strategy {
        return Ok(one(strategy));
    }
    if call.like.is_some() || !call.unlike.is_empty() {
        return Ok(one(Strategy::Similar));
    }
    if call.basket.is_some() {
        return Ok(one(Strategy::BoughtTogether));
    }
    if call.user.is_some() || call.session.is_some() || !call.recent.is_empty() {
        return Ok(one(Strategy::ForYou));
    }
    let detail = "is missing: name items to resemble with `like`, or give `basket`, `user`, `session` or `recent`, a \
        `strategy` (such as trending), a `blend` of several, or a `placement`";
    Err(EngineError::invalid("like", detail))
}

/// A strategy that stands alone has what it needs.
fn check_inputs(call: &Recommend, parts: &[Part]) -> Result<(), EngineError> {
    let similar = |part: &Part| part.strategy == Strategy::Similar;
    if !call.unlike.is_empty() && call.like.is_none() {
        let detail = "is missing: `unlike` moves away from items, so name at least one to start from";
        return Err(EngineError::invalid("like", detail));
    }
    let [only] = parts else { return Ok(()) };
    if similar(only) && call.like.is_none() {
        let detail = "is missing: strategy similar needs at least one item to resemble";
        return Err(EngineError::invalid("like", detail));
    }
    let together = matches!(only.strategy, Strategy::BoughtTogether | Strategy::ViewedTogether);
    if together && call.like.is_none() && call.basket.is_none() {
        let detail = format!(
            "is missing: strategy {} needs items to go with, in `basket` or `like`",
            only.strategy.name()
        );
        return Err(EngineError::invalid("basket", detail));
    }
    Ok(())
}

/// What fills an answer up where the call does not say: see [`super`].
fn fallback(call: &Recommend, parts: &[Part]) -> Vec<Strategy> {
    use Strategy::{BoughtTogether, New, Popular, Similar, Trending, ViewedTogether};
    let chain: &[Strategy] = match parts {
        _ if call.min_score.is_some() => &[],
        [only] => match only.strategy {
            // It ranks every item already.
            Similar | New => &[],
            BoughtTogether => &[ViewedTogether, Similar, Popular, New],
            ViewedTogether => &[BoughtTogether, Similar, Popular, New],
            _ => &[Trending, Popular, New],
        },
        _ => &[Trending, Popular, New],
    };
    let asked = |strategy: &&Strategy| parts.iter().any(|part| part.strategy == **strategy);
    chain
        .iter()
        .filter(|strategy| !asked(strategy))
        .copied()
        .collect()
}

fn check(call: &Recommend, view: &View) -> Result<(), EngineError> {
    let schema = &view.snapshot().manifest().schema;
    call.settings.check(schema)?;
    check_effort(call.effort)?;
    if call.min_score.is_some_and(|score| !score.is_finite()) {
        return Err(EngineError::invalid("min_score", "must be a finite number"));
    }
    for (field, name) in [
        ("user", &call.user),
        ("session", &call.session),
        ("unit", &call.unit),
    ] {
        check_name(field, name.as_deref())?;
    }
    for (field, ids) in [("recent", Some(&call.recent)), ("basket", call.basket.as_ref())] {
        check_count(field, ids.map_or(0, Vec::len), MAX_NAMED)?;
    }
    check_count("like", call.like.as_ref().map_or(0, Vec::len), MAX_EXAMPLES)
}

/// Items to resemble and to move away from are there.
pub(super) fn check_examples(call: &Recommend, view: &View) -> Result<(), EngineError> {
    if call.like.as_ref().is_some_and(Vec::is_empty) {
        return Err(EngineError::invalid("like", "is empty; name at least one item"));
    }
    let total = call.like.as_ref().map_or(0, Vec::len) + call.unlike.len();
    if total > MAX_EXAMPLES {
        let detail = format!("`like` and `unlike` name {total} items together, at most {MAX_EXAMPLES}");
        return Err(EngineError::invalid("unlike", detail));
    }
    for (field, ids) in [("like", call.like.as_deref()), ("unlike", Some(&call.unlike[..]))] {
        for (at, id) in ids.unwrap_or_default().iter().enumerate() {
            view.item_named(&format!("{field}[{at}]"), id)?;
        }
    }
    Ok(())
}

fn check_name(field: &str, name: Option<&str>) -> Result<(), EngineError> {
    match name {
        Some("") => Err(EngineError::invalid(
            field,
            "is empty; leave it out where there is none",
        )),
        Some(name) if name.len() > MAX_ID_BYTES => {
            let detail = format!("has {} bytes, at most {MAX_ID_BYTES} are accepted", name.len());
            Err(EngineError::invalid(field, detail))
        }
        _ => Ok(()),
    }
}

fn check_count(field: &str, count: usize, most: usize) -> Result<(), EngineError> {
    if count > most {
        let detail = format!("names {count} items, at most {most} are accepted");
        return Err(EngineError::invalid(field, detail));
    }
    Ok(())
}
