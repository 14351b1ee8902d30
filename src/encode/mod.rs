//! A file of texts → a NumPy array of vectors, row by row in the file's order.
//!
//! Memory stays bounded by one chunk of texts, whatever the file's length. After every chunk the vectors are on disk
//! (`partial`), with a digest of the texts they belong to: the same order, given again after the process died,
//! reads the file anew, finds the same texts and goes on behind them, in the same chunks. The result appears under its
//! name when it is whole.

mod error;
mod npy;
mod partial;
mod texts;

pub use error::EncodeError;
pub use partial::Counts;

use crate::engine::{ModelPlace, cores};
use crate::snapshot::ModelRef;
use alike_embeddings::{Encoder, EncoderSettings, Input, Lane, Prefix};
use partial::{Made, Partial};
use std::path::PathBuf;
use std::time::Instant;
use texts::{Text, Texts};

/// Texts encoded together: enough that length-sorted batches are full, few enough that little is lost with a chunk.
const CHUNK_TEXTS: usize = 2_048;
/// Bytes of text after which a chunk ends, so that long texts make short chunks.
const CHUNK_BYTES: usize = 512 << 10;

/// What to encode.
#[derive(Debug, Clone)]
pub struct Order {
    /// Where the texts are.
    pub input: Source,
    /// Fields whose texts are joined and encoded, where the input has rows with fields.
    pub fields: Vec<String>,
    /// Encode an empty text where all of the fields are null or missing, instead of stopping.
    pub null_as_empty: bool,
    /// The file to write.
    pub out: PathBuf,
    /// What is put before each text.
    pub prefix: Prefix,
    /// Where the model is.
    pub models: ModelPlace,
    /// Most tokens of a batch, if not the encoder's default.
    pub batch_tokens: Option<usize>,
    /// Begin anew, whatever an interrupted run has left.
    pub restart: bool,
}

/// Where texts come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Lines of standard input.
    Stdin,
    /// A file: JSON lines, JSON, CSV, TSV or Parquet by its ending, else one text per line.
    File(PathBuf),
}

/// Hears how the work gets on, and may end it.
pub trait Watcher: Sync {
    /// The model is loaded.
    fn model(&self, name: &str);
    /// What an interrupted run has left can't be used, for this reason.
    fn starts_over(&self, reason: &str);
    /// `rows` of an interrupted run are taken over.
    fn continues(&self, rows: u64);
    /// `rows` were encoded by this run, which is `share` (0 to 1) of what it had to do.
    fn encoded(&self, rows: u64, share: f64);
    /// The work ends early, but `rows` are kept in `partial` for the next run.
    fn kept(&self, rows: u64, partial: &std::path::Path);
    /// Whether to stop after the rows under way.
    fn stops(&self) -> bool;
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Rows and what is remarkable about them.
    pub counts: Counts,
    /// Numbers per vector.
    pub dimension: usize,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The model.
    pub model: ModelRef,
    /// Which of its variants ran.
    pub variant: String,
    /// Rows that an earlier run had encoded.
    pub continued_at: u64,
    /// Seconds of this run after the model was loaded.
    pub seconds: f64,
}

/// Encodes the texts and writes their vectors.
///
/// # Errors
/// [`EncodeError`]. The file to write is then what it was before; rows encoded so far are kept beside it for the next
/// run of the same order.
pub fn encode(order: &Order, watcher: &dyn Watcher) -> Result<Written, EncodeError> {
    error::check_out(order)?;
    let texts = Texts::open(order)?;
    let encoder = Encoder::open(&order.models.open_bundle()?, settings(order))?;
    let made = Made {
        model: encoder.identity().clone(),
        variant: encoder.state().variant.to_string(),
        prefix: prefix_name(order.prefix).to_owned(),
        dimension: encoder.dimension(),
    };
    watcher.model(&format!("{} ({})", made.model, made.variant));
    let start = Instant::now();
    let mut run = Run {
        order,
        watcher,
        encoder: &encoder,
        partial: Partial::open(&order.out, made)?,
        texts,
        continued_at: 0,
        share: 0.0,
    };
    let done = run.resume().and_then(|()| run.encode_all());
    if let Err(error) = done {
        let (rows, path) = run.partial.keep();
        if rows > 0 && !matches!(error, EncodeError::OtherStdin { .. }) {
            watcher.kept(rows, &path);
        }
        return Err(error);
    }
    run.finish(start)
}

