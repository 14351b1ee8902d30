//! What a scrape shows after each call.

use super::register::LATENCY_BUCKETS;
use super::*;
use alike_embeddings::{Device, EncoderState, LaneState, Variant};
use std::time::Duration;

const SERVED: ServedSnapshot<'static> = ServedSnapshot {
    collection: "products",
    snapshot: "s1",
    model: "mini@1:abc",
    items: 2500,
    bytes: 7_000_000,
    published_seconds: 1_795_000_000.5,
    recall: Some(0.987),
};

fn assert_lines(text: &str, expected: &[&str]) {
    for line in expected {
        assert!(
            text.lines().any(|found| found == *line),
            "no line {line} in\n{text}"
        );
    }
}

/// Touches every metric once.
fn used() -> Metrics {
    let metrics = Metrics::new().unwrap();
    metrics.request_answered("GET", "/v1/collections", 200, Duration::from_millis(3));
    metrics.encoded(Duration::from_micros(90));
    metrics.searched("products", "graph", Duration::from_micros(400));
    metrics.events_accepted("products", "view", 3);
    metrics.events_rejected(Some("products"), 1);
    metrics.signals_hold("products", &Default::default());
    metrics.trending_requested(crate::engine::Outcome::Hit);
    metrics.snapshot_opened(&SERVED);
    metrics.snapshot_refused("products");
    metrics.query_cached(true);
    metrics.query_cache_holds(3, 4_000);
    metrics.models_loaded(|| vec![("mini@1:abc".to_owned(), state(10))]);
    metrics
}

/// An encoder that had this many batches of queries.
fn state(batches: u64) -> EncoderState {
    EncoderState {
        variant: Variant::Int8,
        device: Device::Cpu,
        device_fallback: Some("no such device".to_owned()),
        kernel_level: Some("avx2"),
        queries: LaneState {
            batches,
            texts: 3 * batches,
            tokens: 30 * batches,
            waits: 2 * batches,
            waited: Duration::from_millis(250 * batches),
            overloads: 1,
            waiting_tokens: 77,
        },
        documents: LaneState::default(),
    }
}

#[test]
fn encoders_are_told_by_model_and_lane() {
    let metrics = used();
    metrics.models_loaded(|| vec![("mini@1:abc".to_owned(), state(12))]);
    let text = metrics.encode();
    assert_lines(
        &text,
        &[
            r#"alike_encoder_info{device="cpu",kernels="avx2",model="mini@1:abc",variant="int8"} 1"#,
            r#"alike_encoder_device_fallback{model="mini@1:abc"} 1"#,
            r#"alike_encoder_batches_total{lane="queries",model="mini@1:abc"} 12"#,
            r#"alike_encoder_texts_total{lane="queries",model="mini@1:abc"} 36"#,
            r#"alike_encoder_texts_total{lane="documents",model="mini@1:abc"} 0"#,
            r#"alike_encoder_tokens_total{lane="queries",model="mini@1:abc"} 360"#,
            r#"alike_encoder_waits_total{lane="queries",model="mini@1:abc"} 24"#,
            r#"alike_encoder_wait_seconds_total{lane="queries",model="mini@1:abc"} 3"#,
            r#"alike_encoder_overloads_total{lane="queries",model="mini@1:abc"} 1"#,
            r#"alike_encoder_waiting_tokens{lane="queries",model="mini@1:abc"} 77"#,
            r#"alike_query_cache_requests_total{outcome="hit"} 1"#,
            r#"alike_query_cache_requests_total{outcome="miss"} 0"#,
            "alike_query_cache_entries 3",
            "alike_query_cache_bytes 4000",
        ],
    );
}

