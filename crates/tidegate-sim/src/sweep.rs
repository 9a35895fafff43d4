//! Many settings held against each other: harm let through against harmless rollouts rolled back.

use std::cmp::Ordering;

use serde::Serialize;
use tidegate_spec::scenario::{Scenario, Treatment};
use tidegate_stats::proportion::Proportion;

use crate::outcome::Outcome;
use crate::world::World;

/// The same world with a treatment that does exactly what the control does.
pub fn harmless_twin(scenario: &Scenario) -> Scenario {
    let mut twin = scenario.clone();
    twin.treatment = Treatment::default();
    twin.feedback.treatment_factor = 1.0;
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
        && (one.runs, one.seed, digest(one)) == (other.runs, other.seed, digest(other))
}

/// What one setting came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The varied settings, each `path=value`.
    pub settings: Vec<String>,
    /// The value of the first varied setting, where it is a number.
    pub first: Option<f64>,
    /// The share of harmless rollouts that were rolled back, in the worst of the worlds.
    pub false_rollback_share: f64,
    /// Its exact 95 % Monte-Carlo interval.
    pub false_rollback_interval: [f64; 2],
    /// The share of harmful rollouts that were rolled back, on average over the scenarios.
    pub rolled_back_share: f64,
    /// Hours until a rollback; a rollout that was not rolled back counts its whole length.
    pub hours_mean: f64,
    /// Analyses by the treatment while it did harm.
    pub harmed_analyses_mean: f64,
    /// Whether no other setting is better in one and at least as good in the other.
    pub on_front: bool,
    /// Whether it is the one to take.
    pub recommended: bool,
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
            Self::Harm => "harmed analyses in a rollout",
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
        harmful: &[(&World, &[Outcome])],
        harmless: &[&[Outcome]],
    ) -> Self {
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
            if count > 0.0 { sum / count } else { 0.0 }
        };
        let over = |of: &dyn Fn(&World, &Outcome) -> f64| {
            let each = |(world, outcomes): &(&World, &[Outcome])| {
                mean(&mut outcomes.iter().map(|outcome| of(world, outcome)))
            };
            mean(&mut harmful.iter().map(each))
        };
        let rolled_back = |outcomes: &[Outcome]| {
            outcomes.iter().filter(|outcome| outcome.is_rolled_back()).count() as u64
        };
        let worst = harmless
            .iter()
            .filter_map(|outcomes| {
                Proportion::new(rolled_back(outcomes), outcomes.len() as u64).ok()
            })
            .max_by(|a, b| a.value().total_cmp(&b.value()));
        let interval = worst.and_then(|worst| worst.clopper_pearson(0.05).ok());
        Self {
            settings,
            first,
            false_rollback_share: worst.map_or(0.0, |worst| worst.value()),
            false_rollback_interval: interval.map_or([0.0, 1.0], |found| [found.low, found.high]),
            rolled_back_share: over(&|_, outcome| f64::from(u8::from(outcome.is_rolled_back()))),
            hours_mean: over(&|world, outcome| {
                let whole = world.definition().experiment().ab.duration.hours();
                outcome.hours_to_rollback().unwrap_or(whole)
            }),
            harmed_analyses_mean: over(&|_, outcome| outcome.harmed_analyses as f64),
            on_front: false,
            recommended: false,
        }
    }
}

/// Marks the Pareto front, and the setting to take: the least of the objective among those that roll back no
/// more than `false_rollback_max` of the harmless rollouts, even at the upper end of the interval. Where there
/// is none, the setting that rolls back the fewest harmless rollouts.
pub fn mark(points: &mut [Point], objective: Objective, false_rollback_max: f64) {
    let found: Vec<(f64, f64)> =
        points.iter().map(|point| (point.false_rollback_share, objective.of(point))).collect();
    for (point, (share, cost)) in points.iter_mut().zip(&found) {
        let beaten = |(s, c): &(f64, f64)| s <= share && c <= cost && (s < share || c < cost);
        point.on_front = !found.iter().any(beaten);
    }
    let allowed = |point: &Point| point.false_rollback_interval[1] <= false_rollback_max;
    // What is allowed comes first, and there the objective decides.
    let keys = |point: &Point| {
        let (share, cost) = (point.false_rollback_share, objective.of(point));
        if allowed(point) { [0.0, cost, share] } else { [1.0, share, cost] }
    };
    let order = |(a, b): (&f64, &f64)| a.total_cmp(b);
    let best = (0..points.len()).min_by(|a, b| {
        let (a, b) = (keys(&points[*a]), keys(&points[*b]));
        a.iter().zip(&b).map(order).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    if let Some(best) = best {
        points[best].recommended = true;
    }
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
            hours_mean: 1.0,
            harmed_analyses_mean: harm,
            on_front: false,
            recommended: false,
        }
    }

    #[test]
    fn the_front_has_what_nothing_beats_and_the_best_allowed_is_recommended() {
        let mut points =
            [point(0.01, 900.0), point(0.03, 500.0), point(0.03, 600.0), point(0.2, 100.0)];
        mark(&mut points, Objective::Harm, 0.05);
        assert_eq!(points.each_ref().map(|point| point.on_front), [true, true, false, true]);
        assert_eq!(points.each_ref().map(|point| point.recommended), [false, true, false, false]);
        // Where nothing is allowed, the least false rollbacks.
        mark(&mut points[2..], Objective::Harm, 0.001);
        assert!(points[2].recommended && !points[3].recommended);
    }
}
