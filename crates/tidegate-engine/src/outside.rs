//! Why analyses are recorded and not compared.

/// Why an analysis counts for no comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutsideCause {
    /// Control was served to all meanwhile: paused, or the test was over.
    Paused,
    /// The rollout had ended.
    Ended,
    /// A release that is not watched, or not for this camera and variant.
    Unwatched,
    /// The owner chose the camera's variant.
    Overridden,
    /// It failed while both variants did.
    Outage,
    /// A variant that the camera could not have then, in a report that names no run.
    ImpossibleVariant,
    /// It was observed before the rollout started.
    BeforeStart,
    /// It came after the phase, or the day of the release, that it was observed in.
    Late,
    /// The camera is outside of the experiment's part of its group.
    OutsideGroup,
}

impl OutsideCause {
    /// Every cause.
    pub const ALL: [Self; 9] = [
        Self::Paused,
        Self::Ended,
        Self::Unwatched,
        Self::Overridden,
        Self::Outage,
        Self::ImpossibleVariant,
        Self::BeforeStart,
        Self::Late,
        Self::OutsideGroup,
    ];

    /// The name in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Ended => "ended",
            Self::Unwatched => "unwatched",
            Self::Overridden => "overridden",
            Self::Outage => "outage",
            Self::ImpossibleVariant => "impossible_variant",
            Self::BeforeStart => "before_start",
            Self::Late => "late",
            Self::OutsideGroup => "outside_group",
        }
    }
}

/// How many analyses were recorded outside of every comparison, by cause. An earlier version kept no causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutsideCounts([u64; OutsideCause::ALL.len()]);

impl OutsideCounts {
    /// Takes the counts up again, in the order of [`OutsideCause::ALL`].
    pub const fn new(counts: [u64; OutsideCause::ALL.len()]) -> Self {
        Self(counts)
    }

    /// How many for one cause.
    pub const fn get(&self, cause: OutsideCause) -> u64 {
        self.0[cause as usize]
    }

    /// Every cause with its count.
    pub fn iter(&self) -> impl Iterator<Item = (OutsideCause, u64)> {
        OutsideCause::ALL.into_iter().zip(self.0)
    }

    pub(crate) const fn add(&mut self, cause: OutsideCause) {
        let count = &mut self.0[cause as usize];
        *count = count.saturating_add(1);
    }
}
