use super::*;
use proptest::prelude::*;
use std::io::Write;

fn gains(labels: &[(&str, f64)]) -> Gains {
    labels
        .iter()
        .map(|(item, gain)| ((*item).to_owned(), *gain))
        .collect()
}

fn close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

fn read(content: &[u8]) -> Result<Vec<JudgedQuery>, JudgmentsError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    read_judgments(file.path())
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn labels_and_numbers_are_gains() {
    let text = br#"{"query":"lamp","labels":{"a":"exact","b":"substitute","c":"complement","d":"irrelevant"}}

{"query":"desk","labels":{"a":3,"b":0.25,"c":0},"query_id":7}
"#;
    let judged = read(text).unwrap();
    assert_eq!(judged.len(), 2);
    assert_eq!(judged[0].query, "lamp");
    assert_eq!(
        judged[0].gains,
        gains(&[("a", 1.0), ("b", 0.1), ("c", 0.01), ("d", 0.0)])
    );
    assert_eq!(judged[1].gains, gains(&[("a", 3.0), ("b", 0.25), ("c", 0.0)]));
    assert_eq!(read(&gzip(text)).unwrap(), judged);
    assert_eq!(
        read(&text[..text.len() - 1]).unwrap(),
        judged,
        "the last line end may be missing"
    );
}

#[test]
fn several_gzip_members_are_one_file() {
    let mut both = gzip(b"{\"query\":\"a\",\"labels\":{}}\n");
    both.extend(gzip(b"{\"query\":\"b\",\"labels\":{}}\n"));
    assert_eq!(read(&both).unwrap().len(), 2);
}

#[test]
fn errors_name_line_and_field() {
    let good = "{\"query\":\"a\",\"labels\":{\"x\":1}}\n";
    for (line, expected) in [
        ("{\"labels\":{}}", "missing field `query`"),
        ("{\"query\":\"a\"}", "missing field `labels`"),
        ("{\"query\":1,\"labels\":{}}", "field `query`: invalid type"),
        ("{\"query\":\" \",\"labels\":{}}", "field `query`: is empty"),
        ("{\"query\":\"a\",\"labels\":[]}", "field `labels`: invalid type"),
        (
            "{\"query\":\"a\",\"labels\":{\"B1\":\"great\"}}",
            "field `labels.B1`: invalid value: string \"great\", expected one of exact",
        ),
        (
            "{\"query\":\"a\",\"labels\":{\"B1\":-1}}",
            "field `labels.B1`: invalid value: integer `-1`",
        ),
        (
            "{\"query\":\"a\",\"labels\":{\"B1\":-0.5}}",
            "field `labels.B1`: invalid value: floating point `-0.5`",
        ),
        (
            "{\"query\":\"a\",\"labels\":{\"B1\":1e999}}",
            "number out of range",
        ),
        (
            "{\"query\":\"a\",\"labels\":{\"B1\":null}}",
            "field `labels.B1`: invalid type: null",
        ),
        (
            "{\"query\":\"a\",\"labels\":{}} extra",
            "the whole line: trailing characters",
        ),
        ("[", "EOF"),
        ("not json", "expected"),
    ] {
        let error = read(format!("{good}\n{line}\n{good}").as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(", line 3, ") && error.contains(expected),
            "{error} should contain {expected}"
        );
    }
    let error = read(b"\xff\xfe\n").unwrap_err().to_string();
    assert!(error.contains(", line 1, "), "{error}");
}

#[test]
fn missing_empty_and_torn_files_are_named() {
    let error = read_judgments(Path::new("no/such/file")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("can't open the judgments no/such/file"),
        "{error}"
    );
    assert!(matches!(read(b"").unwrap_err(), JudgmentsError::Empty { .. }));
    assert!(matches!(
        read(b"\n \n").unwrap_err(),
        JudgmentsError::Empty { .. }
    ));
    let whole = gzip(&b"{\"query\":\"a\",\"labels\":{}}\n".repeat(50));
    assert!(matches!(
        read(&whole[..whole.len() - 9]).unwrap_err(),
        JudgmentsError::Read { .. }
    ));
}

#[test]
fn ndcg_by_hand() {
    let judged = gains(&[("a", 1.0), ("b", 0.1), ("c", 1.0), ("d", 0.0)]);
    // unjudged, b, d, a: 0.1 / log2(3) + 1 / log2(5), over 1 + 1 / log2(3) + 0.1 / log2(4).
    let found = 0.1 / 3_f64.log2() + 1.0 / 5_f64.log2();
    let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.1 / 2.0;
    close(ndcg_at(&["?", "b", "d", "a"], &judged, 10), found / ideal);
    // Only the first place: nothing there; then the best there.
    close(ndcg_at(&["?", "a"], &judged, 1), 0.0);
    close(ndcg_at(&["a", "?"], &judged, 1), 1.0);
    close(ndcg_at::<&str>(&[], &judged, 10), 0.0);
}

