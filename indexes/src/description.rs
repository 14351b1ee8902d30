//! What an index file says about itself: shape, settings, and the recall measured when it was built.

use serde::Serialize;

use crate::error::IndexError;
use crate::file::MappedFile;
use crate::index::Kind;
use crate::metric::Metric;
use crate::search::{Effort, Request};
use crate::vectors::{MAX_DIMENSION, MAX_ROWS, VectorsView, stride_of};

/// Recall@10 and cost at one setting, measured on held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BeamRecall {
    /// Candidates kept during the walk, at most.
    pub beam: u32,
    /// Share of the true ten nearest rows that were found, 0 to 1.
    pub recall: f32,
    /// How much farther than the k-th nearest a candidate may be to be followed, as a share of the k-th's own distance;
    /// `None` where only the beam limits a walk.
    pub slack: Option<f32>,
    /// Distances computed per query, on average; 0 where that was not counted.
    pub distances: f32,
}

/// What an index file says about itself. Written by the build, checked against its checksum when the file is opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Kind of index.
    pub kind: Kind,
    /// How vectors are compared.
    pub metric: Metric,
    /// Values per vector.
    pub dimension: usize,
    /// Number of rows.
    pub rows: usize,
    /// Graph: links per node and layer (twice as many at level 0); 0 for a flat index.
    pub m: u32,
    /// Graph: candidates kept while building.
    pub ef_construction: u32,
    /// Kind `faiss`: the index type as a factory string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factory: Option<String>,
    /// Beam of a request that names none.
    pub beam: u32,
    /// The recall@10 that `beam` was chosen for.
    pub recall_target: f32,
    /// Rows that were held out to measure recall.
    pub held_out: u32,
    /// Rows whose vector an earlier row has too.
    pub duplicates: u32,
    /// Recall per beam, beams ascending. Empty when there were too few rows to hold any out.
    pub calibration: Vec<BeamRecall>,
    /// Nodes per upper layer of the graph, from layer 1 upwards.
    pub(crate) layers: Vec<u32>,
    /// Row where a walk at level 0 starts if there are no upper layers.
    pub(crate) entry: u32,
    /// Kind graph: bits per dimension of the codes that a walk compares, 4 or 8; otherwise 0.
    pub code_bits: u32,
    /// Kind graph: root mean square error of a distance between neighbors estimated from codes, per unit of the query's
    /// length.
    pub code_error: f32,
    /// Kind graph: the same between any two rows.
    pub far_error: f32,
    /// Kind graph: length of the longest vector.
    pub(crate) longest: f32,
    /// Kind graph: number of rows where walks start.
    pub(crate) entries: u32,
}

/// What limits a walk, and what it is expected to take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Effect {
    pub(crate) beam: usize,
    pub(crate) slack: f32,
    /// Distances computed per query; 0 where that was not measured.
    pub(crate) distances: f32,
}

impl Effect {
    fn of_beam(beam: usize) -> Self {
        Self {
            beam,
            slack: f32::INFINITY,
            distances: 0.0,
        }
    }
}

/// The most layers that a file may have, and the most beams.
const MAX_LAYERS: usize = 32;
const MAX_BEAMS: usize = 256;

impl Description {
    /// That of an index of which nothing was measured.
    pub(crate) fn plain(kind: Kind, metric: Metric, dimension: usize, rows: usize) -> Self {
        Self {
            kind,
            metric,
            dimension,
            rows,
            m: 0,
            ef_construction: 0,
            factory: None,
            beam: 0,
            recall_target: 1.0,
            held_out: 0,
            duplicates: 0,
            calibration: Vec::new(),
            layers: Vec::new(),
            entry: 0,
            code_bits: 0,
            code_error: 0.0,
            far_error: 0.0,
            longest: 0.0,
            entries: 0,
        }
    }

    /// Values per stored row.
    pub(crate) fn stride(&self) -> usize {
        stride_of(self.dimension)
    }

