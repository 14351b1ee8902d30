//! Recommendation ids.

use super::*;

fn said(arm: Option<Arm>, unit: Option<u64>) -> Said {
    Said {
        time_ms: 1_795_175_999_123,
        number: u64::MAX - 7,
        collection: 0xdead_beef,
        arm,
        unit,
    }
}

#[test]
fn ids_say_what_they_were_made_of() {
    let arm = Arm {
        experiment: 1 << 63,
        generation: u32::MAX,
        variant: 9,
    };
    for said in [
        said(Some(arm), Some(5)),
        said(None, Some(u64::MAX)),
        said(None, None),
    ] {
        let id = RecommendationId::new(&said, &[7; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), 59);
        let read: RecommendationId = text.parse().unwrap();
        assert_eq!(read.read(&[7; 32]), Ok(said));
        assert_eq!(
            (read.time_ms(), read.in_experiment()),
            (said.time_ms, said.arm.is_some())
        );
        assert_eq!(
            read.read(&[8; 32]),
            Err(RecommendationIdError::Checksum),
            "another secret"
        );
    }
}

#[test]
fn wrong_ids_are_refused() {
    let text = RecommendationId::new(&said(None, None), &[7; 32]).to_string();
    for at in 0..text.len() {
        let mut altered = text.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'E' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        let read = altered
            .parse::<RecommendationId>()
            .and_then(|id| id.read(&[7; 32]));
        assert!(read.is_err() || altered == text, "{altered}");
    }
    let wrong = |text: &str| text.parse::<RecommendationId>().unwrap_err();
    assert_eq!(wrong(""), RecommendationIdError::Length { found: 0 });
    assert_eq!(
        wrong(&format!("{text}=")),
        RecommendationIdError::Length { found: 60 }
    );
    assert_eq!(
        wrong(&text.replace(|c: char| c.is_ascii_lowercase(), "+")),
        RecommendationIdError::Alphabet
    );
    assert_eq!(
        wrong(&format!("C{}", &text[1..])),
        RecommendationIdError::Version { found: 9 }
    );
}

#[test]
fn ids_are_known_where_they_were_made_also_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let ids: Vec<String> = {
        let experiments = open(data.path());
        (0..100)
            .map(|_| experiments.answered(None, "shop", Some("u1")).to_string())
            .collect()
    };
    let distinct: std::collections::HashSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    let experiments = open(data.path());
    assert!(ids.iter().all(|id| experiments.check(id).is_ok()));
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(
        open(elsewhere.path()).check(&ids[0]),
        Err(RecommendationIdError::Checksum)
    );
}

#[test]
fn calls_that_cannot_be_assigned_say_why() {
    let data = tempfile::tempdir().unwrap();
    let experiments = open(data.path());
    experiments.put("e", definition(&[1.0, 1.0]), false).unwrap();
    let said = |experiment: &str, collection: &str, unit: &str| {
        experiments
            .assign(experiment, collection, unit)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(said("f", "shop", "u"), "there is no experiment \"f\"; defined: e");
    assert!(said("e", "other", "u").starts_with("experiment: "));
    assert!(said("e", "shop", "").starts_with("unit: has 0 bytes"));
    assert!(said("e", "shop", &"u".repeat(513)).starts_with("unit: has 513 bytes"));
}
