//! Many settings held against each other: harm let through against harmless rollouts rolled back.

use serde::Serialize;
use tidegate_spec::scenario::{Scenario, Treatment};
use tidegate_stats::proportion::Proportion;

use crate::outcome::{Ending, RunOutcome, Stopper};
use crate::world::World;

/// The same world with a treatment that does exactly what the control does.
pub fn harmless_twin(scenario: &Scenario) -> Scenario {
    let mut twin = scenario.clone();
    twin.treatment = Treatment::default();
    twin.feedback.treatment_factor = 1.0;
    twin.feedback.treatment_false_positive_factor = 1.0;
    twin.expect.clear();
    twin.name = format!("{} (harmless)", scenario.name);
    twin
}

/// Whether two scenarios are the same world, names and expectations aside.
pub fn is_same_world(one: &Scenario, other: &Scenario) -> bool {
    let digest = |scenario: &Scenario| scenario.experiment.definition.digest();
    one.fleet == other.fleet
        && one.control == other.control
        && one.treatment == other.treatment
        && one.feedback == other.feedback
        && one.faults == other.faults
        && one.unrest == other.unrest
        && (one.runs, one.seed, digest(one)) == (other.runs, other.seed, digest(other))
}

/// What one setting came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The varied settings, each `path=value`.
    pub settings: Vec<String>,
    /// The value of the first varied setting, where it is a number.
    pub first: Option<f64>,
    /// The share of harmless rollouts that were rolled back for harm, in the worst of the worlds.
    pub false_rollback_share: f64,
    /// Its exact 95 % Monte-Carlo interval; each end that of the worst of the worlds.
    pub false_rollback_interval: [f64; 2],
    /// The share of harmful rollouts that were rolled back, on average over the scenarios: the power.
    pub rolled_back_share: f64,
    /// Its exact 95 % Monte-Carlo interval, over the runs of all scenarios.
    pub rolled_back_interval: [f64; 2],
    /// The share of harmful rollouts that ended without a decision, or never left their shadow.
    pub undecided_share: f64,
    /// Hours until a rollback; a rollout that was not rolled back counts the whole horizon.
    pub hours_mean: f64,
    /// Analyses by the treatment while it did harm, within the horizon: a rollout that ends without a rollback goes on.
    pub harmed_analyses_mean: f64,
    /// Its 95 % Monte-Carlo interval.
    pub harmed_analyses_interval: [f64; 2],
    /// Whether no other setting is better in one and at least as good in the other.
    pub on_front: bool,
    /// Whether it is the one to take.
    pub recommended: bool,
}

/// A sweep with all that came of it.
#[derive(Debug, Clone, Copy)]
pub struct Sweep<'a> {
    /// Every setting.
    pub points: &'a [Point],
    /// What was made small.
    pub objective: Objective,
    /// The path of the first varied setting.
    pub varied: &'a str,
    /// The recommended experiment; none where a sweep varied the world.
    pub toml: Option<&'a str>,
    /// Over how many hours harm was counted, the same for every setting.
    pub horizon_hours: f64,
    /// What should be known of the recommendation.
    pub warnings: &'a [String],
}

/// What a sweep makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// [`Point::harmed_analyses_mean`].
    Harm,
    /// [`Point::hours_mean`].
    Hours,
    /// One less [`Point::rolled_back_share`].
    Missed,
}

impl Objective {
    /// The number to make small.
    pub fn of(self, point: &Point) -> f64 {
        match self {
            Self::Harm => point.harmed_analyses_mean,
            Self::Hours => point.hours_mean,
            Self::Missed => 1.0 - point.rolled_back_share,
        }
    }

    /// What the number is.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Harm => "harmed analyses within the horizon",
            Self::Hours => "hours to the rollback",
            Self::Missed => "harmful rollouts not rolled back",
        }
    }
}

