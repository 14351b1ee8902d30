use super::kernel::LANES;
use super::quantize::sizes;
use super::*;
use proptest::prelude::*;
use std::ops::Range;
use std::sync::LazyLock;

/// Numbers that look random, of about the size of trained weights.
fn values(seed: u64, count: usize, size: f32) -> Vec<f32> {
    let next = |state: &u64| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        )
    };
    let states = std::iter::successors(Some(seed.wrapping_mul(2).wrapping_add(1)), next);
    states
        .skip(1)
        .take(count)
        .map(|state| ((state >> 40) as f32 / 8_388_608.0 - 1.0) * size)
        .collect()
}

fn linear(seed: u64, inputs: usize, outputs: usize) -> Linear {
    let size = 1.5 / (inputs as f32).sqrt();
    Linear {
        weight: values(seed, inputs * outputs, size),
        bias: values(seed + 1, outputs, 0.1),
    }
}

fn norm(seed: u64, width: usize) -> Norm {
    let gamma = values(seed, width, 0.3).iter().map(|value| value + 1.0).collect();
    Norm {
        gamma,
        beta: values(seed + 1, width, 0.3),
    }
}

const VOCABULARY: usize = 50;
const POSITIONS: usize = 40;

fn model(activation: Activation, types: usize) -> BertWeights {
    let (width, inner) = (64, 112);
    let layer = |seed: u64| LayerWeights {
        query: linear(seed, width, width),
        key: linear(seed + 10, width, width),
        value: linear(seed + 20, width, width),
        output: linear(seed + 30, width, width),
        attention_norm: norm(seed + 40, width),
        up: linear(seed + 50, width, inner),
        down: linear(seed + 60, inner, width),
        output_norm: norm(seed + 70, width),
    };
    BertWeights {
        width,
        heads: 4,
        inner,
        epsilon: 1e-12,
        activation,
        words: values(1, VOCABULARY * width, 1.0),
        positions: values(2, POSITIONS * width, 0.3),
        types: (types > 0).then(|| values(3, types * width, 0.3)),
        norm: norm(4, width),
        layers: vec![layer(100), layer(200)],
    }
}

fn text(seed: u64, length: usize) -> Vec<Token> {
    let words = values(seed, length, 0.5).into_iter();
    let token = |(position, word): (usize, f32)| Token {
        word: ((word + 0.5) * 49.0) as usize,
        position,
        kind: 0,
    };
    words.enumerate().map(token).collect()
}

fn samples() -> Vec<Vec<Token>> {
    (0..8).map(|seed| text(seed, 5 + 4 * seed as usize)).collect()
}

/// The states of `texts`, passed together.
fn states(
    packed: &(BertWeights, PackedModel),
    level: Level,
    parallel: Parallel<'_>,
    texts: &[Vec<Token>],
) -> Vec<Vec<f32>> {
    let (weights, blocks) = packed;
    let model = Model::new(sizes(weights), &weights.words, &blocks.weights, &blocks.floats).unwrap();
    let mut start = 0;
    let span = |text: &Vec<Token>| {
        start += text.len();
        start - text.len()..start
    };
    let spans: Vec<Range<usize>> = texts.iter().map(span).collect();
    let (tokens, mut scratch) = (texts.concat(), Scratch::default());
    let found = Forward::run(
        &model,
        &Kernels::of(level),
        parallel,
        (&tokens, &spans),
        &mut scratch,
    );
    spans
        .iter()
        .map(|span| found[span.start * weights.width..span.end * weights.width].to_vec())
        .collect()
}

static PACKED: LazyLock<(BertWeights, PackedModel)> = LazyLock::new(|| {
    let weights = model(Activation::Gelu, 2);
    let packed = pack(&weights, &samples()).unwrap();
    (weights, packed)
});

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Units from last to first, as other threads might finish them.
fn backwards(units: usize, work: &(dyn Fn(usize) + Sync + Send)) {
    (0..units).rev().for_each(work);
}

/// Every unit on a thread of its own.
fn on_threads(units: usize, work: &(dyn Fn(usize) + Sync + Send)) {
    std::thread::scope(|scope| {
        (0..units).for_each(|unit| drop(scope.spawn(move || work(unit))));
    });
}

