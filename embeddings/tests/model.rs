//! The real model: does it mean what it should, and does a text's vector depend on nothing but the text?

mod support;

use std::cell::RefCell;

use alike_embeddings::{Encoder, EncoderSettings, ModelBundle, Variant};
use proptest::prelude::*;
use support::installed::{encoder, linked_copy, model, replace, start};

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| f64::from(x) * f64::from(y))
            .sum::<f64>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn query(text: &str) -> Vec<f32> {
    encoder().encode_query(text).expect("a query is encoded")
}

/// The installed model by one of its graphs.
fn running(variant: Variant) -> Encoder {
    start();
    let bundle = ModelBundle::open(&model()).expect("the installed bundle opens");
    let settings = EncoderSettings {
        variant: Some(variant),
        ..EncoderSettings::for_queries(1)
    };
    Encoder::open(&bundle, settings).expect("the variant opens: run scripts/setup, and alike model optimize")
}

#[test]
fn similarities_are_those_the_model_is_published_with() {
    // The example in the documentation of sentence-transformers for this model.
    let texts = [
        "The weather is lovely today.",
        "It's so sunny outside!",
        "He drove to the stadium.",
    ];
    for (variant, bound) in [(Variant::Plain, 5e-4), (Variant::Int8, 1e-2)] {
        let vectors = running(variant).encode_documents(&texts).unwrap();
        for (a, b, published) in [(0, 1, 0.6660), (0, 2, 0.1046), (1, 2, 0.1411)] {
            let found = cosine(vectors.row(a), vectors.row(b));
            let difference = (found - published).abs();
            assert!(
                difference < bound,
                "{variant}: {} / {}: {found}",
                texts[a],
                texts[b]
            );
        }
    }
}

#[test]
fn neighbors_share_meaning_not_words() {
    let documents = [
        "stainless steel water kettle",
        "waterproof trail running shoes",
        "noise-cancelling headphones",
        "baby stroller",
    ];
    let vectors = encoder().encode_documents(&documents).unwrap();
    for (wanted, nearest) in [
        ("boil tea quickly", 0),
        ("footwear for jogging in the rain", 1),
        ("quiet music on a plane", 2),
        ("pram", 3),
    ] {
        let wanted_vector = query(wanted);
        let similarity = |&i: &usize| cosine(&wanted_vector, vectors.row(i));
        let found = (0..documents.len()).max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        assert_eq!(found, Some(nearest), "{wanted}");
    }
}

#[test]
fn vectors_have_the_declared_dimension_and_length_one() {
    assert_eq!(encoder().dimension(), 384);
    let vectors = encoder()
        .encode_documents(&["a", "a longer text about kettles", ""])
        .unwrap();
    assert_eq!((vectors.len(), vectors.dimension()), (3, 384));
    for row in vectors.rows() {
        let norm = row
            .iter()
            .map(|&value| f64::from(value).powi(2))
            .sum::<f64>()
            .sqrt();
        assert!((norm - 1.0).abs() < 1e-5, "{norm}");
    }
}

#[test]
fn an_empty_text_has_a_vector_and_so_have_strange_ones() {
    let strange = [
        "",
        " ",
        "\0\u{1}\u{7f}",
        "🦀🦀🦀",
        "日本語の靴",
        "e\u{301}\u{301}",
        "\u{202e}abc",
        &"x".repeat(5000),
    ];
    let vectors = encoder().encode_documents(&strange).unwrap();
    assert_eq!(vectors.len(), strange.len());
    assert!(
        cosine(vectors.row(0), vectors.row(1)) > 0.99999,
        "whitespace is no token"
    );
}

#[test]
fn no_texts_no_rows() {
    let none: [&str; 0] = [];
    let vectors = encoder().encode_documents(&none).unwrap();
    assert_eq!((vectors.len(), vectors.dimension()), (0, 384));
}

#[test]
fn long_texts_are_cut_at_the_models_longest_input() {
    // 254 words of one token each, and the two special tokens, are the model's 256.
    let fits = vec!["shoe"; 254].join(" ");
    let one_more = format!("{fits} kettle");
    let one_less = format!("{} kettle", vec!["shoe"; 253].join(" "));
    let megabytes = format!("{fits} {}", "entirely different words ".repeat(200_000));
    assert!(cosine(&query(&fits), &query(&one_more)) > 0.999_999);
    assert!(cosine(&query(&fits), &query(&megabytes)) > 0.999_999);
    assert!(
        cosine(&query(&fits), &query(&one_less)) < 0.999_9,
        "the last token that fits counts"
    );
}

