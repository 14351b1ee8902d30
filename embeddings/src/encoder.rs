//! The encoder: a tokenizer and two lanes of sessions behind plain blocking calls.

use std::sync::Arc;

use crate::bulk::run_all;
use crate::device::Sessions;
use crate::lanes::{Admission, Lanes, Worker};
use crate::operator::kernel_level;
use crate::session::EncoderSession;
use crate::tokenizer::{TextTokenizer, Token, Tokens};
use crate::{
    Device, Embeddings, Encoded, EncoderSettings, EncoderState, Input, Lane, ModelBundle, ModelIdentity,
    ModelSettings, Prefix, QueryTokens, Result, Task, Variant,
};

/// Texts whose tokens are held at once; length-sorting happens within them.
const WINDOW: usize = 16_384;

/// Longest probe at open. A graph that takes fewer tokens than `max_tokens` is found up to this length.
const LONGEST_PROBE: usize = 1024;

/// Turns texts into vectors. `Send + Sync`; concurrent callers share sessions and batches (see `lanes`).
///
/// A text's vector does not depend on who shares its batch, on its place in the input, or on padding, up to the rounding
/// of `f32` sums (cosine ≥ 0.99999). An empty text is encoded like any other: its vector is that of the special tokens
/// alone. Texts longer than the model's `max_tokens` are cut there.
pub struct Encoder {
    tokenizer: TextTokenizer,
    lanes: Lanes<EncoderSession>,
    model: ModelSettings,
    identity: ModelIdentity,
    variant: Variant,
    device: Device,
    device_fallback: Option<String>,
}

impl Encoder {
    /// Loads the tokenizer and all sessions, and encodes probe texts on them.
    ///
    /// # Errors
    /// [`EmbeddingError::NotInitialized`] before [`initialize`](crate::initialize); a damaged file; a graph whose inputs,
    /// outputs, dimension or longest text contradict `model.toml`; a variant that does not belong to the bundle; answers
    /// to the golden texts that are not those of `model.toml`; [`EmbeddingError::Device`] where the settings require a
    /// device that does not work.
    ///
    /// [`EmbeddingError::NotInitialized`]: crate::EmbeddingError::NotInitialized
    /// [`EmbeddingError::Device`]: crate::EmbeddingError::Device
    pub fn open(bundle: &ModelBundle, settings: EncoderSettings) -> Result<Self> {
        settings.check()?;
        bundle.check_task(Task::Embed)?;
        let tokenizer = TextTokenizer::open(bundle)?;
        let model = bundle.settings().clone();
        let short = Arc::new(tokenizer.encode(&model.query_prefix, "probe")?);
        let check = |session: &mut EncoderSession| session.run(&[Arc::clone(&short)]).map(drop);
        let mut sessions = Sessions::open(bundle, &settings, tokenizer.pad_id(), check)?;
        let variant = sessions.variant;
        if let Some(session) = sessions.first() {
            session.run(&[Arc::new(stretched(&short, model.max_tokens))])?;
            bundle.check_golden(variant, |golden| {
                session.run(&[Arc::new(tokenizer.encode("", &golden.text)?)])
            })?;
        }
        Ok(Self {
            tokenizer,
            model,
            identity: bundle.identity().clone(),
            variant,
            device: sessions.device,
            device_fallback: sessions.fallback.take(),
            lanes: sessions.into_lanes(&settings),
        })
    }

    /// Length of every vector.
    pub fn dimension(&self) -> usize {
        self.model.dimension
    }

    /// Which model the vectors come from.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// What the bundle says of the model.
    pub fn model(&self) -> &ModelSettings {
        &self.model
    }

    /// Most tokens in a batch.
    pub fn batch_tokens(&self) -> usize {
        self.lanes.batch_limit().tokens
    }

    /// How the encoder runs and what it has done.
    pub fn state(&self) -> EncoderState {
        EncoderState {
            variant: self.variant,
            device: self.device,
            device_fallback: self.device_fallback.clone(),
            kernel_level: kernel_level().filter(|_| self.variant == Variant::Int8),
            queries: self.lanes.state(Lane::Queries),
            documents: self.lanes.state(Lane::Documents),
        }
    }

