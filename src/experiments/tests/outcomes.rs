//! What counts.

use super::OutcomeKind::{Click, Conversion};
use super::*;

fn running() -> (tempfile::TempDir, Experiments) {
    let data = tempfile::tempdir().unwrap();
    let experiments = open(data.path());
    experiments.put("e", definition(&[1.0, 1.0]), false).unwrap();
    (data, experiments)
}

#[test]
fn outcomes_count_once_for_the_variant_that_was_shown() {
    let (_data, experiments) = running();
    let id = answer(&experiments, "e", "u1");
    let again = answer(&experiments, "e", "u1");
    let other_item = Outcome {
        item: "j",
        ..outcome(&id, Click)
    };
    let all = [
        outcome(&id, Click),
        outcome(&id, Click),
        other_item,
        outcome(&again, Click),
        outcome(&id, Conversion),
    ];
    experiments.attribute_outcomes(all);
    experiments.attribute_outcomes(all);
    assert_eq!(totals(&experiments, "e"), [2, 1, 3, 1, 1, 1]);
    let report = experiments.report("e").unwrap();
    let shown = experiments.assign("e", "shop", "u1").unwrap().variant;
    assert_eq!(report.variants[shown].clicks, 3);
    assert!(report.durable && !report.truncated);
    let answers = experiments.answered(None, "shop", Some("u1")).to_string();
    experiments.attribute_outcomes([outcome(&answers, Click)]);
    assert_eq!(totals(&experiments, "e"), [2, 1, 3, 1, 1, 1], "in no experiment");
}

#[test]
fn only_what_comes_in_time_from_an_own_id_counts() {
    let (_data, experiments) = running();
    let id = answer(&experiments, "e", "u1");
    let at = id.parse::<RecommendationId>().unwrap().time_ms();
    let forged = {
        let mut forged = id.clone();
        let last = if id.ends_with('A') { "Q" } else { "A" };
        forged.replace_range(58.., last);
        forged
    };
    let base = outcome(&id, Click);
    let ignored = [
        Outcome {
            time_ms: at + 3_600_001,
            ..base
        },
        Outcome {
            time_ms: at - 300_001,
            ..base
        },
        Outcome {
            time_ms: i64::MIN,
            ..base
        },
        Outcome {
            collection: "other",
            ..base
        },
        Outcome {
            recommendation_id: &forged,
            ..base
        },
        Outcome {
            recommendation_id: "",
            ..base
        },
        Outcome {
            recommendation_id: "ü",
            ..base
        },
    ];
    experiments.attribute_outcomes(ignored);
    assert_eq!(totals(&experiments, "e")[2], 0);
    experiments.attribute_outcomes([Outcome {
        time_ms: at + 3_600_000,
        ..base
    }]);
    assert_eq!(totals(&experiments, "e")[2], 1);
    let text = experiments.metrics.encode();
    for series in [
        "alike_outcomes_ignored_total{reason=\"unknown_id\"} 3",
        "alike_outcomes_ignored_total{reason=\"outside_window\"} 3",
        "alike_outcomes_ignored_total{reason=\"no_experiment\"} 1",
    ] {
        assert!(text.contains(series), "{series}\n{text}");
    }
}

#[test]
fn who_is_paused_gets_the_control_and_earlier_answers_still_count() {
    let (_data, experiments) = running();
    let units: Vec<String> = (0..50).map(|unit| format!("u{unit}")).collect();
    let id = answer(&experiments, "e", "u1");
    let mut paused = definition(&[1.0, 1.0]);
    paused.status = Status::Paused;
    experiments.put("e", paused, false).unwrap();
    for unit in &units {
        let assigned = experiments.assign("e", "shop", unit).unwrap();
        assert_eq!((assigned.variant, assigned.variant().name.as_str()), (0, "v0"));
        let id = experiments.answered(Some(&assigned), "shop", Some(unit));
        assert!(!id.in_experiment());
    }
    experiments.attribute_outcomes([outcome(&id, Click)]);
    assert_eq!(totals(&experiments, "e"), [1, 1, 1, 0, 1, 0]);
}

#[test]
fn the_variant_in_the_shadow_is_compared_and_never_shown() {
    let (_data, experiments) = running();
    let mut definition = definition(&[1.0, 1.0, 1.0]);
    definition.shadow = Some(Shadow {
        variant: "v1".to_owned(),
        share: 0.25,
    });
    experiments.put("s", definition, false).unwrap();
    let mut computed = 0;
    for unit in 0..4_000 {
        let assigned = experiments.assign("s", "shop", &unit.to_string()).unwrap();
        assert_ne!(assigned.variant, 1);
        if let Some(shadow) = assigned.shadow() {
            assert_eq!(shadow.name, "v1");
            computed += 1;
            let comparison = Comparison {
                shown: vec!["a".to_owned(), "b".to_owned()],
                other: vec!["b".to_owned(), "c".to_owned()],
                shown_ms: 2.0,
                other_ms: 6.0,
            };
            experiments.shadowed(&assigned, comparison);
        }
    }
    assert!((850..1_150).contains(&computed), "a quarter of 4,000: {computed}");
    let report = experiments.report("s").unwrap();
    let shadow = report.shadow.unwrap();
    assert_eq!((shadow.variant.as_str(), shadow.calls), ("v1", computed));
    assert!((shadow.overlap.unwrap() - 1.0 / 3.0).abs() < 1e-9);
    assert_eq!(
        (shadow.identical, shadow.shown_ms, shadow.shadow_ms),
        (Some(0.0), Some(2.0), Some(6.0))
    );
    assert_eq!(report.variants[1].click_effect, None);
}

#[test]
fn reports_say_what_the_numbers_bear() {
    let (_data, experiments) = running();
    let report = experiments.report("e").unwrap();
    assert!(
        report.conclusion[0].contains("not enough data"),
        "{:?}",
        report.conclusion
    );
    assert_eq!(
        (report.variants[0].click_rate, report.sample_ratio.p_value),
        (None, None)
    );
    for unit in 0..2_000 {
        let unit = format!("u{unit}");
        let id = answer(&experiments, "e", &unit);
        let variant = experiments.assign("e", "shop", &unit).unwrap().variant;
        // A fifth clicks on the control's, two fifths on the other's.
        if unit.bytes().last().unwrap() % 5 <= variant as u8 {
            experiments.attribute_outcomes([outcome(&id, Click)]);
        }
    }
    let report = experiments.report("e").unwrap();
    let effect = report.variants[1].click_effect.unwrap();
    let lift = effect.lift.unwrap();
    assert!(
        effect.significant && lift.low < 1.0 && lift.high > 1.0 && lift.low > 0.5,
        "{effect:?}"
    );
    assert!(
        report.conclusion[0].starts_with("clicks: v1 does better than v0: +"),
        "{:?}",
        report.conclusion
    );
    assert!(
        report.conclusion[1].starts_with("conversions: not enough data"),
        "{:?}",
        report.conclusion
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(
        (&json["variants"][1]["name"], &json["variants"][1]["weight"]),
        (&"v1".into(), &1.0.into())
    );
}