#[test]
fn recall_and_reciprocal_rank_by_hand() {
    let judged = gains(&[("a", 1.0), ("b", 0.5), ("c", 2.0), ("d", 0.49), ("e", 1.0)]);
    let ranking = ["d", "?", "b", "a", "e"];
    close(recall_at(&ranking, &judged, 4), 2.0 / 4.0);
    close(recall_at(&ranking, &judged, 10), 3.0 / 4.0);
    close(reciprocal_rank_at(&ranking, &judged, 10), 1.0 / 3.0);
    close(reciprocal_rank_at(&ranking, &judged, 2), 0.0);
    let many: Gains = (0..20).map(|n| (format!("i{n}"), 1.0)).collect();
    let first_ten: Vec<String> = (0..20).map(|n| format!("i{n}")).collect();
    close(recall_at(&first_ten, &many, 10), 0.5);
}

#[test]
fn an_item_returned_twice_counts_once() {
    let judged = gains(&[("a", 1.0), ("b", 1.0)]);
    close(recall_at(&["a", "a", "a"], &judged, 10), 0.5);
    close(
        ndcg_at(&["a", "a"], &judged, 10),
        1.0 / (1.0 + 1.0 / 3_f64.log2()),
    );
}

#[test]
fn without_gain_there_is_no_measure() {
    let nothing = gains(&[("a", 0.0)]);
    assert_eq!(ndcg_at(&["a"], &nothing, 10), None);
    let weak = gains(&[("a", 0.1)]);
    close(ndcg_at(&["a"], &weak, 10), 1.0);
    assert_eq!(recall_at(&["a"], &weak, 10), None);
    assert_eq!(reciprocal_rank_at(&["a"], &weak, 10), None);
}

#[test]
fn the_summary_has_the_documented_keys() {
    let mut evaluation = Evaluation::new();
    assert_eq!(evaluation.summary(), None);
    evaluation.add(&gains(&[("a", 1.0)]), &["?", "a"], Duration::from_millis(4));
    evaluation.add(&gains(&[("a", 1.0)]), &["a"], Duration::from_millis(2));
    evaluation.add(&gains(&[("a", 0.1)]), &["?"], Duration::from_millis(3));
    evaluation.add(&gains(&[("a", 0.0)]), &["a"], Duration::from_secs(9));
    let summary = serde_json::to_value(evaluation.summary().unwrap()).unwrap();
    let ndcg = (1.0 / 3_f64.log2() + 1.0) / 3.0;
    assert_eq!(
        summary,
        serde_json::json!({
            "queries": 3, "ndcg@10": ndcg, "recall@10": 1.0, "mrr@10": 0.75, "mean_ms": 3.0,
            "skipped": 1, "without_relevant": 1,
        })
    );
}

#[test]
fn the_largest_gains_do_not_overflow() {
    let judged = gains(&[("a", f64::MAX), ("b", f64::MAX), ("c", f64::MIN_POSITIVE)]);
    close(ndcg_at(&["b", "a", "c"], &judged, 10), 1.0);
}

fn judgments() -> impl Strategy<Value = Gains> {
    let gain = prop_oneof![Just(0.0), Just(0.01), Just(0.1), Just(1.0), 0.0..4.0_f64];
    proptest::collection::btree_map("[a-p]", gain, 0..16)
}

fn ideal_ranking(judged: &Gains) -> Vec<String> {
    let mut items: Vec<_> = judged.iter().collect();
    items.sort_by(|a, b| b.1.total_cmp(a.1));
    items.into_iter().map(|(item, _)| item.clone()).collect()
}

proptest! {
    #[test]
    fn measures_stay_between_0_and_1(judged in judgments(), ranking in proptest::collection::vec("[a-z]", 0..30), k in 1..20_usize) {
        for measure in [ndcg_at(&ranking, &judged, k), recall_at(&ranking, &judged, k), reciprocal_rank_at(&ranking, &judged, k)] {
            prop_assert!(measure.is_none_or(|value| (0.0..=1.0).contains(&value)));
        }
    }

    #[test]
    fn the_best_order_is_perfect(judged in judgments(), k in 1..20_usize) {
        let best = ideal_ranking(&judged);
        let relevant = judged.values().filter(|gain| **gain >= RELEVANT_GAIN).count();
        prop_assert!(ndcg_at(&best, &judged, k).is_none_or(|value| value > 1.0 - 1e-12));
        prop_assert!(reciprocal_rank_at(&best, &judged, k).is_none_or(|value| value == 1.0));
        let recall = recall_at(&best, &judged, k);
        prop_assert!(recall.is_none_or(|value| value == relevant.min(k) as f64 / relevant as f64));
    }

    #[test]
    fn moving_a_better_item_up_never_hurts(judged in judgments(), seed in 0..16_usize) {
        let mut ranking: Vec<String> = judged.keys().cloned().collect();
        prop_assume!(ranking.len() >= 2);
        let at = seed % (ranking.len() - 1);
        let before = ndcg_at(&ranking, &judged, CUTOFF);
        if judged[&ranking[at + 1]] > judged[&ranking[at]] {
            ranking.swap(at, at + 1);
            prop_assert!(ndcg_at(&ranking, &judged, CUTOFF) >= before);
        }
    }
}