#[test]
fn a_model_that_is_dropped_leaves_its_counts_alone() {
    let metrics = used();
    metrics.models_loaded(Vec::new);
    let text = metrics.encode();
    for gone in [
        "alike_encoder_info{",
        "alike_encoder_device_fallback{",
        "alike_encoder_waiting_tokens{",
    ] {
        assert!(!text.contains(gone), "{gone}");
    }
    // Opened again, it counts from nothing; what was counted stays.
    metrics.models_loaded(|| vec![("mini@1:abc".to_owned(), state(2))]);
    assert_lines(
        &metrics.encode(),
        &[r#"alike_encoder_batches_total{lane="queries",model="mini@1:abc"} 12"#],
    );
}

#[test]
fn every_metric_of_the_dashboards_is_there() {
    let text = used().encode();
    for (name, kind) in [
        ("alike_http_requests_total", "counter"),
        ("alike_http_request_duration_seconds", "histogram"),
        ("alike_http_requests_in_flight", "gauge"),
        ("alike_encode_duration_seconds", "histogram"),
        ("alike_search_duration_seconds", "histogram"),
        ("alike_searches_total", "counter"),
        ("alike_collection_items", "gauge"),
        ("alike_snapshot_info", "gauge"),
        ("alike_snapshot_published_timestamp_seconds", "gauge"),
        ("alike_snapshot_recall", "gauge"),
        ("alike_snapshot_bytes", "gauge"),
        ("alike_snapshot_opens_total", "counter"),
        ("alike_events_total", "counter"),
        ("alike_events_rejected_total", "counter"),
        ("alike_events_duplicate_total", "counter"),
        ("alike_events_unknown_total", "counter"),
        ("alike_events_ignored_total", "counter"),
        ("alike_signals_entries", "gauge"),
        ("alike_signals_bytes", "gauge"),
        ("alike_events_position", "gauge"),
        ("alike_trending_cache_requests_total", "counter"),
        ("alike_encoder_info", "gauge"),
        ("alike_encoder_device_fallback", "gauge"),
        ("alike_encoder_batches_total", "counter"),
        ("alike_encoder_texts_total", "counter"),
        ("alike_encoder_tokens_total", "counter"),
        ("alike_encoder_waits_total", "counter"),
        ("alike_encoder_wait_seconds_total", "counter"),
        ("alike_encoder_overloads_total", "counter"),
        ("alike_encoder_waiting_tokens", "gauge"),
        ("alike_query_cache_requests_total", "counter"),
        ("alike_query_cache_entries", "gauge"),
        ("alike_query_cache_bytes", "gauge"),
        ("alike_build_info", "gauge"),
    ] {
        assert_lines(&text, &[&format!("# TYPE {name} {kind}")]);
    }
    assert_lines(
        &text,
        &[concat!(
            "alike_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        )],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_reports_its_own_use() {
    let text = used().encode();
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_cpu_seconds_total") >= 0.0);
}

#[test]
fn values_arrive_under_their_labels() {
    let text = used().encode();
    assert_lines(
        &text,
        &[
            r#"alike_http_requests_total{method="GET",route="/v1/collections",status="200"} 1"#,
            r#"alike_http_request_duration_seconds_bucket{method="GET",route="/v1/collections",le="0.0025"} 0"#,
            r#"alike_http_request_duration_seconds_bucket{method="GET",route="/v1/collections",le="0.005"} 1"#,
            r#"alike_encode_duration_seconds_bucket{le="0.0001"} 1"#,
            r#"alike_search_duration_seconds_count{collection="products"} 1"#,
            r#"alike_searches_total{collection="products",plan="graph"} 1"#,
            r#"alike_collection_items{collection="products"} 2500"#,
            r#"alike_snapshot_recall{collection="products"} 0.987"#,
            r#"alike_snapshot_bytes{collection="products"} 7000000"#,
            r#"alike_snapshot_published_timestamp_seconds{collection="products"} 1795000000.5"#,
            r#"alike_snapshot_opens_total{collection="products",outcome="ok"} 1"#,
            r#"alike_snapshot_opens_total{collection="products",outcome="refused"} 1"#,
            r#"alike_events_total{collection="products",type="view"} 3"#,
            r#"alike_events_total{collection="products",type="purchase"} 0"#,
            r#"alike_events_rejected_total{collection="products"} 1"#,
            r#"alike_trending_cache_requests_total{outcome="hit"} 1"#,
            r#"alike_trending_cache_requests_total{outcome="miss"} 0"#,
        ],
    );
}

#[test]
fn latencies_range_from_100_microseconds_to_10_seconds() {
    assert_eq!((LATENCY_BUCKETS[0], LATENCY_BUCKETS[15]), (0.0001, 10.0));
    assert!(LATENCY_BUCKETS.is_sorted_by(|a, b| a < b));
}

#[test]
fn requests_are_in_flight_until_dropped() {
    let metrics = Metrics::new().unwrap();
    let first = metrics.request_started();
    let second = metrics.request_started();
    assert_lines(&metrics.encode(), &["alike_http_requests_in_flight 2"]);
    drop(first);
    assert_lines(&metrics.encode(), &["alike_http_requests_in_flight 1"]);
    drop(second);
    assert_lines(&metrics.encode(), &["alike_http_requests_in_flight 0"]);
}

#[test]
fn callers_cannot_invent_label_values() {
    let metrics = Metrics::new().unwrap();
    for n in 0..100 {
        metrics.request_answered(&format!("X{n}"), "none", 405, Duration::ZERO);
        metrics.events_rejected(None, 1);
    }
    let text = metrics.encode();
    assert_lines(
        &text,
        &[
            r#"alike_http_requests_total{method="other",route="none",status="405"} 100"#,
            r#"alike_events_rejected_total{collection=""} 100"#,
        ],
    );
}

#[test]
fn a_new_snapshot_takes_the_place_of_the_old_series() {
    let metrics = used();
    metrics.snapshot_opened(&ServedSnapshot {
        snapshot: "s2",
        items: 3,
        recall: None,
        ..SERVED
    });
    metrics.snapshot_opened(&ServedSnapshot {
        collection: "papers",
        ..SERVED
    });
    let text = metrics.encode();
    let mut info: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("alike_snapshot_info{"))
        .collect();
    info.sort_unstable();
    assert_eq!(
        info,
        [
            r#"alike_snapshot_info{collection="papers",model="mini@1:abc",snapshot="s1"} 1"#,
            r#"alike_snapshot_info{collection="products",model="mini@1:abc",snapshot="s2"} 1"#,
        ]
    );
    assert_lines(&text, &[r#"alike_collection_items{collection="products"} 3"#]);
    assert!(
        !text.contains(r#"alike_snapshot_recall{collection="products"}"#),
        "not measured is not 0"
    );
}

#[test]
fn a_snapshot_id_with_quotes_is_escaped() {
    let metrics = Metrics::new().unwrap();
    metrics.snapshot_opened(&ServedSnapshot {
        collection: "a\"b\\\n",
        ..SERVED
    });
    assert_lines(
        &metrics.encode(),
        &[r#"alike_collection_items{collection="a\"b\\\n"} 2500"#],
    );
}
