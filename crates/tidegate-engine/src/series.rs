//! What each guardrail said over time, for people to see; nothing is decided by it.
//!
//! As with notices, a journal that is read back looks at nothing: the shell writes down what [`Series::due`] gives
//! with the event that led there, and tells [`Series::keep`] the same whether it happens or is read back.

use alloc::vec::Vec;

use crate::decision::Evidence;
use crate::experiment::Guardrails;
use crate::exposure::Window;
use crate::guardrail::Guardrail;
use crate::look::Check;
use crate::phase::Phase;
use crate::threshold::ThresholdCheck;
use crate::time::{Duration, Timestamp};
use crate::verdict::{ChangeUnit, Judgement, Verdict};

/// The least time between two points where no verdict changes and no step is taken.
pub const POINT_EVERY: Duration = Duration::from_ms(10 * 60_000);
/// Most points of a phase.
pub const POINTS_MAX: usize = 600;
/// Points of this last time are the last to be left out.
const RECENT: Duration = Duration::from_ms(48 * 3_600_000);

/// What the guardrails of a rollout said over time, each phase by itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    shadow: Vec<SeriesPoint>,
    ab: Vec<SeriesPoint>,
    full: Vec<SeriesPoint>,
}

/// What the guardrails said at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// When.
    pub at: Timestamp,
    /// Each guardrail that was watched.
    pub guardrails: Vec<GuardrailPoint>,
}

/// What one guardrail said. Numbers have the precision of a drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuardrailPoint {
    /// Which.
    pub guardrail: Guardrail,
    /// What it said; the threshold rule has no verdicts.
    pub verdict: Option<Verdict>,
    /// By how much the treatment was worse, if anything could be compared.
    pub change: Option<ChangePoint>,
    /// The owner's limit, in points or percent; unknown where it is a part of a rate that is 0.
    pub limit: Option<f32>,
    /// The evidence against "no worse", at most [`f32::MAX`]; the threshold rule has none.
    pub evidence: Option<f32>,
    /// The evidence that rolls back, where anything does.
    pub evidence_needed: Option<f32>,
}

/// By how much the treatment was worse, in points or percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The estimate.
    pub estimate: f32,
    /// Its lower one-sided 95 % bound, where there is one.
    pub low: Option<f32>,
    /// Its upper one-sided 95 % bound, where there is one.
    pub high: Option<f32>,
}

/// Why a point may be due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The data were looked at.
    Look,
    /// A step was taken, on these data.
    Step,
}

/// The sums whose guardrails a phase is judged by, if any.
pub const fn window_of(phase: Phase) -> Option<Window> {
    match phase {
        Phase::Shadow => Some(Window::Shadow),
        Phase::Ab => Some(Window::Ab),
        Phase::Full => Some(Window::Full),
        Phase::Draft | Phase::Completed | Phase::RolledBack | Phase::Stopped => None,
    }
}

impl Series {
    /// Takes the points of a phase up again; `None` where they are out of order or too many.
    pub fn restore(&mut self, window: Window, points: Vec<SeriesPoint>) -> Option<()> {
        let can_be = points.len() <= POINTS_MAX && points.is_sorted_by_key(|point| point.at);
        *self.of(window)? = Some(points).filter(|_| can_be)?;
        Some(())
    }

    /// The points of a phase, by time.
    pub fn points(&self, window: Window) -> &[SeriesPoint] {
        match window {
            Window::Shadow => &self.shadow,
            Window::Ab => &self.ab,
            Window::Full => &self.full,
            Window::Outside => &[],
        }
    }

    /// Whether it is time for another point.
    pub fn is_time(&self, window: Window, at: Timestamp) -> bool {
        let last = self.points(window).last();
        last.is_none_or(|last| at.since(last.at) >= POINT_EVERY)
    }

    /// The point that is due with this evidence, if one is: of a step always, else where time is and any number is another,
    /// or a verdict changed.
    pub fn due(
        &self,
        at: Timestamp,
        occasion: Occasion,
        evidence: &Evidence,
        guardrails: &Guardrails,
    ) -> Option<SeriesPoint> {
        let watched = GuardrailPoint::all(&evidence.check, guardrails);
        let due = self.points(evidence.window).last().is_none_or(|last| match occasion {
            Occasion::Step => last.at < at || last.guardrails != watched,
            Occasion::Look if at.since(last.at) >= POINT_EVERY => last.guardrails != watched,
            Occasion::Look => verdicts(&last.guardrails).ne(verdicts(&watched)),
        });
        (due && !watched.is_empty()).then_some(SeriesPoint { at, guardrails: watched })
    }

    /// Keeps a point. Of more than [`POINTS_MAX`] one is left out, never the first or the last: before the last
    /// 48 hours, where no verdict changed, and where others are nearest.
    pub fn keep(&mut self, window: Window, point: SeriesPoint) {
        let Some(points) = self.of(window) else { return };
        points.push(point);
        if points.len() > POINTS_MAX {
            thin(points);
        }
    }

