//! What an experiment has found until now.

use super::definition::{Experiment, Status, Variant};
use super::shadow::ShadowReport;
use super::stats::{Proportion, against_weights, lift, same_rate, wilson};
use super::tally::{Counts, Tally};
use serde::Serialize;
use utoipa::ToSchema;

/// With fewer units of a variant that did it (or did not), nothing is concluded: the intervals hold only roughly.
pub(super) const LEAST_UNITS: u64 = 50;
/// Below this p-value the units are not split as the weights say. Low, for it is looked at often.
const MISMATCH: f64 = 0.001;
/// The chance of seeing a difference that is not there, over all comparisons with the control for one kind of outcome.
const ALPHA: f64 = 0.05;

/// What an experiment has found until now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Report {
    /// Its name.
    pub experiment: String,
    /// The collection whose recommendations it is about.
    pub collection: String,
    /// Whether it runs.
    pub status: Status,
    /// Which of the beginnings this is: every restart gets a higher number.
    pub generation: u32,
    /// Since when it counts, RFC 3339.
    pub started: String,
    /// How long after a recommendation an outcome counts, in seconds.
    pub attribution_window_s: u64,
    /// Whether the counts are on the disk; false in a process that only reads or beside one that counts, where they are
    /// what this process alone has seen.
    pub durable: bool,
    /// Whether there were more units than are told apart; those beyond are left out with all that they did.
    pub truncated: bool,
    /// Clicks and conversions of units whose exposure was not counted here; they are left out.
    pub unmatched_outcomes: u64,
    /// The variants, the control first.
    pub variants: Vec<VariantReport>,
    /// Whether units are split as the weights say.
    pub sample_ratio: SampleRatio,
    /// What follows, in sentences.
    pub conclusion: Vec<String>,
    /// What the variant in the shadow would have shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowReport>,
}

/// What one variant has reached.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VariantReport {
    /// The variant as it is defined.
    #[serde(flatten)]
    #[schema(inline)]
    pub variant: Variant,
    /// Answers given.
    pub exposures: u64,
    /// Distinct units that answers were given to.
    pub units: u64,
    /// Clicks on recommended items.
    pub clicks: u64,
    /// Purchases of recommended items.
    pub conversions: u64,
    /// Distinct units that clicked.
    pub clicked_units: u64,
    /// Distinct units that bought.
    pub converted_units: u64,
    /// Units that clicked, of all that were exposed.
    pub click_rate: Option<Rate>,
    /// Units that bought, of all that were exposed.
    pub conversion_rate: Option<Rate>,
    /// The click rate against that of the control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_effect: Option<Effect>,
    /// The conversion rate against that of the control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversion_effect: Option<Effect>,
}

/// A rate with its 95 % interval (Wilson).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Rate {
    /// The rate, 0 to 1.
    pub rate: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// How a rate compares with that of the control.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Effect {
    /// By how much it is higher; none while nobody did it on one side.
    pub lift: Option<Lift>,
    /// The p-value of there being no difference (two-sided z-test of two proportions).
    pub p_value: Option<f64>,
    /// Whether there are enough units, split as they should be, and the p-value is below 0.05 divided by the number of
    /// variants that are compared with the control.
    pub significant: bool,
}

/// A relative difference with its 95 % interval (Katz): 0.1 is 10 % more than the control.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Lift {
    /// The relative difference.
    pub lift: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// Whether units are split as the weights say (Pearson's chi-square test).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SampleRatio {
    /// The statistic; none while there are too few units.
    pub chi_square: Option<f64>,
    /// Its p-value.
    pub p_value: Option<f64>,
    /// Whether the p-value is below 0.001: something loses or doubles units of some variants, and no rate can be trusted.
    pub sample_ratio_mismatch: bool,
    /// The same as a sentence.
    pub detail: String,
}

/// A kind of outcome that units are counted by.
#[derive(Clone, Copy)]
struct Goal {
    /// What it is called.
    name: &'static str,
    /// Its units.
    units: fn(&Counts) -> u64,
}

const GOALS: [Goal; 2] = [
    Goal {
        name: "clicks",
        units: |counts| counts.clicked_units,
    },
    Goal {
        name: "conversions",
        units: |counts| counts.converted_units,
    },
];

impl Goal {
    fn of(self, counts: &Counts) -> Proportion {
        Proportion {
            hits: (self.units)(counts),
            of: counts.units,
        }
    }
}

impl Report {
    /// The report of counts; none: nothing was counted.
    pub(super) fn new(experiment: &Experiment, tally: Option<&Tally>, durable: bool) -> Self {
        let definition = &experiment.definition;
        let nothing = Tally::new(definition.variants.len());
        let tally = tally.unwrap_or(&nothing);
        let comparison = Comparison::new(experiment, tally);
        let variants = definition.variants.iter().enumerate();
        let shadow = definition.shadow.as_ref();
        Self {
            experiment: experiment.name.clone(),
            collection: definition.collection.clone(),
            status: definition.status,
            generation: experiment.generation,
            started: experiment.started(),
            attribution_window_s: definition.attribution_window_s,
            durable,
            truncated: tally.truncated,
            unmatched_outcomes: tally.unmatched,
            variants: variants
                .map(|(at, variant)| comparison.report(at, variant))
                .collect(),
            conclusion: comparison.conclusion(),
            sample_ratio: comparison.ratio,
            shadow: shadow.map(|shadow| ShadowReport::new(&shadow.variant, &tally.shadow)),
        }
    }
}

impl Experiment {
    /// When it began to count, RFC 3339.
    #[must_use]
    pub fn started(&self) -> String {
        jiff::Timestamp::from_millisecond(self.started_ms)
            .map_or_else(|_| String::new(), |time| time.to_string())
    }
}

