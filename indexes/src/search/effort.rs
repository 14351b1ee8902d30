//! How hard to look for neighbors.

/// How hard to look: what is aimed at, from which an index derives the setting.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Effort {
    /// The recall target that the index was built for ([`crate::BuildSettings::recall_target`]).
    #[default]
    Default,
    /// The cheapest setting whose recall@10, measured when the index was built, reaches this share; the best there is
    /// if none does. From 1 on the answer is exact.
    Recall(f32),
    /// This many candidates kept during the walk; never below `k`, and no matter where nothing is walked.
    Beam(usize),
    /// Every admissible row is compared.
    Exact,
}