    const fn of(&mut self, window: Window) -> Option<&mut Vec<SeriesPoint>> {
        match window {
            Window::Shadow => Some(&mut self.shadow),
            Window::Ab => Some(&mut self.ab),
            Window::Full => Some(&mut self.full),
            Window::Outside => None,
        }
    }
}

fn thin(points: &mut Vec<SeriesPoint>) {
    let Some(newest) = points.last().map(|last| last.at) else { return };
    let worth = |at: &usize| {
        let (before, point, after) = (&points[*at - 1], &points[*at], &points[*at + 1]);
        let is_recent = newest.since(point.at) < RECENT;
        (is_recent, changes_verdict(before, point), after.at.since(before.at))
    };
    if let Some(least) = (1..points.len() - 1).min_by_key(worth) {
        points.remove(least);
    }
}

fn verdicts(points: &[GuardrailPoint]) -> impl Iterator<Item = (Guardrail, Option<Verdict>)> + '_ {
    points.iter().map(|point| (point.guardrail, point.verdict))
}

fn changes_verdict(before: &SeriesPoint, point: &SeriesPoint) -> bool {
    point.guardrails.iter().any(|now| {
        let was = before.guardrails.iter().find(|was| was.guardrail == now.guardrail);
        was.and_then(|was| was.verdict) != now.verdict
    })
}

impl GuardrailPoint {
    /// Each guardrail of a check under these limits.
    fn all(check: &Check, guardrails: &Guardrails) -> Vec<Self> {
        match check {
            Check::Sequential(look) => look.judgements.iter().map(Self::from).collect(),
            Check::Threshold(check) => Self::of_averages(check, guardrails).into(),
        }
    }

    fn of_averages(check: &ThresholdCheck, limits: &Guardrails) -> [Self; 3] {
        let of = |guardrail, estimate: Option<f64>, limit: f64| Self {
            guardrail,
            verdict: None,
            change: estimate.and_then(|estimate| ChangePoint::new(estimate, None)),
            limit: single(limit),
            evidence: None,
            evidence_needed: None,
        };
        let points = |rate: f64| ChangeUnit::Points.shown(rate);
        [
            of(
                Guardrail::FpRate,
                Some(points(check.fp_rate_increase)),
                points(limits.max_fp_rate_increase.value()),
            ),
            of(
                Guardrail::ErrorRate,
                Some(points(check.error_rate_increase)),
                points(limits.max_error_rate_increase.value()),
            ),
            of(Guardrail::Latency, check.latency_increase_pct, limits.max_latency_increase.value()),
        ]
    }

    /// The word behind change, bounds and limit.
    pub const fn unit(&self) -> &'static str {
        match self.guardrail {
            Guardrail::Latency
            | Guardrail::AlertDrop
            | Guardrail::AlertRise
            | Guardrail::LabelShare => "percent",
            Guardrail::FpRate
            | Guardrail::ErrorRate
            | Guardrail::SlowRate
            | Guardrail::MissedThreatRate
            | Guardrail::ThreatRetention => "points",
        }
    }
}

impl From<&Judgement> for GuardrailPoint {
    fn from(judgement: &Judgement) -> Self {
        // Of nothing there are no percent: what is said in points then has no place beside them.
        let no_percent =
            matches!(judgement.unit, ChangeUnit::PercentOf { control } if control <= 0.0);
        let change = judgement.change_shown().filter(|_| !no_percent);
        Self {
            guardrail: judgement.guardrail,
            verdict: Some(judgement.verdict),
            change: change.and_then(|change| ChangePoint::new(change, judgement.bounds_shown())),
            limit: single(judgement.limit_shown()).filter(|_| !no_percent),
            evidence: single(judgement.evidence.value().min(f64::from(f32::MAX))),
            evidence_needed: judgement.evidence_needed.and_then(single),
        }
    }
}

impl ChangePoint {
    fn new(estimate: f64, bounds: Option<(f64, f64)>) -> Option<Self> {
        Some(Self {
            estimate: single(estimate)?,
            low: bounds.and_then(|(low, _)| single(low)),
            high: bounds.and_then(|(_, high)| single(high)),
        })
    }
}

