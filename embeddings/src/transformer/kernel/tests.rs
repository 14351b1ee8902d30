use super::*;
use proptest::prelude::*;

/// Numbers that look random and are the same each time.
fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed.wrapping_mul(2).wrapping_add(1)), |state| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        )
    })
    .skip(1)
    .map(|state| state >> 33)
}

fn values(seed: u64, count: usize, size: f32) -> Vec<f32> {
    numbers(seed)
        .take(count)
        .map(|n| (n as f32 / 1_073_741_824.0 - 1.0) * size)
        .collect()
}

fn bytes(seed: u64, count: usize) -> Vec<u8> {
    numbers(seed).take(count).map(|n| n as u8).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// What `work` gives with every instruction set of this processor is what it gives in plain Rust.
fn same_everywhere<T: PartialEq + std::fmt::Debug>(work: impl Fn(&Kernels) -> T) -> T {
    let plain = work(&Kernels::of(Level::Scalar));
    for level in Level::available() {
        let kernels = Kernels::of(level);
        assert_eq!(kernels.level(), level);
        assert_eq!(work(&kernels), plain, "{level}");
    }
    plain
}

/// Sums of weights, as a packed model has them.
fn sums(weights: &[u8]) -> Vec<f32> {
    let mut sums = vec![0.0; PANEL];
    for (at, &weight) in weights.iter().enumerate() {
        sums[at / 4 % PANEL] += f32::from(weight as i8);
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn products_are_exact_and_the_same_everywhere(rows in 1_usize..20, fours in 1_usize..40, seed in any::<u64>()) {
        let inputs = 4 * fours;
        let (codes, weights) = (bytes(seed, rows * inputs), bytes(seed ^ 1, inputs * PANEL));
        let zeros: Vec<i32> = bytes(seed ^ 2, rows).into_iter().map(i32::from).collect();
        let (scales, bias) = (values(seed ^ 3, PANEL, 1.0), values(seed ^ 4, PANEL, 9.0));
        let (row_scales, sums) = (values(seed ^ 5, rows, 1.0), sums(&weights));
        let found = same_everywhere(|kernels| {
            let codes = Codes { codes: &codes, scales: &row_scales, zeros: &zeros };
            let panel = Panel { weights: &weights, scales: &scales, sums: &sums, bias: &bias };
            let mut out = vec![f32::NAN; rows * PANEL];
            kernels.product(codes, panel, &mut out);
            bits(&out)
        });
        for (at, found) in found.iter().enumerate() {
            let (row, column) = (at / PANEL, at % PANEL);
            let weight = |input: usize| i64::from(weights[input / 4 * 4 * PANEL + column * 4 + input % 4] as i8);
            let code = |input: usize| i64::from(codes[row * inputs + input]) - i64::from(zeros[row]);
            let sum: i64 = (0..inputs).map(|input| code(input) * weight(input)).sum();
            let expected = (sum as f32).mul_add(row_scales[row] * scales[column], bias[column]);
            prop_assert_eq!(*found, expected.to_bits());
        }
    }

    #[test]
    fn quantized_rows_stay_within_half_a_step(rows in 1_usize..9, lanes in 1_usize..9, seed in any::<u64>()) {
        let width = LANES * lanes;
        let source = values(seed, rows * width, 7.0);
        let smooth: Vec<f32> = values(seed ^ 1, width, 0.5).iter().map(|value| value + 1.0).collect();
        let (codes, scales, zeros) = same_everywhere(|kernels| {
            let (mut codes, mut scales, mut zeros) = (vec![0; rows * width], vec![0.0; rows], vec![0; rows]);
            let blocks = Blocks { values: &source, rows, columns: width };
            kernels.quantize(blocks, &smooth, &mut codes, &mut scales, &mut zeros);
            (codes, scales, zeros)
        });
        for (at, code) in codes.iter().enumerate() {
            let (row, column) = (at / width, at % width);
            let value = (i32::from(*code) - zeros[row]) as f32 * scales[row];
            let error = (value - source[at] * smooth[column]).abs();
            prop_assert!(error <= scales[row] * 1.01, "{error} of a step of {}", scales[row]);
        }
    }

    #[test]
    fn attention_is_that_of_the_textbook(
        lengths in prop::collection::vec(1_usize..40, 1..4),
        lanes in 1_usize..5,
        seed in any::<u64>(),
    ) {
        let (width, rows) = (LANES * lanes, lengths.iter().sum::<usize>());
        let projected = values(seed, 3 * width * rows, 2.0);
        let mut start = 0;
        let spans: Vec<Range<usize>> = lengths
            .iter()
            .map(|length| {
                start += length;
                start - length..start
            })
            .collect();
        let found = same_everywhere(|kernels| {
            let mut space = vec![f32::NAN; attend_space(width, 40)];
            let mut out = vec![f32::NAN; rows * width];
            kernels.attend(&projected, width, &spans, &mut space, &mut out);
            bits(&out)
        });
        let at = |row: usize, column: usize| f64::from(projected[(column / PANEL * rows + row) * PANEL + column % PANEL]);
        for span in &spans {
            for row in span.clone() {
                let score = |other| (0..width).map(|i| at(row, i) * at(other, width + i)).sum::<f64>() / (width as f64).sqrt();
                let shares: Vec<f64> = span.clone().map(|other| score(other).exp()).collect();
                let total: f64 = shares.iter().sum();
                for axis in 0..width {
                    let mixed: f64 = span.clone().zip(&shares).map(|(other, share)| share / total * at(other, 2 * width + axis)).sum();
                    let found = f64::from(f32::from_bits(found[row * width + axis]));
                    prop_assert!((found - mixed).abs() < 1e-4, "{found} {mixed}");
                }
            }
        }
    }
}

#[test]
fn activations_are_what_they_approximate() {
    let inputs: Vec<f32> = (-1600..1600).map(|i| i as f32 / 160.0).collect();
    for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
        let found = same_everywhere(|kernels| {
            let mut values = inputs.clone();
            kernels.activate(&mut values, activation);
            bits(&values)
        });
        for (input, found) in inputs.iter().zip(found) {
            let x = f64::from(*input);
            // The error function by its series, which converges everywhere.
            let erf = |x: f64| {
                let terms = (0..200).scan(x, |term, n| {
                    let found = *term / f64::from(2 * n + 1);
                    *term *= -x * x / f64::from(n + 1);
                    Some(found)
                });
                if x.abs() > 5.0 {
                    x.signum()
                } else {
                    terms.sum::<f64>() * std::f64::consts::FRAC_2_SQRT_PI
                }
            };
            let expected = match activation {
                Activation::Gelu => 0.5 * x * (1.0 + erf(x / 2.0_f64.sqrt())),
                Activation::GeluTanh => {
                    0.5 * x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x * x * x)).tanh())
                }
                Activation::Relu => x.max(0.0),
            };
            let found = f64::from(f32::from_bits(found));
            assert!(
                (found - expected).abs() < 4e-5,
                "{activation:?} of {x}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn norms_are_those_of_the_definition() {
    let (rows, width, columns) = (5, 96, 48);
    let states = values(1, rows * width, 3.0);
    let change = values(2, rows * width, 3.0);
    let (gamma, beta) = (values(3, width, 2.0), values(4, width, 2.0));
    let found = same_everywhere(|kernels| {
        let mut states = states.clone();
        let change = Blocks {
            values: &change,
            rows,
            columns,
        };
        kernels.add_norm(&mut states, change, &gamma, &beta, 1e-5);
        bits(&states)
    });
    for row in 0..rows {
        let change = |at: usize| change[(at / columns * rows + row) * columns + at % columns];
        let sums: Vec<f64> = (0..width)
            .map(|at| f64::from(states[row * width + at] + change(at)))
            .collect();
        let mean = sums.iter().sum::<f64>() / width as f64;
        let variance = sums.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / width as f64;
        for at in 0..width {
            let expected =
                (sums[at] - mean) / (variance + 1e-5).sqrt() * f64::from(gamma[at]) + f64::from(beta[at]);
            let found = f64::from(f32::from_bits(found[row * width + at]));
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }
}

#[test]
fn tiles_cover_every_row_once_and_are_alike() {
    for rows in 1..100 {
        let tiles: Vec<_> = passes::tiles(rows, 8).collect();
        let mut next = 0;
        for &(first, count) in &tiles {
            assert_eq!(first, next);
            assert!((1..=8).contains(&count), "{rows}: {tiles:?}");
            next += count;
        }
        assert_eq!(next, rows);
    }
}

#[test]
#[should_panic(expected = "assertion")]
fn a_panel_of_another_size_is_refused() {
    let codes = Codes {
        codes: &[0; 8],
        scales: &[1.0],
        zeros: &[0],
    };
    let column = [0.0; PANEL];
    let panel = Panel {
        weights: &[0; 4 * PANEL],
        scales: &column,
        sums: &column,
        bias: &column,
    };
    Kernels::of(Level::detect()).product(codes, panel, &mut [0.0; PANEL]);
}
