//! The camera-aware, sequential rule: `rule = "sequential"`.
//!
//! At each look every guardrail gets a [`Judgement`] from the cameras' sums. `docs/statistics.md` has the
//! formulas with their sources, what is exact in them and what is approximation.

mod bounds;
mod labels;
mod measure;
mod parts;
mod release;
mod screen;
mod strata;

use alloc::vec::Vec;

use tidegate_stats::evidence::EValue;
use tidegate_stats::student::Estimate;

use crate::assignment::SplitMethod;
use crate::epoch::{Epochs, TestPart};
use crate::experiment::Experiment;
use crate::exposure::Window;
use crate::failure_signs::FailureSigns;
use crate::fleet::{BlockSums, Fleet};
use crate::guardrail::{Guardrail, Power};
use crate::time::Timestamp;
use crate::variant::ByVariant;
use crate::verdict::{ChangeUnit, Judgement, Verdict};

/// Trials of each variant without which nothing is rolled back, whatever `min_samples` says.
const TRIALS_MIN: u64 = 30;
/// Cameras of each variant without which nothing is rolled back.
const CAMERAS_MIN: u64 = 3;
/// Blocks without which a switchback rolls nothing back.
const BLOCKS_MIN: u64 = 20;
/// Evidence that is worth a warning.
const ALARM: f64 = 5.0;
/// One-sided confidence of the bounds.
const CONFIDENCE: f64 = 0.95;
/// The least share of confirmed threats on which the treatment must alert too.
const RETENTION_MIN: f64 = 0.95;
/// A limit of nothing leaves no alternative to bet on: evidence is then gathered for half a point.
const EVIDENCE_MARGIN_MIN: f64 = 0.005;
/// By how much of the control's share the labelled shares of alerts may differ before labels are in doubt.
const LABEL_SHARE_MARGIN: f64 = 0.2;
/// A control that hardly ever alerts leaves room for one alert more in a hundred scored answers: half of next to
/// nothing would be a handful of alerts.
const ALERT_RISE_MIN: f64 = 0.01;

/// The guardrails of the A/B test that may roll back; the others are judged where they matter.
const HARMS: [Guardrail; 5] = [
    Guardrail::ErrorRate,
    Guardrail::Latency,
    Guardrail::FpRate,
    Guardrail::SlowRate,
    Guardrail::AlertRise,
];
const AB: [Guardrail; 8] = [
    Guardrail::FpRate,
    Guardrail::ErrorRate,
    Guardrail::Latency,
    Guardrail::SlowRate,
    Guardrail::MissedThreatRate,
    Guardrail::AlertDrop,
    Guardrail::AlertRise,
    Guardrail::LabelShare,
];
/// What is judged in a release that is compared with the time before; what people say of alerts is not.
const RELEASE: [Guardrail; 5] = [
    Guardrail::ErrorRate,
    Guardrail::Latency,
    Guardrail::SlowRate,
    Guardrail::AlertDrop,
    Guardrail::AlertRise,
];
const SHADOW: [Guardrail; 6] = [
    Guardrail::ErrorRate,
    Guardrail::Latency,
    Guardrail::SlowRate,
    Guardrail::AlertDrop,
    Guardrail::AlertRise,
    Guardrail::ThreatRetention,
];

/// What is looked at: which sums, the stretches they are kept in, and up to when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LookedAt<'a> {
    pub(crate) window: Window,
    pub(crate) epochs: &'a Epochs,
    pub(crate) now: Timestamp,
    pub(crate) failure_signs: FailureSigns,
}

/// Judges every guardrail of the window.
pub(crate) fn judge(fleet: &Fleet, experiment: &Experiment, at: LookedAt<'_>) -> Vec<Judgement> {
    let context = LookContext::new(fleet, experiment, at);
    let guardrails: &[Guardrail] = match at.window {
        Window::Shadow => &SHADOW,
        Window::Full if context.against == Against::Past => &RELEASE,
        Window::Ab | Window::Outside | Window::Full => &AB,
    };
    let measures = context.measure(guardrails);
    let later = context.later(at.now, guardrails);
    let mut judgements: Vec<Judgement> =
        measures.iter().map(|measure| context.judge(measure, &later)).collect();
    context.question(&measures, &later, &mut judgements);
    judgements
}