    /// Recall measured at the default beam, if any was.
    #[must_use]
    pub fn recall(&self) -> Option<f32> {
        let setting = self.setting_for(self.recall_target)?;
        (setting.beam == self.beam).then_some(setting.recall)
    }

    /// The cheapest measured setting whose recall reaches `recall`, else the one that found most; `None` where nothing
    /// was measured. Settings with a slack go first: they adapt to queries unlike the rows that were measured.
    #[must_use]
    pub fn setting_for(&self, recall: f32) -> Option<BeamRecall> {
        let slack = self.calibration.iter().any(|entry| entry.slack.is_some());
        let usable = || {
            self.calibration
                .iter()
                .filter(|entry| entry.slack.is_some() == slack)
        };
        let reached = usable().filter(|entry| entry.recall >= recall);
        let cheapest = reached.min_by(|a, b| a.distances.total_cmp(&b.distances));
        // `max_by` gives the last of equals; the first one is the cheapest.
        let most = || {
            let settings = usable().rev();
            settings.max_by(|a, b| a.recall.total_cmp(&b.recall))
        };
        cheapest.or_else(most).copied()
    }

    /// What a walk for this effort is limited by; `None` asks for an exact answer.
    pub(crate) fn effect_of(&self, effort: Effort) -> Option<Effect> {
        let recall = match effort {
            Effort::Exact => return None,
            Effort::Recall(recall) if recall >= 1.0 => return None,
            Effort::Recall(recall) => recall,
            Effort::Default => self.recall_target,
            Effort::Beam(beam) => return Some(Effect::of_beam(beam)),
        };
        Some(match self.setting_for(recall) {
            Some(setting) => Effect {
                beam: setting.beam as usize,
                slack: setting.slack.unwrap_or(f32::INFINITY),
                distances: setting.distances,
            },
            None => Effect::of_beam(self.beam as usize),
        })
    }

    /// How many candidates a walk keeps for this effort; `None` asks for an exact answer.
    #[must_use]
    pub fn beam_for(&self, effort: Effort) -> Option<usize> {
        match effort {
            Effort::Exact => None,
            Effort::Recall(recall) if recall >= 1.0 => None,
            Effort::Recall(recall) => {
                let setting = self.setting_for(recall);
                Some(setting.map_or(self.beam, |setting| setting.beam) as usize)
            }
            Effort::Beam(beam) => Some(beam),
            Effort::Default => Some(self.beam as usize),
        }
    }

    /// Whether queries of this dimension can be asked with this request; `field` is what they are called.
    pub(crate) fn check_query(
        &self,
        field: &'static str,
        dimension: usize,
        request: &Request<'_>,
    ) -> Result<(), IndexError> {
        if dimension != self.dimension {
            return Err(IndexError::Dimension {
                field,
                found: dimension,
                expected: self.dimension,
            });
        }
        match request.filter {
            Some(filter) if filter.len() != self.rows => Err(IndexError::FilterLength {
                found: filter.len(),
                expected: self.rows,
            }),
            _ => Ok(()),
        }
    }

    /// As [`Self::check_query`], for a batch.
    pub(crate) fn check_batch(
        &self,
        queries: VectorsView<'_>,
        request: &Request<'_>,
    ) -> Result<(), IndexError> {
        self.check_query("queries", queries.dimension(), request)
    }

