//! The vectors of a part: a block in memory, or a graph in a file of its own.

use alike_indexes::{Block, Index, IndexError, Metric, RowSet, VectorsView};
use tempfile::TempPath;

/// The vectors of a part.
pub(super) enum Vectors {
    /// In memory, compared row by row.
    Block(Box<Block>),
    /// In a file that goes when nobody uses it any more.
    Sealed { index: Box<dyn Index>, _file: TempPath },
}

impl Vectors {
    pub(super) fn index(&self) -> &dyn Index {
        match self {
            Self::Block(block) => block.as_ref(),
            Self::Sealed { index, .. } => index.as_ref(),
        }
    }

    /// Bytes that stay in memory.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Block(block) => block.bytes() as usize,
            Self::Sealed { index, .. } => index.hot_bytes() as usize,
        }
    }

    pub(super) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed { .. })
    }
}

/// A block of vectors, one after the other.
pub(super) fn block<'a>(
    vectors: impl Iterator<Item = &'a [f32]>,
    dimension: usize,
    metric: Metric,
) -> Result<Block, IndexError> {
    let mut values = Vec::with_capacity(vectors.size_hint().0 * dimension);
    vectors.for_each(|vector| values.extend_from_slice(vector));
    Block::new(VectorsView::new(&values, dimension)?, metric)
}

/// Whether an item can have this vector.
pub(super) fn check(vector: &[f32], dimension: usize, metric: Metric) -> Result<(), IndexError> {
    if vector.len() != dimension {
        return Err(IndexError::Dimension {
            field: "vector",
            found: vector.len(),
            expected: dimension,
        });
    }
    Block::new(VectorsView::new(vector, dimension)?, metric).map(|_| ())
}

/// The rows of several sources that are alive, as one block; blocks are merged without quantizing again.
pub(super) fn merge(
    sources: &[(&Vectors, Option<&RowSet>)],
    dimension: usize,
    metric: Metric,
) -> Result<Block, IndexError> {
    let blocks: Option<Vec<(&Block, Option<&RowSet>)>> = sources
        .iter()
        .map(|(vectors, alive)| match vectors {
            Vectors::Block(block) => Some((&**block, *alive)),
            Vectors::Sealed { .. } => None,
        })
        .collect();
    match blocks {
        Some(blocks) => Block::merge(&blocks),
        None => block(
            sources
                .iter()
                .flat_map(|&(vectors, alive)| rows_of(vectors.index(), alive)),
            dimension,
            metric,
        ),
    }
}

/// The vectors of an index that are alive, in order.
pub(super) fn rows_of<'a>(
    index: &'a dyn Index,
    alive: Option<&'a RowSet>,
) -> impl Iterator<Item = &'a [f32]> {
    let rows = (0..index.len() as u32).map(alike_indexes::RowId);
    rows.filter(move |&row| alive.is_none_or(|alive| alive.contains(row)))
        .filter_map(|row| index.vector(row))
}