/// The first guardrail that fails, if any.
pub(crate) fn harm(fleet: &Fleet, experiment: &Experiment, at: LookedAt<'_>) -> Option<Judgement> {
    let context = LookContext::new(fleet, experiment, at);
    let may_fail = |guardrail: &Guardrail| {
        context.evidence_needed(*guardrail).is_some() && context.may_fail(*guardrail)
    };
    let suspects: Vec<Guardrail> = HARMS.into_iter().filter(may_fail).collect();
    let later = context.later(at.now, &HARMS);
    if suspects.is_empty() && later.is_empty() {
        return None;
    }
    let measures = context.measure(&suspects);
    HARMS.into_iter().find_map(|guardrail| {
        let whole = measures.iter().find(|measure| measure.guardrail == guardrail);
        let failing = context.failing(guardrail, whole, &later)?;
        let questioned =
            guardrail == Guardrail::FpRate && context.labels_are_questioned(whole, &later);
        (!questioned).then_some(failing)
    })
}

/// Whether the A/B test compares each camera with itself rather than with others.
fn within_cameras(experiment: &Experiment) -> bool {
    matches!(experiment.assignment.method, SplitMethod::Switchback)
}

/// What a look needs to know.
#[derive(Clone, Copy)]
struct LookContext<'a> {
    fleet: &'a Fleet,
    experiment: &'a Experiment,
    window: Window,
    epochs: &'a Epochs,
    /// The part of the test that is looked at, and the first block that belongs to it.
    part: TestPart,
    first: u64,
    against: Against,
    failure_signs: FailureSigns,
}

/// What a release is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    /// What each camera showed under the control before.
    Past,
    /// The cameras that keep the control.
    Holdback,
}

/// Whether the evidence of all parts of the test rolls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HarmFinding {
    Fails,
    Else,
}

/// One guardrail before it is judged.
#[derive(Clone, Copy)]
struct Measure {
    guardrail: Guardrail,
    /// How much worse the treatment is; unknown with too few cameras.
    estimate: Option<Estimate>,
    limit: f64,
    unit: ChangeUnit,
    trials: ByVariant<u64>,
    cameras: ByVariant<u64>,
    /// Blocks of a switchback.
    blocks: Option<u64>,
    /// `1/W_T + 1/W_C`: what one event's variance is multiplied with in that of a difference.
    event_factor: f64,
    /// Of errors in shadow: what the evidence comes from, as pairs of events in one outage are no independent ones.
    signs: Option<FailureSigns>,
}

impl Measure {
    /// The evidence against "no worse". Retention is no difference of variants: its bounds alone speak.
    fn evidence(&self) -> EValue {
        let margin = self.limit.max(EVIDENCE_MARGIN_MIN);
        self.estimate
            .filter(|_| self.guardrail != Guardrail::ThreatRetention)
            .and_then(|estimate| match self.signs {
                // Signs say nothing of how much: one failure more in each stretch is no rate.
                Some(signs) => (estimate.value >= self.limit).then(|| signs.evidence()),
                None => EValue::against_no_worse(&estimate, margin).ok(),
            })
            .map_or(EValue::ZERO, |evidence| {
                if self.guardrail == Guardrail::LabelShare {
                    // Two bets, one on each side; that on the other is lost.
                    EValue::of_parts([(0.5, evidence)].into_iter())
                } else {
                    evidence
                }
            })
    }
}

