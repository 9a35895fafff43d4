//! A report as one self-contained HTML page.

mod chart;

use askama::Template;
use tidegate_chart::{Chart, NotDrawn};

use crate::outcome::RunOutcome;
use crate::path;
use crate::summary::{Judged, Met, Summary};
use crate::sweep::{Point, Sweep};
use crate::world::World;

/// One scenario with all that came of it.
#[derive(Debug, Clone, Copy)]
pub struct ReportedScenario<'a> {
    /// The world that was simulated.
    pub world: &'a World,
    /// The runs.
    pub outcomes: &'a [RunOutcome],
    /// The runs added up.
    pub summary: &'a Summary,
}

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A chart cannot be drawn.
    #[error(transparent)]
    Chart(#[from] NotDrawn),
    /// The page cannot be written.
    #[error("the page cannot be written: {0}")]
    Page(#[from] askama::Error),
}

#[derive(Template)]
#[template(path = "report.html")]
struct SimulationPage {
    title: String,
    subtitle: String,
    sweep: Option<SweepView>,
    cards: Vec<ScenarioView>,
}

struct ScenarioView {
    name: String,
    description: String,
    rule: &'static str,
    runs: u32,
    rolled_back: String,
    by: String,
    hours: String,
    harmed: String,
    promoted: String,
    undecided: String,
    expected: String,
    toml: String,
    class: &'static str,
    expectations: Vec<ExpectationView>,
    charts: Vec<Chart>,
}

struct ExpectationView {
    class: &'static str,
    text: String,
}

struct SweepView {
    counted: String,
    recommended: String,
    warnings: Vec<String>,
    charts: Vec<Chart>,
    rows: Vec<SettingView>,
    toml: Option<String>,
}

struct SettingView {
    settings: String,
    false_rollback: String,
    interval: String,
    rolled_back: String,
    power: String,
    undecided: String,
    hours: String,
    harmed: String,
    harmed_interval: String,
    mark: &'static str,
}

/// The page for scenarios, and for a sweep where there was one.
///
/// # Errors
/// [`ReportError`] where a chart or the page cannot be written.
pub fn html(
    scenes: &[ReportedScenario<'_>],
    sweep: Option<&Sweep<'_>>,
) -> Result<String, ReportError> {
    let runs: u64 = scenes.iter().map(|scene| u64::from(scene.summary.runs)).sum();
    let (title, subtitle) = match sweep {
        Some(sweep) => (
            "Tidegate sweep".to_owned(),
            format!(
                "{} settings, {} against harmless rollouts rolled back",
                sweep.points.len(),
                sweep.objective.title()
            ),
        ),
        None => (
            "Tidegate simulation".to_owned(),
            format!("{} scenarios, {runs} rollouts", scenes.len()),
        ),
    };
    let cards: Result<Vec<ScenarioView>, ReportError> = scenes.iter().map(card).collect();
    let sweep = sweep.map(view).transpose()?;
    Ok(SimulationPage { title, subtitle, sweep, cards: cards? }.render()?)
}

/// A share in percent, as people read it.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Hours of the median run, and of the early and the late ones.
pub fn hours(summary: &Summary) -> String {
    summary.hours_to_rollback.map_or_else(
        || "–".to_owned(),
        |hours| format!("{:.1} ({:.1}–{:.1})", hours.p50, hours.p5, hours.p95),
    )
}

/// What rolled back, the most frequent first.
pub fn stoppers(summary: &Summary) -> String {
    let mut by: Vec<(&str, f64)> = summary.rolled_back_by.iter().map(|(k, v)| (*k, *v)).collect();
    by.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    match by.as_slice() {
        [] => "–".to_owned(),
        [(only, _)] => (*only).to_owned(),
        many => {
            let part = |(name, share): &(&str, f64)| format!("{name} {}", percent(*share));
            many.iter().map(part).collect::<Vec<_>>().join(", ")
        }
    }
}

/// How many expectations came true.
pub fn expected(summary: &Summary) -> String {
    let count = |is: Met| summary.expectations.iter().filter(|judged| judged.verdict == is).count();
    let counts = [(Met::Met, "met"), (Met::TooFewRuns, "unclear"), (Met::Failed, "FAILED")];
    let parts = counts.map(|(met, word)| (count(met), word));
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let text = parts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    if text.is_empty() { "–".to_owned() } else { text }
}

/// An expectation in a sentence.
pub fn sentence(summary: &Summary, judged: &Judged) -> String {
    let Judged { name, bound, wanted, .. } = judged;
    let way = wanted.bound;
    let Some((measured, [low, high])) = judged.measured.zip(judged.interval) else {
        let failed = if judged.verdict == Met::Failed { "FAILED, " } else { "" };
        return format!("{name}: {failed}no run was rolled back");
    };
    let digits = if name.contains("share") { 4 } else { 1 };
    let what = format!(
        "{name}: {measured:.digits$} (95 % interval {low:.digits$} to {high:.digits$}), wanted {way} {bound}"
    );
    match judged.verdict {
        Met::Met => what,
        Met::Failed => format!("{what}: FAILED"),
        Met::TooFewRuns => format!("{what}: {} runs are too few to tell", summary.runs),
    }
}

fn card(scene: &ReportedScenario<'_>) -> Result<ScenarioView, ReportError> {
    let ReportedScenario { world, outcomes, summary } = scene;
    let line = |judged: &Judged| ExpectationView {
        class: class(judged.verdict),
        text: sentence(summary, judged),
    };
    let verdicts = summary.expectations.iter().map(|judged| judged.verdict);
    let worst = verdicts.max_by_key(|met| match met {
        Met::Met => 0,
        Met::TooFewRuns => 1,
        Met::Failed => 2,
    });
    let paths = path::typical(world, outcomes);
    let mut charts = vec![chart::endings(world, outcomes)?];
    charts.extend(chart::paths(&paths)?);
    Ok(ScenarioView {
        name: summary.name.clone(),
        description: summary.description.clone(),
        rule: summary.rule,
        runs: summary.runs,
        rolled_back: percent(summary.rolled_back_share),
        by: stoppers(summary),
        hours: hours(summary),
        harmed: format!("{:.0}", summary.harmed_analyses.p50),
        promoted: percent(summary.promoted_share),
        undecided: percent(summary.inconclusive_share),
        expected: expected(summary),
        toml: world.scenario().experiment.to_toml(),
        class: worst.map_or("", class),
        expectations: summary.expectations.iter().map(line).collect(),
        charts,
    })
}

const fn class(met: Met) -> &'static str {
    match met {
        Met::Met => "met",
        Met::Failed => "failed",
        Met::TooFewRuns => "too_few_runs",
    }
}

fn view(sweep: &Sweep<'_>) -> Result<SweepView, ReportError> {
    let row = |point: &Point| SettingView {
        settings: point.settings.join(", "),
        false_rollback: percent(point.false_rollback_share),
        interval: point.false_rollback_interval.map(percent).join(" – "),
        rolled_back: percent(point.rolled_back_share),
        power: point.rolled_back_interval.map(percent).join(" – "),
        undecided: percent(point.undecided_share),
        hours: format!("{:.1}", point.hours_mean),
        harmed: format!("{:.0}", point.harmed_analyses_mean),
        harmed_interval: point
            .harmed_analyses_interval
            .map(|harm| format!("{harm:.0}"))
            .join(" – "),
        mark: mark(point),
    };
    let best = sweep.points.iter().find(|point| point.recommended);
    Ok(SweepView {
        counted: counted(sweep.horizon_hours),
        recommended: best.map_or_else(|| "nothing".to_owned(), |best| best.settings.join(", ")),
        warnings: sweep.warnings.to_vec(),
        charts: chart::sweep(sweep)?,
        rows: sweep.points.iter().map(row).collect(),
        toml: sweep.toml.map(str::to_owned),
    })
}

/// How harm is counted in a sweep.
pub fn counted(horizon_hours: f64) -> String {
    format!(
        "Harm is counted over {horizon_hours:.0} h for every setting; what no rollback stopped goes on as in its \
         test, to every camera where it was promoted."
    )
}

/// The mark of a setting: on the front, and recommended.
pub const fn mark(point: &Point) -> &'static str {
    match (point.on_front, point.recommended) {
        (true, true) => "* ←",
        (true, false) => "*",
        (false, true) => "←",
        (false, false) => "",
    }
}
