//! The encoder: a tokenizer and a pool of sessions behind plain blocking calls.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use rayon::prelude::*;

use crate::batch::{Batch, plan};
use crate::pool::Pool;
use crate::session::{EncoderSession, SessionSettings, kernel_level, variant_path};
use crate::tokenizer::{TextTokenizer, Tokens};
use crate::{
    Device, Embeddings, Encoded, EncoderSettings, EncoderState, Input, Lane, LaneSettings, LaneState,
    ModelBundle, ModelIdentity, ModelSettings, Prefix, Result, Variant,
};

/// Texts whose tokens are held at once; length-sorting happens within them.
const WINDOW: usize = 16_384;

/// Longest probe at open. A graph that takes fewer tokens than `max_tokens` is found up to this length.
const LONGEST_PROBE: usize = 1024;

/// Turns texts into vectors. `Send + Sync`; callers beyond the number of sessions wait for one.
///
/// A text's vector does not depend on who shares its batch, on its place in the input, or on padding, up to the rounding
/// of `f32` sums (cosine ≥ 0.99999). An empty text is encoded like any other: its vector is that of the special tokens
/// alone. Texts longer than the model's `max_tokens` are cut there.
pub struct Encoder {
    tokenizer: TextTokenizer,
    sessions: Pool<EncoderSession>,
    model: ModelSettings,
    identity: ModelIdentity,
    batch_tokens: usize,
    variant: Variant,
}

impl Encoder {
    /// Loads the tokenizer and all sessions, and encodes probe texts on them.
    ///
    /// # Errors
    /// [`EmbeddingError::NotInitialized`] before [`initialize`](crate::initialize); a damaged file; a graph whose inputs,
    /// outputs, dimension or longest text contradict `model.toml`.
    pub fn open(bundle: &ModelBundle, settings: EncoderSettings) -> Result<Self> {
        settings.check()?;
        let tokenizer = TextTokenizer::open(bundle)?;
        let variant = settings.variant.unwrap_or_else(|| fastest_variant(bundle));
        let lane = |lane: LaneSettings| {
            (0..lane.sessions).into_par_iter().map(move |_| SessionSettings {
                variant,
                device: Device::Cpu,
                threads: lane.threads_per_session,
            })
        };
        let sessions: Vec<EncoderSession> = lane(settings.queries)
            .chain(lane(settings.documents))
            .map(|settings| EncoderSession::open(bundle, &settings))
            .collect::<Result<_>>()?;
        let encoder = Self {
            tokenizer,
            sessions: Pool::new(sessions),
            model: bundle.settings().clone(),
            identity: bundle.identity().clone(),
            batch_tokens: settings.batch_tokens,
            variant,
        };
        encoder.probe()?;
        Ok(encoder)
    }

    /// Length of every vector.
    pub fn dimension(&self) -> usize {
        self.model.dimension
    }

    /// Which model the vectors come from.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// The vector of a query: the model's `query_prefix` + `text`, encoded alone.
    ///
    /// # Errors
    /// A text that can't be tokenized, a failure of the graph, or a vector that is not finite.
    pub fn encode_query(&self, text: &str) -> Result<Vec<f32>> {
        let tokens = self.tokenizer.encode(&self.model.query_prefix, text)?;
        self.run(&[&tokens])
    }

