//! One rollout, in the order in which a person asks.

mod camera_rows;
mod chart;

use askama::Template;
use tidegate_spec::api::{
    HistoryItem, Judgement, Labels, Scores, Series, SettingChange, Status, VariantMetrics,
};

use self::camera_rows::ColumnHead;
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
    scores: Option<ScoresChart<'a>>,
}

/// Where a guardrail stands between no change and its limit, in cells of 1 to 100.
struct GuardrailBar<'a> {
    judgement: &'a Judgement,
    zero: f64,
    limit: f64,
    span: Option<(f64, f64)>,
    change: Option<f64>,
    /// How it came there.
    chart: Option<GuardrailChart<'a>>,
}

impl<'a> GuardrailBar<'a> {
    /// The scale has no change, the limit and both bounds on it, but nothing beyond three limits.
    fn new(judgement: &'a Judgement, series: &'a Series) -> Result<Self, NotRendered> {
        let limit = judgement.limit.max(0.1);
        let (least, most) = (-2.0 * limit, 3.0 * limit);
        let clamped = |number: f64| number.clamp(least, most);
        let bounds =
            [judgement.low_95, judgement.high_95, judgement.change, Some(0.0), Some(limit)];
        let numbers = bounds.into_iter().flatten().map(clamped);
        let (low, high) = numbers
            .fold((0.0_f64, limit), |(low, high), number| (low.min(number), high.max(number)));
        let room = (high - low) * 0.06;
        let (low, high) = (low - room, high + room);
        let place = |number: f64| (clamped(number) - low) / (high - low) * 100.0;
        let change = judgement.change.filter(|change| change.is_finite());
        let span = change.map(|change| {
            let end = |bound: Option<f64>| place(bound.unwrap_or(change));
            (end(judgement.low_95), end(judgement.high_95))
        });
        let of_it = series.guardrails.iter().find(|one| one.guardrail == judgement.guardrail);
        let chart = of_it.map(GuardrailChart::of).transpose()?.flatten();
        let change = change.map(place);
        Ok(Self { judgement, zero: place(0.0), limit: place(limit), span, change, chart })
    }
}

/// Shows one rollout.
///
/// # Errors
/// [`NotRendered`] where the page cannot be written.
pub fn rollout(frame: &PageFrame, view: &RolloutView) -> Result<String, NotRendered> {
    let status = &view.status;
    let bars = status.guardrails.iter().map(|one| GuardrailBar::new(one, &view.series));
    let page = RolloutPage {
        frame,
        view,
        status,
        state: wording::state(&status.phase, &status.condition),
        bars: bars.collect::<Result<_, _>>()?,
        sides: sides(status),
        camera_heads: view.cameras.heads(),
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
