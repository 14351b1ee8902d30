//! Whether a placement makes sense, and fits a schema.

use super::{Part, Placement, PlacementsError};
use crate::engine::MAX_LIMIT;
use crate::ranking::{RuleError, check_count, check_filter, check_once};
use crate::schema::Schema;

const MAX_NAME_BYTES: usize = 64;
const MAX_WEIGHT: f32 = 1e6;
const MAX_FIELDS: usize = 1_000;
const MAX_SEGMENT_BYTES: usize = 512;

/// Checks the name of a placement.
///
/// # Errors
/// [`PlacementsError::Name`]: it is not 1 to 64 characters of a-z, 0-9, `_` and `-`.
pub fn check_name(name: &str) -> Result<(), PlacementsError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(PlacementsError::Name {
        name: name.chars().take(80).collect(),
    })
}

impl Placement {
    /// Checks the settings by themselves and against `schema`. Whether items have the `fields` only a call can tell.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn check(&self, schema: &Schema) -> Result<(), RuleError> {
        if self.strategy.is_some() && self.blend.is_some() {
            let detail = "goes not together with `strategy`; a blend of one strategy is that strategy";
            return Err(RuleError::new("blend", detail));
        }
        if let Some(blend) = &self.blend {
            check_blend(blend)?;
        }
        let fallback = self.fallback.as_deref().unwrap_or_default();
        check_once(fallback.iter(), &|at| format!("fallback[{at}]"))?;
        if let Some(limit) = self.limit
            && !(1..=MAX_LIMIT).contains(&limit)
        {
            let detail = format!("is {limit}, must be 1 to {MAX_LIMIT}");
            return Err(RuleError::new("limit", detail));
        }
        if let Some(rules) = &self.rules {
            rules.check(schema)?;
            rules.check_pins(self.limit.unwrap_or(MAX_LIMIT))?;
        }
        if let Some(filter) = &self.filter {
            check_filter(filter, schema, "filter")?;
        }
        self.check_texts()
    }

    fn check_texts(&self) -> Result<(), RuleError> {
        if let Some(segment) = &self.segment
            && !(1..=MAX_SEGMENT_BYTES).contains(&segment.len())
        {
            let detail = format!("has {} bytes, must have 1 to {MAX_SEGMENT_BYTES}", segment.len());
            return Err(RuleError::new("segment", detail));
        }
        let fields = self.fields.as_deref().unwrap_or_default();
        check_count(fields.len(), MAX_FIELDS, "fields")?;
        check_once(fields.iter(), &|at| format!("fields[{at}]"))
    }
}

fn check_blend(blend: &[Part]) -> Result<(), RuleError> {
    check_once(blend.iter().map(|part| part.strategy), &|at| {
        format!("blend[{at}].strategy")
    })?;
    for (at, part) in blend.iter().enumerate() {
        if !(0.0..=MAX_WEIGHT).contains(&part.weight) {
            let detail = format!("is {}, must be from 0 to {MAX_WEIGHT}", part.weight);
            return Err(RuleError::new(format!("blend[{at}].weight"), detail));
        }
    }
    if blend.iter().all(|part| part.weight == 0.0) {
        let detail = "needs at least one strategy with a weight above 0";
        return Err(RuleError::new("blend", detail));
    }
    Ok(())
}
