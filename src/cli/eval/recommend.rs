//! `alike eval recommend`.

use crate::cli::progress::{grouped, say};
use crate::evaluation::recommend::{
    self, Columns, Evaluated, Events, Options, Pattern, Strategy, evaluate, read_events,
};
use crate::learn::TrainSettings;
use anyhow::Context;
use std::path::PathBuf;

/// Measure recommendations: train on what happened before a moment, test on what happened after it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "One row is one event. A row without a type is a purchase; types are impression, view, click, cart, purchase.\n\
    Rows whose quantity is 0 or less (returns, cancellations) are left out.\n\n\
    Examples:\n  \
    alike eval recommend --events events.csv.gz --split-at 2026-09-01 --strategy for_you --json\n  \
    alike eval recommend --events transactions.csv.gz --user CustomerID --item StockCode --time InvoiceDate \\\n      \
    --basket InvoiceNo --only 'StockCode=[0-9][0-9][0-9][0-9][0-9]*' \\\n      \
    --split-at 2011-09-01 --strategy bought_together --json"
)]
pub struct Args {
    /// What happened: .csv, .tsv, .jsonl, .json or .parquet, each also .gz or .zst
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// Train before this moment, test from it on: 2011-09-01, 2011-09-01T12:00:00Z, or seconds or milliseconds since 1970
    #[arg(long, value_name = "TIMESTAMP", value_parser = moment)]
    split_at: i64,
    /// Test up to this moment [default: the end of the file]
    #[arg(long, value_name = "TIMESTAMP", value_parser = moment)]
    until: Option<i64>,
    /// What recommends
    #[arg(long, value_enum, value_name = "S")]
    strategy: Strategy,
    /// Recommend only items that the user has not touched before the split
    #[arg(long)]
    exclude_seen: bool,
    /// Column with who; may be empty in a row [default: user, if there is one]
    #[arg(long, value_name = "COLUMN")]
    user: Option<String>,
    /// Column with the item's id [default: item]
    #[arg(long, value_name = "COLUMN")]
    item: Option<String>,
    /// Column with the time [default: time]
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Column with the basket or order [default: basket, if there is one; else what a user buys on one day]
    #[arg(long, value_name = "COLUMN")]
    basket: Option<String>,
    /// Column with the type of event [default: type, if there is one; else all are purchases]
    #[arg(long = "type", value_name = "COLUMN")]
    kind: Option<String>,
    /// Column with the visit [default: session, if there is one; else visits end after half an hour of nothing]
    #[arg(long, value_name = "COLUMN")]
    session: Option<String>,
    /// Column with the quantity; rows with 0 or less are left out [default: quantity, if there is one]
    #[arg(long, value_name = "COLUMN")]
    quantity: Option<String>,
    /// Column that says what the item is, in words [default: title, name or description, if there is one]
    #[arg(long, value_name = "COLUMN")]
    text: Option<String>,
    /// Make no use of texts
    #[arg(long, conflicts_with = "text")]
    no_text: bool,
    /// Use only rows whose column matches: * any characters, ? one, [0-9] one of them; may be given several times
    #[arg(long, value_name = "COLUMN=PATTERN")]
    only: Vec<Pattern>,
    /// Hide every line of a basket in turn, instead of one
    #[arg(long)]
    every_line: bool,
    /// Make no use of who a basket belongs to
    #[arg(long)]
    anonymous: bool,
    /// Decides which line of a basket is hidden
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the measures as one JSON object on the last line
    #[arg(long)]
    json: bool,
}

fn moment(text: &str) -> Result<i64, String> {
    recommend::moment(text).ok_or_else(|| {
        "expected a time such as 2011-09-01, 2011-09-01T12:00:00Z, or whole seconds or milliseconds since the Unix epoch"
            .to_owned()
    })
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let mut events = read_events(&args.events, &columns(args), &args.only)?;
    if args.no_text {
        events.texts.clear();
    }
    report(&events);
    let options = Options {
        strategy: args.strategy,
        split_at: args.split_at,
        until: args.until,
        exclude_seen: args.exclude_seen,
        every_line: args.every_line,
        anonymous: args.anonymous,
        seed: args.seed,
        train: TrainSettings::default(),
    };
    let evaluated = evaluate(&events, &options, &say).with_context(|| args.events.display().to_string())?;
    print(&events, &evaluated, args.json)
}

fn columns(args: &Args) -> Columns {
    Columns {
        user: args.user.clone(),
        item: args.item.clone(),
        time: args.time.clone(),
        basket: args.basket.clone(),
        kind: args.kind.clone(),
        session: args.session.clone(),
        quantity: args.quantity.clone(),
        text: args.text.clone(),
    }
}

fn report(events: &Events) {
    for skipped in &events.skipped {
        say(&format!("skipped line {}: {}", skipped.line, skipped.reason));
    }
    say(&format!(
        "{} rows: {} events, {} left out, {} can't be read",
        grouped(events.rows),
        grouped(events.lines.len() as u64),
        grouped(events.left_out),
        grouped(events.unreadable)
    ));
}

fn print(events: &Events, evaluated: &Evaluated, json: bool) -> anyhow::Result<()> {
    let measures = &evaluated.measures;
    if !json {
        return crate::cli::print_line(&format!(
            "queries {}\nrecall@20 {:.4}\nndcg@20 {:.4}\nmrr {:.4}\ncoverage {:.4}\npopularity_bias {:.4}\nmean_ms {:.3}",
            measures.queries,
            measures.recall_at_20,
            measures.ndcg_at_20,
            measures.mrr,
            measures.coverage,
            measures.popularity_bias,
            measures.mean_ms
        ));
    }
    let mut summary = serde_json::to_value(evaluated)?;
    if let Some(fields) = summary.as_object_mut() {
        fields.insert("rows".into(), events.rows.into());
        fields.insert("left_out".into(), events.left_out.into());
        fields.insert("unreadable".into(), events.unreadable.into());
    }
    crate::cli::print_line(&summary.to_string())
}