    /// The vectors of `inputs`, each with its prefix, and what became of each text.
    ///
    /// # Errors
    /// As [`encode_query`](Self::encode_query), and token ids that the model does not know; the error names the input's
    /// position. [`EmbeddingError::Overloaded`](crate::EmbeddingError::Overloaded) where too much waits already.
    pub fn encode(&self, inputs: &[Input<'_>], prefix: Prefix, _lane: Lane) -> Result<Encoded> {
        let prefix = match prefix {
            Prefix::Query => &self.model.query_prefix,
            Prefix::Document => &self.model.document_prefix,
            Prefix::None => "",
        };
        let texts = self.tokenizer.encode_inputs(prefix, inputs)?;
        let mut vectors = Embeddings::zeroed(self.dimension(), inputs.len());
        self.encode_tokens(&texts, |batch, rows| {
            for (&text, row) in batch.iter().zip(rows.chunks_exact(vectors.dimension())) {
                vectors.set_row(text, row);
            }
        })?;
        Ok(Encoded {
            vectors,
            tokens: texts.iter().map(|tokens| tokens.len() as u32).collect(),
            truncated: texts.iter().map(|tokens| tokens.truncated).collect(),
        })
    }

    /// How the encoder runs and what it has done.
    pub fn state(&self) -> EncoderState {
        EncoderState {
            variant: self.variant,
            device: Device::Cpu,
            device_fallback: None,
            kernel_level: kernel_level().filter(|_| self.variant == Variant::Int8),
            queries: LaneState::default(),
            documents: LaneState::default(),
        }
    }

    /// The vectors of documents, each the model's `document_prefix` + the text, in input order.
    ///
    /// # Errors
    /// As [`encode_query`](Self::encode_query); no vectors are returned then. The error names the text's position.
    pub fn encode_documents<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Embeddings> {
        self.encode_documents_with(texts, |_| {})
    }

    /// Like [`encode_documents`](Self::encode_documents); after every finished batch `progress` is told, on the calling
    /// thread, how many texts are done. For a stream, call it on chunks of 8,000 texts or more: sessions idle only at a
    /// chunk's end.
    ///
    /// # Errors
    /// As [`encode_documents`](Self::encode_documents).
    pub fn encode_documents_with<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        mut progress: impl FnMut(usize),
    ) -> Result<Embeddings> {
        let mut embeddings = Embeddings::zeroed(self.dimension(), texts.len());
        let mut done = 0;
        for (window, texts) in texts.chunks(WINDOW).enumerate() {
            let start = window * WINDOW;
            let tokens = self.tokenizer.encode_all(&self.model.document_prefix, texts);
            let tokens = tokens.map_err(|error| error.at(|text| start + text))?;
            self.encode_tokens(&tokens, |batch, rows| {
                for (&text, row) in batch.iter().zip(rows.chunks_exact(embeddings.dimension())) {
                    embeddings.set_row(start + text, row);
                }
                done += batch.len();
                progress(done);
            })
            .map_err(|error| error.at(|text| start + text))?;
        }
        Ok(embeddings)
    }

    /// Runs all batches of `texts` on all sessions; `finished` gets a batch's positions and rows, on this thread.
    fn encode_tokens(&self, texts: &[Tokens], mut finished: impl FnMut(&[usize], &[f32])) -> Result<()> {
        let lengths: Vec<usize> = texts.iter().map(Tokens::len).collect();
        let batches = plan(&lengths, self.batch_tokens, self.sessions.size());
        let queue = Queue {
            encoder: self,
            texts,
            batches: &batches,
            next: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        };
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..self.sessions.size().min(batches.len()) {
                let sender = sender.clone();
                let queue = &queue;
                scope.spawn(move || queue.work(&sender));
            }
            drop(sender);
            for (batch, rows) in receiver {
                finished(&batches[batch], &rows?);
            }
            Ok(())
        })
    }

    /// Vectors of one batch, row-major, on the next free session.
    fn run(&self, texts: &[&Tokens]) -> Result<Vec<f32>> {
        let batch = Batch::new(texts.iter().copied(), self.tokenizer.pad_id());
        self.sessions.take().encode(&batch)
    }

    /// Checks the graph's answers against the settings, on a short text on every session (which also warms it) and on
    /// the longest text on one.
    fn probe(&self) -> Result<()> {
        let mut short = self.tokenizer.encode(&self.model.query_prefix, "probe")?;
        let batch = Batch::new([&short].into_iter(), self.tokenizer.pad_id());
        let mut leases: Vec<_> = (0..self.sessions.size()).map(|_| self.sessions.take()).collect();
        for session in &mut leases {
            session.encode(&batch)?;
        }
        drop(leases);
        let longest = self.model.max_tokens.min(LONGEST_PROBE);
        short.ids.resize(longest, short.ids[0]);
        short.types.resize(longest, short.types[0]);
        self.run(&[&short]).map(drop)
    }
}

/// Batches that the workers of one call take in turn.
struct Queue<'a> {
    encoder: &'a Encoder,
    texts: &'a [Tokens],
    batches: &'a [Vec<usize>],
    next: AtomicUsize,
    failed: AtomicBool,
}

impl Queue<'_> {
    /// Encodes batches until none is left or one failed; sends each one's index and rows.
    fn work(&self, finished: &mpsc::Sender<(usize, Result<Vec<f32>>)>) {
        while !self.failed.load(Ordering::Relaxed) {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = self.batches.get(next) else {
                return;
            };
            let texts: Vec<&Tokens> = batch.iter().map(|&text| &self.texts[text]).collect();
            let rows = self
                .encoder
                .run(&texts)
                .map_err(|error| error.at(|row| batch[row]));
            if rows.is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
            if finished.send((next, rows)).is_err() {
                return;
            }
        }
    }
}

/// Int8 where the bundle has it and this processor has a fast kernel for it.
fn fastest_variant(bundle: &ModelBundle) -> Variant {
    if kernel_level().is_some() && variant_path(bundle, Variant::Int8).is_file() {
        Variant::Int8
    } else {
        Variant::Plain
    }
}
