//! From token ids to their last hidden states, without padding: all texts' tokens lie one after the other, and only
//! attention knows where one text ends.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::kernel::{Blocks, Codes, Kernels, PANEL, attend_space};
use super::model::{Layer, Matrix, Model};

/// One token: which rows of the three embedding tables it is the sum of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// Row of the word table.
    pub word: usize,
    /// Row of the position table.
    pub position: usize,
    /// Row of the type table.
    pub kind: usize,
}

/// Runs `work` for every number under the first argument, in any order, perhaps on several threads at once.
pub(crate) type Parallel<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) + Sync + Send));

/// Rows of a unit of work between the products.
const ROWS: usize = 4;

/// Runs everything on the calling thread.
pub(crate) fn alone(units: usize, work: &(dyn Fn(usize) + Sync + Send)) {
    (0..units).for_each(work);
}

/// Working memory, kept between calls; it grows to what the largest call needed.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// `[tokens, width]`.
    states: Vec<f32>,
    codes: Vec<u8>,
    scales: Vec<f32>,
    zeros: Vec<i32>,
    /// Per head: panels of queries, keys and values; later the panels between the feed-forward products.
    wide: Vec<f32>,
    /// Per head `[tokens, head width]`.
    context: Vec<f32>,
    /// Per head: working memory of attention.
    space: Vec<f32>,
    /// Panels of what a residual sum adds.
    change: Vec<f32>,
}

impl Scratch {
    fn fit(&mut self, model: &Model<'_>, tokens: usize, longest: usize) {
        let sizes = &model.sizes;
        let (width, inner) = (sizes.width, sizes.inner);
        let panels = |columns: usize| columns.next_multiple_of(PANEL) * tokens;
        grow(&mut self.states, width * tokens);
        grow(&mut self.codes, width.max(inner) * tokens);
        grow(&mut self.scales, tokens);
        grow(&mut self.zeros, tokens);
        grow(&mut self.wide, panels(3 * width).max(panels(inner)));
        grow(&mut self.context, width * tokens);
        grow(
            &mut self.space,
            sizes.heads * attend_space(sizes.head_width(), longest),
        );
        grow(&mut self.change, panels(width));
    }
}

fn grow<T: Clone + Default>(values: &mut Vec<T>, len: usize) {
    if values.len() < len {
        values.resize(len, T::default());
    }
}

/// Equal parts of a block of memory, each for whoever asks for it by number.
struct Shares<'a, V>(Vec<Mutex<&'a mut [V]>>);

impl<'a, V> Shares<'a, V> {
    /// The last part may be shorter.
    fn new(values: &'a mut [V], each: usize) -> Self {
        Self(values.chunks_mut(each).map(Mutex::new).collect())
    }