#[test]
fn rows_come_back_in_input_order() {
    let texts: Vec<String> = (0..60)
        .map(|i| format!("item {i} {}", "and more ".repeat(i * 7 % 13)))
        .collect();
    let vectors = encoder().encode_documents(&texts).unwrap();
    for (i, text) in texts.iter().enumerate() {
        assert!(cosine(vectors.row(i), &query(text)) > 0.99999, "{text}");
    }
}

#[test]
fn progress_counts_every_text_once() {
    let texts: Vec<String> = (0..100).map(|i| format!("item number {i}")).collect();
    let seen = RefCell::new(Vec::new());
    encoder()
        .encode_documents_with(&texts, |done| seen.borrow_mut().push(done))
        .unwrap();
    let seen = seen.into_inner();
    assert!(seen.len() > 1 && seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    assert_eq!(seen.last(), Some(&texts.len()));
}

#[test]
fn concurrent_callers_get_their_own_answers() {
    let texts = ["red shoes", "a kettle", "garden hose", "wool socks"];
    let alone: Vec<Vec<f32>> = texts.iter().map(|text| query(text)).collect();
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let (alone, text) = (&alone[caller % 4], texts[caller % 4]);
            scope.spawn(move || {
                for _ in 0..5 {
                    assert!(cosine(&query(text), alone) > 0.99999, "{text}");
                    let vectors = encoder()
                        .encode_documents(&[text, "something else", text])
                        .unwrap();
                    assert!(cosine(vectors.row(2), alone) > 0.99999, "{text}");
                }
            });
        }
    });
}

#[test]
fn prefixes_are_put_before_queries_and_documents() {
    let settings = std::fs::read_to_string(model().join("model.toml")).unwrap();
    let settings = settings
        .lines()
        .map(|line| match line.split(' ').next() {
            Some("query_prefix") => "query_prefix = \"search for: \"",
            Some("document_prefix") => "document_prefix = \"passage: \"",
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n");
    let dir = linked_copy();
    replace(&dir, "model.toml", settings);
    start();
    let bundle = ModelBundle::open(dir.path()).unwrap();
    assert_ne!(bundle.identity(), encoder().identity());
    let prefixed = Encoder::open(&bundle, EncoderSettings::for_queries(1)).unwrap();
    let as_query = prefixed.encode_query("red shoes").unwrap();
    let as_document = prefixed.encode_documents(&["red shoes"]).unwrap();
    let plain = running(Variant::Plain);
    let written_out = |text| plain.encode_query(text).unwrap();
    assert!(cosine(&as_query, &written_out("search for: red shoes")) > 0.99999);
    assert!(cosine(as_document.row(0), &written_out("passage: red shoes")) > 0.99999);
    assert!(cosine(&as_query, as_document.row(0)) < 0.999);
}

#[test]
fn the_identity_is_that_of_the_bundle() {
    let bundle = ModelBundle::open(&model()).unwrap();
    assert_eq!(encoder().identity(), bundle.identity());
    assert!(
        bundle.identity().to_string().starts_with("all-minilm-l6-v2@1:"),
        "{}",
        bundle.identity()
    );
}

/// Also where the graph pools, whose sums ONNX Runtime takes in another order for one text than for several.
#[test]
fn a_vector_has_the_same_bits_alone_and_in_company() {
    let encoder = running(Variant::Int8);
    let texts: Vec<String> = (1..40)
        .map(|words| "a kettle for the train ".repeat(words))
        .collect();
    let together = encoder.encode_documents(&texts).expect("texts are encoded");
    for (text, row) in texts.iter().zip(together.rows()) {
        assert_eq!(
            encoder.encode_query(text).expect("a text is encoded"),
            row,
            "{text}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 20, ..ProptestConfig::default() })]

    /// Whoever shares the batch, in whatever order, with whatever padding.
    #[test]
    fn a_vector_depends_on_its_text_alone(
        mut texts in prop::collection::vec("[a-z ]{0,40}|(red |kettle, |Größe 42 |鞋 ){0,60}", 1..24),
        probe in "(shoe|lamp|blue|42|é| ){0,12}",
        place in any::<prop::sample::Index>(),
        batch_tokens in prop::sample::select(vec![1_usize, 64, 700, 8192]),
    ) {
        start();
        let alone = query(&probe);
        let place = place.index(texts.len());
        texts.insert(place, probe);
        let together = encoder().encode_documents(&texts).unwrap();
        prop_assert!(cosine(together.row(place), &alone) > 0.99999);

        let bundle = ModelBundle::open(&model()).unwrap();
        let settings = EncoderSettings { batch_tokens, ..EncoderSettings::for_queries(2) };
        let other = Encoder::open(&bundle, settings).unwrap();
        texts.reverse();
        let reversed = other.encode_documents(&texts).unwrap();
        for i in 0..texts.len() {
            prop_assert!(cosine(reversed.row(texts.len() - 1 - i), together.row(i)) > 0.99999);
        }
    }
}
