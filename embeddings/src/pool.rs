//! Values lent to one caller at a time; callers beyond them wait.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, PoisonError};

/// A fixed set of interchangeable values (sessions, which need `&mut` to run).
pub(crate) struct Pool<T> {
    idle: Mutex<Vec<T>>,
    returned: Condvar,
    size: usize,
}

impl<T> Pool<T> {
    /// Takes all of `values`.
    pub fn new(values: Vec<T>) -> Self {
        let size = values.len();
        Self {
            idle: Mutex::new(values),
            returned: Condvar::new(),
            size,
        }
    }

    /// Number of values, lent ones included.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The most recently returned value, as soon as there is one; it comes back when the lease is dropped.
    pub fn take(&self) -> Lease<'_, T> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(value) = idle.pop() {
                return Lease {
                    pool: self,
                    value: Some(value),
                };
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A value on loan.
pub(crate) struct Lease<'a, T> {
    pool: &'a Pool<T>,
    /// Present until the lease is dropped.
    value: Option<T>,
}

impl<T> Deref for Lease<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
            .as_ref()
            .expect("a lease holds its value until it is dropped")
    }
}

impl<T> DerefMut for Lease<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value
            .as_mut()
            .expect("a lease holds its value until it is dropped")
    }
}

impl<T> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(value);
            self.pool.returned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caller_gets_a_turn_and_no_value_is_shared() {
        let pool = Pool::new(vec![0_u32, 0]);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..500).for_each(|_| *pool.take() += 1));
            }
        });
        let (first, second) = (pool.take(), pool.take());
        assert_eq!(*first + *second, 4000);
    }

    #[test]
    fn a_value_returns_even_from_a_panic() {
        let pool = Pool::new(vec![7]);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let lease = pool.take();
            assert_eq!(*lease, 8, "expected to fail");
        }));
        assert!(outcome.is_err());
        assert_eq!((*pool.take(), pool.size()), (7, 1));
    }
}