/// The variants that are shown, side by side.
struct Comparison<'a> {
    names: Vec<&'a str>,
    counts: &'a [Counts],
    /// 0: it is not shown.
    weights: Vec<f64>,
    ratio: SampleRatio,
}

impl<'a> Comparison<'a> {
    fn new(experiment: &'a Experiment, tally: &'a Tally) -> Self {
        let weights = experiment.definition.weights();
        let units: Vec<u64> = tally.variants.iter().map(|counts| counts.units).collect();
        let names = experiment.definition.variants.iter();
        Self {
            names: names.map(|variant| variant.name.as_str()).collect(),
            counts: &tally.variants,
            ratio: SampleRatio::new(&units, &weights),
            weights,
        }
    }

    /// The variants that are compared with the control.
    fn others(&self) -> impl Iterator<Item = usize> {
        (1..self.weights.len()).filter(|&at| self.weights[at] > 0.0)
    }

    fn report(&self, at: usize, variant: &Variant) -> VariantReport {
        let counts = self.counts[at];
        let [clicks, conversions] = GOALS.map(|goal| rate(goal.of(&counts)));
        let compared = self.others().any(|other| other == at);
        let [on_clicks, on_conversions] = GOALS.map(|goal| compared.then(|| self.effect(goal, at)));
        VariantReport {
            variant: variant.clone(),
            exposures: counts.exposures,
            units: counts.units,
            clicks: counts.clicks,
            conversions: counts.conversions,
            clicked_units: counts.clicked_units,
            converted_units: counts.converted_units,
            click_rate: clicks,
            conversion_rate: conversions,
            click_effect: on_clicks,
            conversion_effect: on_conversions,
        }
    }

    fn effect(&self, goal: Goal, at: usize) -> Effect {
        let (control, other) = (goal.of(&self.counts[0]), goal.of(&self.counts[at]));
        let p_value = same_rate(control, other);
        let trusted = !self.ratio.sample_ratio_mismatch && enough(control) && enough(other);
        let alpha = ALPHA / self.others().count().max(1) as f64;
        Effect {
            lift: lift(control, other).map(|(lift, [low, high])| Lift { lift, low, high }),
            p_value,
            significant: trusted && p_value.is_some_and(|p| p < alpha),
        }
    }

    /// What follows, in sentences.
    fn conclusion(&self) -> Vec<String> {
        if self.ratio.sample_ratio_mismatch {
            let why = "Nothing is concluded: the units are not split as the weights say, so the variants are not \
                       comparable. Look for answers of one variant that fail, are cached or are not reported.";
            return vec![why.to_owned()];
        }
        let mut sentences = Vec::new();
        for goal in GOALS {
            sentences.extend(self.others().map(|at| self.sentence(goal, at)));
        }
        let caution = "A p-value holds for one look at a size that was decided on before: who looks every day and stops \
                       at the first good one finds differences that are not there.";
        if self
            .others()
            .any(|at| GOALS.iter().any(|goal| self.effect(*goal, at).significant))
        {
            sentences.push(caution.to_owned());
        }
        sentences
    }

    fn sentence(&self, goal: Goal, at: usize) -> String {
        let (name, control) = (self.names[at], self.names[0]);
        if let Some(few) = [0, at].into_iter().find(|&at| !enough(goal.of(&self.counts[at]))) {
            return format!(
                "{}: not enough data to compare {name} with {control}: of the {} units of {}, {} did, and {LEAST_UNITS} have to have done it and as many not.",
                goal.name,
                self.counts[few].units,
                self.names[few],
                (goal.units)(&self.counts[few]),
            );
        }
        let effect = self.effect(goal, at);
        let (Some(lift), Some(p)) = (effect.lift, effect.p_value) else {
            return format!("{}: {name} and {control} cannot be compared.", goal.name);
        };
        let verdict = match (effect.significant, lift.lift > 0.0) {
            (true, true) => "does better than",
            (true, false) => "does worse than",
            (false, _) => "is not shown to differ from",
        };
        format!(
            "{}: {name} {verdict} {control}: {:+.1} % (95 % interval {:+.1} % to {:+.1} %), {}.",
            goal.name,
            lift.lift * 100.0,
            lift.low * 100.0,
            lift.high * 100.0,
            shown(p)
        )
    }
}

/// A p-value as text.
fn shown(p: f64) -> String {
    if p < 0.0001 {
        "p < 0.0001".to_owned()
    } else {
        format!("p = {p:.4}")
    }
}

fn enough(rate: Proportion) -> bool {
    rate.hits >= LEAST_UNITS && rate.of - rate.hits >= LEAST_UNITS
}

fn rate(proportion: Proportion) -> Option<Rate> {
    let [low, high] = wilson(proportion)?;
    let rate = proportion.share()?;
    Some(Rate { rate, low, high })
}

impl SampleRatio {
    fn new(units: &[u64], weights: &[f64]) -> Self {
        let tested = against_weights(units, weights);
        let p_value = tested.map(|(_, p)| p);
        let variants = weights.iter().filter(|weight| **weight > 0.0).count();
        let detail = match p_value {
            _ if variants < 2 => "Only one variant is shown, so there is no ratio.".to_owned(),
            None => "There are too few units to tell whether they are split as the weights say.".to_owned(),
            Some(p) if p < MISMATCH => {
                format!(
                    "The units are not split as the weights say, and not by chance ({}).",
                    shown(p)
                )
            }
            Some(p) => format!("The units are split as the weights say ({}).", shown(p)),
        };
        Self {
            chi_square: tested.map(|(statistic, _)| statistic),
            p_value,
            sample_ratio_mismatch: p_value.is_some_and(|p| p < MISMATCH),
            detail,
        }
    }
}
