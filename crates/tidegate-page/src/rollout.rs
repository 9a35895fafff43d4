//! One rollout, in the order in which a person asks.

mod camera_rows;
mod chart;

use askama::Template;
use tidegate_spec::api::{
    GuardrailPoint, HistoryItem, Judgement, Labels, Scores, Series, SettingChange, Status,
    VariantMetrics,
};

use self::camera_rows::{ColumnHead, StepsShown};
use self::chart::{GuardrailChart, ScoresChart};
use crate::{NotRendered, PageFrame, WaitsFor, asset, filters, wording};

pub use self::camera_rows::CameraPage;

/// When a phase is, seen from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseTime {
    /// It is over.
    Past,
    /// It is now.
    Now,
    /// It is to come.
    ToCome,
}

/// A phase, or a ramp step, on the line of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseEntry {
    /// The phase, in the name of the interface.
    pub phase: String,
    /// What is to be said of it, such as how long it lasts and for which share.
    pub detail: String,
    /// When it began, where it has.
    pub began_at: Option<String>,
    /// Seen from now.
    pub time: PhaseTime,
}

impl PhaseEntry {
    fn name(&self) -> &str {
        wording::phase(&self.phase)
    }

    const fn class(&self) -> &'static str {
        match self.time {
            PhaseTime::Past => "past",
            PhaseTime::Now => "now",
            PhaseTime::ToCome => "to-come",
        }
    }
}

/// What a split divides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitUnit {
    /// Cameras.
    Camera,
    /// Blocks of time of a camera.
    Block,
}

impl SplitUnit {
    const fn plural(self) -> &'static str {
        match self {
            Self::Camera => "cameras",
            Self::Block => "blocks of time",
        }
    }
}

/// All that a page shows of a rollout.
#[derive(Debug, Clone)]
pub struct RolloutView {
    /// Where it stands.
    pub status: Status,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// The way it takes.
    pub phases: Vec<PhaseEntry>,
    /// What a person may do now, in the names of the interface.
    pub allowed: Vec<String>,
    /// What each guardrail said over time.
    pub series: Series,
    /// What is split.
    pub split_unit: SplitUnit,
    /// Whether it has a part of a group of cameras only.
    pub has_group: bool,
    /// Some of the cameras.
    pub cameras: CameraPage,
    /// Both scores of the shadow.
    pub scores: Scores,
    /// The steps that are shown, newest first.
    pub history: Vec<HistoryItem>,
    /// From which place on older steps are; none where there are no older ones.
    pub older: Option<usize>,
    /// The settings that are not the defaults.
    pub settings: Vec<SettingChange>,
}

#[derive(Template)]
#[template(path = "rollout.html")]
struct RolloutPage<'a> {
    frame: &'a PageFrame,
    view: &'a RolloutView,
    status: &'a Status,
    state: String,
    bars: Vec<GuardrailBar<'a>>,
    sides: [(&'static str, String, String); 8],
    camera_heads: Vec<ColumnHead>,
    steps_shown: StepsShown,
    scores: Option<ScoresChart<'a>>,
}

/// A guardrail: what is said of it, where it stands, and how it came there.
struct GuardrailBar<'a> {
    /// What the rule says of it; the threshold rule has no verdicts.
    judgement: Option<&'a Judgement>,
    name: &'a str,
    scale: Scale,
    chart: Option<GuardrailChart<'a>>,
}

impl<'a> GuardrailBar<'a> {
    /// Each guardrail that is judged, and else each that was watched.
    fn all(status: &'a Status, series: &'a Series) -> Result<Vec<Self>, NotRendered> {
        let judged = status.guardrails.iter().map(|judgement| {
            let of_it = series.guardrails.iter().find(|one| one.guardrail == judgement.guardrail);
            let Judgement { change, low_95, high_95, limit, .. } = *judgement;
            Ok(Self {
                judgement: Some(judgement),
                name: &judgement.guardrail,
                scale: Scale::of(limit, change, [low_95, high_95]),
                chart: of_it.map(GuardrailChart::of).transpose()?.flatten(),
            })
        });
        let unjudged = series.guardrails.iter().filter(|one| {
            !status.guardrails.iter().any(|judgement| judgement.guardrail == one.guardrail)
        });
        let watched = unjudged.map(|one| {
            let last = one.points.last();
            let number = |of: fn(&GuardrailPoint) -> Option<f32>| last.and_then(of).map(f64::from);
            let limit = f64::from(one.limit.unwrap_or_default());
            let bounds = [number(|point| point.low_95), number(|point| point.high_95)];
            Ok(Self {
                judgement: None,
                name: &one.guardrail,
                scale: Scale::of(limit, number(|point| point.change), bounds),
                chart: GuardrailChart::of(one)?,
            })
        });
        judged.chain(watched).collect()
    }
}

