//! Golden answers of a model that was just brought here: what its plain graph says now, it has to say wherever the
//! bundle is loaded later.

use super::error::{PullError, file_error};
use alike_embeddings::{
    Device, Encoder, EncoderSettings, Golden, Input, Lane, ModelBundle, ModelSettings, Prefix, Reranker,
    Task, Variant,
};
use std::path::Path;

/// A query, a title, a description, and letters beyond ASCII. `scripts/export_onnx.py` has the same.
const TEXTS: [&str; 4] = [
    "wireless headphones for running",
    "Waterproof Hiking Boots, brown leather, size 42",
    "Keeps coffee hot for six hours and tea cold for twelve. Double-walled stainless steel, a lid that does not leak in a \
     bag, dishwasher safe; fits the cup holders of most cars and bicycles. 450 ml, also in dark green.",
    "Crème brûlée – 東京 naïve café, 5 €",
];

/// For rerankers: a pair that fits, one that doesn't, one in between; positions in [`TEXTS`].
const PAIRS: [(&str, usize); 3] = [
    ("mug that keeps coffee warm on the way to work", 2),
    ("wireless headphones for running", 1),
    ("shoes for wet mountains", 1),
];

/// Writes `model.toml` into the bundle's folder, then again with the answers of the graph.
pub(super) fn write_settings(folder: &Path, mut settings: ModelSettings) -> Result<ModelBundle, PullError> {
    write(folder, &settings)?;
    let bundle = ModelBundle::open(folder)?;
    settings.golden = match settings.task {
        Task::Embed => vectors(&bundle)?,
        Task::Rerank => scores(&bundle)?,
    };
    write(folder, &settings)?;
    Ok(ModelBundle::open(folder)?)
}

/// The plain graph on one session.
fn plain() -> EncoderSettings {
    EncoderSettings {
        variant: Some(Variant::Plain),
        device: Device::Cpu,
        ..EncoderSettings::for_queries(crate::engine::cores())
    }
}

fn scores(bundle: &ModelBundle) -> Result<Vec<Golden>, PullError> {
    let reranker = Reranker::open(bundle, plain())?;
    let answer = |(query, text): (&str, usize)| {
        let text = TEXTS[text];
        Ok(Golden {
            query: Some(query.to_owned()),
            text: text.to_owned(),
            vector: reranker.score(query, &[text])?.into_iter().map(rounded).collect(),
        })
    };
    PAIRS.into_iter().map(answer).collect()
}

fn vectors(bundle: &ModelBundle) -> Result<Vec<Golden>, PullError> {
    let encoder = Encoder::open(bundle, plain())?;
    let answer = |text: &str| {
        let encoded = encoder.encode(&[Input::Text(text)], Prefix::None, Lane::Queries)?;
        Ok(Golden {
            query: None,
            text: text.to_owned(),
            vector: encoded.vectors.row(0).iter().copied().map(rounded).collect(),
        })
    };
    TEXTS.into_iter().map(answer).collect()
}

/// Six decimals: far finer than the agreement that is asked for.
fn rounded(value: f32) -> f32 {
    let text = format!("{value:.6}");
    text.parse().unwrap_or(value)
}

fn write(folder: &Path, settings: &ModelSettings) -> Result<(), PullError> {
    let path = folder.join("model.toml");
    let text = settings.to_toml().map_err(|error| PullError::BadFile {
        origin: settings.name.clone(),
        file: "model.toml".to_owned(),
        reason: error.to_string(),
    })?;
    std::fs::write(&path, text).map_err(file_error(&path, "can't be written"))
}