impl Point {
    /// Adds up the outcomes of the harmful worlds and of their harmless twins under one setting.
    pub fn new(
        settings: Vec<String>,
        first: Option<f64>,
        harmful: &[(&World, &[RunOutcome])],
        harmless: &[&[RunOutcome]],
        horizon_hours: f64,
    ) -> Self {
        let over = |of: &dyn Fn(&World, &RunOutcome) -> f64| {
            MeanOfRuns::of_means(harmful.iter().map(|(world, outcomes)| {
                MeanOfRuns::of(outcomes.iter().map(|outcome| of(world, outcome)))
            }))
        };
        // A test that is rolled back at its end for want of proof was not taken for harmful.
        let expired = Ending::RolledBack(Stopper::Expiry);
        let stopped = |outcome: &&RunOutcome| outcome.is_rolled_back() && outcome.ending != expired;
        let shares: Vec<Proportion> = harmless
            .iter()
            .filter_map(|outcomes| {
                let count = outcomes.iter().filter(stopped).count() as u64;
                Proportion::new(count, outcomes.len() as u64).ok()
            })
            .collect();
        let intervals = || shares.iter().filter_map(|share| share.clopper_pearson(0.05).ok());
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let harmed = over(&|world, outcome| harmed_within(world, outcome, horizon_hours));
        let every = || harmful.iter().flat_map(|(_, outcomes)| outcomes.iter());
        let caught = every().filter(|outcome| outcome.is_rolled_back()).count() as u64;
        let power = Proportion::new(caught, every().count() as u64)
            .and_then(|power| power.clopper_pearson(0.05))
            .map_or([0.0, 1.0], |interval| [interval.low, interval.high]);
        let undecided = |outcome: &RunOutcome| {
            matches!(outcome.ending, Ending::Inconclusive | Ending::GateShut)
        };
        Self {
            settings,
            first,
            false_rollback_share: most(&mut shares.iter().map(Proportion::value)),
            false_rollback_interval: [
                most(&mut intervals().map(|interval| interval.low)),
                most(&mut intervals().map(|interval| interval.high)),
            ],
            rolled_back_share: over(&|_, outcome| f64::from(u8::from(outcome.is_rolled_back())))
                .value,
            rolled_back_interval: power,
            undecided_share: over(&|_, outcome| f64::from(u8::from(undecided(outcome)))).value,
            hours_mean: over(&|_, outcome| outcome.hours_to_rollback().unwrap_or(horizon_hours))
                .value,
            harmed_analyses_mean: harmed.value,
            harmed_analyses_interval: harmed.interval(),
            on_front: false,
            recommended: false,
        }
    }
}

/// Harm to the owner within a horizon. What a test did not stop goes on at the rate of the test: undecided, the owner
/// is as wise as before; promoted, every camera has it.
fn harmed_within(world: &World, outcome: &RunOutcome, horizon_hours: f64) -> f64 {
    let harmed = outcome.harmed_analyses as f64;
    let ab = &world.definition().experiment().ab;
    let lasted = outcome.hours.max(ab.duration.hours());
    let rest = (horizon_hours - lasted).max(0.0);
    match outcome.ending {
        Ending::RolledBack(stopper) if stopper != Stopper::Expiry => harmed,
        // Nobody was served the treatment.
        Ending::GateShut => harmed,
        Ending::RolledBack(_) | Ending::Inconclusive => harmed + harmed / lasted * rest,
        Ending::Promoted => {
            harmed + harmed / lasted * rest / ab.share.value().max(f64::MIN_POSITIVE)
        }
    }
}

/// A mean with the variance of it.
#[derive(Debug, Clone, Copy)]
struct MeanOfRuns {
    value: f64,
    variance: f64,
}

impl MeanOfRuns {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for value in values {
            count += 1.0;
            sum += value;
            squares += value * value;
        }
        let value = if count > 0.0 { sum / count } else { 0.0 };
        let spread = if count > 1.0 { (squares - sum * value) / (count - 1.0) } else { 0.0 };
        Self { value, variance: if count > 0.0 { spread.max(0.0) / count } else { 0.0 } }
    }

    /// The mean of means that are known apart.
    fn of_means(means: impl Iterator<Item = Self>) -> Self {
        let (count, value, variance) =
            means.fold((0.0, 0.0, 0.0), |(count, value, variance), mean| {
                (count + 1.0, value + mean.value, variance + mean.variance)
            });
        let count: f64 = f64::max(count, 1.0);
        Self { value: value / count, variance: variance / (count * count) }
    }

    /// 95 %, by the central limit theorem.
    fn interval(self) -> [f64; 2] {
        let reach = 1.96 * self.variance.sqrt();
        [(self.value - reach).max(0.0), self.value + reach]
    }
}

