//! `BertEncoder`, our operator inside ONNX Runtime's sessions: from token ids to the last hidden states.
//!
//! It stands in the graph of [`Variant::Int8`](crate::Variant::Int8) for everything that it replaces; its inputs and
//! attributes are described in `onnx::rewrite`, what it computes in `transformer`.

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use ort::operator::{
    ComputeContext, Kernel, KernelContext, Operator, OperatorDomain, OperatorInput, OperatorOutput,
};
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::value::{TensorElementType, ValueRef};

use crate::onnx::rewrite::{DOMAIN, OPERATOR};
use crate::transformer::{
    Activation, Forward, Kernels, Level, Model, Parallel, Scratch, Sizes, Team, Token, alone,
};

/// Most tokens of a pass, unless one text has more: what a pass writes stays in a core's cache.
const PASS_TOKENS: usize = 128;

/// Opens a session whose graph has our operators; `threads` threads work on each of its batches.
///
/// ONNX Runtime keeps a list of all domains, and fails where two sessions add the same one at the same time: the first
/// session of a process is opened alone.
pub(crate) fn open(builder: SessionBuilder, graph: &Path, threads: usize) -> ort::Result<Session> {
    static KNOWN: Mutex<bool> = Mutex::new(false);
    let domain = OperatorDomain::new(DOMAIN)?.add(BertEncoder { threads })?;
    let mut builder = builder.with_operators(domain)?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if *known {
        drop(known);
        return builder.commit_from_file(graph);
    }
    let session = builder.commit_from_file(graph)?;
    *known = true;
    Ok(session)
}

/// The instruction set that the operator uses here; `None` where it is slower than the plain graph.
pub(crate) fn kernel_level() -> Option<&'static str> {
    let level = Kernels::of(Level::detect()).level();
    (level > Level::Scalar).then(|| level.name())
}

struct BertEncoder {
    threads: usize,
}

impl Operator for BertEncoder {
    type Kernel<'attr> = BertKernel;

    fn name(&self) -> &str {
        OPERATOR
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        use TensorElementType::{Float32, Int64, Uint8};
        [Int64, Int64, Int64, Float32, Uint8, Float32].map(OperatorInput::required)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, context: &KernelContext<'attr>) -> ort::Result<BertKernel> {
        Ok(BertKernel {
            sizes: sizes(context)?,
            kernels: Kernels::of(Level::detect()),
            threads: self.threads,
            texts: Texts::default(),
            scratch: Scratch::default(),
        })
    }
}

fn sizes(context: &KernelContext<'_>) -> ort::Result<Sizes> {
    let missing =
        |name: &str| ort::Error::new(format!("{OPERATOR}: attribute {name} is missing or out of range"));
    let count = |name: &str| {
        let value = context
            .get::<i64>(name)
            .and_then(|value| usize::try_from(value).ok());
        value.ok_or_else(|| missing(name))
    };
    let activation = match context.get::<String>("activation").as_deref() {
        Some("gelu") => Activation::Gelu,
        Some("gelu_tanh") => Activation::GeluTanh,
        Some("relu") => Activation::Relu,
        _ => return Err(missing("activation")),
    };
    Ok(Sizes {
        layers: count("layers")?,
        heads: count("heads")?,
        width: count("width")?,
        inner: count("inner")?,
        positions: count("positions")?,
        types: count("types")?,
        epsilon: context.get::<f32>("epsilon").ok_or_else(|| missing("epsilon"))?,
        activation,
    })
}

/// One node at work; its memory is kept between runs.
struct BertKernel {
    sizes: Sizes,
    kernels: Kernels,
    threads: usize,
    texts: Texts,
    scratch: Scratch,
}

/// A batch without its padding.
#[derive(Default)]
struct Texts {
    tokens: Vec<Token>,
    /// Per token, its cell in the padded batch.
    cells: Vec<usize>,
    /// Per text with any tokens, those that are its own.
    spans: Vec<Range<usize>>,
}