#[test]
fn states_come_close_to_those_of_the_trained_weights() {
    for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
        for types in [0, 2] {
            let weights = model(activation, types);
            let packed = pack(&weights, &samples()).unwrap();
            let packed = (weights, packed);
            for length in [1, 2, 15, 16, 17, 40] {
                let text = text(length as u64 + 77, length);
                let expected = reference::forward(&packed.0, &text, &mut |_, _| {});
                let found = &states(&packed, Level::detect(), &alone, &[text])[0];
                assert!(
                    cosine(found, &expected) > 0.999,
                    "{activation:?} {types} {length}"
                );
            }
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let texts: Vec<_> = [3, 40, 1, 16]
        .into_iter()
        .map(|length| text(length as u64, length))
        .collect();
    let plain = states(&PACKED, Level::Scalar, &alone, &texts);
    for level in Level::available() {
        assert_eq!(states(&PACKED, level, &alone, &texts), plain, "{level}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_text_is_the_same_bits_whoever_shares_its_pass(
        lengths in prop::collection::vec(1_usize..=POSITIONS, 1..8),
        seed in any::<u32>(),
    ) {
        let texts: Vec<_> = lengths.iter().enumerate().map(|(i, &length)| text(u64::from(seed) + i as u64, length)).collect();
        let together = states(&PACKED, Level::detect(), &alone, &texts);
        prop_assert_eq!(&states(&PACKED, Level::detect(), &backwards, &texts), &together);
        prop_assert_eq!(&states(&PACKED, Level::detect(), &on_threads, &texts), &together);
        for (text, found) in texts.iter().zip(&together) {
            prop_assert_eq!(&states(&PACKED, Level::detect(), &alone, std::slice::from_ref(text))[0], found);
        }
    }
}

#[test]
fn blocks_of_another_length_are_refused() {
    let (weights, packed) = &*PACKED;
    let sizes = sizes(weights);
    let open = |weights_cut: usize, floats_cut: usize| {
        let (bytes, floats) = (&packed.weights[weights_cut..], &packed.floats[floats_cut..]);
        Model::new(sizes, &weights.words, bytes, floats).map(drop)
    };
    assert_eq!(open(0, 0), Ok(()));
    assert!(open(1, 0).unwrap_err().contains("shorter"));
    assert!(open(0, 1).unwrap_err().contains("shorter"));
    let fewer = Sizes { layers: 1, ..sizes };
    assert!(
        Model::new(fewer, &weights.words, &packed.weights, &packed.floats)
            .unwrap_err()
            .contains("longer")
    );
    assert!(Model::new(sizes, &weights.words[1..], &packed.weights, &packed.floats).is_err());
}

#[test]
fn shapes_that_the_kernels_cannot_work_on_are_refused() {
    let good = sizes(&PACKED.0);
    for (bad, part) in [
        (Sizes { heads: 3, ..good }, "3 heads"),
        (Sizes { heads: 8, ..good }, "head width is 8"),
        (
            Sizes {
                inner: LANES + 1,
                ..good
            },
            "inner width is 17",
        ),
        (Sizes { layers: 0, ..good }, "out of range"),
        (
            Sizes {
                width: 256,
                heads: 1,
                ..good
            },
            "head width is 256",
        ),
        (
            Sizes {
                positions: usize::MAX,
                ..good
            },
            "out of range",
        ),
    ] {
        let error = bad.check().unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn tokens_beyond_a_table_are_refused_by_name() {
    let (weights, packed) = &*PACKED;
    let model = Model::new(sizes(weights), &weights.words, &packed.weights, &packed.floats).unwrap();
    assert_eq!(
        model.token(49, 39, 1),
        Ok(Token {
            word: 49,
            position: 39,
            kind: 1
        })
    );
    for ((word, position, kind), part) in [
        ((50, 0, 0), "a token id is 50; the model has 0 to 49"),
        ((-1, 0, 0), "a token id is -1"),
        ((0, 40, 0), "a position is 40"),
        ((0, 0, 2), "a token type is 2"),
    ] {
        let error = model.token(word, position, kind).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let mut weights = model(Activation::Gelu, 2);
    weights.layers[1].up.weight[7] = f32::NAN;
    assert!(pack(&weights, &samples()).unwrap_err().contains("NaN"));
    let mut weights = model(Activation::Gelu, 2);
    weights.words[3] = f32::INFINITY;
    assert!(pack(&weights, &samples()).unwrap_err().contains("infinite"));
}
