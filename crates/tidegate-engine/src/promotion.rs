//! Whether a treatment proved itself at the end of its A/B test.
//!
//! Under the threshold rule this compares averages, as the rule itself does: no limit is passed, the
//! false-positive rate fell by the wanted part, and neither missed threats nor silence bought that. The
//! sequential rule asks for proof of each: every guardrail passes with 95 % confidence, the false
//! positives fell by more than the wanted part with 95 % confidence, and the cameras were split as planned. Where the test
//! is too small for that, what people proved in shadow is enough if nothing in the test speaks against it.

use core::fmt;

use crate::experiment::{Experiment, LabelTrust, Watch};
use crate::guardrail::Guardrail;
use crate::look::Look;
use crate::presence::Presence;
use crate::review::{PromotedBy, Reading, ReviewVerdict};
use crate::split_check::SplitCheck;
use crate::tally::Tally;
use crate::threshold::{self, Finding};
use crate::variant::ByVariant;
use crate::verdict::{Judgement, Verdict};

/// Labels each variant needs for a promotion under the sequential rule.
const LABELS_MIN: u64 = 100;
/// Cameras with labels each variant needs for a promotion under the sequential rule.
const CAMERAS_MIN: u64 = 5;

/// What the end of an A/B test showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Proof {
    /// The treatment is worth its release.
    Proved {
        /// Relative reduction of the false-positive rate in percent.
        fp_reduction_pct: f64,
    },
    /// People proved it in shadow, and nothing in the test speaks against it.
    Reviewed(Reading),
    /// The threshold rule found a breach, too little data, or was switched off.
    Finding(Finding),
    /// The sequential rule was switched off.
    NotWatched,
    /// No limit is passed, but a variant has too few labels, and nothing is proved by silence.
    TooFewLabels {
        /// Labels of each variant.
        labels: ByVariant<u64>,
        /// Labels each needs.
        required: u64,
    },
    /// The treatment has hardly reported since the last ramp step.
    Silent(Presence),
    /// Too few cameras have labels.
    TooFewCameras {
        /// Cameras of each variant.
        cameras: ByVariant<u64>,
        /// Cameras each needs.
        required: u64,
    },
    /// A guardrail does not pass.
    NotPassed(Judgement),
    /// The cameras were not split as planned.
    Split(SplitCheck),
    /// False positives fell too little.
    FpReductionTooSmall {
        /// Relative reduction in percent, negative where they rose.
        fp_reduction_pct: f64,
        /// Its 95 % bounds; none under the threshold rule.
        bounds_pct: Option<[f64; 2]>,
        /// What was wanted.
        wanted_pct: f64,
    },
    /// More threats were missed.
    MissedThreats {
        /// Rise of the missed-threat rate, 0 to 1.
        increase: f64,
        /// The most it may rise.
        limit: f64,
    },
    /// The treatment alerts too seldom to be trusted with silence.
    AlertDrop {
        /// Relative fall of the alert rate in percent.
        drop_pct: f64,
        /// The most it may fall.
        limit_pct: f64,
    },
}

/// Judges averages, for the threshold rule.
pub(crate) fn judge_averages(
    experiment: &Experiment,
    check: &threshold::ThresholdCheck,
    sides: ByVariant<&Tally>,
) -> Proof {
    if check.finding != Finding::WithinBounds {
        return Proof::Finding(check.finding);
    }
    let (control, treatment) = (sides.control, sides.treatment);
    let guardrails = &experiment.guardrails;
    let labels = sides.map(|side| side.feedback());
    if labels.control == 0 || labels.treatment == 0 {
        return Proof::TooFewLabels { labels, required: 1 };
    }
    let increase = treatment.missed_threat_rate() - control.missed_threat_rate();
    let limit = guardrails.max_missed_threat_rate_increase.value();
    if increase > limit {
        return Proof::MissedThreats { increase, limit };
    }
    let drop_pct = reduction_pct(control.alert_rate(), treatment.alert_rate());
    let limit_pct = guardrails.max_alert_rate_drop.value();
    if drop_pct > limit_pct {
        return Proof::AlertDrop { drop_pct, limit_pct };
    }
    let fp_reduction_pct = reduction_pct(control.fp_rate(), treatment.fp_rate());
    let wanted_pct = experiment.promotion.min_fp_reduction.value();
    if fp_reduction_pct < wanted_pct {
        return Proof::FpReductionTooSmall { fp_reduction_pct, bounds_pct: None, wanted_pct };
    }
    Proof::Proved { fp_reduction_pct }
}

