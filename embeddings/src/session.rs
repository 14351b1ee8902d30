//! One ONNX Runtime session: a batch in, one vector per text out.

use std::path::PathBuf;
use std::sync::Arc;

use ort::ep::{self, ExecutionProviderDispatch};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::batch::Batch;
use crate::bundle::{POOLED_BY_MEAN, POOLING_KEY};
use crate::lanes::Worker;
use crate::pooling::{Pooling, normalize};
use crate::tokenizer::Tokens;
use crate::{Device, EmbeddingError, ModelBundle, Result, Variant, operator, runtime};

/// What the graph may ask for beside the ids.
const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";
const TYPES: &str = "token_type_ids";

/// What a session is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionSettings {
    /// The graph file.
    pub variant: Variant,
    /// Where it runs.
    pub device: Device,
    /// Threads that work on each batch.
    pub threads: usize,
    /// Id that fills a batch's shorter rows; the attention mask hides it.
    pub pad_id: u32,
}

/// A loaded graph with its own threads and memory.
pub(crate) struct EncoderSession {
    session: Session,
    /// Names of the graph's inputs, all of them known ones.
    inputs: Vec<String>,
    output: String,
    options: RunOptions<HasSelectedOutputs>,
    path: PathBuf,
    pooling: Pooling,
    normalize: bool,
    dimension: usize,
    pad_id: u32,
}

impl EncoderSession {
    /// Loads one of the bundle's graphs.
    pub fn open(bundle: &ModelBundle, settings: &SessionSettings) -> Result<Self> {
        let variant = settings.variant;
        let path = bundle.graph_path(variant);
        let failed = |error: ort::Error| EmbeddingError::Model {
            path: path.clone(),
            reason: error.to_string(),
        };
        let environment = runtime::environment()?;
        let builder = Session::builder(&environment).map_err(failed)?;
        let mut builder = configure(builder, settings).map_err(failed)?;
        let session = match variant {
            Variant::Plain => builder.commit_from_file(&path).map_err(failed)?,
            Variant::Int8 => operator::open(builder, &path, settings.threads).map_err(failed)?,
        };
        let model = bundle.settings();
        let interface = Interface {
            bundle,
            path: &path,
            session: &session,
        };
        let inputs = interface.inputs()?;
        // A variant may leave pooling to us.
        let states = variant == Variant::Int8 && interface.gives_states();
        let output = interface.output(states)?;
        let (pooling, normalize) = match states {
            true => (Pooling::Mean, true),
            false => (model.pooling, model.normalize),
        };
        let selector = OutputSelector::no_default().with(&output);
        let options = RunOptions::new().map_err(failed)?.with_outputs(selector);
        Ok(Self {
            session,
            inputs,
            output,
            options,
            pooling,
            normalize,
            dimension: model.dimension,
            pad_id: settings.pad_id,
            path,
        })
    }

    fn encode(&mut self, batch: &Batch) -> Result<Vec<f32>> {
        let (rows, width) = (batch.rows(), batch.width);
        let shape = [rows, width];
        let path = &self.path;
        let failed = |error: ort::Error| EmbeddingError::Run {
            path: path.clone(),
            texts: rows,
            tokens: width,
            reason: error.to_string(),
        };
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(self.inputs.len());
        for name in &self.inputs {
            let cells = match name.as_str() {
                MASK => &batch.mask,
                TYPES => &batch.types,
                _ => &batch.ids,
            };
            let tensor = TensorRef::from_array_view((shape, cells.as_slice())).map_err(failed)?;
            inputs.push((name, tensor.into()));
        }
        let outputs = self
            .session
            .run_with_options(inputs, &self.options)
            .map_err(failed)?;
        let (found, values) = outputs[self.output.as_str()]
            .try_extract_tensor::<f32>()
            .map_err(failed)?;
        let expected = Expected {
            path,
            output: &self.output,
            pooling: self.pooling,
            dimension: self.dimension,
        };
        expected.check(found, batch)?;
        let mut vectors = self.pooling.apply(values, &batch.lengths, self.dimension);
        finish(&mut vectors, self.dimension, self.normalize)?;
        Ok(vectors)
    }
}

impl Worker for EncoderSession {
    /// One vector per text, each finite. [`EmbeddingError::NotFinite`] names a text's position in the batch.
    fn run(&mut self, texts: &[Arc<Tokens>]) -> Result<Vec<f32>> {
        self.encode(&Batch::new(texts, self.pad_id))
    }
}

/// Session options, chosen by measurement (see this crate's README). Threads spin while a batch runs, else a second
/// thread gains nothing, and stop with it. The arena keeps memory bounded when shapes change; patterns would be made for
/// shapes that don't return. Shrinking the arena after a run makes the process larger, not smaller.
fn configure(builder: SessionBuilder, settings: &SessionSettings) -> ort::Result<SessionBuilder> {
    let builder = builder
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(settings.threads)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(true)?
        .with_config_entry("session.force_spinning_stop", "1")?
        .with_memory_pattern(false)?
        .with_execution_providers(providers(settings.device))?;
    Ok(builder)
}

