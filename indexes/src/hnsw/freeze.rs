//! Taking the graph out of `hnsw_rs` into flat arrays.
//!
//! Level 0: `2 * m` links per row, nearest first, [`NO_ROW`] behind them. Each upper layer, from layer 1 up: its rows
//! ascending, then for each the place of the same node one layer below (layer 1: its row number), then `m` links per
//! node as places within the layer.

use hnsw_rs::hnsw::Neighbour;

use super::graph::Graph;
use super::insert::GraphBuilder;
use crate::prepare::NO_ROW;

/// A graph as it goes into the file.
#[derive(Debug, Default)]
pub(super) struct Frozen {
    pub(super) m: usize,
    pub(super) links: Vec<u32>,
    pub(super) layers: Vec<u32>,
    pub(super) counts: Vec<u32>,
    pub(super) entry: u32,
}

/// Nodes of one upper layer, ascending, with the rows they link to.
type Layer = Vec<(u32, Vec<u32>)>;

impl Frozen {
    /// A graph over no node, for `rows` rows.
    pub(super) fn empty(rows: usize, m: usize) -> Self {
        Self {
            m,
            links: vec![NO_ROW; rows * 2 * m],
            ..Self::default()
        }
    }

    /// Copies the links out of `builder`, over `rows` rows of which those not inserted stay without links.
    pub(super) fn of(builder: &GraphBuilder<'_>, rows: usize, m: usize) -> Self {
        let points = builder.hnsw.get_point_indexation();
        let mut levels = vec![0_u8; rows];
        for point in points {
            levels[point.get_origin_id()] = point.get_point_id().0;
        }
        let mut frozen = Self::empty(rows, m);
        let mut layers: Vec<Layer> = vec![Layer::new(); points.get_max_level_observed().into()];
        for point in points {
            let row = point.get_origin_id();
            let lists = point.get_neighborhood_id();
            let own = usize::from(levels[row]);
            for (level, list) in lists.iter().enumerate().take(own + 1) {
                // A list may hold the node itself, or nodes that do not reach this level; neither is a link.
                let links = targets(list, row).filter(|&to| usize::from(levels[to as usize]) >= level);
                match level.checked_sub(1).and_then(|upper| layers.get_mut(upper)) {
                    Some(layer) => layer.push((row as u32, links.take(m).collect())),
                    None => frozen.links[row * 2 * m..(row + 1) * 2 * m]
                        .iter_mut()
                        .zip(links)
                        .for_each(|(to, link)| *to = link),
                }
            }
        }
        let top = layers
            .last()
            .and_then(|layer| layer.iter().map(|node| node.0).min());
        frozen.entry = top
            .or_else(|| {
                points
                    .into_iter()
                    .next()
                    .map(|point| point.get_origin_id() as u32)
            })
            .unwrap_or(0);
        frozen.flatten(layers);
        frozen
    }

    fn flatten(&mut self, mut layers: Vec<Layer>) {
        layers.iter_mut().for_each(|layer| layer.sort_unstable());
        let mut below: Option<&Layer> = None;
        for layer in &layers {
            let place =
                |nodes: &Layer, row: u32| nodes.binary_search_by_key(&row, |node| node.0).unwrap_or(0) as u32;
            self.counts.push(layer.len() as u32);
            self.layers.extend(layer.iter().map(|node| node.0));
            self.layers.extend(
                layer
                    .iter()
                    .map(|node| below.map_or(node.0, |below| place(below, node.0))),
            );
            for (_, links) in layer {
                let end = self.layers.len() + self.m;
                self.layers.extend(links.iter().map(|&row| place(layer, row)));
                self.layers.resize(end, NO_ROW);
            }
            below = Some(layer);
        }
    }

    /// The graph, to walk; `next` chains rows with equal vectors.
    pub(super) fn graph<'a>(&'a self, next: &'a [u32]) -> Graph<'a> {
        Graph {
            m: self.m,
            links: &self.links,
            layers: &self.layers,
            counts: &self.counts,
            entry: self.entry,
            next,
        }
    }
}

fn targets(list: &[Neighbour], row: usize) -> impl Iterator<Item = u32> {
    list.iter()
        .map(Neighbour::get_origin_id)
        .filter(move |&to| to != row)
        .map(|to| to as u32)
}
