//! One encoder for everybody: inputs of both kinds, two lanes, devices, what the state says.

mod support;

use std::time::Duration;

use alike_embeddings::{
    Device, EmbeddingError, Encoder, EncoderSettings, Input, Lane, LaneSettings, ModelBundle, Prefix, Result,
    Variant,
};
use support::installed::start;
use support::tiny::{Tiny, WIDTH};

fn open(tiny: &Tiny, settings: EncoderSettings) -> Result<Encoder> {
    start();
    Encoder::open(&ModelBundle::open(tiny.write().path())?, settings)
}

/// A model with prefixes of one word.
fn prefixed() -> Tiny {
    let mut tiny = Tiny::new("mean");
    tiny.settings = tiny
        .settings
        .replace("query_prefix = \"\"", "query_prefix = \"apple \"")
        .replace("document_prefix = \"\"", "document_prefix = \"pear \"");
    tiny
}

fn mean(tiny: &Tiny, words: &[&str]) -> Vec<f32> {
    let states = words.iter().map(|word| tiny.state(word));
    let sums = states.fold([0.0; WIDTH], |sums, state| {
        std::array::from_fn(|axis| sums[axis] + state[axis])
    });
    sums.map(|sum| sum / words.len() as f32).to_vec()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(
        near && found.len() == expected.len(),
        "{found:?} is not {expected:?}"
    );
}

#[test]
fn texts_and_token_ids_get_their_prefix_and_are_counted() {
    let tiny = prefixed();
    let encoder = open(&tiny, EncoderSettings::for_service(2)).unwrap();
    // pear is 5; [CLS] and [SEP] are 1 and 2.
    let inputs = [
        Input::Text("pear"),
        Input::Tokens(&[5]),
        Input::Tokens(&[1, 5, 2]),
        Input::Text("pear pear pear pear pear pear pear pear"),
    ];
    for (prefix, word) in [
        (Prefix::Query, "apple"),
        (Prefix::Document, "pear"),
        (Prefix::None, ""),
    ] {
        for lane in [Lane::Queries, Lane::Documents] {
            let encoded = encoder.encode(&inputs, prefix, lane).unwrap();
            let words: Vec<&str> = ["[CLS]", word, "pear", "[SEP]"]
                .into_iter()
                .filter(|word| !word.is_empty())
                .collect();
            for row in 0..3 {
                assert_close(encoded.vectors.row(row), &mean(&tiny, &words));
            }
            let count = words.len() as u32;
            assert_eq!(encoded.tokens, [count, count, count, 8]);
            assert_eq!(encoded.truncated, [false, false, false, true]);
        }
    }
    let state = encoder.state();
    assert_eq!((state.variant, state.device), (Variant::Plain, Device::Cpu));
    assert_eq!((state.queries.texts, state.documents.texts), (12, 12));
    // Three inputs of 4, 4 and 3 tokens by prefix, and one of 8.
    assert_eq!(state.queries.tokens, 3 * (4 + 4 + 3) + 3 * 8);
    assert_eq!((state.queries.overloads, state.queries.waiting_tokens), (0, 0));
}

#[test]
fn a_token_id_that_the_model_does_not_have_is_named() {
    let encoder = open(&prefixed(), EncoderSettings::for_queries(1)).unwrap();
    let inputs = [Input::Text("apple"), Input::Tokens(&[4, 6])];
    let error = encoder.encode(&inputs, Prefix::None, Lane::Queries).unwrap_err();
    let message = error.to_string();
    assert!(
        matches!(
            error,
            EmbeddingError::TokenId {
                text: 1,
                id: 6,
                vocabulary: 6
            }
        ),
        "{message}"
    );
    assert!(message.contains("ids 0 to 5"), "{message}");
}

#[test]
fn a_query_can_be_read_first_and_encoded_later() {
    let tiny = prefixed();
    let encoder = open(&tiny, EncoderSettings::for_queries(1)).unwrap();
    let query = encoder.read_query("pear").unwrap();
    assert_eq!(query, encoder.read_query(" pear  ").unwrap());
    assert_ne!(query, encoder.read_query("apple").unwrap());
    let expected = mean(&tiny, &["[CLS]", "apple", "pear", "[SEP]"]);
    assert_close(&encoder.encode_read_query(&query).unwrap(), &expected);
    assert_close(&encoder.encode_query("pear").unwrap(), &expected);
}

#[test]
fn a_lane_without_sessions_works_with_the_others() {
    let one = LaneSettings {
        sessions: 1,
        threads_per_session: 1,
    };
    for (queries, documents) in [(one, LaneSettings::SHARED), (LaneSettings::SHARED, one)] {
        let settings = EncoderSettings {
            queries,
            documents,
            linger: Duration::ZERO,
            ..EncoderSettings::for_service(1)
        };
        let tiny = Tiny::new("cls");
        let encoder = open(&tiny, settings).unwrap();
        assert_eq!(encoder.encode_query("pear").unwrap(), tiny.state("[CLS]"));
        let vectors = encoder.encode_documents(&["pear", "apple"]).unwrap();
        assert_eq!(vectors.row(1), tiny.state("[CLS]"));
    }
}

/// No machine has that many.
const NOWHERE: Device = Device::Cuda(99);

#[test]
fn a_device_that_does_not_work_is_replaced_by_the_cpu() {
    let settings = EncoderSettings {
        device: NOWHERE,
        ..EncoderSettings::for_queries(1)
    };
    let tiny = Tiny::new("cls");
    let encoder = open(&tiny, settings).unwrap();
    let state = encoder.state();
    assert_eq!(state.device, Device::Cpu);
    let reason = state.device_fallback.expect("a reason");
    if cfg!(feature = "cuda") {
        assert!(!reason.is_empty());
    } else {
        assert_eq!(reason, "built without the feature cuda");
    }
    assert_eq!(encoder.encode_query("pear").unwrap(), tiny.state("[CLS]"));
}

#[test]
fn a_device_that_is_required_and_does_not_work_is_refused() {
    let settings = EncoderSettings {
        device: NOWHERE,
        require_device: true,
        ..EncoderSettings::for_queries(1)
    };
    let error = open(&Tiny::new("cls"), settings)
        .err()
        .expect("the device is refused");
    let message = error.to_string();
    assert!(
        matches!(&error, EmbeddingError::Device { device, reason } if device == "cuda:99" && !reason.is_empty()),
        "{message}"
    );
    assert!(message.contains("cuda:99 can't run the model"), "{message}");
}

#[test]
fn the_cpu_and_whatever_works_need_no_excuse() {
    for device in [Device::Cpu, Device::Auto] {
        let settings = EncoderSettings {
            device,
            ..EncoderSettings::for_queries(1)
        };
        let state = open(&Tiny::new("cls"), settings).unwrap().state();
        assert_eq!(state.device_fallback, None, "{device}");
        assert_ne!(state.device, Device::Auto);
    }
}

#[test]
fn a_variant_that_is_not_there_is_refused_by_name() {
    let settings = EncoderSettings {
        variant: Some(Variant::Int8),
        ..EncoderSettings::for_queries(1)
    };
    let error = open(&Tiny::new("cls"), settings)
        .err()
        .expect("there is no such file");
    let message = error.to_string();
    assert!(
        matches!(&error, EmbeddingError::Variant { path, .. } if path.ends_with("model.int8.onnx")),
        "{message}"
    );
    assert!(message.contains("alike model optimize"), "{message}");
}
