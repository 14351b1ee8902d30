//! What is computed once for many: answers to calls that name nobody.
//!
//! Who asks for something that is not there computes it, and everybody else who asks meanwhile waits for that. Until an
//! answer is [`Ages::fresh`] old it is given as it is; after that it is still given at once, while one thread computes the
//! next; when it is [`Ages::kept`] old it is gone. Errors are not kept.

use crate::engine::EngineError;
use moka::sync::Cache;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// An answer is given for as many times its fresh age while the next one is computed.
const STALE_TIMES: u32 = 12;
/// At most as many threads compute anew at the same time; beyond them, old answers are given for a little longer.
const MAX_REFRESHERS: usize = 4;

static REFRESHERS: AtomicUsize = AtomicUsize::new(0);

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// So long it is given as it is; zero keeps nothing.
    pub fresh: Duration,
    /// So long, from its making, it is given at all.
    pub kept: Duration,
}

impl Ages {
    /// Those that go with a time to live: after it an answer is given for twelve times as long, in whole seconds as
    /// `stale-while-revalidate` has them.
    #[must_use]
    pub fn of(ttl: Duration) -> Self {
        let stale = Duration::from_secs((ttl * STALE_TIMES).as_secs());
        Self {
            fresh: ttl,
            kept: ttl + stale,
        }
    }

    /// The `Cache-Control` of an answer that anybody may be given.
    #[must_use]
    pub fn cache_control(self) -> String {
        let stale = self.kept.saturating_sub(self.fresh);
        format!(
            "public, max-age={}, stale-while-revalidate={}",
            self.fresh.as_secs(),
            stale.as_secs()
        )
    }
}

/// How a cache answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With what it had.
    Hit,
    /// With what it had, which is computed anew.
    Stale,
    /// It was computed for this call.
    Miss,
}

impl Outcome {
    /// As metrics have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
        }
    }
}

/// A value with its age.
pub struct Kept<V> {
    /// The value.
    pub value: Arc<V>,
    made: Instant,
    refreshing: Arc<AtomicBool>,
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            made: self.made,
            refreshing: Arc::clone(&self.refreshing),
        }
    }
}

impl<V> Kept<V> {
    /// A value, and when it was made.
    fn new(value: Arc<V>, made: Instant) -> Self {
        Self {
            value,
            made,
            refreshing: Arc::default(),
        }
    }

    /// A value made now.
    pub fn now(value: V) -> Self {
        Self::new(Arc::new(value), Instant::now())
    }

    /// When it was made.
    pub fn made(&self) -> Instant {
        self.made
    }

    /// Whether the caller is the one to compute it anew: true for one caller after each [`Kept::give_up`].
    fn begin(&self) -> bool {
        !self.refreshing.swap(true, Ordering::AcqRel)
    }

    /// The next caller may try.
    pub fn give_up(&self) {
        self.refreshing.store(false, Ordering::Release);
    }
}

/// What was found without computing anything.
pub struct Peeked<V> {
    /// The value, with its age.
    pub kept: Kept<V>,
    /// Whether it is past its time.
    pub stale: bool,
    /// Whether it is for this caller to have it computed anew; said to one caller only.
    pub refresh: bool,
}

/// A bounded cache of values of one kind.
pub struct Shared<K, V> {
    entries: Option<Cache<K, Kept<V>>>,
    ages: Ages,
}