    /// The vector of a query: the model's `query_prefix` + `text`, in the lane of queries.
    ///
    /// # Errors
    /// A text that can't be tokenized, a failure of the graph, or a vector that is not finite.
    /// [`EmbeddingError::Overloaded`](crate::EmbeddingError::Overloaded) where too much waits already.
    pub fn encode_query(&self, text: &str) -> Result<Vec<f32>> {
        self.encode_read_query(&self.read_query(text)?)
    }

    /// What the model reads of a query: the first half of [`encode_query`](Self::encode_query), some hundredths of its
    /// time.
    ///
    /// # Errors
    /// A text that can't be tokenized.
    pub fn read_query(&self, text: &str) -> Result<QueryTokens> {
        let tokens = self.tokenizer.encode(&self.model.query_prefix, text)?;
        Ok(QueryTokens(Arc::new(tokens)))
    }

    /// The vector of a query that was read: the other half of [`encode_query`](Self::encode_query).
    ///
    /// # Errors
    /// A failure of the graph, or a vector that is not finite.
    /// [`EmbeddingError::Overloaded`](crate::EmbeddingError::Overloaded) where too much waits already.
    pub fn encode_read_query(&self, query: &QueryTokens) -> Result<Vec<f32>> {
        let texts = std::slice::from_ref(&query.0);
        self.lanes.run(Lane::Queries, texts, &Admission::Limited)
    }

    /// The vectors of `inputs`, each with its prefix, and what became of each text.
    ///
    /// # Errors
    /// As [`encode_query`](Self::encode_query), and token ids that the model does not know; no vectors are returned then.
    /// The error names the input's position.
    pub fn encode(&self, inputs: &[Input<'_>], prefix: Prefix, lane: Lane) -> Result<Encoded> {
        let prefix = self.model.prefix(prefix);
        let texts = shared(self.tokenizer.encode_inputs(prefix, inputs)?);
        let mut vectors = Embeddings::zeroed(self.dimension(), inputs.len());
        run_all(&self.lanes, lane, &texts, false, |batch, rows| {
            vectors.set_rows(batch, rows);
        })?;
        Ok(Encoded {
            vectors,
            tokens: texts.iter().map(|tokens| tokens.len() as u32).collect(),
            truncated: texts.iter().map(|tokens| tokens.truncated).collect(),
        })
    }

    /// All tokens of a text with its prefix, uncut, with or without the special tokens around it.
    ///
    /// # Errors
    /// A text that can't be tokenized, or is longer than 1,024 bytes per token of `max_tokens`.
    pub fn tokenize(&self, text: &str, prefix: Prefix, special: bool) -> Result<Vec<Token>> {
        self.tokenizer.tokens(self.model.prefix(prefix), text, special)
    }

    /// The text of token ids, with or without special tokens.
    ///
    /// # Errors
    /// An id that is not in the vocabulary.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        self.tokenizer.decode(ids, skip_special)
    }

    /// For texts that shall lose their beginning where they are too long (by itself the encoder cuts their end): the last
    /// tokens, as many as the model reads beside the prefix; `None` where nothing has to go.
    ///
    /// # Errors
    /// As [`tokenize`](Self::tokenize), but of any length.
    pub fn tail(&self, input: Input<'_>, prefix: Prefix) -> Result<Option<Vec<u32>>> {
        self.tokenizer.tail(self.model.prefix(prefix), input)
    }

    /// The vectors of documents, each the model's `document_prefix` + the text, in input order. Waits for its turn
    /// however long it takes.
    ///
    /// # Errors
    /// A text that can't be tokenized, a failure of the graph, or a vector that is not finite; no vectors are returned
    /// then. The error names the text's position.
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
            let tokens = shared(tokens.map_err(|error| error.at(|text| start + text))?);
            let ran = run_all(&self.lanes, Lane::Documents, &tokens, true, |batch, rows| {
                let places: Vec<usize> = batch.iter().map(|text| start + text).collect();
                embeddings.set_rows(&places, rows);
                done += batch.len();
                progress(done);
            });
            ran.map_err(|error| error.at(|text| start + text))?;
        }
        Ok(embeddings)
    }
}

pub(crate) fn shared(texts: Vec<Tokens>) -> Vec<Arc<Tokens>> {
    texts.into_iter().map(Arc::new).collect()
}

/// The longest text that is tried at open.
fn stretched(short: &Tokens, max_tokens: usize) -> Tokens {
    let mut long = short.clone();
    let longest = max_tokens.min(LONGEST_PROBE);
    long.ids.resize(longest, short.ids[0]);
    long.types.resize(longest, short.types[0]);
    long
}
