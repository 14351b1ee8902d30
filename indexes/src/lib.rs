//! Vectors in, row ids and scores out.
