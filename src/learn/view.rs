//! A model's numbers, where they are.

use std::ops::Range;

/// Number of kinds of links.
pub(super) const LINKS: usize = 6;

/// What leads from items that a user touched to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkKind {
    /// Ridge regression on what users did in the last months.
    Recent,
    /// Ridge regression on what users did in the last year.
    Lasting,
    /// Ridge regression on baskets.
    Basket,
    /// Cosine of what users did.
    Cosine,
    /// Ridge regression on sessions.
    Session,
    /// Likeness of content.
    Content,
}

impl LinkKind {
    /// All kinds, in the order of their sections.
    pub const ALL: [Self; LINKS] = [
        Self::Recent,
        Self::Lasting,
        Self::Basket,
        Self::Cosine,
        Self::Session,
        Self::Content,
    ];
}

/// Columns of what is known of each item.
pub(super) const ITEM_COLUMNS: usize = 7;

/// Column of the item's popularity within days.
pub(super) const NOW_POPULAR: usize = 0;
/// Column of the item's popularity within weeks.
pub(super) const POPULAR: usize = 1;
/// Column of the item's popularity within months.
pub(super) const LONG_POPULAR: usize = 2;
/// Column of the item's popularity ever.
pub(super) const EVER_POPULAR: usize = 3;
/// Column of how often who has it comes back to it.
pub(super) const COMES_BACK: usize = 4;
/// Column of its popularity in baskets within weeks.
pub(super) const IN_BASKETS: usize = 5;
/// Column of its popularity in baskets within months.
pub(super) const LONG_IN_BASKETS: usize = 6;

/// The sections of a model's file, in order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Section {
    /// See [`Head`].
    Head,
    /// Per kind of link three sections: row offsets, items, weights.
    Links,
    /// [`ITEM_COLUMNS`] numbers per item.
    Items = 1 + 3 * LINKS as isize,
    /// The items that most want, best first.
    Popular,
    /// Weights of the features: two blends for users, then three for baskets and visits.
    Blends,
    /// `YᵀY` of the item vectors.
    Squares,
}

/// Number of sections.
pub(super) const SECTIONS: usize = Section::Squares as usize + 1;

/// What the first section says.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Head {
    /// Number of items.
    pub items: usize,
    /// Numbers per item vector; 0 where there are none.
    pub dimension: usize,
    /// When it was trained, seconds since the Unix epoch.
    pub now: i64,
    /// Weight of the strongest kind of touch.
    pub scale: f32,
    /// Touches that it was trained on.
    pub touches: u64,
    /// Baskets that it was trained on.
    pub baskets: u64,
}

impl Head {
    pub fn words(&self) -> Vec<u32> {
        let halves = |number: u64| [number as u32, (number >> 32) as u32];
        let (now, touches, baskets) = (
            halves(self.now as u64),
            halves(self.touches),
            halves(self.baskets),
        );
        vec![
            self.items as u32,
            self.dimension as u32,
            now[0],
            now[1],
            self.scale.to_bits(),
            touches[0],
            touches[1],
            baskets[0],
            baskets[1],
        ]
    }

    pub fn read(words: &[u32]) -> Option<Self> {
        let [
            items,
            dimension,
            now_low,
            now_high,
            scale,
            touches_low,
            touches_high,
            baskets_low,
            baskets_high,
        ] = *words.first_chunk::<9>()?;
        let whole = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        Some(Self {
            items: items as usize,
            dimension: dimension as usize,
            now: whole(now_low, now_high) as i64,
            scale: f32::from_bits(scale),
            touches: whole(touches_low, touches_high),
            baskets: whole(baskets_low, baskets_high),
        })
    }
}

/// Links of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link<'a> {
    offsets: &'a [u32],
    items: &'a [u32],
    weights: &'a [u32],
}

impl<'a> Link<'a> {
    /// Where an item leads to, and how strongly.
    pub fn of(&self, item: u32) -> impl Iterator<Item = (u32, f32)> + 'a {
        let range = self.range(item as usize).unwrap_or(0..0);
        let items = self.items.get(range.clone()).unwrap_or(&[]);
        let weights = self.weights.get(range).unwrap_or(&[]);
        let weights = weights.iter().map(|bits| f32::from_bits(*bits));
        items.iter().copied().zip(weights)
    }

    fn range(&self, item: usize) -> Option<Range<usize>> {
        Some(*self.offsets.get(item)? as usize..*self.offsets.get(item + 1)? as usize)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// All numbers of a model.
#[derive(Clone)]
pub(super) struct View<'a> {
    pub head: Head,
    pub links: [Link<'a>; LINKS],
    items: &'a [u32],
    /// [`POPULAR`] of each item, where a model has put it together.
    pub popularity: &'a [f32],
    pub popular: &'a [u32],
    blends: &'a [u32],
    pub squares: &'a [u32],
}

impl<'a> View<'a> {
    pub fn of(words: &'a [u32], sections: &[Range<usize>], head: Head) -> Self {
        let section = |at: usize| {
            let range = sections.get(at).cloned().unwrap_or(0..0);
            words.get(range).unwrap_or(&[])
        };
        let links = std::array::from_fn(|at| {
            let first = Section::Links as usize + 3 * at;
            Link {
                offsets: section(first),
                items: section(first + 1),
                weights: section(first + 2),
            }
        });
        Self {
            head,
            links,
            items: section(Section::Items as usize),
            popularity: &[],
            popular: section(Section::Popular as usize),
            blends: section(Section::Blends as usize),
            squares: section(Section::Squares as usize),
        }
    }

    /// What is known of an item.
    pub fn item(&self, item: u32) -> [f32; ITEM_COLUMNS] {
        let row = self.items.get(item as usize * ITEM_COLUMNS..);
        let row = row.and_then(<[u32]>::first_chunk::<ITEM_COLUMNS>);
        row.map_or([0.0; ITEM_COLUMNS], |row| row.map(f32::from_bits))
    }

    /// One number that is known of each item, in the order of items.
    pub fn column(&self, column: usize) -> impl Iterator<Item = f32> + 'a {
        let rows = self.items.chunks_exact(ITEM_COLUMNS);
        rows.map(move |row| f32::from_bits(row[column]))
    }

    /// The weights of features from number `start` on.
    pub fn blend<const N: usize>(&self, start: usize) -> [f32; N] {
        let row = self.blends.get(start..).and_then(<[u32]>::first_chunk::<N>);
        row.map_or([0.0; N], |row| row.map(f32::from_bits))
    }

    /// What contradicts itself, if anything does.
    pub fn fault(&self, blends: usize) -> Option<String> {
        let items = self.head.items;
        for (link, kind) in self.links.iter().zip(LinkKind::ALL) {
            let (last, entries) = (link.offsets.last().copied(), link.items.len());
            if link.offsets.len() != items + 1 || !link.offsets.is_sorted() || last != Some(entries as u32) {
                return Some(format!("offsets of {kind:?} links"));
            }
            if link.weights.len() != entries {
                return Some(format!("number of {kind:?} weights"));
            }
        }
        let sizes = [
            ("numbers of items", self.items.len(), items * ITEM_COLUMNS),
            ("weights of features", self.blends.len(), blends),
            (
                "squares",
                self.squares.len(),
                self.head.dimension * self.head.dimension,
            ),
        ];
        let wrong = sizes.iter().find(|(_, found, expected)| found != expected);
        wrong.map(|(name, found, expected)| format!("{found} {name} where {expected} belong"))
    }
}
