//! Definitions: what is refused, what is kept, and what begins anew.

use super::*;

fn field_of(error: &ExperimentError) -> &str {
    match error {
        ExperimentError::Invalid { field, .. } => field,
        other => panic!("{other}"),
    }
}

/// What makes a definition wrong.
type Change<'a> = &'a dyn Fn(&mut Definition);

#[test]
fn wrong_definitions_are_refused_by_field() {
    let data = tempfile::tempdir().unwrap();
    let experiments = open(data.path());
    let refused = |change: &dyn Fn(&mut Definition)| {
        let mut wrong = definition(&[1.0, 1.0]);
        change(&mut wrong);
        let error = experiments.put("e", wrong, false).unwrap_err();
        assert!(error.to_string().starts_with(field_of(&error)), "{error}");
        field_of(&error).to_owned()
    };
    let cases: [(&str, Change<'_>); 13] = [
        ("variants", &|wrong| wrong.variants.truncate(1)),
        ("variants", &|wrong| *wrong = definition(&[1.0; 11])),
        ("variants[1].name", &|wrong| {
            wrong.variants[1].name = "v0".to_owned();
        }),
        ("variants[0].name", &|wrong| {
            wrong.variants[0].name = String::new();
        }),
        ("variants[0].name", &|wrong| {
            wrong.variants[0].name = "a b".to_owned();
        }),
        ("variants[1].weight", &|wrong| wrong.variants[1].weight = 0.0),
        ("variants[0].weight", &|wrong| wrong.variants[0].weight = f64::NAN),
        ("variants[0].weight", &|wrong| {
            wrong.variants[0].weight = f64::INFINITY;
        }),
        ("attribution_window_s", &|wrong| wrong.attribution_window_s = 0),
        ("attribution_window_s", &|wrong| {
            wrong.attribution_window_s = u64::MAX;
        }),
        ("shadow.variant", &|wrong| wrong.shadow = shadow("v0", 0.1)),
        ("shadow.variant", &|wrong| wrong.shadow = shadow("v2", 0.1)),
        ("shadow.share", &|wrong| wrong.shadow = shadow("v1", 1.5)),
    ];
    for (field, change) in cases {
        assert_eq!(refused(change), field);
    }
    for name in ["", "a/b", "-a", &"x".repeat(65)] {
        let error = experiments.put(name, definition(&[1.0, 1.0]), false).unwrap_err();
        assert_eq!(field_of(&error), "experiment");
    }
    assert!(experiments.all().is_empty());
}

fn shadow(variant: &str, share: f64) -> Option<Shadow> {
    Some(Shadow {
        variant: variant.to_owned(),
        share,
    })
}

#[test]
fn what_counted_is_not_changed_under_its_counts() {
    let data = tempfile::tempdir().unwrap();
    let experiments = open(data.path());
    let first = definition(&[1.0, 1.0]);
    assert!(experiments.put("e", first.clone(), false).unwrap().1);
    let other = definition(&[1.0, 2.0]);
    let (changed, new) = experiments.put("e", other.clone(), false).unwrap();
    assert_eq!((changed.generation, new), (2, false), "nothing had been counted");
    let id = answer(&experiments, "e", "u1");
    let mut window = other.clone();
    window.attribution_window_s += 1;
    for (wrong, wanted) in [(first.clone(), "variants"), (window, "attribution_window_s")] {
        match experiments.put("e", wrong, false).unwrap_err() {
            ExperimentError::Counted { field, exposures, .. } => assert_eq!((field, exposures), (wanted, 1)),
            error => panic!("{error}"),
        }
    }
    let mut paused = other.clone();
    paused.status = Status::Paused;
    let (paused, _) = experiments.put("e", paused, false).unwrap();
    assert_eq!(
        (paused.generation, totals(&experiments, "e")[0]),
        (2, 1),
        "the status may change"
    );
    let (restarted, _) = experiments.put("e", first, true).unwrap();
    assert_eq!((restarted.generation, totals(&experiments, "e")), (3, [0; 6]));
    experiments.attribute_outcomes([outcome(&id, OutcomeKind::Click)]);
    assert_eq!(
        totals(&experiments, "e"),
        [0; 6],
        "an id of an earlier generation"
    );
}

#[test]
fn definitions_outlive_the_process_and_generations_are_never_used_again() {
    let data = tempfile::tempdir().unwrap();
    let mut wanted = definition(&[1.0, 3.0]);
    wanted.variants[1].settings =
        Some(serde_json::from_str(r#"{"limit": 5, "rules": {"diversity": 0.5}}"#).unwrap());
    wanted.shadow = shadow("v1", 0.5);
    wanted.variants[1].snapshot = Some("20260101T000000Z".to_owned());
    let before = {
        let experiments = open(data.path());
        experiments.put("e", wanted.clone(), false).unwrap().0
    };
    let experiments = open(data.path());
    assert_eq!(experiments.get("e").unwrap(), before);
    assert_eq!(before.definition, wanted);
    assert_eq!(experiments.snapshots_in_use("shop").len(), 1);
    assert!(experiments.snapshots_in_use("other").is_empty());
    experiments.remove("e").unwrap();
    assert!(matches!(
        experiments.get("e"),
        Err(ExperimentError::Unknown { .. })
    ));
    assert!(matches!(
        experiments.remove("e"),
        Err(ExperimentError::Unknown { .. })
    ));
    drop(experiments);
    let again = open(data.path()).put("e", wanted, false).unwrap().0;
    assert_eq!(again.generation, before.generation + 1);
}

#[test]
fn damaged_definitions_are_an_error_and_not_written_over() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("experiments.json");
    for wrong in [
        "",
        "{}",
        r#"{"version": 2}"#,
        r#"{"version":1,"next_generation":1,"experiments":[{}]}"#,
    ] {
        std::fs::write(&path, wrong).unwrap();
        let error = Experiments::open(data.path(), false, metrics())
            .map(drop)
            .unwrap_err();
        assert!(matches!(error, ExperimentError::Damaged { .. }), "{error}");
        let without = Experiments::unavailable(data.path(), &error.to_string(), metrics()).unwrap();
        let refused = without.put("e", definition(&[1.0, 1.0]), false).unwrap_err();
        assert!(
            refused.to_string().contains("experiments.json is damaged"),
            "{refused}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), wrong);
    }
}

#[test]
fn there_are_a_hundred_at_most() {
    let data = tempfile::tempdir().unwrap();
    let experiments = open(data.path());
    for at in 0..MAX_EXPERIMENTS {
        experiments
            .put(&format!("e{at}"), definition(&[1.0, 1.0]), false)
            .unwrap();
    }
    let error = experiments
        .put("more", definition(&[1.0, 1.0]), false)
        .unwrap_err();
    assert_eq!(field_of(&error), "experiment");
    experiments.put("e7", definition(&[1.0, 2.0]), false).unwrap();
}
