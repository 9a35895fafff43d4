//! What the same fleet sees under each split, and for how long it would have to be looked at.

use alloc::string::String;
use alloc::vec::Vec;

use tidegate_stats::range::OutOfRange;

use super::{ExpectedFleet, PlannedTest, Sight};
use crate::assignment::SplitMethod;
use crate::experiment::Experiment;
use crate::guardrail::{Guardrail, Power};
use crate::time::Duration;

/// The longest test that is looked at, in hours: four weeks.
pub const HOURS_MAX: u64 = 672;
/// The shortest, in hours.
const HOURS_MIN: u64 = 1;
/// Cameras of a variant below which nothing is compared between cameras.
const CAMERAS_MIN: u64 = 3;
/// A split is said to see more where it sees harm smaller by more than this part.
const WORTH_SAYING: f64 = 0.9;

/// What one split sees.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitSight {
    /// The split.
    pub method: SplitMethod,
    /// What each guardrail that rolls back would see.
    pub sights: Vec<Sight>,
    /// The hours after which each of them would see the owner's limit; none within [`HOURS_MAX`].
    pub hours_needed: Option<u64>,
    /// The chance that a variant has fewer than three cameras, with which nothing rolls back.
    pub too_few_chance: f64,
}

impl SplitSight {
    /// What each split sees of the fleet.
    pub(super) fn all(
        experiment: &Experiment,
        expected: &ExpectedFleet,
    ) -> Result<Vec<Self>, OutOfRange> {
        let methods = [SplitMethod::Hash, SplitMethod::Balanced, SplitMethod::Switchback];
        methods.into_iter().map(|method| Self::of(experiment, expected, method)).collect()
    }

    fn of(
        experiment: &Experiment,
        expected: &ExpectedFleet,
        method: SplitMethod,
    ) -> Result<Self, OutOfRange> {
        let mut split = experiment.clone();
        split.assignment.method = method;
        let share = experiment.ab.share.value();
        let sights = PlannedTest::new(&split, expected).sights()?;
        let too_few_chance = match method {
            SplitMethod::Hash => too_few_chance(expected.cameras, share),
            SplitMethod::Balanced | SplitMethod::Switchback => {
                let [control, treatment] = PlannedTest::new(&split, expected).cameras;
                f64::from(u8::from(
                    method == SplitMethod::Balanced && control.min(treatment) < CAMERAS_MIN,
                ))
            }
        };
        Ok(Self {
            method,
            sights: sights.into_iter().filter(Sight::rolls_back).collect(),
            hours_needed: hours_needed(&split, expected, None)?,
            too_few_chance,
        })
    }

    /// How large the smallest harm is against its limit, of the guardrail that sees least.
    fn worst_ratio(&self) -> f64 {
        let ratio = |sight: &Sight| sight.detectable / sight.limit.max(f64::MIN_POSITIVE);
        let worst = self.sights.iter().map(ratio).fold(0.0, f64::max);
        // What most draws of the hash leave without cameras sees nothing.
        if self.sights.is_empty() || self.too_few_chance > 0.5 { f64::INFINITY } else { worst }
    }
}

/// The split that sees most; of equals the first.
pub(super) fn best(splits: &[SplitSight]) -> Option<&SplitSight> {
    splits.iter().reduce(|best, split| {
        let clearly = split.worst_ratio() < best.worst_ratio() * WORTH_SAYING;
        if clearly { split } else { best }
    })
}

/// Says that another split sees more than the experiment's, where it does.
pub(super) fn advise(method: SplitMethod, splits: &[SplitSight]) -> Option<String> {
    let own = splits.iter().find(|split| split.method == method)?;
    let best = best(splits).filter(|best| {
        best.method != method && best.worst_ratio() < own.worst_ratio() * WORTH_SAYING
    })?;
    let seen = |split: &SplitSight| {
        split.sights.iter().find(|sight| sight.guardrail == Guardrail::FpRate).copied()
    };
    let name = best.method.as_str();
    Some(match (seen(own), seen(best)) {
        (Some(own_sight), Some(sight)) if own.too_few_chance <= 0.5 => alloc::format!(
            "split = \"{name}\" sees more: false alarms of {:.1} points more, where \"{}\" sees those of {:.1}.",
            sight.detectable,
            own.method.as_str(),
            own_sight.detectable,
        ),
        _ => alloc::format!(
            "split = \"{name}\" sees more of this fleet than \"{}\".",
            method.as_str()
        ),
    })
}

/// The hours after which a guardrail, or each that rolls back, sees harm at its limit.
pub(super) fn hours_needed(
    experiment: &Experiment,
    expected: &ExpectedFleet,
    guardrail: Option<Guardrail>,
) -> Result<Option<u64>, OutOfRange> {
    let needed = experiment.guardrails.min_samples.max(super::TRIALS_MIN);
    let sees = |hours: u64| -> Result<bool, OutOfRange> {
        let mut longer = experiment.clone();
        longer.ab.duration = Duration::from_hours(hours as f64)?;
        let sights = PlannedTest::new(&longer, expected).sights()?;
        let asked = |sight: &&Sight| guardrail.map_or(sight.rolls_back(), |g| sight.guardrail == g);
        let mut asked = sights.iter().filter(asked).peekable();
        Ok(asked.peek().is_some()
            && asked.all(|sight| sight.trials >= needed && sight.detectable <= sight.limit))
    };
    if !sees(HOURS_MAX)? {
        return Ok(None);
    }
    // More time never sees less.
    let (mut low, mut high) = (HOURS_MIN - 1, HOURS_MAX);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if sees(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(Some(high))
}

/// The chance that of so many cameras, each treated by a share of itself, one variant has too few.
fn too_few_chance(cameras: u64, share: f64) -> f64 {
    let mut chance = 0.0;
    let mut term = libm::pow(1.0 - share, cameras as f64);
    for treated in 0..=cameras {
        if treated < CAMERAS_MIN || cameras - treated < CAMERAS_MIN {
            chance += term;
        }
        term *= (cameras - treated) as f64 / (treated + 1) as f64 * share / (1.0 - share);
    }
    // A share of nothing or of all leaves one variant without any.
    if chance.is_nan() { 1.0 } else { chance.min(1.0) }
}

impl Sight {
    /// Whether harm that its guardrail establishes rolls back.
    pub fn rolls_back(&self) -> bool {
        matches!(self.guardrail.power(), Power::RollBack { .. })
    }
}