/// What runs the graph's operators. CUDA is taken strictly: that it does not work has to be known.
fn providers(device: Device) -> Vec<ExecutionProviderDispatch> {
    let cpu = ep::CPU::default().with_arena_allocator(true).build();
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(number) => {
            let cuda = ep::CUDA::default()
                .with_device_id(number.try_into().unwrap_or(i32::MAX))
                .with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested);
            vec![cuda.build().error_on_failure(), cpu]
        }
        _ => vec![cpu],
    }
}

/// Normalizes where asked, and refuses what is not finite.
fn finish(vectors: &mut [f32], dimension: usize, unit: bool) -> Result<()> {
    for (text, vector) in vectors.chunks_exact_mut(dimension).enumerate() {
        if unit {
            normalize(vector);
        }
        if !vector.iter().all(|value| value.is_finite()) {
            return Err(EmbeddingError::NotFinite { text });
        }
    }
    Ok(())
}

/// The graph's inputs and outputs against what this crate can drive.
struct Interface<'a> {
    bundle: &'a ModelBundle,
    path: &'a PathBuf,
    session: &'a Session,
}

impl Interface<'_> {
    fn inputs(&self) -> Result<Vec<String>> {
        let inputs = self.session.inputs();
        let names: Vec<String> = inputs.iter().map(|input| input.name().to_owned()).collect();
        let known = |name: &String| [IDS, MASK, TYPES].contains(&name.as_str());
        if !names.iter().all(known) || !names.iter().any(|name| name == IDS) {
            let expected = format!("{IDS}, and at most {MASK} and {TYPES} beside it");
            return Err(self.mismatch("inputs".to_owned(), names.join(", "), expected));
        }
        for input in inputs {
            self.check_type(input, TensorElementType::Int64, "input")?;
        }
        Ok(names)
    }

    /// Whether the graph's output are hidden states instead of what `model.toml` says.
    fn gives_states(&self) -> bool {
        let metadata = self.session.metadata().ok();
        let pooling = metadata.and_then(|metadata| metadata.custom(POOLING_KEY));
        pooling.as_deref() == Some(POOLED_BY_MEAN)
    }

    /// The output that `model.toml` names, or the only one. Hidden states are the only one.
    fn output(&self, states: bool) -> Result<String> {
        let outputs = self.session.outputs();
        let named = self.bundle.settings().output.as_deref().filter(|_| !states);
        let chosen = match (named, outputs) {
            (Some(name), _) => outputs.iter().find(|output| output.name() == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let Some(chosen) = chosen else {
            let found = outputs.iter().map(Outlet::name).collect::<Vec<_>>().join(", ");
            let expected = named.map_or("one of them named by `output` in model.toml".to_owned(), |name| {
                format!("`{name}` among them, as `output` in model.toml says")
            });
            return Err(self.mismatch("outputs".to_owned(), found, expected));
        };
        self.check_type(chosen, TensorElementType::Float32, "output")?;
        Ok(chosen.name().to_owned())
    }

    fn check_type(&self, outlet: &Outlet, expected: TensorElementType, kind: &str) -> Result<()> {
        match outlet.dtype() {
            ValueType::Tensor { ty, .. } if *ty == expected => Ok(()),
            found => {
                let what = format!("the type of {kind} `{}`", outlet.name());
                Err(self.mismatch(what, found.to_string(), format!("a tensor of {expected}")))
            }
        }
    }

    fn mismatch(&self, what: String, found: String, expected: String) -> EmbeddingError {
        EmbeddingError::Graph {
            path: self.path.clone(),
            what,
            found,
            expected,
        }
    }
}

/// What `model.toml` says of the output's shape.
struct Expected<'a> {
    path: &'a PathBuf,
    output: &'a str,
    pooling: Pooling,
    dimension: usize,
}

impl Expected<'_> {
    fn check(&self, found: &[i64], batch: &Batch) -> Result<()> {
        let (rows, width, dimension) = (batch.rows() as i64, batch.width as i64, self.dimension as i64);
        let leading: &[i64] = if self.pooling.rank() == 2 {
            &[rows]
        } else {
            &[rows, width]
        };
        match found.split_last() {
            Some((&last, rest)) if rest == leading && last == dimension => Ok(()),
            Some((&last, rest)) if rest == leading => Err(EmbeddingError::Dimension {
                path: self.path.clone(),
                output: self.output.to_owned(),
                declared: self.dimension,
                found: usize::try_from(last).unwrap_or(0),
            }),
            _ => Err(self.wrong_shape(found, leading)),
        }
    }

    fn wrong_shape(&self, found: &[i64], leading: &[i64]) -> EmbeddingError {
        EmbeddingError::Graph {
            path: self.path.clone(),
            what: format!("the shape of output `{}`", self.output),
            found: format!("{found:?}"),
            expected: format!(
                "{leading:?} and the dimension, as pooling = {:?} in model.toml says",
                self.pooling
            ),
        }
    }
}
