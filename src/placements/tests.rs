//! Tests of placements.
