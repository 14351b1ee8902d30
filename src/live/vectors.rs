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

/// The rows of several sources that are alive, as one block. Vectors and codes are copied, so that scores stay the same to
/// the last bit.
pub(super) fn merge(sources: &[(&Vectors, Option<&RowSet>)]) -> Result<Block, IndexError> {
    let copy = |&(vectors, alive): &(&Vectors, Option<&RowSet>)| match vectors {
        Vectors::Block(_) => Ok(None),
        Vectors::Sealed { index, .. } => Block::copy_of(index.as_ref(), alive).map(Some),
    };
    let copies: Vec<Option<Block>> = sources.iter().map(copy).collect::<Result<_, _>>()?;
    let parts: Vec<(&Block, Option<&RowSet>)> = sources
        .iter()
        .zip(&copies)
        .filter_map(|(&(vectors, alive), copy)| match (vectors, copy) {
            (Vectors::Block(block), _) => Some((&**block, alive)),
            (Vectors::Sealed { .. }, copy) => copy.as_ref().map(|copy| (copy, None)),
        })
        .collect();
    Block::merge(&parts)
}