/// Where a change stands between none and its limit, in cells of 1 to 100.
struct Scale {
    zero: f64,
    limit: f64,
    span: Option<(f64, f64)>,
    change: Option<f64>,
}

impl Scale {
    /// No change, the limit, the change and both of its bounds are on it.
    fn of(limit: f64, change: Option<f64>, bounds: [Option<f64>; 2]) -> Self {
        let limit = limit.max(0.1);
        let finite = |number: Option<f64>| number.filter(|number| number.abs() < DRAWN_BELOW);
        let (change, [least, most]) = (finite(change), bounds.map(finite));
        let numbers = [least, most, change, Some(0.0), Some(limit)].into_iter().flatten();
        let (low, high) = numbers
            .fold((0.0_f64, limit), |(low, high), number| (low.min(number), high.max(number)));
        let room = (high - low) * 0.06;
        let (low, high) = (low - room, high + room);
        let place = |number: f64| (number - low) / (high - low) * 100.0;
        let end = |bound: Option<f64>, change| place(bound.unwrap_or(change));
        Self {
            zero: place(0.0),
            limit: place(limit),
            span: change.map(|change| (end(least, change), end(most, change))),
            change: change.map(place),
        }
    }
}

/// Beyond this no number is drawn.
const DRAWN_BELOW: f64 = 1e12;

/// Shows one rollout.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn rollout(frame: &PageFrame, view: &RolloutView) -> Result<String, NotRendered> {
    let status = &view.status;
    let page = RolloutPage {
        frame,
        view,
        status,
        state: wording::state(&status.phase, &status.condition),
        bars: GuardrailBar::all(status, &view.series)?,
        sides: sides(status),
        camera_heads: view.cameras.heads(),
        steps_shown: match status.phase.as_str() {
            "draft" | "shadow" | "ab" if status.step.of > 1 => StepsShown::Yes,
            _ => StepsShown::No,
        },
        scores: ScoresChart::of(&view.scores)?,
    };
    Ok(page.render()?)
}

/// Both variants, line by line.
fn sides(status: &Status) -> [(&'static str, String, String); 8] {
    let (control, treatment) = (&status.variants.control, &status.variants.treatment);
    let row =
        |what, shown: &dyn Fn(&VariantMetrics) -> String| (what, shown(control), shown(treatment));
    let rate = |count: u64, rate: f64| format!("{count} ({:.1} %)", rate * 100.0);
    let labelled = |of: fn(&Labels) -> u64, share: fn(&VariantMetrics) -> f64| {
        move |side: &VariantMetrics| rate(of(&side.labels), share(side))
    };
    let mean = |mean: Option<f64>, unit: &str| {
        mean.map_or_else(|| "–".to_owned(), |mean| format!("{mean:.1}{unit}"))
    };
    [
        row("Analyses", &|side| side.analyses.to_string()),
        row("Errors", &|side| rate(side.errors, side.error_rate)),
        row("Mean latency", &|side| mean(side.latency_ms_mean, " ms")),
        row("Mean score", &|side| mean(side.score_mean, "")),
        row("Alerts", &|side| rate(side.alerts, side.alert_rate)),
        row("Labels", &|side| side.labels.total.to_string()),
        row("False positives", &labelled(|labels| labels.false_positive, |side| side.fp_rate)),
        row(
            "Missed threats",
            &labelled(|labels| labels.missed_threat, |side| side.missed_threat_rate),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_the_change_and_its_bounds_on_it_however_far_beyond_the_limit() {
        let Scale { zero, limit, span, change } =
            Scale::of(5.0, Some(54.9), [Some(39.9), Some(70.0)]);
        let (from, to) = span.unwrap();
        let places = [0.0, zero, limit, from, change.unwrap(), to, 100.0];
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        // In proportion: of 70 points 54.9 are a little more than three quarters.
        let part = (change.unwrap() - zero) / (to - zero);
        assert!((part - 54.9 / 70.0).abs() < 1e-9, "{part}");
    }

    #[test]
    fn what_has_no_number_is_not_drawn() {
        let Scale { span, change, .. } = Scale::of(0.0, None, [None, Some(3.0)]);
        assert_eq!((span, change), (None, None));
        let beyond = Scale::of(5.0, Some(f64::MAX), [None, None]);
        assert!(beyond.change.is_none() && beyond.limit.is_finite());
    }
}
