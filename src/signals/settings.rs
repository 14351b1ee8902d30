//! How much is kept of events.

use super::types::Types;

/// What is accepted, and what is held in memory of it per collection. Every bound is kept at all times; what goes first
/// beyond it is said where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Types of events and their weights.
    pub types: Types,
    /// Events that are remembered to recognize those that are sent again (about 20 bytes each); the latest half of them
    /// at least.
    pub dedup_events: usize,
    /// More events waiting to be written than this are refused.
    pub queue_events: usize,
    /// Users (about 60 bytes each, and 16 per item); those who were away for long go first, and those who came once.
    pub users: usize,
    /// Items per user: the latest.
    pub user_items: usize,
    /// Visits (about 60 bytes each, and 28 per item); the oldest go first.
    pub sessions: usize,
    /// Baskets (as visits).
    pub baskets: usize,
    /// Segments with charts of their own (up to 4 MiB each).
    pub segments: usize,
    /// Events of items that are not in the collection; they count when the items come. The oldest go first.
    pub unknown_events: usize,
    /// Items that anything is known of (about 150 bytes each); events of further ones do not count.
    pub items: usize,
    /// Bytes after which the log goes on in a new file.
    pub segment_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            types: Types::default(),
            dedup_events: 2_000_000,
            queue_events: 100_000,
            users: 2_000_000,
            user_items: 64,
            sessions: 2_000_000,
            baskets: 2_000_000,
            segments: 64,
            unknown_events: 100_000,
            items: 4_000_000,
            segment_bytes: 64 << 20,
        }
    }
}