impl<K, V> Shared<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// Keeps values whose weights add up to at most `capacity`.
    pub fn new(ages: Ages, capacity: u64, weigh: fn(&K, &V) -> usize) -> Self {
        let weigher =
            move |key: &K, kept: &Kept<V>| u32::try_from(weigh(key, &kept.value)).unwrap_or(u32::MAX);
        let cache = || {
            Cache::builder()
                .max_capacity(capacity)
                .weigher(weigher)
                .time_to_live(ages.kept)
                .build()
        };
        Self {
            entries: (!ages.fresh.is_zero()).then(cache),
            ages,
        }
    }

    /// How old its values may be.
    pub fn ages(&self) -> Ages {
        self.ages
    }

    /// What it has, without waiting for anything.
    pub fn peek<Q>(&self, key: &Q) -> Option<Peeked<V>>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let kept = self.entries.as_ref()?.get(key)?;
        let stale = kept.made.elapsed() > self.ages.fresh;
        Some(Peeked {
            refresh: stale && kept.begin(),
            stale,
            kept,
        })
    }

    /// Keeps a value; it is as old as what it was made from.
    pub fn put(&self, key: K, value: Arc<V>, made: Instant) {
        if let Some(entries) = &self.entries {
            entries.insert(key, Kept::new(value, made));
        }
    }

    /// The value of a key: what it has, else what `compute` makes. Past its time, it is given while `again` gives the work
    /// that makes the next one, which runs on a thread of its own; or, for who says to `renew` it, is computed first,
    /// unless somebody else is at it.
    ///
    /// # Errors
    /// What `compute` says.
    pub fn get<W>(
        &self,
        key: K,
        renew: bool,
        compute: impl Fn() -> Result<V, EngineError>,
        again: impl FnOnce() -> W,
    ) -> Result<(Kept<V>, Outcome), EngineError>
    where
        W: FnOnce() -> Result<V, EngineError> + Send + 'static,
    {
        let Some(entries) = &self.entries else {
            return Ok((Kept::now(compute()?), Outcome::Miss));
        };
        let mut failed = None;
        let entry = entries
            .entry_by_ref(&key)
            .or_optionally_insert_with(|| match compute() {
                Ok(value) => Some(Kept::now(value)),
                Err(error) => {
                    failed = Some(error);
                    None
                }
            });
        let Some(entry) = entry else {
            // Somebody else's attempt failed, and the error is theirs.
            return match failed {
                Some(error) => Err(error),
                None => Ok((Kept::now(compute()?), Outcome::Miss)),
            };
        };
        let made_now = entry.is_fresh();
        let kept = entry.into_value();
        let stale = !made_now && kept.made.elapsed() > self.ages.fresh;
        if stale && kept.begin() {
            if renew {
                let made = compute().inspect_err(|_| kept.give_up())?;
                let made = Kept::now(made);
                entries.insert(key, made.clone());
                return Ok((made, Outcome::Miss));
            }
            refresh(entries.clone(), key, &kept, again());
        }
        let outcome = match (made_now, stale) {
            (true, _) => Outcome::Miss,
            (false, true) => Outcome::Stale,
            (false, false) => Outcome::Hit,
        };
        Ok((kept, outcome))
    }
}

/// Computes a value on a thread of its own, if one is free.
fn refresh<K, V>(
    entries: Cache<K, Kept<V>>,
    key: K,
    old: &Kept<V>,
    work: impl FnOnce() -> Result<V, EngineError> + Send + 'static,
) where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    let Some(turn) = Turn::take(Arc::clone(&old.refreshing)) else {
        return old.give_up();
    };
    let work = move || {
        let turn = turn;
        if let Ok(value) = work() {
            entries.insert(key, Kept::now(value));
        }
        drop(turn);
    };
    let started = std::thread::Builder::new()
        .name("alike-refresh".to_owned())
        .spawn(work);
    if let Err(error) = started {
        tracing::warn!(%error, "no thread to compute an answer anew; the old one is given");
    }
}

/// Leave to compute something anew. However the work ends, the next caller may try again.
struct Turn(Arc<AtomicBool>);

impl Turn {
    fn take(refreshing: Arc<AtomicBool>) -> Option<Self> {
        let free = |running: usize| (running < MAX_REFRESHERS).then_some(running + 1);
        let taken = REFRESHERS.fetch_update(Ordering::AcqRel, Ordering::Acquire, free);
        taken.is_ok().then_some(Self(refreshing))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        REFRESHERS.fetch_sub(1, Ordering::AcqRel);
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Barrier, Mutex, mpsc};

    const LONG: Duration = Duration::from_secs(3600);

    /// What is kept is at once past its time, and given for an hour.
    const STALE: Ages = Ages {
        fresh: Duration::from_nanos(1),
        kept: LONG,
    };
    const FRESH: Ages = Ages {
        fresh: LONG,
        kept: LONG,
    };

