//! How soon a process that starts answers correctly, with a log to replay.

use super::Args;
use super::items::Items;
use super::server::Server;
use super::store::COLLECTION;
use super::writing::upsert_all;
use anyhow::ensure;
use serde::Serialize;
use std::path::Path;

/// A restart.
#[derive(Debug, Serialize)]
pub(super) struct Restart {
    /// Log records after the snapshot.
    pub(super) records: usize,
    /// Items that these records changed for good.
    pub(super) items: usize,
    /// Of each start, from exec to the first correct answer.
    pub(super) ms: Vec<f64>,
}

/// Starts that are measured.
const STARTS: usize = 3;
/// Every item is written about so many times.
const SHARE: usize = 2;

/// Writes `args.log_records` records, kills the server and starts it again, more than once.
pub(super) fn measure(
    data: &Path,
    args: &Args,
    items: &Items,
    variables: &[(&str, String)],
) -> anyhow::Result<Restart> {
    let records = args.log_records;
    let (first, changed) = (args.items.get(), (records / SHARE).max(1));
    let server = Server::start(data, variables)?;
    let mut client = server.client();
    let mut written = 0;
    while written < records {
        let count = changed.min(records - written);
        upsert_all(&mut client, items, (first, count), first + written)?;
        written += count;
    }
    let last = records - (records - 1) / changed * changed - 1;
    let expected = (first + last, first + records - 1);
    server.kill()?;
    let mut ms = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start(data, variables)?;
        check_last(&server, items, expected)?;
        ms.push(server.started.elapsed().as_secs_f64() * 1e3);
        check_count(&server, args.items.get() + changed)?;
        server.kill()?;
    }
    Ok(Restart {
        records,
        items: changed,
        ms,
    })
}

/// The item that was written last is found by the vector that it got then.
fn check_last(server: &Server, items: &Items, (id, vector): (usize, usize)) -> anyhow::Result<()> {
    let path = format!("/v1/collections/{COLLECTION}/search");
    let answer = server.client().ask("POST", &path, &items.search(vector, 1))?;
    ensure!(
        answer["hits"][0]["id"] == format!("item-{id}"),
        "item-{id} should be found after the restart: {answer}"
    );
    Ok(())
}

fn check_count(server: &Server, expected: usize) -> anyhow::Result<()> {
    let path = format!("/v1/collections/{COLLECTION}/items/count");
    let answer = server.client().ask("POST", &path, "{}")?;
    ensure!(
        answer["count"] == expected,
        "{expected} items should be there after the restart: {answer}"
    );
    Ok(())
}
