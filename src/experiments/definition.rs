//! What an experiment is: its variants, their weights, and how its outcomes count.

use super::ExperimentError;
use crate::placements::Placement;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

/// Fewest and most variants of an experiment.
pub const VARIANTS: std::ops::RangeInclusive<usize> = 2..=10;
/// The longest name of an experiment or a variant, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// The largest weight of a variant: sums of weights stay exact enough.
pub const MAX_WEIGHT: f64 = 1e9;
/// The longest attribution window, in seconds: 90 days.
pub const MAX_WINDOW_S: u64 = 90 * DAY_S;
const DAY_S: u64 = 86_400;

/// An experiment as it is defined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "collection": "products",
    "variants": [
        {"name": "control", "weight": 1.0},
        {"name": "diverse", "weight": 1.0, "settings": {"rules": {"diversity": 0.3}}},
    ],
    "attribution_window_s": 604_800,
}))]
pub struct Definition {
    /// The collection whose recommendations it is about.
    pub collection: String,
    /// 2 to 10 variants; the first is the control, which the others are compared with.
    pub variants: Vec<Variant>,
    /// How long after a recommendation a click or conversion counts as its outcome, in seconds: at most 90 days.
    #[serde(default = "week")]
    #[schema(default = 604_800, minimum = 1, maximum = 7_776_000)]
    pub attribution_window_s: u64,
    /// A variant that is computed and compared, and never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// Whether it runs.
    #[serde(default)]
    pub status: Status,
}

/// One of the ways to recommend that an experiment compares. What it names wins over what a call says; one that names
/// nothing is the call as it comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name: 1 to 64 letters, digits, `-` and `_`.
    pub name: String,
    /// Its share of the units is its weight over the sum of all.
    #[schema(exclusive_minimum = 0)]
    pub weight: f64,
    /// A placement of the collection whose settings it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// Settings of its own; they win over those of its placement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Placement>,
    /// The snapshot of the collection that answers, and with it a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// A variant in the shadow: no unit is assigned to it and its answers are never shown; for a share of the calls it is
/// computed beside what is shown, and compared with that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// Its name among the variants; not that of the first.
    pub variant: String,
    /// The share of calls for which it is computed, above 0 and at most 1.
    #[schema(exclusive_minimum = 0, maximum = 1)]
    pub share: f64,
}

/// Whether an experiment runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Units are assigned to variants, and counted.
    #[default]
    Running,
    /// Every unit gets the control and no exposure is counted; outcomes of earlier ones still are.
    Paused,
    /// As paused; it is over.
    Ended,
}

/// An experiment under its name, since when it counts, and in which generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// Counts one up, over all experiments, whenever one begins to count from zero. Part of what units are assigned by.
    pub generation: u32,
    /// When the generation began, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// What it is.
    pub definition: Definition,
}

const fn week() -> u64 {
    7 * DAY_S
}

impl Definition {
    /// Checks what can be checked without the collection.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] with the first field at fault.
    pub fn check(&self) -> Result<(), ExperimentError> {
        self.check_variants()?;
        if !(1..=MAX_WINDOW_S).contains(&self.attribution_window_s) {
            let detail = format!(
                "is {}, must be 1 to {MAX_WINDOW_S} seconds",
                self.attribution_window_s
            );
            return Err(ExperimentError::invalid("attribution_window_s", detail));
        }
        self.shadow
            .as_ref()
            .map_or(Ok(()), |shadow| self.check_shadow(shadow))
    }

    fn check_variants(&self) -> Result<(), ExperimentError> {
        if !VARIANTS.contains(&self.variants.len()) {
            let detail = format!(
                "has {} variants, must have {} to {}",
                self.variants.len(),
                VARIANTS.start(),
                VARIANTS.end()
            );
            return Err(ExperimentError::invalid("variants", detail));
        }
        let mut names = HashSet::new();
        for (at, variant) in self.variants.iter().enumerate() {
            let field = |name: &str| format!("variants[{at}].{name}");
            check_name(&field("name"), &variant.name)?;
            if !names.insert(&variant.name) {
                let detail = format!("{:?} is the name of another variant too", variant.name);
                return Err(ExperimentError::invalid(field("name"), detail));
            }
            check_weight(field("weight"), variant.weight)?;
        }
        Ok(())
    }

    fn check_shadow(&self, shadow: &Shadow) -> Result<(), ExperimentError> {
        let others = &self.variants[1..];
        if !others.iter().any(|variant| variant.name == shadow.variant) {
            let names: Vec<&str> = others.iter().map(|variant| variant.name.as_str()).collect();
            let detail = format!(
                "is {:?}, must be the name of a variant other than the first: {}",
                shortened(&shadow.variant),
                names.join(", ")
            );
            return Err(ExperimentError::invalid("shadow.variant", detail));
        }
        if shadow.share > 0.0 && shadow.share <= 1.0 {
            return Ok(());
        }
        let detail = format!("is {}, must be above 0 and at most 1", shadow.share);
        Err(ExperimentError::invalid("shadow.share", detail))
    }

    /// The place of the variant in the shadow.
    #[must_use]
    pub fn shadow_at(&self) -> Option<usize> {
        let shadow = self.shadow.as_ref()?;
        self.variants
            .iter()
            .position(|variant| variant.name == shadow.variant)
    }

    /// The weights by which units are assigned, one per variant: 0 for the one in the shadow.
    #[must_use]
    pub fn weights(&self) -> Vec<f64> {
        let shadow = self.shadow_at();
        let weights = self.variants.iter().enumerate();
        weights
            .map(|(at, variant)| if Some(at) == shadow { 0.0 } else { variant.weight })
            .collect()
    }

    /// The first field in which `other` differs so that what was counted for one says nothing of the other. The status
    /// and the share of calls in the shadow are not among them.
    #[must_use]
    pub fn incomparable(&self, other: &Self) -> Option<&'static str> {
        if self.collection != other.collection {
            Some("collection")
        } else if self.variants != other.variants {
            Some("variants")
        } else if self.attribution_window_s != other.attribution_window_s {
            Some("attribution_window_s")
        } else {
            (self.shadow_at() != other.shadow_at()).then_some("shadow.variant")
        }
    }
}

fn check_weight(field: String, weight: f64) -> Result<(), ExperimentError> {
    if weight > 0.0 && weight <= MAX_WEIGHT {
        return Ok(());
    }
    let detail = format!("is {weight}, must be above 0 and at most {MAX_WEIGHT}");
    Err(ExperimentError::invalid(field, detail))
}

/// Checks a name of an experiment or variant: it becomes a label of metrics and a part of paths.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), ExperimentError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= MAX_NAME_BYTES && name.chars().all(allowed) {
        return Ok(());
    }
    let detail = format!(
        "is {:?}, must be 1 to {MAX_NAME_BYTES} letters, digits, `-` and `_`, the first a letter or digit",
        shortened(name)
    );
    Err(ExperimentError::invalid(field, detail))
}

/// As much of a wrong name as an error quotes.
pub(super) fn shortened(name: &str) -> String {
    name.chars().take(80).collect()
}