/// Marks the Pareto front: what no other setting beats.
pub fn mark_front(points: &mut [Point], objective: Objective) {
    let found: Vec<(f64, f64)> =
        points.iter().map(|point| (point.false_rollback_share, objective.of(point))).collect();
    for (point, (share, cost)) in points.iter_mut().zip(&found) {
        let beaten = |(s, c): &(f64, f64)| s <= share && c <= cost && (s < share || c < cost);
        point.on_front = !found.iter().any(beaten);
    }
}

/// Marks the setting to take, and gives its place: the least of the objective among those that roll back no
/// more than `false_rollback_max` of the harmless rollouts, even at the upper end of the interval.
///
/// # Errors
/// [`NoneFits`] where no setting is that sure, or none of those stops any harm.
pub fn recommend(
    points: &mut [Point],
    objective: Objective,
    false_rollback_max: f64,
) -> Result<usize, NoneFits> {
    let allowed = |point: &Point| point.false_rollback_interval[1] <= false_rollback_max;
    if !points.iter().any(allowed) {
        return Err(NoneFits::Unsure);
    }
    let best = (0..points.len())
        .filter(|i| allowed(&points[*i]) && points[*i].rolled_back_share > 0.0)
        .min_by(|a, b| {
            let (a, b) = (&points[*a], &points[*b]);
            let shares = a.false_rollback_share.total_cmp(&b.false_rollback_share);
            objective.of(a).total_cmp(&objective.of(b)).then(shares)
        });
    let best = best.ok_or(NoneFits::Harmful)?;
    points[best].recommended = true;
    Ok(best)
}

/// Why no setting is recommended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoneFits {
    /// Every interval reaches beyond the bound.
    #[error(
        "no setting is sure to roll back so few harmless rollouts: more --runs narrow the intervals, \
         --false-rollback-max allows more"
    )]
    Unsure,
    /// The harm passes under every setting.
    #[error(
        "no such setting stops the harm: `tidegate experiment preflight` tells what the fleet can show, \
         and what to change"
    )]
    Harmful,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(share: f64, harm: f64) -> Point {
        Point {
            settings: Vec::new(),
            first: None,
            false_rollback_share: share,
            false_rollback_interval: [share, share + 0.01],
            rolled_back_share: 1.0,
            rolled_back_interval: [0.9, 1.0],
            undecided_share: 0.0,
            hours_mean: 1.0,
            harmed_analyses_mean: harm,
            harmed_analyses_interval: [harm, harm],
            on_front: false,
            recommended: false,
        }
    }

    #[test]
    fn the_front_has_what_nothing_beats_and_the_best_allowed_is_recommended() {
        let mut points =
            [point(0.01, 900.0), point(0.03, 500.0), point(0.03, 600.0), point(0.2, 100.0)];
        mark_front(&mut points, Objective::Harm);
        assert_eq!(recommend(&mut points, Objective::Harm, 0.05), Ok(1));
        assert_eq!(points.each_ref().map(|point| point.on_front), [true, true, false, true]);
        assert_eq!(points.each_ref().map(|point| point.recommended), [false, true, false, false]);
        // Where nothing is allowed, or nothing stops the harm, nothing is recommended.
        let unsure = recommend(&mut points[2..], Objective::Harm, 0.001);
        assert_eq!(unsure, Err(NoneFits::Unsure));
        for point in &mut points {
            point.rolled_back_share = 0.0;
        }
        assert_eq!(recommend(&mut points, Objective::Harm, 0.05), Err(NoneFits::Harmful));
    }
}