    fn cache(ages: Ages) -> Shared<u32, u32> {
        Shared::new(ages, 100, |_, _| 1)
    }

    fn never() -> fn() -> Result<u32, EngineError> {
        || panic!("nothing to compute anew")
    }

    #[test]
    fn many_at_once_compute_once() {
        let (cache, computed, all) = (cache(FRESH), AtomicUsize::new(0), Barrier::new(6));
        let outcomes = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    all.wait();
                    let compute = || Ok(7 + computed.fetch_add(1, Ordering::SeqCst) as u32);
                    let (kept, outcome) = cache.get(1, false, compute, never).unwrap();
                    assert_eq!(*kept.value, 7);
                    outcomes.lock().unwrap().push(outcome);
                });
            }
        });
        let outcomes = outcomes.into_inner().unwrap();
        let misses = outcomes
            .iter()
            .filter(|&&outcome| outcome == Outcome::Miss)
            .count();
        assert_eq!((misses, computed.into_inner()), (1, 1), "{outcomes:?}");
    }

    #[test]
    fn what_is_past_its_time_is_given_while_one_thread_computes() {
        let cache = cache(STALE);
        assert_eq!(cache.get(1, false, || Ok(1), never).unwrap().1, Outcome::Miss);
        let (go, wait) = mpsc::channel::<()>();
        let slow = move || {
            wait.recv().unwrap();
            Ok(2)
        };
        let compute = || panic!("there is an answer");
        let (kept, outcome) = cache.get(1, false, compute, || slow).unwrap();
        assert_eq!((*kept.value, outcome), (1, Outcome::Stale));
        let (kept, outcome) = cache.get(1, false, compute, never).unwrap();
        assert_eq!(
            (*kept.value, outcome),
            (1, Outcome::Stale),
            "one is at it already"
        );
        assert!(!cache.peek(&1).unwrap().refresh, "one is at it already");
        go.send(()).unwrap();
        while *cache.peek(&1).unwrap().kept.value == 1 {
            std::thread::yield_now();
        }
        assert_eq!(*cache.peek(&1).unwrap().kept.value, 2);
    }

    #[test]
    fn who_renews_gets_what_is_new() {
        let cache = cache(STALE);
        for value in [1, 2, 3] {
            let (kept, outcome) = cache.get(1, true, || Ok(value), never).unwrap();
            assert_eq!((*kept.value, outcome), (value, Outcome::Miss));
        }
        assert!(
            cache
                .get(1, true, || Err(EngineError::invalid("x", "no")), never)
                .is_err()
        );
        let (kept, _) = cache.get(1, true, || Ok(4), never).unwrap();
        assert_eq!(*kept.value, 4, "an attempt that failed blocks nobody");
    }

    #[test]
    fn errors_are_not_kept() {
        let cache = cache(FRESH);
        let failing = || Err(EngineError::invalid("x", "not now"));
        assert!(cache.get(1, false, failing, never).is_err());
        assert_eq!(*cache.get(1, false, || Ok(3), never).unwrap().0.value, 3);
    }

    #[test]
    fn without_a_time_to_live_nothing_is_kept() {
        let cache = cache(Ages::of(Duration::ZERO));
        for value in 0..3 {
            let (kept, outcome) = cache.get(1, false, || Ok(value), never).unwrap();
            assert_eq!((*kept.value, outcome), (value, Outcome::Miss));
        }
        assert!(cache.peek(&1).is_none());
    }

    #[test]
    fn ages_are_told_to_caches_outside() {
        let ages = Ages::of(Duration::from_secs(5));
        assert_eq!(
            ages.cache_control(),
            "public, max-age=5, stale-while-revalidate=60"
        );
        let ages = Ages::of(Duration::from_millis(1));
        assert_eq!(
            ages.cache_control(),
            "public, max-age=0, stale-while-revalidate=0"
        );
        assert_eq!(ages.kept, ages.fresh, "less than a second is not stretched");
    }
}
