//! `alike build`: catalog → items → vectors → index → published snapshot.

use super::progress::{Progress, grouped, say};
use crate::catalog::{self, ReadError, Reader, RowError};
use crate::config::Config;
use crate::engine::{ModelPlace, cores};
use crate::schema::{self, Item, Schema};
use crate::snapshot::{BuildFacts, Collection, Made, Manifest, ModelRef, RecallPoint, SnapshotWriter, Store, Verify};
use alike_embeddings::{Encoder, EncoderSettings};
use alike_indexes::{BuildReport, BuildSettings, Kind, Metric};
use anyhow::{Context, bail};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Items encoded together: enough that length-sorted batches are full, little enough to hold.
const CHUNK: usize = 8_192;
/// As many rejected rows are shown one by one; all of them are written to the snapshot's `rejected.jsonl`.
const SHOWN: u64 = 20;

/// Turn a catalog file into a published snapshot.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    alike build --data store --collection products --input catalog.jsonl \\\n      \
    --id id --embed title,brand,color --filter price,category,brand,rating\n  \
    alike build --data store --collection products --input catalog.parquet    # schema in alike.toml\n  \
    alike build --data store --collection images --input vectors.jsonl.zst --id id --vector embedding\n\n\
    Until the very end nothing that was published before is touched; interrupting is safe at any moment.")]