/// Judges a look, for the sequential rule.
pub(crate) fn judge_look(experiment: &Experiment, look: &Look, sides: ByVariant<&Tally>) -> Proof {
    if experiment.guardrails.watch == Watch::Off {
        return Proof::NotWatched;
    }
    let labels = sides.map(|side| side.feedback());
    let enough = |counts: &ByVariant<u64>, least| counts.control.min(counts.treatment) >= least;
    if !enough(&labels, LABELS_MIN) {
        return Proof::TooFewLabels { labels, required: LABELS_MIN };
    }
    // Of the labels it is enough that nothing speaks for a difference: that there is none is an assumption.
    let is_open = |judgement: &&Judgement| match judgement.guardrail {
        Guardrail::LabelShare => {
            experiment.trust == LabelTrust::Checked && judgement.verdict >= Verdict::Alarm
        }
        Guardrail::FpRate
        | Guardrail::ErrorRate
        | Guardrail::Latency
        | Guardrail::SlowRate
        | Guardrail::MissedThreatRate
        | Guardrail::AlertDrop
        | Guardrail::AlertRise
        | Guardrail::ThreatRetention => judgement.verdict != Verdict::Pass,
    };
    let worst = look.judgements.iter().rev().filter(is_open);
    if let Some(worst) = worst.max_by_key(|judgement| judgement.verdict) {
        return Proof::NotPassed(*worst);
    }
    if let Some(split) = look.split.filter(|split| !split.is_clean()) {
        return Proof::Split(split);
    }
    let Some((judgement, change)) =
        look.of(Guardrail::FpRate).and_then(|fp| Some((fp, fp.change?)))
    else {
        return Proof::TooFewLabels { labels, required: LABELS_MIN };
    };
    // Few cameras make few degrees of freedom, and those wide bounds; this is the floor below.
    if !enough(&judgement.cameras, CAMERAS_MIN) {
        let (cameras, required) = (judgement.cameras, CAMERAS_MIN);
        return Proof::TooFewCameras { cameras, required };
    }
    let control = sides.control.fp_rate();
    let relative = |change: f64| if control > 0.0 { -change / control * 100.0 } else { 0.0 };
    let (fp_reduction_pct, certain_pct) = (relative(change.estimate), relative(change.high));
    let bounds_pct = Some([certain_pct, relative(change.low)]);
    let wanted_pct = experiment.promotion.min_fp_reduction.value();
    if certain_pct <= wanted_pct {
        return Proof::FpReductionTooSmall { fp_reduction_pct, bounds_pct, wanted_pct };
    }
    Proof::Proved { fp_reduction_pct }
}

impl Proof {
    /// Whether the treatment may be released.
    pub const fn promotes(&self) -> bool {
        matches!(self, Self::Proved { .. } | Self::Reviewed(_))
    }
}

/// What people saw in shadow counts where the test is too small to prove anything: most fleets of a few cameras label too
/// few alerts. It does not outweigh what a test did show.
pub(crate) fn judge_reviewed(
    experiment: &Experiment,
    reading: &Reading,
    look: &Look,
    treatment: &Tally,
    shown: Proof,
) -> Proof {
    let promoted_by = experiment.review.as_ref().map(|rules| rules.promoted_by);
    let suffices = match reading.verdict {
        ReviewVerdict::Promote => promoted_by.is_some_and(|by| by != PromotedBy::Nothing),
        ReviewVerdict::Pass => promoted_by == Some(PromotedBy::Harmless),
        ReviewVerdict::Alarm
        | ReviewVerdict::RejectFalseAlarms
        | ReviewVerdict::RejectMissed
        | ReviewVerdict::Open => false,
    };
    let is_too_small = match shown {
        Proof::TooFewLabels { .. } | Proof::TooFewCameras { .. } | Proof::NotPassed(_) => true,
        // With 95 % confidence too little is not the same as too little to tell.
        Proof::FpReductionTooSmall { bounds_pct, wanted_pct, .. } => {
            bounds_pct.is_some_and(|[_, most]| most >= wanted_pct)
        }
        Proof::Proved { .. }
        | Proof::Reviewed(_)
        | Proof::Finding(_)
        | Proof::NotWatched
        | Proof::Silent(_)
        | Proof::Split(_)
        | Proof::MissedThreats { .. }
        | Proof::AlertDrop { .. } => false,
    };
    let was_heard = treatment.analyses >= experiment.guardrails.min_samples;
    let speaks_against = look.split.is_some_and(|split| !split.is_clean())
        || look.judgements.iter().any(|judgement| speaks_against(judgement, reading));
    if suffices && is_too_small && was_heard && !speaks_against {
        Proof::Reviewed(*reading)
    } else {
        shown
    }
}

