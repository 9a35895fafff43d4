//! Whether the cameras were split as planned.
//!
//! A sample ratio mismatch means that something beside the hash decides who gets the treatment, or who is
//! recorded; the comparison is then of different cameras. It blocks a promotion. It never hides a
//! rollback: harm is harm.

use core::fmt;

use tidegate_stats::evidence::EValue;
use tidegate_stats::sample_ratio::{Group, SampleRatio};

use crate::number::Share;
use crate::variant::ByVariant;

/// Below this chance the split is not the planned one.
pub const SPLIT_ALPHA: f64 = 0.001;

/// More than one camera in this many with both variants is no accident of analyses under way when the
/// test began.
const CROSSED_ONE_IN: u64 = 20;

/// How strongly the sequential test's prior holds to the planned share, in cameras.
const CONCENTRATION: f64 = 1_000.0;

/// Units of each variant against the planned share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitCheck {
    /// Cameras of each variant; of a switchback, blocks.
    pub units: ByVariant<u64>,
    /// Cameras that got both variants although nothing moved them, beyond one analysis in ten.
    pub crossed: u64,
    /// The planned share of the treatment.
    pub share: Share,
    /// The exact two-sided binomial chance of a split at least as uneven, at this look alone.
    pub chance: f64,
    /// The evidence against the planned share, valid at every look.
    pub evidence: EValue,
}

impl SplitCheck {
    /// Compares the units with the plan; `None` where nothing is split, or nothing was seen.
    pub(crate) fn new(units: ByVariant<u64>, crossed: u64, share: Share) -> Option<Self> {
        let counts = [units.control, units.treatment];
        let weights = [1.0 - share.value(), share.value()];
        if counts == [0, 0] || weights.contains(&0.0) {
            return None;
        }
        let groups = [0, 1].map(|i| Group { count: counts[i], weight: weights[i] });
        let ratio = SampleRatio::new(&groups).ok()?;
        let chance = ratio.exact_p_value()?;
        let evidence = EValue::from_ln(ratio.ln_e(CONCENTRATION).ok()?).ok()?;
        Some(Self { units, crossed, share, chance, evidence })
    }

    /// Whether the split is as planned, as far as can be told.
    pub fn is_clean(&self) -> bool {
        let cameras = self.units.control + self.units.treatment;
        self.chance >= SPLIT_ALPHA
            && self.evidence.value() < 1.0 / SPLIT_ALPHA
            && self.crossed * CROSSED_ONE_IN <= cameras
    }
}

impl fmt::Display for SplitCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.share.value() * 100.0;
        let (control, treatment) = (self.units.control, self.units.treatment);
        let verdict = if self.is_clean() { "as planned" } else { "not as planned" };
        write!(
            f,
            "Split: {treatment} treatment and {control} control, planned {share:.0} % treatment \
             (chance {:.4})",
            self.chance
        )?;
        if self.crossed > 0 {
            write!(f, ", {} with both", self.crossed)?;
        }
        write!(f, ": {verdict}")
    }
}
