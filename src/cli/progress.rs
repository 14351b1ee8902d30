//! Progress of long work: a bar with rate and time left on a terminal, a plain line now and then elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a plain line is written.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Progress of one phase on standard error; its clock starts with the first update.
pub(super) struct Progress {
    phase: &'static str,
    unit: &'static str,
    state: Mutex<Option<State>>,
}

struct State {
    start: Instant,
    bar: Option<ProgressBar>,
    last_line: Instant,
    count: u64,
}

impl Progress {
    /// A phase that counts `unit`s.
    pub(super) fn new(phase: &'static str, unit: &'static str) -> Self {
        Self {
            phase,
            unit,
            state: Mutex::new(None),
        }
    }

    /// `count` units are done, which is `share` (0 to 1) of the phase.
    pub(super) fn update(&self, count: u64, share: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = state.get_or_insert_with(|| State {
            start: Instant::now(),
            bar: std::io::stderr()
                .is_terminal()
                .then(|| bar(self.phase, self.unit)),
            last_line: Instant::now(),
            count: 0,
        });
        state.count = count;
        let elapsed = state.start.elapsed().as_secs_f64();
        if let Some(bar) = &state.bar {
            bar.set_position((share.clamp(0.0, 1.0) * 1000.0) as u64);
            bar.set_message(self.line(elapsed, count, share));
        } else if state.last_line.elapsed() >= LINE_INTERVAL {
            state.last_line = Instant::now();
            say(&format!("{}: {}", self.phase, self.line(elapsed, count, share)));
        }
    }

    /// The phase is over; says what it came to.
    pub(super) fn finish(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(state) = state else { return };
        if let Some(bar) = &state.bar {
            bar.finish_and_clear();
        }
        let seconds = state.start.elapsed().as_secs_f64();
        say(&format!(
            "{}: {} {} in {seconds:.1} s",
            self.phase,
            grouped(state.count),
            self.unit
        ));
    }

    fn line(&self, elapsed: f64, count: u64, share: f64) -> String {
        let left = if share > 0.0 {
            elapsed * (1.0 - share) / share
        } else {
            f64::INFINITY
        };
        let left = if left.is_finite() {
            duration(left)
        } else {
            "?".to_owned()
        };
        let rate = rate(count as f64 / elapsed.max(1e-9));
        format!(
            "{:.0} %, {} {}, {rate}/s, {left} left",
            share * 100.0,
            grouped(count),
            self.unit
        )
    }
}

fn bar(phase: &'static str, unit: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
    let template = format!("{phase:<9} [{{bar:30}}] {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(format!("0 {unit}"));
    bar
}

/// Writes a line to standard error; one that cannot be written is no reason to stop the work.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn rate(per_second: f64) -> String {
    if per_second < 10.0 {
        format!("{per_second:.1}")
    } else {
        grouped(per_second.round() as u64)
    }
}

/// 1234567 as 1,234,567.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567]
                .map(grouped)
                .each_ref()
                .map(String::as_str)
        );
        assert_eq!(
            ["0s", "59s", "1m00s", "1h01m"],
            [0.2, 59.0, 60.0, 3661.0]
                .map(duration)
                .each_ref()
                .map(String::as_str)
        );
    }
}
