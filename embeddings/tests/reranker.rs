//! A cross-encoder's scores are those of its pairs, whoever shares the call; what is too long is cut from the longer part.

mod support;

use alike_embeddings::{EmbeddingError, Encoder, EncoderSettings, LostEnd, ModelBundle, Reranker, Result};
use support::cross::{MAX_TOKENS, score, settings, write};
use support::installed::{linked_copy, start};

fn open_with(settings: &str) -> Result<Reranker> {
    start();
    let dir = write(settings);
    Reranker::open(&ModelBundle::open(dir.path())?, EncoderSettings::for_queries(2))
}

fn open() -> Reranker {
    open_with(&settings()).expect("the bundle opens")
}

#[test]
fn scores_are_those_of_the_pairs_in_the_order_of_the_texts() {
    let reranker = open();
    let texts = ["apple", "", "pear plum", "plum plum plum", "kiwi", "apple"];
    let expected: Vec<f32> = texts.iter().map(|text| score("apple pear", text)).collect();
    assert_eq!(reranker.score("apple pear", &texts).unwrap(), expected);
    assert_eq!(reranker.score("", &["plum"]).unwrap(), [score("", "plum")]);
    assert_eq!(reranker.score("apple", &[] as &[&str]).unwrap(), [0.0_f32; 0]);
}

#[test]
fn query_and_text_are_not_the_same() {
    let reranker = open();
    let there = reranker.score("apple", &["plum"]).unwrap();
    let back = reranker.score("plum", &["apple"]).unwrap();
    assert_eq!(
        (there[0], back[0]),
        (score("apple", "plum"), score("plum", "apple"))
    );
    assert_ne!(there, back);
}

#[test]
fn many_texts_are_many_batches_and_score_as_they_do_alone() {
    let reranker = open();
    let texts: Vec<String> = (0..500)
        .map(|at| ["apple ", "plum ", "pear ", "kiwi "][at % 4].repeat(at % 5))
        .collect();
    let expected: Vec<f32> = texts.iter().map(|text| score("pear", text)).collect();
    let scored = reranker.score_with("pear", &texts, LostEnd::Right).unwrap();
    assert_eq!(scored.scores, expected);
    assert_eq!(scored.tokens, (0..500).map(|at| 4 + at % 5).collect::<Vec<u32>>());
    assert!(scored.truncated.iter().all(|cut| !cut));
}

#[test]
fn the_longer_part_is_cut_first() {
    let reranker = open();
    // Six of the nine tokens are left for words.
    let text = "plum apple apple pear plum pear plum";
    let scored = reranker
        .score_with("apple", &["plum", text], LostEnd::Right)
        .unwrap();
    assert_eq!(
        scored.scores,
        [
            score("apple", "plum"),
            score("apple", "plum apple apple pear plum")
        ]
    );
    assert_eq!(
        (scored.tokens, scored.truncated),
        (vec![5, MAX_TOKENS as u32], vec![false, true])
    );
    let scored = reranker
        .score_with("apple", &["plum", text], LostEnd::Left)
        .unwrap();
    assert_eq!(
        scored.scores,
        [
            score("apple", "plum"),
            score("apple", "apple pear plum pear plum")
        ]
    );
    // Both are longer than half: each keeps half.
    let scored = reranker
        .score_with("pear plum pear apple", &[text], LostEnd::Right)
        .unwrap();
    assert_eq!(scored.scores, [score("pear plum pear", "plum apple apple")]);
    let scored = reranker
        .score_with("pear plum pear apple", &[text], LostEnd::Left)
        .unwrap();
    assert_eq!(scored.scores, [score("plum pear apple", "plum pear plum")]);
}

#[test]
fn megabytes_are_cut_like_a_few_words() {
    let reranker = open();
    let text = format!("plum {}pear", "apple ".repeat(500_000));
    let scored = reranker.score_with("pear", &[&text], LostEnd::Right).unwrap();
    assert_eq!(scored.scores, [score("pear", "plum apple apple apple apple")]);
    assert_eq!((scored.tokens, scored.truncated), (vec![9], vec![true]));
    let scored = reranker.score_with("pear", &[&text], LostEnd::Left).unwrap();
    assert_eq!(scored.scores, [score("pear", "apple apple apple apple pear")]);
    let scored = reranker.score_with(&text, &["pear"], LostEnd::Right).unwrap();
    assert_eq!(scored.scores, [score("plum apple apple apple apple", "pear")]);
    let endless = "x".repeat(3_000_000);
    let scored = reranker.score_with("pear", &[&endless], LostEnd::Right).unwrap();
    assert_eq!(
        (scored.scores, scored.truncated),
        (vec![score("pear", "kiwi")], vec![true])
    );
}

#[test]
fn concurrent_callers_get_their_own_scores() {
    let reranker = open();
    std::thread::scope(|scope| {
        for words in 0..6 {
            let reranker = &reranker;
            scope.spawn(move || {
                let text = "plum ".repeat(words);
                for _ in 0..50 {
                    assert_eq!(reranker.score("pear", &[&text]).unwrap()[0], score("pear", &text));
                }
            });
        }
    });
}

#[test]
fn prefixes_are_put_before_query_and_texts() {
    let prefixed = settings()
        .replace("query_prefix = \"\"", "query_prefix = \"apple \"")
        .replace("document_prefix = \"\"", "document_prefix = \"plum \"");
    let reranker = open_with(&prefixed).unwrap();
    assert_eq!(
        reranker.score("pear", &["pear"]).unwrap(),
        [score("apple pear", "plum pear")]
    );
}

#[test]
fn bundles_that_are_no_reranker_are_refused_by_name() {
    for (from, to, field) in [
        ("task = \"rerank\"\n", "", "task"),
        ("dimension = 1", "dimension = 2", "dimension"),
        ("normalize = false", "normalize = true", "normalize"),
        ("max_tokens = 9", "max_tokens = 3", "max_tokens"),
    ] {
        let error = open_with(&settings().replace(from, to)).err().expect(field);
        assert!(
            matches!(&error, EmbeddingError::Setting { field: named, .. } if named == &field),
            "{error}"
        );
    }
    start();
    let encoder = ModelBundle::open(linked_copy().path()).unwrap();
    let error = Reranker::open(&encoder, EncoderSettings::for_queries(2))
        .err()
        .unwrap();
    assert!(error.to_string().contains("task"), "{error}");
    let dir = write(&settings());
    let error = Encoder::open(
        &ModelBundle::open(dir.path()).unwrap(),
        EncoderSettings::for_queries(2),
    );
    assert!(error.err().unwrap().to_string().contains("task"));
}

#[test]
fn golden_scores_are_checked() {
    let golden = |score: f32| {
        let table = "[[golden]]\nquery = \"apple\"\ntext = \"plum\"\nvector = ";
        format!("{}{table}[{score:?}]\n", settings())
    };
    open_with(&golden(score("apple", "plum"))).unwrap();
    let error = open_with(&golden(7.0)).err().unwrap();
    assert!(matches!(error, EmbeddingError::GoldenScore { .. }), "{error}");
}

#[test]
fn a_graph_with_several_scores_per_pair_is_refused() {
    let several = settings().replace("pooling = \"none\"", "pooling = \"cls\"");
    let error = open_with(&several).err().unwrap();
    assert!(error.to_string().contains("logits"), "{error}");
}
