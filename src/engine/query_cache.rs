//! Vectors of query texts, so that a text that is asked again is not encoded again.

use super::EngineError;
use alike_embeddings::{Encoder, QueryTokens};
use moka::sync::Cache;
use std::hash::Hash;
use std::sync::Arc;

/// What an entry takes beside its key's tokens and its vector: the cache's own records, counted generously.
const ENTRY_BYTES: usize = 256;

/// The key is what the model reads: its identity and the tokens that its own tokenizer makes of the text, prefix included.
/// So two spellings share an entry exactly where the model can't tell them apart, and never otherwise; a lookup costs the
/// tokenizing, some hundredths of encoding.
#[derive(PartialEq, Eq, Hash)]
struct Key<Q> {
    model: Arc<str>,
    query: Q,
}

#[derive(Clone)]
struct Entry {
    vector: Arc<[f32]>,
    bytes: u32,
}

/// Query texts and their vectors. What several callers ask for at the same time is encoded once; errors are not kept.
pub(super) struct QueryCache<Q = QueryTokens> {
    /// Absent where no bytes are granted.
    entries: Option<Cache<Key<Q>, Entry>>,
}

/// What the cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    /// Texts.
    pub(crate) entries: u64,
    /// Bytes of keys, vectors and records.
    pub(crate) bytes: u64,
}

/// A query's vector, and whether it was there already.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) vector: Arc<[f32]>,
    pub(super) hit: bool,
}

impl QueryCache {
    /// The vector of a text.
    pub(super) fn encode(&self, encoder: &Encoder, text: &str) -> Result<Found, EngineError> {
        let query = encoder.read_query(text)?;
        let bytes = query.bytes();
        self.get(&encoder.identity().digest, &query, bytes, |query| {
            Ok(encoder.encode_read_query(query)?)
        })
    }
}

impl<Q: Hash + Eq + Clone + Send + Sync + 'static> QueryCache<Q> {
    /// Holds at most about that many bytes; 0 turns it off.
    pub(super) fn new(bytes: u64) -> Self {
        let weigh = |_: &Key<Q>, entry: &Entry| entry.bytes;
        let cache = || Cache::builder().max_capacity(bytes).weigher(weigh).build();
        Self {
            entries: (bytes > 0).then(cache),
        }
    }

    /// The vector of a query that takes `bytes`; `encode` makes it where it is not there.
    fn get(
        &self,
        model: &str,
        query: &Q,
        bytes: usize,
        encode: impl Fn(&Q) -> Result<Vec<f32>, EngineError>,
    ) -> Result<Found, EngineError> {
        let fresh = |query: &Q| -> Result<Found, EngineError> {
            let vector = encode(query)?.into();
            Ok(Found { vector, hit: false })
        };
        let Some(entries) = &self.entries else {
            return fresh(query);
        };
        let key = Key {
            model: model.into(),
            query: query.clone(),
        };
        let (mut hit, mut failed) = (true, None);
        let entry = entries.try_get_with(key, || {
            hit = false;
            let vector: Arc<[f32]> = encode(query).map_err(|error| failed = Some(error))?.into();
            let bytes = bytes + model.len() + size_of_val::<[f32]>(&vector) + ENTRY_BYTES;
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            Ok::<_, ()>(Entry { vector, bytes })
        });
        match (entry, failed) {
            (Ok(Entry { vector, .. }), _) => Ok(Found { vector, hit }),
            (Err(_), Some(error)) => Err(error),
            // Somebody else's attempt failed, and the error is theirs.
            (Err(_), None) => fresh(query),
        }
    }

    /// What it holds now.
    pub(super) fn held(&self) -> Held {
        let Some(entries) = &self.entries else {
            return Held::default();
        };
        entries.run_pending_tasks();
        Held {
            entries: entries.entry_count(),
            bytes: entries.weighted_size(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, mpsc};

    const BYTES: usize = 100;

    fn cache(bytes: u64) -> QueryCache<String> {
        QueryCache::new(bytes)
    }

    fn ask(cache: &QueryCache<String>, model: &str, text: &str) -> Found {
        cache
            .get(model, &text.to_owned(), BYTES, |text| {
                Ok(vec![text.len() as f32; 4])
            })
            .unwrap()
    }

    #[test]
    fn a_text_is_encoded_once_per_model() {
        let cache = cache(1 << 20);
        for (model, text, hit) in [
            ("a", "shoe", false),
            ("a", "shoe", true),
            ("b", "shoe", false),
            ("a", "shoes", false),
            ("b", "shoe", true),
        ] {
            let found = ask(&cache, model, text);
            assert_eq!(
                (&*found.vector, found.hit),
                (&[text.len() as f32; 4][..], hit),
                "{model} {text}"
            );
        }
        let entry = (BYTES + 1 + 16 + ENTRY_BYTES) as u64;
        assert_eq!(
            cache.held(),
            Held {
                entries: 3,
                bytes: 3 * entry
            }
        );
    }

    #[test]
    fn it_never_holds_more_bytes_than_granted() {
        let cache = cache(10_000);
        for number in 0..1_000 {
            ask(&cache, "a", &format!("text {number}"));
        }
        let held = cache.held();
        assert!(held.bytes <= 10_000 && held.entries > 10, "{held:?}");
    }

    #[test]
    fn without_bytes_nothing_is_kept() {
        let cache = cache(0);
        assert!(!ask(&cache, "a", "shoe").hit && !ask(&cache, "a", "shoe").hit);
        assert_eq!(cache.held(), Held::default());
    }

    #[test]
    fn errors_are_not_kept() {
        let cache = cache(1 << 20);
        let failing = |_: &String| Err(EngineError::invalid("text", "not now"));
        let error = cache.get("a", &"shoe".to_owned(), BYTES, failing).unwrap_err();
        assert!(matches!(error, EngineError::Invalid { .. }), "{error}");
        assert!(!ask(&cache, "a", "shoe").hit);
        assert!(ask(&cache, "a", "shoe").hit);
    }

    #[test]
    fn callers_of_the_same_text_share_one_encoding() {
        let cache = cache(1 << 20);
        let (calls, asked) = (AtomicUsize::new(0), Barrier::new(5));
        let (done, wait) = mpsc::channel::<()>();
        let wait = std::sync::Mutex::new(wait);
        let encode = |text: &String| {
            calls.fetch_add(1, Ordering::SeqCst);
            wait.lock().unwrap().recv().unwrap();
            Ok(vec![text.len() as f32])
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    asked.wait();
                    let found = cache.get("a", &"shoe".to_owned(), BYTES, encode).unwrap();
                    assert_eq!(*found.vector, [4.0]);
                });
            }
            asked.wait();
            done.send(()).unwrap();
        });
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn callers_of_a_text_that_fails_all_hear_of_it() {
        let cache = cache(1 << 20);
        let asked = Barrier::new(4);
        let failing = |_: &String| Err(EngineError::invalid("text", "not now"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    asked.wait();
                    let outcome = cache.get("a", &"shoe".to_owned(), BYTES, failing);
                    assert!(matches!(outcome.unwrap_err(), EngineError::Invalid { .. }));
                });
            }
        });
    }
}
