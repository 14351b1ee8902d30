//! Long random sequences, with any run of parts sealed at any moment.

use super::support::{base, put, update};
use super::{delete, ids};
use crate::live::seal::Sealed;
use crate::live::{Asked, Live, Step};
use crate::log::Position;
use alike_indexes::{Effort, Scratch};
use std::collections::BTreeMap;
use tempfile::TempDir;

const BASE: usize = 40;
const IDS: usize = 700;

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// The number in a document, that in its vector, the order and the version.
type Known = (i32, i32, (u8, u64), u64);

/// What should be there, by id.
#[derive(Default, Clone)]
struct Oracle(BTreeMap<String, Known>);

impl Oracle {
    fn new() -> Self {
        let item = |n: usize| (format!("b{n}"), (n as i32, n as i32, (0, n as u64), 0));
        Self((0..BASE).map(item).collect())
    }

    fn step(&mut self, position: u64, numbers: &mut Numbers) -> Step {
        let (n, number) = (numbers.below(IDS), numbers.below(1_000) as i32);
        let id = if n < BASE {
            format!("b{n}")
        } else {
            format!("n{n}")
        };
        match numbers.below(10) {
            0..5 => {
                self.0
                    .insert(id.clone(), (number, number, (1, position), position));
                put(&id, number)
            }
            5..8 => {
                if let Some((document, _, order, version)) = self.0.get_mut(&id) {
                    (*document, *version) = (number, position);
                    if order.0 == 1 {
                        order.1 = position;
                    }
                }
                update(&id, number)
            }
            _ => {
                self.0.remove(&id);
                delete(&id)
            }
        }
    }

    fn check(&self, live: &Live) {
        let mut expected: Vec<(&String, &Known)> = self.0.iter().collect();
        expected.sort_by_key(|(_, item)| item.2);
        let in_order: Vec<&String> = expected.iter().map(|(id, _)| *id).collect();
        assert_eq!(
            ids(live).iter().collect::<Vec<_>>(),
            in_order,
            "at {}",
            live.position()
        );
        assert_eq!(live.len(), expected.len());
        for (id, (document, _, _, version)) in &expected {
            let found = live.find(id).unwrap();
            assert_eq!(found.version.0, *version, "{id}");
            let found: serde_json::Value =
                serde_json::from_slice(live.document(found.place).unwrap()).unwrap();
            assert_eq!(found["n"], *document, "{id}");
        }
        assert!(
            (0..IDS).all(|n| self.0.contains_key(&format!("n{n}")) == live.find(&format!("n{n}")).is_some())
        );
        let score = |vector: i32| (vector * 2 + 1 - vector % 7) as f32;
        expected.sort_by(|(_, a), (_, b)| score(b.1).total_cmp(&score(a.1)).then(a.2.cmp(&b.2)));
        let best: Vec<&String> = expected.iter().map(|(id, _)| *id).take(25).collect();
        let (mut scratch, mut found) = (Scratch::new(), Vec::new());
        let asked = Asked {
            k: 25,
            effort: Effort::Exact,
        };
        live.search(
            &[2.0, 1.0, -1.0],
            asked,
            &live.select(None),
            &mut scratch,
            &mut found,
        )
        .unwrap();
        let id = |at: usize| live.item(found[at].place).unwrap().unwrap().id.to_owned();
        assert_eq!(
            (0..found.len())
                .map(id)
                .collect::<Vec<_>>()
                .iter()
                .collect::<Vec<_>>(),
            best,
            "at {}",
            live.position()
        );
    }
}

/// Seals a random run of parts.
fn seal_some(live: &Live, numbers: &mut Numbers, folder: &TempDir) -> Option<Sealed> {
    let start = numbers.below(live.parts.len().max(1));
    let end = (start + 1 + numbers.below(4)).min(live.parts.len());
    let parts = live.parts.get(start..end).filter(|parts| !parts.is_empty())?;
    Some(live.order(parts).seal(folder.path()).unwrap())
}

#[test]
fn states_hold_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 1..5 {
        let mut numbers = Numbers(seed);
        let (_base, mut live) = base(BASE);
        let (mut oracle, mut position) = (Oracle::new(), 0);
        let mut kept: Vec<(Live, Oracle)> = Vec::new();
        let (mut under_way, mut taken_over) = (None, 0);
        for round in 0..240 {
            let count = if numbers.below(3) == 0 {
                1
            } else {
                1 + numbers.below(60)
            };
            let steps: Vec<(Position, Step)> = (0..count)
                .map(|_| {
                    position += 1;
                    (Position(position), oracle.step(position, &mut numbers))
                })
                .collect();
            let mut next = live.clone();
            next.apply(steps);
            live = next;
            if round % 6 == 0 {
                under_way = seal_some(&live, &mut numbers, &folder);
            }
            if round % 6 == 3
                && let Some(sealed) = under_way.take()
            {
                live.replace_sealed(sealed);
                taken_over += usize::from(live.parts.iter().any(|part| part.vectors.is_sealed()));
            }
            if round % 8 == 0 {
                oracle.check(&live);
                kept.push((live.clone(), oracle.clone()));
            }
        }
        assert!(taken_over > 5, "seed {seed}: {taken_over}");
        kept.iter().for_each(|(live, oracle)| oracle.check(live));
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "files went with the states that had them"
    );
}