    fn with<T>(&self, index: usize, work: impl FnOnce(&mut [V]) -> T) -> T {
        work(&mut self.0[index].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A pass of packed tokens through the model.
pub(crate) struct Forward<'a> {
    model: &'a Model<'a>,
    kernels: &'a Kernels,
    parallel: Parallel<'a>,
    spans: &'a [Range<usize>],
    tokens: usize,
    longest: usize,
}

impl<'a> Forward<'a> {
    /// The last hidden states of `tokens`, row-major `[tokens, width]`, in `scratch`. `spans` are the texts, one after the
    /// other without gaps; every token's rows are inside their tables.
    pub fn run<'s>(
        model: &'a Model<'a>,
        kernels: &'a Kernels,
        parallel: Parallel<'a>,
        (tokens, spans): (&[Token], &'a [Range<usize>]),
        scratch: &'s mut Scratch,
    ) -> &'s [f32] {
        let longest = spans.iter().map(Range::len).max().unwrap_or(0);
        scratch.fit(model, tokens.len(), longest);
        let pass = Self {
            model,
            kernels,
            parallel,
            spans,
            tokens: tokens.len(),
            longest,
        };
        pass.embed(tokens, scratch);
        for layer in &model.layers {
            pass.attention(layer, scratch);
            pass.feed_forward(layer, scratch);
        }
        &scratch.states[..tokens.len() * model.sizes.width]
    }

    fn embed(&self, tokens: &[Token], scratch: &mut Scratch) {
        let width = self.model.sizes.width;
        let row = |table: &'a [f32], row: usize| &table[row * width..][..width];
        for (token, state) in tokens.iter().zip(scratch.states.chunks_exact_mut(width)) {
            let parts = [
                row(self.model.words, token.word),
                row(self.model.positions, token.position),
                row(self.model.types, token.kind),
            ];
            let norm = self.model.norm;
            self.kernels
                .embed(parts, norm.gamma, norm.beta, self.model.sizes.epsilon, state);
        }
    }

    /// The states of this pass as one block.
    fn states<'s>(&self, states: &'s [f32]) -> Blocks<'s> {
        Blocks {
            values: states,
            rows: self.tokens,
            columns: self.model.sizes.width,
        }
    }

    fn attention(&self, layer: &Layer<'_>, scratch: &mut Scratch) {
        let sizes = &self.model.sizes;
        let (head, tokens) = (sizes.head_width(), self.tokens);
        let codes = self.quantize(
            self.states(&scratch.states),
            &layer.projection,
            (&mut scratch.codes, &mut scratch.scales, &mut scratch.zeros),
        );
        let panels = head / 16;
        let projected = Shares::new(&mut scratch.wide, panels * PANEL * tokens);
        let contexts = Shares::new(&mut scratch.context, head * tokens);
        let spaces = Shares::new(&mut scratch.space, attend_space(head, self.longest));
        (self.parallel)(sizes.heads, &|unit| {
            projected.with(unit, |projected| {
                for (panel, out) in projected.chunks_exact_mut(PANEL * tokens).enumerate() {
                    self.kernels
                        .product(codes, layer.projection.panel(unit * panels + panel), out);
                }
                contexts.with(unit, |out| {
                    spaces.with(unit, |space| {
                        self.kernels.attend(projected, head, self.spans, space, out);
                    });
                });
            });
        });
        let context = Blocks {
            values: &scratch.context,
            rows: tokens,
            columns: head,
        };
        let codes = self.quantize(
            context,
            &layer.output,
            (&mut scratch.codes, &mut scratch.scales, &mut scratch.zeros),
        );
        self.products(codes, &layer.output, &mut scratch.change, |_| {});
        self.add_norm(&layer.attention_norm, scratch);
    }

    fn feed_forward(&self, layer: &Layer<'_>, scratch: &mut Scratch) {
        let codes = self.quantize(
            self.states(&scratch.states),
            &layer.up,
            (&mut scratch.codes, &mut scratch.scales, &mut scratch.zeros),
        );
        let activation = self.model.sizes.activation;
        self.products(codes, &layer.up, &mut scratch.wide, |values| {
            self.kernels.activate(values, activation);
        });
        let hidden = Blocks {
            values: &scratch.wide,
            rows: self.tokens,
            columns: PANEL,
        };
        let codes = self.quantize(
            hidden,
            &layer.down,
            (&mut scratch.codes, &mut scratch.scales, &mut scratch.zeros),
        );
        self.products(codes, &layer.down, &mut scratch.change, |_| {});
        self.add_norm(&layer.output_norm, scratch);
    }

    /// The inputs of `matrix`, quantized.
    fn quantize<'s>(
        &self,
        source: Blocks<'_>,
        matrix: &Matrix<'_>,
        (codes, scales, zeros): (&'s mut [u8], &'s mut [f32], &'s mut [i32]),
    ) -> Codes<'s> {
        let (tokens, inputs) = (self.tokens, matrix.smooth.len());
        let code_parts = Shares::new(&mut codes[..tokens * inputs], ROWS * inputs);
        let scale_parts = Shares::new(&mut scales[..tokens], ROWS);
        let zero_parts = Shares::new(&mut zeros[..tokens], ROWS);
        (self.parallel)(tokens.div_ceil(ROWS), &|unit| {
            let source = source.after(unit * ROWS);
            code_parts.with(unit, |codes| {
                scale_parts.with(unit, |scales| {
                    zero_parts.with(unit, |zeros| {
                        self.kernels.quantize(source, matrix.smooth, codes, scales, zeros);
                    });
                });
            });
        });
        Codes {
            codes: &codes[..tokens * inputs],
            scales,
            zeros,
        }
    }

    /// All panels of codes · matrix + bias into `out`, each handed to `then` while it is still in the cache.
    fn products(
        &self,
        codes: Codes<'_>,
        matrix: &Matrix<'_>,
        out: &mut [f32],
        then: impl Fn(&mut [f32]) + Sync + Send,
    ) {
        let shares = Shares::new(out, PANEL * self.tokens);
        (self.parallel)(matrix.panels(), &|unit| {
            shares.with(unit, |out| {
                self.kernels.product(codes, matrix.panel(unit), out);
                then(out);
            });
        });
    }

    fn add_norm(&self, norm: &super::model::NormView<'_>, scratch: &mut Scratch) {
        let change = Blocks {
            values: &scratch.change,
            rows: self.tokens,
            columns: PANEL,
        };
        let (width, epsilon) = (self.model.sizes.width, self.model.sizes.epsilon);
        let parts = Shares::new(&mut scratch.states[..self.tokens * width], ROWS * width);
        (self.parallel)(self.tokens.div_ceil(ROWS), &|unit| {
            let change = change.after(unit * ROWS);
            parts.with(unit, |states| {
                self.kernels
                    .add_norm(states, change, norm.gamma, norm.beta, epsilon);
            });
        });
    }
}