impl Kernel for BertKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let inputs = (0..6)
            .map(|index| input(context, index))
            .collect::<ort::Result<Vec<_>>>()?;
        let (shape, ids) = inputs[0].try_extract_tensor::<i64>()?;
        let (_, mask) = inputs[1].try_extract_tensor::<i64>()?;
        let (_, kinds) = inputs[2].try_extract_tensor::<i64>()?;
        let (_, words) = inputs[3].try_extract_tensor::<f32>()?;
        let (_, weights) = inputs[4].try_extract_tensor::<u8>()?;
        let (_, floats) = inputs[5].try_extract_tensor::<f32>()?;
        let model = Model::new(self.sizes, words, weights, floats).map_err(refused)?;
        let [rows, width] = **shape else {
            return Err(refused(format!(
                "input_ids has the shape {shape:?}, not [texts, tokens]"
            )));
        };
        if ids.len() != mask.len() || ids.len() != kinds.len() {
            return Err(refused("the inputs differ in shape"));
        }
        self.texts
            .fill(&model, width as usize, [ids, mask, kinds])
            .map_err(refused)?;
        let dims = [rows, width, self.sizes.width as i64];
        let mut output = context.output(0, dims)?.ok_or_else(|| refused("no output"))?;
        let (_, states) = output.try_extract_tensor_mut::<f32>()?;
        self.run(&model, context, states)
    }
}

impl BertKernel {
    /// All passes, on this thread or shared with others.
    fn run(&mut self, model: &Model<'_>, context: &ComputeContext, states: &mut [f32]) -> ort::Result<()> {
        states.fill(0.0);
        let threads = self.threads;
        let mut passes = |parallel: Parallel<'_>| self.passes(model, parallel, states);
        if threads == 1 {
            passes(&alone);
            return Ok(());
        }
        let (team, passes) = (Team::new(threads), Mutex::new(Some(passes)));
        context.par_for(threads, threads, |_| team.join(&passes))
    }

    /// Passes of at most [`PASS_TOKENS`], their states put where the tokens came from.
    fn passes(&mut self, model: &Model<'_>, parallel: Parallel<'_>, states: &mut [f32]) {
        let width = self.sizes.width;
        let mut rest = self.texts.spans.as_slice();
        while let Some(first) = rest.first() {
            let fits = rest
                .iter()
                .take_while(|span| span.end - first.start <= PASS_TOKENS);
            let (spans, later) = rest.split_at(fits.count().max(1));
            rest = later;
            let all = first.start..spans.last().map_or(first.end, |span| span.end);
            let local: Vec<Range<usize>> = spans
                .iter()
                .map(|span| span.start - all.start..span.end - all.start)
                .collect();
            let tokens = (&self.texts.tokens[all.clone()], local.as_slice());
            let found = Forward::run(model, &self.kernels, parallel, tokens, &mut self.scratch);
            for (cell, state) in self.texts.cells[all].iter().zip(found.chunks_exact(width)) {
                states[cell * width..][..width].copy_from_slice(state);
            }
        }
    }
}

impl Texts {
    /// Takes the tokens that the mask keeps out of `[texts, width]` cells.
    fn fill(
        &mut self,
        model: &Model<'_>,
        width: usize,
        [ids, mask, kinds]: [&[i64]; 3],
    ) -> Result<(), String> {
        self.tokens.clear();
        self.cells.clear();
        self.spans.clear();
        for (row, mask) in mask.chunks_exact(width.max(1)).enumerate() {
            let start = self.tokens.len();
            for (position, _) in mask.iter().enumerate().filter(|&(_, &kept)| kept != 0) {
                let cell = row * width + position;
                self.tokens.push(model.token(ids[cell], position, kinds[cell])?);
                self.cells.push(cell);
            }
            if self.tokens.len() > start {
                self.spans.push(start..self.tokens.len());
            }
        }
        Ok(())
    }
}

fn input<'c>(context: &'c ComputeContext, index: usize) -> ort::Result<ValueRef<'c>> {
    context
        .input(index)?
        .ok_or_else(|| refused(format!("input {index} is missing")))
}

fn refused(reason: impl std::fmt::Display) -> ort::Error {
    ort::Error::new(format!("{OPERATOR}: {reason}"))
}
