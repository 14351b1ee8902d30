//! Scanning the codes of a block.

use super::Block;
use super::codes::BlockCodes;
use crate::row::{Neighbor, RowId};
use crate::row_set::RowSet;
use crate::search::{Plan, Report, Scratch};

/// Rows scored per kernel call.
const SCANNED: usize = 256;

impl Block {
    /// Answers the query that the scratch took in, for `k` up to the number of admitted rows. A row may be among the
    /// nearest unless the least that its distance may be is above the most that those of `k` others may be.
    pub(super) fn scan_codes(
        &self,
        codes: &BlockCodes,
        k: usize,
        filter: Option<&RowSet>,
        scratch: &mut Scratch,
    ) -> Report {
        codes
            .quantizer
            .code_query(scratch.query.as_slice(), &mut scratch.walk.query);
        let scanned = match filter {
            Some(filter) => self.preselect(codes, k, filter.iter().map(|row| row.0), scratch),
            None => self.preselect(codes, k, 0..self.description.rows as u32, scratch),
        };
        let compared = self.rank(k, scratch);
        let space = self.space();
        Report {
            plan: Plan::Scan,
            beam: 0,
            hops: 0,
            distances: scanned + compared,
            bytes: scanned * codes.codes(self.kernels).row_bytes() + compared * space.row_bytes(),
            partial: false,
        }
    }

    /// Puts the rows that may be among the nearest into the batch; gives how many were looked at.
    fn preselect(
        &self,
        codes: &BlockCodes,
        k: usize,
        mut rows: impl Iterator<Item = u32>,
        scratch: &mut Scratch,
    ) -> u64 {
        let Scratch { walk, batch, top, .. } = scratch;
        let (table, bounds) = (
            codes.codes(self.kernels),
            codes.bounds(&walk.query, self.description.dimension),
        );
        let mut scanned = 0;
        // The best `k` by the most that their distances may be, and the worst of those.
        top.reset(k);
        let mut most = if k == 0 { f32::NEG_INFINITY } else { f32::INFINITY };
        walk.near.clear();
        loop {
            batch.ids.clear();
            batch.ids.extend(rows.by_ref().take(SCANNED));
            if batch.ids.is_empty() {
                break;
            }
            scanned += batch.ids.len() as u64;
            table.score(&walk.query, &batch.ids, &mut walk.scores);
            for (&row, &estimate) in batch.ids.iter().zip(&walk.scores.distances) {
                let error = bounds.of(codes.errors[row as usize]);
                if estimate - error > most {
                    continue;
                }
                walk.near.push((row, estimate - error));
                top.offer(Neighbor {
                    row: RowId(row),
                    score: -(estimate + error),
                });
                most = top.worst().map_or(most, |worst| -worst.score);
            }
        }
        let near = walk.near.iter().filter(|(_, least)| *least <= most);
        batch.ids.extend(near.map(|(row, _)| *row));
        scanned
    }

    /// Compares the rows in the batch in full; gives how many there were.
    fn rank(&self, k: usize, scratch: &mut Scratch) -> u64 {
        let Scratch {
            query,
            batch,
            top,
            neighbors,
            ..
        } = scratch;
        top.reset(k);
        for (row, distance) in batch.score(&self.space(), query.as_slice()) {
            top.offer(Neighbor {
                row: RowId(row),
                score: -distance,
            });
        }
        top.drain_into(neighbors);
        batch.ids.len() as u64
    }
}
