//! Every rollout at a glance, and one as a whole.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use tidegate_engine::assignment::SplitMethod;
use tidegate_page::{CameraPage, Overview, RolloutCard, RolloutView, SplitUnit, WaitsFor};
use tidegate_spec::ExperimentFile;
use tidegate_spec::api::{
    CameraSort, CamerasQuery, GuardrailSeries, HistoryItem, LastStep, Scores, Series,
    SettingChange, SortOrder, Status,
};

use super::course::Planned;
use super::waiting::{rank, waits_for};
use super::{App, FrameNow, rendered};
use crate::describe;
use crate::http::asked;
use crate::http::experiments::{KeyPath, key_of, look};
use crate::http::figures;
use crate::http::problem::Problem;
use crate::rollouts::RunningExperiment;

/// Rollouts on one page: each is a look at its data.
const ROLLOUTS_SHOWN: usize = 20;
/// Steps of the history on one page.
const STEPS_SHOWN: usize = 15;
/// Cameras on one page.
const CAMERAS_SHOWN: usize = 50;
/// The newest steps, in which those of the present run are looked for.
const STEPS_READ: usize = 200;
/// Bytes of a definition that is held against the defaults: of a fleet's list nobody reads the differences.
const DEFINITION_BYTES_MAX: usize = 64 * 1024;
/// Settings that are shown.
const SETTINGS_SHOWN: usize = 200;

/// From which place on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OverviewQuery {
    after: Option<usize>,
}

/// Shows every rollout.
pub(super) async fn overview(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Result<Query<OverviewQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let after = asked::query(asked)?.after.unwrap_or(0);
    let (around, rollouts, total) = app
        .read(move |view| {
            let mut runs: Vec<&RunningExperiment> = view.rollouts.iter().collect();
            // Those of a rank stay in the order of their keys.
            runs.sort_by_cached_key(|run| rank(run, view));
            let shown = runs.iter().skip(after).take(ROLLOUTS_SHOWN).map(|run| RolloutCard {
                waits_for: waits_for(run, view.trust),
                status: describe::status(run, view),
            });
            (FrameNow::of(view), shown.collect::<Vec<_>>(), runs.len())
        })
        .await?;
    let rollouts = app.known(rollouts)?;
    let shown_to = after.saturating_add(rollouts.len());
    let next = (shown_to < total).then_some(shown_to);
    let frame = around.frame(&app, &headers);
    let overview = Overview { rollouts, total, after, next };
    rendered(move || tidegate_page::overview(&frame, &overview)).await
}

/// Before which step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RolloutQuery {
    before: Option<usize>,
    sort: Option<String>,
    order: Option<String>,
    after: Option<usize>,
}

impl RolloutQuery {
    /// Which cameras, and in which order; those that do worst where nobody said.
    fn cameras(&self) -> Result<impl FnOnce(&Status, &Series) -> CamerasQuery + use<>, Problem> {
        let after = self.after.unwrap_or(0);
        let (sort, order) = figures::sorting(self.sort.as_deref(), self.order.as_deref())?;
        Ok(move |status: &Status, series: &Series| {
            let (sort, order) = match sort {
                Some(sort) => (sort, order.unwrap_or_default()),
                None => (worst(status, series), SortOrder::Descending),
            };
            CamerasQuery { window: None, sort, order, after, limit: CAMERAS_SHOWN }
        })
    }
}

/// What is worst of all, by which cameras are sorted.
fn worst(status: &Status, series: &Series) -> CameraSort {
    let badness = |verdict: &str| {
        ["pass", "inconclusive", "alarm", "fail"].iter().position(|one| *one == verdict)
    };
    let worst = status.guardrails.iter().rev().max_by_key(|one| badness(&one.verdict));
    let worst = worst.map(|worst| worst.guardrail.as_str()).or_else(|| farthest(series));
    match worst {
        Some("error_rate") => CameraSort::ErrorRateDifference,
        Some("latency" | "slow_rate") => CameraSort::LatencyMsMeanDifference,
        Some("alert_drop" | "alert_rise" | "threat_retention") => CameraSort::AlertRateDifference,
        Some(_) if status.window != "shadow" => CameraSort::FpRateDifference,
        Some(_) | None => CameraSort::ErrorRateDifference,
    }
}