/// Settings for a process that does nothing but encode: one caller, whose chunk may be as long as it likes.
fn settings(order: &Order) -> EncoderSettings {
    let chosen = order.models.run.over(EncoderSettings::for_bulk(cores()));
    EncoderSettings {
        batch_tokens: order.batch_tokens.unwrap_or(chosen.batch_tokens),
        queue_tokens: 1 << 30,
        ..chosen
    }
}

/// The name of a prefix in states and flags.
fn prefix_name(prefix: Prefix) -> &'static str {
    match prefix {
        Prefix::Query => "query",
        Prefix::Document => "document",
        Prefix::None => "none",
    }
}

struct Run<'a> {
    order: &'a Order,
    watcher: &'a dyn Watcher,
    encoder: &'a Encoder,
    partial: Partial,
    texts: Texts,
    continued_at: u64,
    /// The share of the input that this run did not have to encode.
    share: f64,
}

impl Run<'_> {
    /// Takes over what an interrupted run has left, if it belongs to these texts and this model.
    fn resume(&mut self) -> Result<(), EncodeError> {
        if self.order.restart {
            return self.partial.start_over();
        }
        match self.partial.left()? {
            Ok(0) => return self.partial.start_over(),
            Ok(rows) => {
                if self.skip(rows)? {
                    self.partial.go_on()?;
                    self.continued_at = rows;
                    self.share = self.texts.share();
                    self.watcher.continues(rows);
                    return Ok(());
                }
                if self.order.input == Source::Stdin {
                    return Err(EncodeError::OtherStdin { rows });
                }
                let reason = format!("the first {rows} texts are not the ones it was made from");
                self.watcher.starts_over(&reason);
                self.texts = Texts::open(self.order)?;
            }
            Err(reason) => self.watcher.starts_over(&reason),
        }
        self.partial.start_over()
    }

    /// Reads past the first `rows` texts; false if they are not the ones encoded already.
    fn skip(&mut self, rows: u64) -> Result<bool, EncodeError> {
        for _ in 0..rows {
            match self.texts.next()? {
                Some(text) => self.partial.skip(&text.text),
                None => return Ok(false),
            }
        }
        Ok(self.partial.skipped_what_was_encoded())
    }

    fn encode_all(&mut self) -> Result<(), EncodeError> {
        let mut chunk = Vec::with_capacity(CHUNK_TEXTS);
        self.watcher.encoded(0, 0.0);
        loop {
            chunk.clear();
            self.fill(&mut chunk)?;
            // After reading: a signal that ended the process before this one in a pipe looks like the end of its output.
            if self.watcher.stops() {
                return Err(EncodeError::Interrupted);
            }
            let Some(first) = chunk.first() else {
                return Ok(());
            };
            let line = first.line;
            let inputs: Vec<Input<'_>> = chunk.iter().map(|text| Input::Text(&text.text)).collect();
            let encoded = self
                .encoder
                .encode(&inputs, self.order.prefix, Lane::Documents)
                .map_err(|source| EncodeError::Text {
                    input: self.texts.name(),
                    line,
                    source: Box::new(source),
                })?;
            self.partial
                .append(chunk.iter().map(|text| text.text.as_str()), &encoded)?;
            let share = (self.texts.share() - self.share) / (1.0 - self.share).max(1e-9);
            let rows = self.partial.rows() - self.continued_at;
            self.watcher.encoded(rows, share);
        }
    }

    fn fill(&mut self, chunk: &mut Vec<Text>) -> Result<(), EncodeError> {
        let mut bytes = 0;
        while chunk.len() < CHUNK_TEXTS && bytes < CHUNK_BYTES {
            let Some(text) = self.texts.next()? else {
                return Ok(());
            };
            bytes += text.text.len();
            chunk.push(text);
        }
        Ok(())
    }

    fn finish(self, start: Instant) -> Result<Written, EncodeError> {
        let (state, bytes) = self.partial.publish()?;
        Ok(Written {
            counts: state.counts,
            dimension: state.made.dimension,
            bytes,
            model: (&state.made.model).into(),
            variant: state.made.variant,
            continued_at: self.continued_at,
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}
