//! How an estimate and its bounds moved in one run, to be drawn.

use tidegate_engine::Rollout;
use tidegate_engine::decision::Decision;
use tidegate_engine::guardrail::Guardrail;
use tidegate_engine::look::Check;
use tidegate_engine::phase::{Phase, Transition};

use crate::outcome::{Ending, RunOutcome, Stopper};
use crate::run::{Observer, run};
use crate::world::World;

/// Least hours between two points.
const EVERY_HOURS: f64 = 0.25;

/// How one guardrail's estimate moved in one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// How the run ended.
    pub outcome: RunOutcome,
    /// The guardrail whose estimate is followed.
    pub guardrail: Guardrail,
    /// The owner's limit, in the unit.
    pub limit: f64,
    /// Points or percent.
    pub unit: &'static str,
    /// Its points in time.
    pub points: Vec<PathPoint>,
}

/// One point of a path. Changes are in the unit; more is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathPoint {
    /// The hour of the phase the run ended in.
    pub hour: f64,
    /// The estimate.
    pub change: f64,
    /// Its 95 % bounds; the estimate itself under the threshold rule, which has none.
    pub bounds: (f64, f64),
}

/// The paths of runs that ended typically: of those rolled back the median, one early and one late; of a
/// scenario that is seldom rolled back the first that was not.
pub fn typical(world: &World, outcomes: &[RunOutcome]) -> Vec<Path> {
    let mut rolled_back: Vec<&RunOutcome> =
        outcomes.iter().filter(|o| o.is_rolled_back()).collect();
    rolled_back.sort_by(|a, b| a.hours.total_cmp(&b.hours));
    let count = rolled_back.len();
    let chosen: Vec<&RunOutcome> = if count * 2 > outcomes.len() {
        let mut places = vec![count / 2, count / 10, count * 9 / 10];
        places.dedup();
        places.into_iter().map(|place| rolled_back[place]).collect()
    } else {
        outcomes.iter().filter(|outcome| !outcome.is_rolled_back()).take(3).collect()
    };
    let first = chosen.first().map(|outcome| outcome.ending);
    let guardrail = match first {
        Some(Ending::RolledBack(Stopper::Guardrail(guardrail))) => guardrail,
        Some(Ending::RolledBack(Stopper::TotalFailure)) => Guardrail::ErrorRate,
        _ => Guardrail::FpRate,
    };
    chosen.into_iter().map(|outcome| path(world, outcome, guardrail)).collect()
}

fn path(world: &World, outcome: &RunOutcome, guardrail: Guardrail) -> Path {
    let limits = &world.definition().experiment().guardrails;
    // What the sequential rule judges says its limit itself.
    let (limit, unit) = match guardrail {
        Guardrail::FpRate => (limits.max_fp_rate_increase.value() * 100.0, "points"),
        Guardrail::Latency => (limits.max_latency_increase.value(), "percent"),
        Guardrail::ErrorRate
        | Guardrail::SlowRate
        | Guardrail::MissedThreatRate
        | Guardrail::AlertDrop
        | Guardrail::AlertRise
        | Guardrail::LabelShare
        | Guardrail::ThreatRetention => (limits.max_error_rate_increase.value() * 100.0, "points"),
    };
    let mut recorder = Recorder {
        guardrail,
        in_shadow: outcome.phase == Phase::Shadow,
        began: 0.0,
        next: 0.0,
        path: Path { outcome: *outcome, guardrail, limit, unit, points: Vec::new() },
    };
    run(world, outcome.run, &mut recorder);
    recorder.path
}

struct Recorder {
    guardrail: Guardrail,
    in_shadow: bool,
    began: f64,
    next: f64,
    path: Path,
}

impl Recorder {
    fn record(&mut self, hour: f64, check: &Check) {
        let hour = hour - self.began;
        let point = match check {
            Check::Sequential(look) => {
                let Some(judgement) = look.of(self.guardrail) else { return };
                self.path.limit = judgement.limit_shown();
                self.path.unit = judgement.unit.name();
                judgement.change_shown().zip(judgement.bounds_shown())
            }
            Check::Threshold(check) => {
                let change = match self.guardrail {
                    Guardrail::FpRate => Some(check.fp_rate_increase * 100.0),
                    Guardrail::ErrorRate => Some(check.error_rate_increase * 100.0),
                    Guardrail::Latency => check.latency_increase_pct,
                    Guardrail::SlowRate
                    | Guardrail::MissedThreatRate
                    | Guardrail::AlertDrop
                    | Guardrail::AlertRise
                    | Guardrail::LabelShare
                    | Guardrail::ThreatRetention => None,
                };
                change.map(|change| (change, (change, change)))
            }
        };
        if let Some((change, bounds)) = point {
            self.path.points.push(PathPoint { hour, change, bounds });
        }
    }
}

impl Observer for Recorder {
    const LOOKS: bool = true;

    fn decided(&mut self, hour: f64, decision: &Decision) {
        let opens = matches!(decision.transition, Transition::OpenAb | Transition::StartAb);
        if opens && !self.in_shadow {
            self.began = hour;
            self.next = hour;
            self.path.points.clear();
        }
        if decision.transition == Transition::RollBack {
            self.record(hour, &decision.evidence.check);
        }
    }

    fn looked(&mut self, hour: f64, rollout: &Rollout) {
        if hour >= self.next {
            self.next = hour + EVERY_HOURS;
            self.record(hour, &rollout.check());
        }
    }
}
