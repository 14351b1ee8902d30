//! `alike model check`.

use super::Library;
use crate::cli::print_line;
use crate::engine::cores;
use alike_embeddings::{
    Device, EmbeddingError, Encoder, EncoderSettings, Golden, Input, Lane, ModelBundle, Pooling, Prefix,
    Reranker, Task, Variant,
};
use anyhow::bail;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A model is a folder: model.onnx, tokenizer.json, model.toml, and model.int8.onnx where `alike model optimize` has \
    made it. The exit code is 1 where anything is missing, damaged, or answers differently than model.toml says.\n\n\
    Example:\n  alike model check .alike/models/all-minilm-l6-v2"
)]
pub(super) struct Args {
    /// The model's folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: Library,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    task: Task,
    dimension: usize,
    max_tokens: usize,
    pooling: Pooling,
    normalize: bool,
    query_prefix: String,
    document_prefix: String,
    /// Texts with known answers.
    golden: usize,
    variants: Vec<Checked>,
}

/// One way to run the model.
#[derive(Debug, Serialize)]
struct Checked {
    variant: &'static str,
    /// Agreement with each golden answer; the cosine for encoders.
    agreement: Vec<f64>,
    /// What each had to be at least.
    at_least: f64,
    /// Instruction set of the kernels; absent where ONNX Runtime does everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernels: Option<&'static str>,
    /// Why it can't be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    args.library.load()?;
    let bundle = ModelBundle::open(&args.dir)?;
    let report = check(&bundle);
    if args.json {
        print_line(&serde_json::to_string(&report)?)?;
    } else {
        print_line(report.text().trim_end())?;
    }
    let failed = |checked: &&Checked| checked.error.is_some();
    if let Some(first) = report.variants.iter().find(failed) {
        let error = first.error.as_deref().unwrap_or_default();
        bail!(
            "{}: variant {} can't be used: {error}",
            args.dir.display(),
            first.variant
        );
    }
    Ok(())
}

fn check(bundle: &ModelBundle) -> Report {
    let (identity, settings) = (bundle.identity(), bundle.settings());
    let variants = bundle.variants().iter();
    Report {
        name: identity.name.clone(),
        version: identity.version.clone(),
        digest: identity.digest.clone(),
        task: settings.task,
        dimension: settings.dimension,
        max_tokens: settings.max_tokens,
        pooling: settings.pooling,
        normalize: settings.normalize,
        query_prefix: settings.query_prefix.clone(),
        document_prefix: settings.document_prefix.clone(),
        golden: settings.golden.len(),
        variants: variants.map(|&variant| check_variant(bundle, variant)).collect(),
    }
}

fn check_variant(bundle: &ModelBundle, variant: Variant) -> Checked {
    let mut checked = Checked {
        variant: variant.name(),
        agreement: Vec::new(),
        at_least: bundle.least_agreement(variant),
        kernels: None,
        error: None,
    };
    match answers(bundle, variant) {
        Ok((agreement, kernels)) => (checked.agreement, checked.kernels) = (agreement, kernels),
        Err(error) => checked.error = Some(error.to_string()),
    }
    checked
}

/// Agreements with the golden answers, and the kernels in use. Opening the model has compared them already; this asks once
/// more, to show how near they are.
fn answers(
    bundle: &ModelBundle,
    variant: Variant,
) -> Result<(Vec<f64>, Option<&'static str>), EmbeddingError> {
    let settings = EncoderSettings {
        variant: Some(variant),
        device: Device::Cpu,
        ..EncoderSettings::for_queries(cores())
    };
    if bundle.settings().task == Task::Rerank {
        let reranker = Reranker::open(bundle, settings)?;
        let score = |golden: &Golden| {
            let query = golden.query.as_deref().unwrap_or_default();
            reranker.score(query, &[&golden.text])
        };
        return Ok((bundle.check_golden(variant, score)?, None));
    }
    let encoder = Encoder::open(bundle, settings)?;
    let agreement = bundle.check_golden(variant, |golden| {
        let encoded = encoder.encode(&[Input::Text(&golden.text)], Prefix::None, Lane::Queries)?;
        Ok(encoded.vectors.row(0).to_vec())
    })?;
    Ok((agreement, encoder.state().kernel_level))
}

impl Report {
    fn text(&self) -> String {
        let after = if self.normalize { ", then normalized" } else { "" };
        let mut text = format!(
            "model      {} version {}\ndigest     {}\ntask       {}\ndimension  {}\nmax tokens {}\npooling    {}{after}\n\
             prefixes   {:?} for queries, {:?} for documents\n",
            self.name,
            self.version,
            self.digest,
            self.task.name(),
            self.dimension,
            self.max_tokens,
            format!("{:?}", self.pooling).to_lowercase(),
            self.query_prefix,
            self.document_prefix,
        );
        if self.golden == 0 {
            text.push_str("golden     none: there is nothing to compare its answers with\n");
        }
        for checked in &self.variants {
            let _ = writeln!(
                text,
                "variant    {}: {}",
                checked.variant,
                checked.text(self.task)
            );
        }
        text
    }
}

impl Checked {
    fn text(&self, task: Task) -> String {
        if let Some(error) = &self.error {
            return format!("can't be used: {error}");
        }
        let kernels = self
            .kernels
            .map_or(String::new(), |level| format!(", kernels {level}"));
        let values: Vec<String> = self.agreement.iter().map(|value| format!("{value:.6}")).collect();
        if values.is_empty() {
            return format!("opens{kernels}");
        }
        let measure = match task {
            Task::Embed => "cosines",
            Task::Rerank => "agreements",
        };
        let (values, least) = (values.join(" "), self.at_least);
        format!("good, {measure} {values} (at least {least}){kernels}")
    }
}