/// A number in the precision of a drawing; none of what is beyond it.
fn single(number: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "a drawing needs no more")]
    let single = number as f32;
    single.is_finite().then_some(single)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::experiment::{Digest, Experiment};
    use crate::threshold::Finding;
    use crate::variant::ByVariant;

    const MINUTE_MS: i64 = 60_000;

    fn point(at_ms: i64, verdict: Verdict) -> SeriesPoint {
        let guardrail = GuardrailPoint {
            guardrail: Guardrail::ErrorRate,
            verdict: Some(verdict),
            change: None,
            limit: Some(5.0),
            evidence: Some(0.0),
            evidence_needed: Some(200.0),
        };
        SeriesPoint { at: Timestamp::from_ms(at_ms).unwrap(), guardrails: vec![guardrail] }
    }

    fn times_ms(series: &Series) -> Vec<i64> {
        series.points(Window::Ab).iter().map(|point| point.at.ms()).collect()
    }

    fn averages(errors: f64) -> Evidence {
        let check = Check::Threshold(ThresholdCheck {
            finding: Finding::WithinBounds,
            fp_rate_increase: 0.0,
            latency_increase_pct: None,
            error_rate_increase: errors,
        });
        let (definition, sides) = (Digest(0), ByVariant::default());
        Evidence { definition, window: Window::Ab, sides, check }
    }

    #[test]
    fn a_point_comes_with_time_where_a_number_is_another_and_with_each_step() {
        let (control, treatment) = ("v1".parse().unwrap(), "v2".parse().unwrap());
        let limits = Experiment::new("door".parse().unwrap(), control, treatment).guardrails;
        let mut series = Series::default();
        let mut told = |minute: i64, occasion, errors| {
            let at = Timestamp::from_ms(minute * MINUTE_MS).unwrap();
            let point = series.due(at, occasion, &averages(errors), &limits);
            let is_due = point.is_some();
            if let Some(point) = point {
                series.keep(Window::Ab, point);
            }
            is_due
        };
        assert!(told(0, Occasion::Look, 0.0));
        assert!(!told(9, Occasion::Look, 0.01));
        assert!(told(10, Occasion::Look, 0.01));
        assert!(!told(60, Occasion::Look, 0.01), "nothing came in");
        assert!(told(61, Occasion::Step, 0.01));
        assert!(!told(61, Occasion::Step, 0.01), "once");
        let last = series.points(Window::Ab).last().unwrap();
        let errors = last.guardrails[1];
        assert_eq!((errors.verdict, errors.evidence, errors.limit), (None, None, Some(5.0)));
        assert_eq!(errors.change.map(|change| (change.estimate, change.low)), Some((1.0, None)));
        assert_eq!(last.guardrails[2].change, None, "no latency is known");
    }

    #[test]
    fn two_days_stay_whole_and_what_is_older_grows_sparse_evenly() {
        let mut series = Series::default();
        let minutes: Vec<i64> = (0..14 * 24 * 6).map(|point| point * 10).collect();
        for minute in &minutes {
            series.keep(Window::Ab, point(minute * MINUTE_MS, Verdict::Inconclusive));
        }
        let kept = times_ms(&series);
        assert_eq!(kept.len(), POINTS_MAX);
        let last = minutes.last().unwrap() * MINUTE_MS;
        assert_eq!((kept[0], *kept.last().unwrap()), (0, last));
        let recent = kept.iter().filter(|at| last - **at < RECENT.ms().cast_signed()).count();
        assert_eq!(recent, 48 * 6);
        // 12 days by 312 points: none lies further from the next than four times as far as they would if they were even.
        let widest = kept.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(widest <= 4 * 56 * MINUTE_MS, "{widest}");
    }

    #[test]
    fn a_change_of_verdict_outlasts_what_says_the_same() {
        let mut series = Series::default();
        let alarmed = 5_000 * MINUTE_MS;
        for step in 0..2_000 {
            let at = step * 10 * MINUTE_MS;
            let verdict = if at == alarmed { Verdict::Alarm } else { Verdict::Pass };
            series.keep(Window::Ab, point(at, verdict));
        }
        assert!(times_ms(&series).contains(&alarmed));
    }

    proptest! {
        #[test]
        fn the_first_and_the_last_are_kept_in_order_and_no_more_than_there_may_be(
            steps in proptest::collection::vec((0_i64..10_000_000, 0_usize..4), 1..1_500),
        ) {
            let mut series = Series::default();
            let mut at = 0;
            for (step, verdict) in &steps {
                at += step;
                series.keep(Window::Ab, point(at, Verdict::ALL[*verdict]));
            }
            let kept = times_ms(&series);
            prop_assert_eq!(kept.len(), steps.len().min(POINTS_MAX));
            prop_assert_eq!((kept[0], kept[kept.len() - 1]), (steps[0].0, at));
            prop_assert!(kept.is_sorted());
        }

        #[test]
        fn what_was_taken_up_again_goes_on_as_if_nothing_had_happened(
            steps in proptest::collection::vec((0_i64..100_000_000, 0_usize..4), 1..900),
            cut in any::<proptest::sample::Index>(),
        ) {
            let (mut whole, mut restored) = (Series::default(), Series::default());
            let (cut, mut at) = (cut.index(steps.len()), 0);
            for (number, (step, verdict)) in steps.iter().enumerate() {
                at += step;
                for series in [&mut whole, &mut restored] {
                    series.keep(Window::Ab, point(at, Verdict::ALL[*verdict]));
                }
                if number == cut {
                    let points = restored.points(Window::Ab).to_vec();
                    restored = Series::default();
                    prop_assert!(restored.restore(Window::Ab, points).is_some());
                }
            }
            prop_assert_eq!(whole, restored);
        }
    }
}
