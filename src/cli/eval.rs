//! `alike eval`.

mod recommend;

use super::progress::say;
use crate::engine::{Engine, Query, Search, Settings, WriteSettings};
use crate::evaluation::{self, Evaluation};
use crate::snapshot::Verify;
use crate::telemetry::Metrics;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Hits asked for per query; the measures are taken at 10.
const LIMIT: usize = 10;

/// Measure answer quality against judged queries.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Judgments are JSON lines (also .gz): {\"query\": \"…\", \"labels\": {\"ID\": \"exact\"}}\n\
    Labels exact, substitute, complement and irrelevant gain 1, 0.1, 0.01 and 0 (ESCI); numbers are gains as they are.\n\
    Unjudged items gain 0. recall@10 and mrr@10 count items that gain 0.5 or more.\n\n\
    Example:\n  alike eval --data store --collection products --judgments judgments.jsonl --json"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Name of the collection
    #[arg(long, value_name = "C", required = true)]
    collection: Option<String>,
    /// Judged queries
    #[arg(long, value_name = "FILE", required = true)]
    judgments: Option<PathBuf>,
    /// Print the summary as one JSON object on the last line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: super::Common,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Measure recommendations on events: train on the past, test on the future
    Recommend(recommend::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match (&args.command, &args.collection, &args.judgments) {
        (Some(Command::Recommend(args)), ..) => recommend::run(args),
        (None, Some(collection), Some(judgments)) => search(args, collection, judgments),
        _ => anyhow::bail!("--collection C and --judgments FILE are needed"),
    }
}

fn search(args: &Args, collection: &str, file: &Path) -> anyhow::Result<()> {
    let config = args.common.config()?;
    let judgments = evaluation::read_judgments(file)?;
    let settings = Settings {
        data: args.common.data_dir(&config)?,
        models: args.common.model_place(&config),
        encoder: config.model.encoder(),
        // Every query is to be encoded, so that its time counts.
        query_cache_bytes: 0,
        verify: Verify::Auto,
        record_events: false,
        trending_ttl: Duration::ZERO,
        writes: WriteSettings::read_only(),
    };
    let metrics = Arc::new(Metrics::new().context("cannot register metrics")?);
    let engine = Engine::open(settings, metrics)?;
    let view = engine.view(collection)?;
    let mut evaluation = Evaluation::new();
    for judged in &judgments {
        let search = Search {
            query: Query::Text(judged.query.clone()),
            limit: LIMIT,
            fields: Some(Vec::new()),
            ..Search::default()
        };
        let start = Instant::now();
        let answer = engine
            .search(&view, &search)
            .with_context(|| format!("query {:?}", judged.query))?;
        let took = start.elapsed();
        let ids: Vec<&str> = answer.hits.iter().map(|hit| hit.id.as_str()).collect();
        evaluation.add(&judged.gains, &ids, took);
    }
    let summary = evaluation
        .summary()
        .with_context(|| format!("{}: no query has a positive gain", file.display()))?;
    say(&format!("snapshot {}", view.snapshot().id()));
    if args.json {
        return super::print_line(&serde_json::to_string(&summary)?);
    }
    super::print_line(&format!(
        "queries {}\nndcg@10 {:.4}\nrecall@10 {:.4}\nmrr@10 {:.4}\nmean_ms {:.2}",
        summary.queries, summary.ndcg_at_10, summary.recall_at_10, summary.mrr_at_10, summary.mean_ms
    ))
}