impl<'a> LookContext<'a> {
    fn new(fleet: &'a Fleet, experiment: &'a Experiment, at: LookedAt<'a>) -> Self {
        let LookedAt { window, epochs, failure_signs, .. } = at;
        let against = match window {
            Window::Full => Against::of(fleet, experiment),
            Window::Shadow | Window::Ab | Window::Outside => Against::Past,
        };
        let (part, first) = (TestPart::Whole, 0);
        Self { fleet, experiment, window, epochs, part, first, against, failure_signs }
    }

    /// Whether the split moves cameras from one variant to the other.
    fn is_ramp(&self) -> bool {
        !self.experiment.ab.steps.is_empty() && self.epochs.len() > 0
    }

    /// A camera's blocks in the part that is looked at.
    fn within<'b>(&self, blocks: &'b [BlockSums]) -> &'b [BlockSums] {
        &blocks[blocks.partition_point(|sums| sums.block.0 < self.first)..]
    }

    fn measure(&self, guardrails: &[Guardrail]) -> Vec<Measure> {
        let mut measures = self.measure_signed(guardrails);
        for measure in &mut measures {
            if let Some(estimate) = &mut measure.estimate
                && measure.guardrail == Guardrail::LabelShare
            {
                // Labels may differ to either side.
                estimate.value = estimate.value.abs();
            }
        }
        measures
    }

    /// The same, where the share of labels says which variant has more.
    fn measure_signed(&self, guardrails: &[Guardrail]) -> Vec<Measure> {
        let within = within_cameras(self.experiment);
        match self.window {
            Window::Shadow => guardrails.iter().filter_map(|g| self.measure_shadow(*g)).collect(),
            Window::Full if self.against == Against::Past => {
                guardrails.iter().filter_map(|g| self.measure_before_and_after(*g)).collect()
            }
            Window::Ab | Window::Outside if within => {
                guardrails.iter().filter_map(|g| self.measure_within(*g)).collect()
            }
            Window::Ab | Window::Outside if self.is_ramp() => {
                guardrails.iter().filter_map(|g| self.measure_strata(*g)).collect()
            }
            Window::Ab | Window::Outside | Window::Full => self.measure_between(guardrails),
        }
    }

    /// A guardrail of which nothing was measured; `None` where it is not watched yet.
    fn unmeasured(&self, guardrail: Guardrail) -> Option<Measure> {
        let (limit, unit) = self.limit(guardrail)?;
        Some(Measure {
            guardrail,
            estimate: None,
            limit,
            unit,
            trials: ByVariant::default(),
            cameras: ByVariant::default(),
            blocks: None,
            event_factor: 0.0,
            signs: None,
        })
    }

    /// How much worse the treatment may be; `None` where the guardrail is not watched yet.
    fn limit(&self, guardrail: Guardrail) -> Option<(f64, ChangeUnit)> {
        let limits = &self.experiment.guardrails;
        let points = |points: crate::number::Points| Some((points.value(), ChangeUnit::Points));
        match guardrail {
            Guardrail::FpRate => points(limits.max_fp_rate_increase),
            Guardrail::ErrorRate => points(limits.max_error_rate_increase),
            Guardrail::SlowRate if self.fleet.slow_above().is_none() => None,
            Guardrail::SlowRate => points(limits.max_slow_rate_increase),
            Guardrail::MissedThreatRate => points(limits.max_missed_threat_rate_increase),
            Guardrail::Latency => {
                let limit = libm::log1p(limits.max_latency_increase.value() / 100.0);
                Some((limit, ChangeUnit::LogRatio))
            }
            Guardrail::AlertDrop => {
                let control = self.control_alert_rate();
                let limit = limits.max_alert_rate_drop.value() / 100.0 * control;
                Some((limit, ChangeUnit::PercentOf { control }))
            }
            Guardrail::AlertRise => {
                let control = self.control_alert_rate();
                let limit = limits.max_alert_rate_rise.value() / 100.0 * control;
                Some((limit.max(ALERT_RISE_MIN), ChangeUnit::PercentOf { control }))
            }
            Guardrail::ThreatRetention => Some((1.0 - RETENTION_MIN, ChangeUnit::Points)),
            Guardrail::LabelShare => {
                let control = self.control_label_share();
                Some((LABEL_SHARE_MARGIN * control, ChangeUnit::PercentOf { control }))
            }
        }
    }

    fn control_alert_rate(&self) -> f64 {
        let total = self.fleet.total();
        match self.window {
            Window::Shadow => total.pairs.sides.control.alert_rate(),
            Window::Full if self.against == Against::Past => self.fleet.past_total().alert_rate(),
            Window::Full => self.fleet.full_total().control.alert_rate(),
            Window::Ab | Window::Outside => total.ab.control.alert_rate(),
        }
    }

    /// The evidence that rolls back. A metric that is watched in shadow and in the A/B test spends half
    /// of its part in each.
    fn evidence_needed(&self, guardrail: Guardrail) -> Option<f64> {
        let Power::RollBack { alpha_share } = guardrail.power() else { return None };
        if self.window == Window::Full {
            return self.evidence_needed_in_release(guardrail);
        }
        let alpha = self.experiment.guardrails.alpha.value() * alpha_share;
        let twice = !self.experiment.shadow.duration.is_zero() && SHADOW.contains(&guardrail);
        Some(if twice { 2.0 } else { 1.0 } / alpha)
    }

    fn trials_needed(&self) -> u64 {
        self.experiment.guardrails.min_samples.max(TRIALS_MIN)
    }

    /// Whether a change is beyond the limit, on data enough to act on.
    fn may_act(&self, measure: &Measure) -> bool {
        let Measure { trials, cameras, blocks, .. } = measure;
        let units = match blocks {
            Some(blocks) => *blocks >= BLOCKS_MIN,
            None => cameras.control.min(cameras.treatment) >= CAMERAS_MIN,
        };
        measure.estimate.is_some_and(|estimate| estimate.value >= measure.limit)
            && trials.control.min(trials.treatment) >= self.trials_needed()
            && units
    }

    fn judgement(&self, measure: &Measure, evidence: EValue, finding: HarmFinding) -> Judgement {
        let change = measure.estimate.and_then(|estimate| self.change(measure, &estimate));
        let bounded = change.map(|change| self.bounded(measure, &change));
        let verdict = match bounded {
            _ if finding == HarmFinding::Fails => Verdict::Fail,
            // Harm that is there for certain, and for certain within the limit, is what the owner allows.
            Some(Verdict::Pass) => Verdict::Pass,
            _ if evidence.value() >= ALARM * self.stake(measure.guardrail) => Verdict::Alarm,
            Some(bounded) => bounded,
            None => Verdict::Inconclusive,
        };
        let change = change.map(|change| self.possible(measure.guardrail, change));
        let (limit, unit) = match change {
            Some(_) => (measure.limit, measure.unit),
            None => self.limit_before_data(measure),
        };
        Judgement {
            guardrail: measure.guardrail,
            verdict,
            part: self.part,
            change,
            limit,
            unit,
            evidence,
            evidence_needed: self.evidence_needed(measure.guardrail),
            trials: measure.trials,
            cameras: measure.cameras,
            trials_needed: self.trials_needed(),
        }
    }

    /// What the owner allows, where there is nothing yet that a limit could be a part of.
    fn limit_before_data(&self, measure: &Measure) -> (f64, ChangeUnit) {
        let limits = &self.experiment.guardrails;
        let percent = match measure.guardrail {
            Guardrail::AlertDrop => limits.max_alert_rate_drop.value() / 100.0,
            Guardrail::AlertRise => limits.max_alert_rate_rise.value() / 100.0,
            Guardrail::LabelShare => LABEL_SHARE_MARGIN,
            Guardrail::FpRate
            | Guardrail::ErrorRate
            | Guardrail::Latency
            | Guardrail::SlowRate
            | Guardrail::MissedThreatRate
            | Guardrail::ThreatRetention => return (measure.limit, measure.unit),
        };
        (percent, ChangeUnit::PercentOf { control: 1.0 })
    }
}