    /// As bytes; see `FORMAT.md`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let words = [
            self.metric.code(),
            self.dimension as u32,
            self.rows as u32,
            self.m,
            self.ef_construction,
            self.beam,
            self.recall_target.to_bits(),
            self.held_out,
            self.duplicates,
            self.entry,
            self.layers.len() as u32,
            self.calibration.len() as u32,
            self.code_bits,
            self.code_error.to_bits(),
            self.far_error.to_bits(),
            self.longest.to_bits(),
            self.entries,
        ];
        let layers = self.layers.iter().copied();
        let calibration = self.calibration.iter().flat_map(|entry| {
            let slack = entry.slack.unwrap_or(f32::INFINITY);
            [
                entry.beam,
                entry.recall.to_bits(),
                slack.to_bits(),
                entry.distances.to_bits(),
            ]
        });
        words
            .into_iter()
            .chain(layers)
            .chain(calibration)
            .flat_map(u32::to_le_bytes)
            .collect()
    }

    /// From a file whose kind is known.
    pub(crate) fn decode(kind: Kind, file: &MappedFile, bytes: &[u8]) -> Result<Self, IndexError> {
        let mut words = Words { file, rest: bytes };
        let metric = words.next("metric", 3)?;
        let dimension = words.next("dimension", MAX_DIMENSION as u32)? as usize;
        let rows = words.next("rows", MAX_ROWS as u32)? as usize;
        let mut description = Self {
            kind,
            metric: Metric::from_code(metric).ok_or_else(|| words.wrong("metric", metric, "1 to 3"))?,
            dimension,
            rows,
            m: words.next("m", 1 << 16)?,
            ef_construction: words.next("ef_construction", u32::MAX)?,
            factory: None,
            beam: words.next("beam", u32::MAX)?,
            recall_target: words.number("recall target")?,
            held_out: words.next("held-out rows", rows as u32)?,
            duplicates: words.next("duplicates", rows as u32)?,
            entry: words.next("entry", (rows as u32).saturating_sub(1))?,
            layers: Vec::new(),
            calibration: Vec::new(),
            code_bits: 0,
            code_error: 0.0,
            far_error: 0.0,
            longest: 0.0,
            entries: 0,
        };
        if dimension == 0 {
            return Err(words.wrong("dimension", 0, "at least 1"));
        }
        let layers = words.next("layer count", MAX_LAYERS as u32)?;
        let beams = words.next("beam count", MAX_BEAMS as u32)?;
        if file.version() > 1 {
            description.code_bits = words.next("code bits", 8)?;
            description.code_error = words.number("code error")?;
            description.far_error = words.number("far error")?;
            description.longest = words.number("longest vector")?;
            description.entries = words.next("entry count", rows as u32)?;
        }
        description.layers = (0..layers)
            .map(|_| words.next("layer", rows as u32))
            .collect::<Result<_, _>>()?;
        description.calibration = (0..beams).map(|_| words.beam()).collect::<Result<_, _>>()?;
        words.end()?;
        Ok(description)
    }
}

/// Reads little-endian words one after the other.
struct Words<'a> {
    file: &'a MappedFile,
    rest: &'a [u8],
}

impl Words<'_> {
    fn wrong(&self, field: &str, found: impl std::fmt::Display, expected: &str) -> IndexError {
        self.file
            .damaged(format!("section description, {field}"), found, expected)
    }

    fn next(&mut self, field: &str, max: u32) -> Result<u32, IndexError> {
        let Some((word, rest)) = self.rest.split_first_chunk::<4>() else {
            return Err(self.wrong(field, "the section's end", "a number"));
        };
        self.rest = rest;
        let word = u32::from_le_bytes(*word);
        if word > max {
            Err(self.wrong(field, word, &format!("at most {max}")))
        } else {
            Ok(word)
        }
    }

    fn number(&mut self, field: &str) -> Result<f32, IndexError> {
        self.next(field, u32::MAX).map(f32::from_bits)
    }

    fn beam(&mut self) -> Result<BeamRecall, IndexError> {
        let beam = self.next("beam", u32::MAX)?;
        let recall = self.number("recall")?;
        if self.file.version() == 1 {
            return Ok(BeamRecall {
                beam,
                recall,
                slack: None,
                distances: 0.0,
            });
        }
        let slack = self.number("slack")?;
        Ok(BeamRecall {
            beam,
            recall,
            slack: slack.is_finite().then_some(slack),
            distances: self.number("distances")?,
        })
    }

    fn end(&self) -> Result<(), IndexError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.wrong("end", format!("{} more bytes", self.rest.len()), "none"))
        }
    }
}
