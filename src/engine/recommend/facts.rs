//! What rules ask about items, answered from a view.

use super::fields::{time_of, values_of};
use crate::engine::filter::Filter;
use crate::engine::{EngineError, View};
use crate::live::{Place, Selection};
use crate::ranking::{Facts, Rules};

/// A view's answers to one call's rules.
pub(super) struct ViewFacts<'a> {
    view: &'a View,
    /// One per condition of the rules.
    conditions: Vec<Selection<'a>>,
}

impl<'a> ViewFacts<'a> {
    /// Evaluates the conditions of the rules.
    pub(super) fn new(view: &'a View, rules: &Rules) -> Result<Self, EngineError> {
        let schema = &view.snapshot().manifest().schema;
        let conditions = rules.conditions();
        let selected = conditions.iter().map(|(path, condition)| {
            let filter = Filter::parse(condition, schema, path)?;
            Ok(view.live().select(Some(&filter)))
        });
        Ok(Self {
            view,
            conditions: selected.collect::<Result<_, EngineError>>()?,
        })
    }
}

impl Facts for ViewFacts<'_> {
    fn meets(&self, place: Place, condition: usize) -> bool {
        self.conditions
            .get(condition)
            .is_some_and(|selection| selection.admits(place))
    }

    fn values(&self, place: Place, field: &str) -> Vec<String> {
        let document = self.view.live().document(place);
        document.map_or_else(Vec::new, |document| values_of(document, field))
    }

    fn time(&self, place: Place, field: &str) -> Option<i64> {
        time_of(self.view.live().document(place)?, field)
    }

    fn vector(&self, place: Place) -> Option<&[f32]> {
        self.view.live().vector(place)
    }
}