pub struct Args {
    /// Data directory; created when missing
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Name of the collection
    #[arg(long, value_name = "C")]
    collection: String,
    /// Catalog: .jsonl, .json, .csv, .tsv or .parquet, each also .gz or .zst
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Field with the item's id
    #[arg(long, value_name = "FIELD")]
    id: Option<String>,
    /// Fields to embed, in this order
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', requires = "id")]
    embed: Vec<String>,
    /// Fields that queries may filter on
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', requires = "id")]
    filter: Vec<String>,
    /// Field with a ready vector, instead of --embed
    #[arg(long, value_name = "FIELD", requires = "id", conflicts_with = "embed")]
    vector: Option<String>,
    /// What becomes of a build with a row that can't be used
    #[arg(long, value_enum, default_value_t = OnError::Fail)]
    on_error: OnError,
    /// Similarity of vectors
    #[arg(long, value_enum, default_value_t = MetricName::Cosine)]
    metric: MetricName,
    /// Index kind
    #[arg(long, value_enum, default_value_t = KindName::Hnsw)]
    kind: KindName,
    /// Graph degree (HNSW's M)
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=128))]
    m: u16,
    /// Candidate pool while building (efConstruction)
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(8..=4096))]
    ef_construction: u16,
    /// Print the manifest's summary as one JSON object on the last line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: super::Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnError {
    /// Stop with an error and publish nothing
    Fail,
    /// Leave the row out, report it, and go on
    Skip,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum MetricName {
    Cosine,
    Dot,
    L2,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum KindName {
    Flat,
    Hnsw,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let config = args.common.config()?;
    let data = super::data_dir(args.data.clone(), &config)?;
    let schema = schema(&args, &config)?;
    let reader = catalog::open(&args.input)?;
    let collection = Store::create(&data)?.collection(&args.collection)?;
    let _lock = collection.lock_for_build()?;
    let vectors = Vectors::open(&schema, &args.common.model_place(&config))?;
    let writer = SnapshotWriter::new(&collection, &schema)?;
    let settings = index_settings(&args);
    let mut build = Build {
        schema,
        vectors,
        writer,
        on_error: args.on_error,
        metric: settings.metric,
        lines_by_id: HashMap::new(),
        fields: BTreeSet::new(),
        dimension: None,
        read: 0,
        rejected: 0,
    };
    let encode_seconds = build.read_all(reader)?;
    build.check_rows(&args.input)?;
    let report = build.index(&settings)?;
    let facts = build.facts(&args.input, &settings, &report, encode_seconds);
    let (manifest, id) = build.publish(&collection, &settings, facts)?;
    let opened = collection.open_current(Verify::Full).context("the published snapshot does not verify")?;
    report_published(&collection, &id, &manifest, opened.manifest().bytes(), args.json)
}

fn schema(args: &Args, config: &Config) -> anyhow::Result<Schema> {
    if let Some(id) = &args.id {
        return Ok(schema::from_flags(&args.input, id, &args.embed, &args.filter, args.vector.as_deref())?);
    }
    let Some(schema) = config.collections.get(&args.collection) else {
        bail!(
            "no schema for collection {:?}: give --id and --embed (or --vector), or a [collections.{}] section in alike.toml (`alike schema {}` prints a starting point)",
            args.collection,
            args.collection,
            args.input.display()
        );
    };
    schema.validate()?;
    Ok(schema.clone())
}

fn index_settings(args: &Args) -> BuildSettings {
    let kind = match args.kind {
        KindName::Flat => Kind::Flat,
        KindName::Hnsw => Kind::Hnsw,
    };
    let metric = match args.metric {
        MetricName::Cosine => Metric::Cosine,
        MetricName::Dot => Metric::Dot,
        MetricName::L2 => Metric::L2,
    };
    BuildSettings {
        m: args.m.into(),
        ef_construction: args.ef_construction.into(),
        ..BuildSettings::new(kind, metric)
    }
}

/// Where an item's vector comes from.
enum Vectors {
    Model(Box<Encoder>),
    Own,
}

impl Vectors {
    fn open(schema: &Schema, place: &ModelPlace) -> anyhow::Result<Self> {
        if schema.vector.is_some() {
            return Ok(Self::Own);
        }
        let bundle = place.open_bundle()?;
        let encoder = Encoder::open(&bundle, EncoderSettings::for_bulk(cores()))?;
        say(&format!("model {}", encoder.identity()));
        Ok(Self::Model(Box::new(encoder)))
    }

    fn model(&self) -> Option<ModelRef> {
        match self {
            Self::Model(encoder) => Some(encoder.identity().into()),
            Self::Own => None,
        }
    }
}

struct Build {
    schema: Schema,
    vectors: Vectors,
    writer: SnapshotWriter,
    on_error: OnError,
    /// The line each id came from, to name both lines of a duplicate.
    lines_by_id: HashMap<String, u64>,
    /// All field names seen in documents.
    fields: BTreeSet<String>,
    metric: Metric,
    /// The dimension of own vectors, set by the first.
    dimension: Option<usize>,
    read: u64,
    rejected: u64,
}

impl Build {
    /// Reads, encodes and stores the whole catalog in chunks; returns the seconds it took.
    fn read_all(&mut self, mut reader: Reader) -> anyhow::Result<f64> {
        let progress = Progress::start("encoding", "items");
        let mut chunk = Vec::with_capacity(CHUNK);
        let mut share_before = 0.0;
        loop {
            let more = self.fill(&mut reader, &mut chunk)?;
            let share = reader.bytes_read() as f64 / reader.total_bytes().max(1) as f64;
            self.store(&chunk, &progress, share_before..share)?;
            share_before = share;
            chunk.clear();
            if !more {
                return Ok(progress.finish());
            }
        }
    }

    /// Reads until the chunk is full; false at the end of the catalog.
    fn fill(&mut self, reader: &mut Reader, chunk: &mut Vec<Item>) -> anyhow::Result<bool> {
        while chunk.len() < CHUNK {
            let row = match reader.next() {
                None => return Ok(false),
                Some(Err(ReadError::Fatal(error))) => return Err(error.into()),
                Some(Err(ReadError::Row(error))) => Err(error),
                Some(Ok(row)) => Ok(row),
            };
            self.read += 1;
            match row.and_then(|row| self.check(row)) {
                Ok(item) => chunk.push(item),
                Err(error) => self.reject(&error)?,
            }
        }
        Ok(true)
    }

    fn check(&mut self, row: catalog::Row) -> Result<Item, RowError> {
        let line = row.line;
        for name in row.fields.keys() {
            if Some(name) != self.schema.vector.as_ref() && !self.fields.contains(name) {
                self.fields.insert(name.clone());
            }
        }
        let item = self.schema.item(row)?;
        if let Some(first) = self.lines_by_id.get(&item.id) {
            let reason = format!("{}: id {:?} was used in line {first} already", self.schema.id, item.id);
            return Err(RowError { line, reason });
        }
        self.check_vector(&item).map_err(|reason| RowError { line, reason })?;
        self.lines_by_id.insert(item.id.clone(), line);
        Ok(item)
    }

    fn check_vector(&mut self, item: &Item) -> Result<(), String> {
        let (Some(vector), Some(field)) = (&item.vector, &self.schema.vector) else { return Ok(()) };
        let expected = *self.dimension.get_or_insert(vector.len());
        if vector.len() != expected {
            return Err(format!("{field}: has {} numbers, the first row's vector has {expected}", vector.len()));
        }
        if self.metric == Metric::Cosine && vector.iter().all(|&number| number == 0.0) {
            return Err(format!("{field}: is all zeros: it has no direction to compare by cosine"));
        }
        Ok(())
    }

    fn reject(&mut self, error: &RowError) -> anyhow::Result<()> {
        if self.on_error == OnError::Fail {
            bail!("{error}\nnothing was published; correct the row, or leave such rows out with --on-error skip");
        }
        self.rejected += 1;
        self.writer.reject(error.line, &error.reason)?;
        match self.rejected {
            count if count <= SHOWN => say(&format!("skipped {error}")),
            count if count == SHOWN + 1 => say("skipped more rows; rejected.jsonl in the snapshot lists all"),
            _ => {}
        }
        Ok(())
    }

    fn store(&mut self, chunk: &[Item], progress: &Progress, share: std::ops::Range<f64>) -> anyhow::Result<()> {
        let before = self.writer.rows();
        let advance = |done: usize| {
            let part = done as f64 / chunk.len().max(1) as f64;
            progress.update(before + done as u64, share.start + part * (share.end - share.start));
        };
        match &self.vectors {
            Vectors::Model(encoder) => {
                let texts: Vec<&str> = chunk.iter().map(|item| item.text.as_str()).collect();
                let embeddings = encoder.encode_documents_with(&texts, advance)?;
                for (at, item) in chunk.iter().enumerate() {
                    self.writer.push(item, embeddings.row(at))?;
                }
            }
            Vectors::Own => {
                for item in chunk {
                    self.writer.push(item, item.vector.as_deref().unwrap_or_default())?;
                }
                advance(chunk.len());
            }
        }
        Ok(())
    }

    fn check_rows(&self, input: &Path) -> anyhow::Result<()> {
        if self.writer.rows() > 0 {
            return Ok(());
        }
        match self.rejected {
            0 => bail!("{} has no rows; nothing was published", input.display()),
            count => bail!("{}: none of {count} rows can be used; nothing was published", input.display()),
        }
    }

    fn index(&mut self, settings: &BuildSettings) -> anyhow::Result<BuildReport> {
        let progress = Progress::start("indexing", "steps");
        let report = self.writer.build_index(settings, &|step| {
            progress.update(step.done, step.done as f64 / step.total.max(1) as f64);
        })?;
        progress.finish();
        Ok(report)
    }

    fn facts(&self, input: &Path, settings: &BuildSettings, report: &BuildReport, encode_seconds: f64) -> BuildFacts {
        let measured = report.calibration.iter();
        let recall = measured.map(|at| RecallPoint { beam: at.beam.into(), recall: at.recall }).collect();
        BuildFacts {
            input: input.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            rows_read: self.read,
            rows_rejected: self.rejected,
            m: settings.m as u64,
            ef_construction: settings.ef_construction as u64,
            held_out: report.held_out as u64,
            recall_target: settings.recall_target,
            beam: report.beam as u64,
            recall_at_10: report.recall,
            recall,
            encode_seconds,
            index_seconds: report.seconds,
        }
    }

    fn publish(
        self,
        collection: &Collection,
        settings: &BuildSettings,
        build: BuildFacts,
    ) -> anyhow::Result<(Manifest, String)> {
        let model = self.vectors.model();
        let dimension = match &self.vectors {
            Vectors::Model(encoder) => encoder.dimension(),
            Vectors::Own => self.dimension.unwrap_or(0),
        };
        let manifest = Manifest::new(
            collection.name(),
            Made {
                schema: self.schema,
                document_fields: self.fields.into_iter().collect(),
                model,
                metric: settings.metric,
                dimension,
                index: settings.kind,
            },
            build,
        );
        let id = self.writer.publish(collection, manifest.clone())?;
        Ok((manifest, id))
    }
}

fn report_published(
    collection: &Collection,
    id: &str,
    manifest: &Manifest,
    bytes: u64,
    json: bool,
) -> anyhow::Result<()> {
    let build = &manifest.build;
    let items = build.rows_read - build.rows_rejected;
    let recall = match build.recall_at_10 {
        Some(recall) => format!("recall@10 {recall:.4}"),
        None => "recall not measured: too few items".to_owned(),
    };
    say(&format!(
        "published {} items of collection {} as snapshot {id} ({:.1} MB, {recall}, beam {}, {} rows rejected)",
        grouped(items),
        collection.name(),
        bytes as f64 / 1e6,
        build.beam,
        build.rows_rejected,
    ));
    if json {
        let summary = serde_json::json!({
            "collection": collection.name(), "snapshot": id, "items": items, "rows_read": build.rows_read,
            "rows_rejected": build.rows_rejected, "bytes": bytes, "beam": build.beam,
            "recall@10": build.recall_at_10, "encode_s": build.encode_seconds, "index_s": build.index_seconds,
        });
        super::print_line(&summary.to_string())?;
    }
    Ok(())
}