/// What came farthest towards its limit, where the rule has no verdicts.
fn farthest(series: &Series) -> Option<&str> {
    let part = |series: &GuardrailSeries| {
        let last = series.points.last()?;
        Some(last.change? / last.limit.filter(|limit| *limit > 0.0)?)
    };
    let parts = series.guardrails.iter().filter_map(|one| Some((part(one)?, one)));
    parts.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, one)| one.guardrail.as_str())
}

/// What is taken from the engine for a page, to be worked on elsewhere.
struct Gathered {
    around: FrameNow,
    status: Status,
    waits_for: WaitsFor,
    planned: Planned,
    allowed: Vec<String>,
    series: Series,
    split_unit: SplitUnit,
    has_group: bool,
    cameras: CameraPage,
    scores: Scores,
    newest: Vec<String>,
    shown: Vec<String>,
    older: Option<usize>,
    definition: Option<String>,
}

/// Shows a rollout.
pub(super) async fn rollout(
    State(app): State<App>,
    path: KeyPath,
    headers: HeaderMap,
    asked: Result<Query<RolloutQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let key = key_of(path)?;
    let asked = asked::query(asked)?;
    let (before, wanted) = (asked.before, asked.cameras()?);
    let gathered = look(&app, key.clone(), move |run, view| {
        let status = describe::status(run, view);
        let end = before.unwrap_or(usize::MAX).min(run.history.len());
        let begin = end.saturating_sub(STEPS_SHOWN);
        let newest = run.history.len().saturating_sub(STEPS_READ);
        let series = describe::series(run, None);
        let query = wanted(&status, &series);
        let assignment = &run.rollout.definition().experiment().assignment;
        let cameras = describe::cameras(run, view, &query);
        Gathered {
            around: FrameNow::of(view),
            waits_for: waits_for(run, view.trust),
            status,
            planned: Planned::of(run.rollout.definition()),
            series,
            split_unit: match assignment.method {
                SplitMethod::Switchback => SplitUnit::Block,
                SplitMethod::Hash | SplitMethod::Balanced => SplitUnit::Camera,
            },
            has_group: assignment.group.is_some(),
            cameras: CameraPage { cameras, sort: query.sort, order: query.order },
            scores: describe::scores(run),
            allowed: run.rollout.allowed().map(|command| command.as_str().to_owned()).collect(),
            newest: run.history[newest..].to_vec(),
            shown: run.history[begin..end].to_vec(),
            older: (begin > 0).then_some(begin),
            definition: (run.text.len() <= DEFINITION_BYTES_MAX).then(|| run.text.clone()),
        }
    })
    .await?;
    let frame = gathered.around.clone().about(&key).frame(&app, &headers);
    rendered(move || tidegate_page::rollout(&frame, &gathered.view())).await
}

impl Gathered {
    fn view(self) -> RolloutView {
        let steps = read(&self.newest).filter(|item| item.run == self.status.run);
        let steps: Vec<LastStep> = steps.map(Into::into).collect();
        let step = usize::try_from(self.status.step.number).unwrap_or(usize::MAX);
        let mut history: Vec<HistoryItem> = read(&self.shown).collect();
        history.reverse();
        let run = self.status.run;
        let mut settings = self.definition.map_or_else(Vec::new, |text| differing(&text, run));
        settings.truncate(SETTINGS_SHOWN);
        RolloutView {
            phases: self.planned.entries(&steps, &self.status.phase, step),
            status: self.status,
            waits_for: self.waits_for,
            allowed: self.allowed,
            series: self.series,
            split_unit: self.split_unit,
            has_group: self.has_group,
            cameras: self.cameras,
            scores: self.scores,
            history,
            older: self.older,
            settings,
        }
    }
}

/// Steps as they were journalled.
fn read(steps: &[String]) -> impl Iterator<Item = HistoryItem> {
    steps.iter().filter_map(|step| serde_json::from_str(step).ok())
}

/// The settings that are not what a file has that names nothing but the key and both versions.
fn differing(text: &str, run: u32) -> Vec<SettingChange> {
    let Ok(file) = ExperimentFile::parse(text) else { return Vec::new() };
    let experiment = file.definition.experiment();
    let least = format!(
        "key = \"{}\"\ncontrol = \"{}\"\ntreatment = \"{}\"\n",
        experiment.key, experiment.control, experiment.treatment
    );
    ExperimentFile::parse(&least)
        .map(|default| default.salted_for_run(run).changes(&file))
        .unwrap_or_default()
}
