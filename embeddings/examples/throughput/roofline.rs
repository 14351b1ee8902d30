//! The processor's own limit: 8-bit dot products on registers alone, on every thread at once.

use std::sync::Barrier;
use std::time::Instant;

/// Independent sums: enough to hide the instruction's latency of five cycles on two ports.
const SUMS: usize = 12;

/// Passes of [`SUMS`] instructions between two looks at the clock.
const PASSES: usize = 1 << 20;

/// Timed parts; the fastest one counts.
const PARTS: usize = 12;

/// One line of JSON: operations (a multiplication and an addition are two) per second of `threads` threads together, and
/// the instructions they were done with; `null` where this processor has none that is known here.
pub fn measure(threads: usize) -> String {
    let Some((name, operations, kernel)) = fastest() else {
        return format!(r#"{{"instructions":null,"threads":{threads},"operations_per_s":null}}"#);
    };
    let barrier = Barrier::new(threads);
    let seconds = || {
        barrier.wait();
        let part = |_| {
            let started = Instant::now();
            kernel(PASSES);
            started.elapsed().as_secs_f64()
        };
        (0..PARTS).map(part).fold(f64::INFINITY, f64::min)
    };
    let total: f64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(seconds)).collect();
        let best = workers.into_iter().filter_map(|worker| worker.join().ok());
        best.map(|seconds| (operations * SUMS * PASSES) as f64 / seconds)
            .sum()
    });
    format!(r#"{{"instructions":"{name}","threads":{threads},"operations_per_s":{total:.0}}}"#)
}

/// Name, operations per instruction, and the loop.
type Kernel = (&'static str, usize, fn(usize));

#[cfg(target_arch = "x86_64")]
fn fastest() -> Option<Kernel> {
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
        return Some(("avx512vnni", 128, x86::avx512_vnni));
    }
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni") {
        return Some(("avxvnni", 64, x86::avx_vnni));
    }
    None
}

#[cfg(not(target_arch = "x86_64"))]
fn fastest() -> Option<Kernel> {
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![allow(
        unsafe_code,
        reason = "calls functions that need instructions which were looked for before"
    )]

    use std::arch::x86_64::{
        __m256i, __m512i, _mm256_dpbusd_avx_epi32, _mm256_set1_epi8, _mm256_setzero_si256,
        _mm512_dpbusd_epi32, _mm512_set1_epi8, _mm512_setzero_si512,
    };
    use std::hint::black_box;

    use super::SUMS;

    pub fn avx512_vnni(passes: usize) {
        // SAFETY: `fastest` names this function only where the processor has avx512f and avx512vnni.
        unsafe { loop_512(passes) }
    }

    pub fn avx_vnni(passes: usize) {
        // SAFETY: `fastest` names this function only where the processor has avx2 and avxvnni.
        unsafe { loop_256(passes) }
    }

    #[target_feature(enable = "avx512f,avx512vnni")]
    fn loop_512(passes: usize) {
        let (left, right) = (black_box(_mm512_set1_epi8(3)), black_box(_mm512_set1_epi8(5)));
        let mut sums: [__m512i; SUMS] = [_mm512_setzero_si512(); SUMS];
        for _ in 0..passes {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, left, right);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx2,avxvnni")]
    fn loop_256(passes: usize) {
        let (left, right) = (black_box(_mm256_set1_epi8(3)), black_box(_mm256_set1_epi8(5)));
        let mut sums: [__m256i; SUMS] = [_mm256_setzero_si256(); SUMS];
        for _ in 0..passes {
            for sum in &mut sums {
                *sum = _mm256_dpbusd_avx_epi32(*sum, left, right);
            }
        }
        black_box(sums);
    }
}
