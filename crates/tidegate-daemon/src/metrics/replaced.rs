//! The metrics of the system that Tidegate replaces, under their names, so that its dashboards go on.

use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tidegate_engine::decision::Decision;
use tidegate_engine::event::Event;
use tidegate_engine::experiment::Experiment;
use tidegate_engine::number::RiskScore;
use tidegate_engine::observation::{Analysis, Comparison, Label, Outcome};
use tidegate_engine::variant::Variant;

use super::{Number, One, Two};
use crate::published::View;

/// The label that names the model; there is one.
const MODEL: &str = "nemotron";
/// Prompt versions that have series of their own; the replaced system knew two, and four in experiments.
const VERSIONS_SHOWN_MAX: usize = 4;
/// Where the replaced system's risk levels begin: low below, then medium, high, critical.
const LEVELS: [u8; 3] = [30, 60, 85];

#[derive(Debug, Clone, Copy)]
struct BucketBounds(&'static [f64]);

impl MetricConstructor<Histogram> for BucketBounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

const LATENCY_SECONDS: BucketBounds =
    BucketBounds(&[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0]);
const SCORES: BucketBounds =
    BucketBounds(&[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0]);
const SCORE_DIFFS: BucketBounds =
    BucketBounds(&[0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 75.0, 100.0]);
const LATENCY_DIFFS: BucketBounds = BucketBounds(&[-1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 2.0, 5.0]);

#[derive(Debug)]
pub(super) struct Replaced {
    /// Prompt versions that have series of their own.
    versions: Mutex<Vec<String>>,
    version_latency: Family<One, Histogram, BucketBounds>,
    traffic: Family<Two, Counter>,
    comparisons: Family<One, Counter>,
    latency_warnings: Family<One, Counter>,
    rollbacks: Family<Two, Counter>,
    scores: Family<One, Histogram, BucketBounds>,
    score_diff: Histogram,
    score_mean: Family<One, Number>,
    level_shift: Family<One, Counter>,
    latency_diff: Histogram,
    comparison_errors: Family<One, Counter>,
    analyses: Family<One, Counter>,
    feedback: Family<Two, Counter>,
    fp_rate: Family<One, Number>,
    latency_mean: Family<One, Number>,
    rollout_score_mean: Family<One, Number>,
}

impl Replaced {
    #[expect(clippy::too_many_lines, reason = "one metric after the other")]
    pub(super) fn register(registry: &mut Registry) -> Self {
        macro_rules! register {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
        }
        Self {
            versions: Mutex::default(),
            version_latency: register!(
                "hsi_prompt_version_latency_seconds",
                "Latency by prompt version",
                Family::new_with_constructor(LATENCY_SECONDS)
            ),
            traffic: register!(
                "hsi_prompt_ab_traffic",
                "Analyses by prompt version",
                Family::default()
            ),
            comparisons: register!(
                "hsi_prompt_shadow_comparisons",
                "Shadow comparisons",
                Family::default()
            ),
            latency_warnings: register!(
                "hsi_shadow_latency_warning",
                "Shadow comparisons in which the treatment was too slow",
                Family::default()
            ),
            rollbacks: register!("hsi_prompt_rollbacks", "Rollbacks by cause", Family::default()),
            scores: register!(
                "hsi_shadow_risk_score_distribution",
                "Risk scores in shadow",
                Family::new_with_constructor(SCORES)
            ),
            score_diff: register!(
                "hsi_shadow_risk_score_diff",
                "Absolute difference of the risk scores in shadow",
                SCORE_DIFFS.new_metric()
            ),
            score_mean: register!(
                "hsi_shadow_avg_risk_score",
                "Mean risk score in shadow",
                Family::default()
            ),
            level_shift: register!(
                "hsi_shadow_risk_level_shift",
                "Comparisons by the direction in which the risk level moved",
                Family::default()
            ),
            latency_diff: register!(
                "hsi_shadow_latency_diff_seconds",
                "Latency of the treatment less that of the control in shadow",
                LATENCY_DIFFS.new_metric()
            ),
            comparison_errors: register!(
                "hsi_shadow_comparison_errors",
                "Shadow comparisons with a failure",
                Family::default()
            ),
            analyses: register!(
                "hsi_ab_rollout_analysis",
                "Analyses in the A/B test",
                Family::default()
            ),
            feedback: register!("hsi_ab_rollout_feedback", "Feedback by label", Family::default()),
            fp_rate: register!(
                "hsi_ab_rollout_fp_rate",
                "False positives among the labels",
                Family::default()
            ),
            latency_mean: register!(
                "hsi_ab_rollout_avg_latency_ms",
                "Mean latency in the A/B test",
                Family::default()
            ),
            rollout_score_mean: register!(
                "hsi_ab_rollout_avg_risk_score",
                "Mean risk score in the A/B test",
                Family::default()
            ),
        }
    }

    pub(super) fn accepted(&self, event: &Event, experiment: &Experiment) {
        match event {
            Event::Analysis(analysis) => self.analysis(analysis, experiment),
            Event::Comparison(comparison) => self.comparison(comparison, experiment),
            // Feedback names no variant; it is counted by the sums, see `set`.
            Event::Feedback(_)
            | Event::CardReply(_)
            | Event::Absent(_)
            | Event::Tick
            | Event::Action(_) => {}
        }
    }

    fn analysis(&self, analysis: &Analysis, experiment: &Experiment) {
        let version = match analysis.variant {
            Variant::Control => &experiment.control,
            Variant::Treatment => &experiment.treatment,
        };
        let is_treatment = (analysis.variant == Variant::Treatment).to_string();
        let version = self.shown(version.as_str());
        let labels = [("version", version.clone()), ("is_treatment", is_treatment)];
        self.traffic.get_or_create(&labels).inc();
        self.latency(version, analysis.outcome);
        let group = [("group", analysis.variant.as_str().to_owned())];
        self.analyses.get_or_create(&group).inc();
    }

    /// The name of a version in labels: its own for the first few, so that the number of series is bounded.
    fn shown(&self, version: &str) -> String {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if versions.iter().any(|known| known == version) {
            return version.to_owned();
        }
        if versions.len() >= VERSIONS_SHOWN_MAX {
            return "other".to_owned();
        }
        versions.push(version.to_owned());
        version.to_owned()
    }

    fn latency(&self, version: String, outcome: Outcome) {
        if let Some(latency) = outcome.latency() {
            let labels = [("version", version)];
            self.version_latency.get_or_create(&labels).observe(latency.ms() / 1_000.0);
        }
    }

    fn comparison(&self, comparison: &Comparison, experiment: &Experiment) {
        let model = [("model", MODEL.to_owned())];
        self.comparisons.get_or_create(&model).inc();
        if comparison.latency_warning(experiment.shadow.latency_warning_threshold) {
            self.latency_warnings.get_or_create(&model).inc();
        }
        let (control, treatment) = (comparison.outcomes.control, comparison.outcomes.treatment);
        let failed = match (control.failed(), treatment.failed()) {
            (true, true) => Some("both_failed"),
            (true, false) => Some("control_failed"),
            (false, true) => Some("treatment_failed"),
            (false, false) => None,
        };
        if let Some(failed) = failed {
            let labels = [("error_type", failed.to_owned())];
            self.comparison_errors.get_or_create(&labels).inc();
        }
        let sides = [(&experiment.control, control), (&experiment.treatment, treatment)];
        for (version, outcome) in sides {
            let version = self.shown(version.as_str());
            self.latency(version.clone(), outcome);
            if let Some(score) = outcome.score() {
                let labels = [("prompt_version", version)];
                self.scores.get_or_create(&labels).observe(f64::from(score.value()));
            }
        }
        if let (Some(control), Some(treatment)) = (control.score(), treatment.score()) {
            let diff = f64::from(control.value()) - f64::from(treatment.value());
            self.score_diff.observe(diff.abs());
            let direction = match level(treatment).cmp(&level(control)) {
                std::cmp::Ordering::Less => "lower",
                std::cmp::Ordering::Equal => "same",
                std::cmp::Ordering::Greater => "higher",
            };
            self.level_shift.get_or_create(&[("direction", direction.to_owned())]).inc();
        }
        if let (Some(control), Some(treatment)) = (control.latency(), treatment.latency()) {
            self.latency_diff.observe((treatment.ms() - control.ms()) / 1_000.0);
        }
    }

    pub(super) fn rolled_back(&self, decision: &Decision) {
        let reason = decision.cause.code().to_owned();
        let labels = [("model", MODEL.to_owned()), ("reason", reason)];
        self.rollbacks.get_or_create(&labels).inc();
    }

    /// Sets what is read off the sums: of the one experiment that runs, as before.
    pub(super) fn set(&self, view: View<'_>) {
        let Some(run) = view.rollouts.iter().max_by_key(|run| run.rollout.lifecycle().now) else {
            return;
        };
        let sums = run.rollout.sums();
        let experiment = run.rollout.definition().experiment();
        for variant in Variant::ALL {
            let (ab, shadow, version) = match variant {
                Variant::Control => {
                    (&sums.ab.control, &sums.pairs.sides.control, &experiment.control)
                }
                Variant::Treatment => {
                    (&sums.ab.treatment, &sums.pairs.sides.treatment, &experiment.treatment)
                }
            };
            let group = [("group", variant.as_str().to_owned())];
            self.fp_rate.get_or_create(&group).set(ab.fp_rate());
            if let Some(mean) = ab.latency_ms_mean() {
                self.latency_mean.get_or_create(&group).set(mean);
            }
            if let Some(mean) = ab.score_mean() {
                self.rollout_score_mean.get_or_create(&group).set(mean);
            }
            if let Some(mean) = shadow.score_mean() {
                let labels = [("prompt_version", self.shown(version.as_str()))];
                self.score_mean.get_or_create(&labels).set(mean);
            }
            for label in [Label::FalsePositive, Label::Correct] {
                let [group] = group.clone();
                let labels = [group, ("feedback_type", label.as_str().to_owned())];
                let counter = self.feedback.get_or_create(&labels);
                // A label that was changed takes one away; a counter only grows.
                counter.inc_by(ab.labelled(label).saturating_sub(counter.get()));
            }
        }
    }
}

/// The risk level of a score, from 0.
fn level(score: RiskScore) -> usize {
    LEVELS.iter().filter(|least| score.value() >= **least).count()
}
