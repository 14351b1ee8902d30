//! The server that is measured: a child process of the same binary.

use super::client::Client;
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; killed when dropped.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
    /// When it was executed.
    pub(super) started: Instant,
}

impl Server {
    /// Serves `data` with the settings of these variables; returns when it listens.
    pub(super) fn start(data: &Path, variables: &[(&str, String)]) -> anyhow::Result<Self> {
        let binary = std::env::current_exe().context("cannot find this program's own file")?;
        let started = Instant::now();
        let mut child = Command::new(binary)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("ALIKE_LOG", "info")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let stderr = child.stderr.take().context("the server has no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next().transpose()? else {
                let _ = child.wait();
                bail!("the server ended before it listened:\n{said}");
            };
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().parse().context("the server's address")?;
            }
            said += &line;
            said.push('\n');
        };
        // A full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self {
            child,
            address,
            started,
        })
    }

    /// A connection to it.
    pub(super) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Processor time that it has used.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        ticks(&text).with_context(|| format!("{path}: found {text:?}"))
    }

    /// The sum of the values of a metric, over all of its labels.
    pub(super) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let mut client = self.client();
        let (_, text) = client.send("GET", "/metrics", "")?;
        let text = String::from_utf8_lossy(text).into_owned();
        sum_of(&text, name).with_context(|| format!("/metrics has no {name}"))
    }

    /// Ends it as a crash would.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of `/proc/…/stat`, which counts in hundredths of a second on Linux.
fn ticks(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * 10))
}

fn sum_of(text: &str, name: &str) -> Option<f64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labels) => labels.rsplit_once("} ")?.1,
            None => rest.strip_prefix(' ')?,
        };
        value.trim().parse::<f64>().ok()
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_whatever_the_process_is_called() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 1 0 0 0 150 25 0 0 20 0 9 0 1 2 3";
        assert_eq!(ticks(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(ticks("42 (a) S 1"), None);
    }

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let text = "# TYPE a counter\na{x=\"1\"} 2\na{x=\"2\"} 3.5\na_count{x=\"1\"} 9\nb 7\n";
        assert_eq!(sum_of(text, "a"), Some(5.5));
        assert_eq!(sum_of(text, "b"), Some(7.0));
        assert_eq!(sum_of(text, "c"), None);
    }
}