/// Whether a guardrail says more than that the test is small. Of labels there may be too few for anything but an alarm,
/// and people have answered what labels would; all else must at least look as if it were within its limit.
fn speaks_against(judgement: &Judgement, reading: &Reading) -> bool {
    let is_alarmed = judgement.verdict >= Verdict::Alarm;
    let looks_bad =
        is_alarmed || judgement.change.is_none_or(|change| change.estimate > judgement.limit);
    match judgement.guardrail {
        Guardrail::FpRate | Guardrail::MissedThreatRate | Guardrail::LabelShare => is_alarmed,
        Guardrail::AlertDrop => looks_bad && !was_seen(judgement, reading),
        Guardrail::ErrorRate
        | Guardrail::Latency
        | Guardrail::SlowRate
        | Guardrail::AlertRise
        | Guardrail::ThreatRetention => looks_bad,
    }
}

/// Whether alerts fell no further, for certain, than in the shadow that people saw.
fn was_seen(fall: &Judgement, reading: &Reading) -> bool {
    let seen_pct = reduction_pct(1.0, 1.0 + reading.events.change() as f64 / reading.alerts as f64);
    fall.bounds_shown().is_some_and(|(least_pct, _)| least_pct <= seen_pct)
}

/// By how many percent of `from` the rate fell; nothing falls from zero.
fn reduction_pct(from: f64, to: f64) -> f64 {
    if from > 0.0 { (from - to) / from * 100.0 } else { 0.0 }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proved { fp_reduction_pct } => {
                write!(f, "FP rate fell by {fp_reduction_pct:.1}% of the control's")
            }
            Self::Reviewed(reading) => {
                write!(f, "No guardrail speaks against what people saw in shadow. {reading}")
            }
            Self::Finding(finding) => finding.fmt(f),
            Self::NotWatched => f.write_str("The guardrails are switched off"),
            Self::TooFewLabels { labels, required: 1 } => write!(
                f,
                "{}, but nothing is proved without labels: control={}, treatment={}",
                Finding::WithinBounds,
                labels.control,
                labels.treatment
            ),
            Self::TooFewLabels { labels, required } => write!(
                f,
                "Too few labels for a promotion: control={}, treatment={}, required={required}",
                labels.control, labels.treatment
            ),
            Self::Silent(presence) => {
                write!(f, "Too little of the treatment since the last ramp step: {presence}")
            }
            Self::TooFewCameras { cameras, required } => write!(
                f,
                "Too few cameras with labels for a promotion: control={}, treatment={}, \
                 required={required}",
                cameras.control, cameras.treatment
            ),
            Self::NotPassed(judgement) => judgement.fmt(f),
            Self::Split(split) => split.fmt(f),
            Self::FpReductionTooSmall { fp_reduction_pct, bounds_pct, wanted_pct } => {
                write!(f, "FP rate fell by {fp_reduction_pct:.1}% of the control's")?;
                if let Some([low, high]) = bounds_pct {
                    write!(f, " (95 % bounds [{low:+.1}%, {high:+.1}%])")?;
                }
                write!(f, ", wanted {wanted_pct:.1}%")
            }
            Self::MissedThreats { increase, limit } => write!(
                f,
                "Missed-threat rate increase {:.1}% exceeds threshold {:.1}%",
                increase * 100.0,
                limit * 100.0
            ),
            Self::AlertDrop { drop_pct, limit_pct } => {
                write!(f, "Alert rate drop {drop_pct:.1}% exceeds threshold {limit_pct:.1}%")
            }
        }
    }
}
