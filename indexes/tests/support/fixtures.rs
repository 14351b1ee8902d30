//! The committed index files in `tests/fixtures/`, one per version and kind, and how those of this version are written.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses its own part; a failed expectation stops the test, in its helpers too"
)]

use std::path::{Path, PathBuf};
use std::sync::Once;

use alike_indexes::{BuildSettings, CodeBits, Kind, Metric, VectorsView};

use super::{Random, clustered};

/// Whether recorded files are written anew instead of being compared with: `ALIKE_OVERWRITE=1`.
pub fn overwrite() -> bool {
    std::env::var_os("ALIKE_OVERWRITE").is_some_and(|value| value == "1")
}

/// The place of a recorded file.
pub fn beside(folder: &str, name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    tests.join(folder).join(name)
}

/// How a fixture of this version is made.
#[derive(Debug, Clone, Copy)]
pub struct Recipe {
    pub name: &'static str,
    pub kind: Kind,
    pub metric: Metric,
    pub codes: Option<CodeBits>,
    pub rows: usize,
    pub dimension: usize,
}

/// Written by earlier versions: never again.
pub const OLDER: [&str; 2] = ["v1-flat", "v1-hnsw"];

/// 8 dimensions make one odd block of 4-bit codes; 130 make a whole and an odd one, and a rotation in two places.
pub const RECIPES: [Recipe; 6] = [
    recipe("v2-flat", Kind::Flat, Metric::Cosine, None, (200, 8)),
    recipe("v2-hnsw", Kind::Hnsw, Metric::Cosine, None, (400, 8)),
    recipe(
        "v2-graph-cosine-4",
        Kind::Graph,
        Metric::Cosine,
        Some(CodeBits::Four),
        (400, 8),
    ),
    recipe(
        "v2-graph-cosine-8",
        Kind::Graph,
        Metric::Cosine,
        Some(CodeBits::Eight),
        (400, 8),
    ),
    recipe(
        "v2-graph-l2-4",
        Kind::Graph,
        Metric::L2,
        Some(CodeBits::Four),
        (200, 130),
    ),
    recipe(
        "v2-graph-l2-8",
        Kind::Graph,
        Metric::L2,
        Some(CodeBits::Eight),
        (200, 130),
    ),
];

const fn recipe(
    name: &'static str,
    kind: Kind,
    metric: Metric,
    codes: Option<CodeBits>,
    (rows, dimension): (usize, usize),
) -> Recipe {
    Recipe {
        name,
        kind,
        metric,
        codes,
        rows,
        dimension,
    }
}

impl Recipe {
    /// Clusters, with a tenth of the rows repeated elsewhere.
    pub fn vectors(&self) -> Vec<f32> {
        let (rows, dimension) = (self.rows, self.dimension);
        let mut values = clustered(rows, dimension, 12, 41, 1);
        let mut random = Random(5);
        for _ in 0..rows / 10 {
            let mut row = || random.next() as usize % rows * dimension;
            let (from, to) = (row(), row());
            values.copy_within(from..from + dimension, to);
        }
        values
    }

    fn write(&self, path: &Path) {
        let settings = BuildSettings {
            m: 4,
            ef_construction: 60,
            codes: self.codes,
            // One thread: kind hnsw inserts in another order otherwise.
            threads: Some(1),
            ..BuildSettings::new(self.kind, self.metric)
        };
        let vectors = self.vectors();
        let vectors = VectorsView::new(&vectors, self.dimension).unwrap();
        alike_indexes::build(vectors, &settings, &|_| (), path).unwrap();
    }
}

/// The file of a fixture; with the overwrite switch those of this version are written first.
pub fn fixture(name: &str) -> PathBuf {
    static WRITTEN: Once = Once::new();
    let file = |name: &str| beside("fixtures", &format!("{name}.alike"));
    WRITTEN.call_once(|| {
        if overwrite() {
            RECIPES.iter().for_each(|recipe| recipe.write(&file(recipe.name)));
        }
    });
    file(name)
}

/// All of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    OLDER.into_iter().chain(RECIPES.map(|recipe| recipe.name))
}

/// An entry of the section table.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    pub tag: u32,
    pub start: usize,
    pub end: usize,
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The section table (`FORMAT.md`), in file order.
pub fn sections(bytes: &[u8]) -> Vec<Section> {
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let entries = (0..u32_at(bytes, 16) as usize).map(|entry| 64 + 48 * entry);
    entries
        .map(|at| Section {
            tag: u32_at(bytes, at),
            start: u64_at(at + 8),
            end: u64_at(at + 8) + u64_at(at + 16),
        })
        .collect()
}

/// Makes every checksum that of the content, so that only what the content means can be wrong.
pub fn sign(bytes: &mut [u8]) {
    let sections = sections(bytes);
    for (entry, section) in sections.iter().enumerate() {
        let sum = blake3::hash(&bytes[section.start..section.end]);
        let at = 64 + 48 * entry + 24;
        bytes[at..at + 16].copy_from_slice(&sum.as_bytes()[..16]);
    }
    bytes[32..48].fill(0);
    let sum = blake3::hash(&bytes[..64 + 48 * sections.len()]);
    bytes[32..48].copy_from_slice(&sum.as_bytes()[..16]);
}
