//! Where each rollout stands, read at every scrape.

use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tidegate_engine::look::Check;
use tidegate_engine::variant::Variant;

use super::{Number, One, Two};
use crate::published::View;

#[derive(Debug, Default)]
pub(super) struct RolloutGauges {
    /// Experiments that have series of their own, in order of their keys.
    shown_max: usize,
    experiments: Number,
    phase: Family<Two, Number>,
    remaining_seconds: Family<One, Number>,
    analyses: Family<Two, Number>,
    errors: Family<Two, Number>,
    labels: Family<Two, Number>,
    false_positives: Family<Two, Number>,
    latency_seconds: Family<Two, Number>,
    guardrail_evidence_ln: Family<Two, Number>,
    guardrail_verdict: Family<Two, Number>,
    warning: Family<Two, Number>,
    open_analyses: Family<One, Number>,
    cameras: Family<One, Number>,
    review_cards: Family<Two, Number>,
}

impl RolloutGauges {
    pub(super) fn register(registry: &mut Registry, shown_max: usize) -> Self {
        let gauges = Self { shown_max, ..Self::default() };
        let Self { experiments, phase, remaining_seconds, analyses, errors, labels, .. } = &gauges;
        registry.register("tidegate_experiments", "Experiments that are kept", experiments.clone());
        let name = "tidegate_rollout_phase";
        registry.register(name, "1 for the phase a rollout is in", phase.clone());
        let name = "tidegate_rollout_remaining_seconds";
        registry.register(name, "What is left of the phase", remaining_seconds.clone());
        let name = "tidegate_rollout_analyses";
        registry.register(name, "Analyses in the present comparison", analyses.clone());
        registry.register("tidegate_rollout_errors", "Failed analyses among them", errors.clone());
        registry.register("tidegate_rollout_labels", "Feedback labels among them", labels.clone());
        let name = "tidegate_rollout_false_positives";
        registry.register(name, "False positives among the labels", gauges.false_positives.clone());
        let name = "tidegate_rollout_latency_mean_seconds";
        registry.register(name, "Mean latency of the answers", gauges.latency_seconds.clone());
        let name = "tidegate_rollout_guardrail_evidence_ln";
        let help = "Logarithm of the evidence that the treatment is worse than its limit allows";
        registry.register(name, help, gauges.guardrail_evidence_ln.clone());
        let name = "tidegate_rollout_guardrail_verdict";
        let help = "0 pass, 1 inconclusive, 2 alarm, 3 fail";
        registry.register(name, help, gauges.guardrail_verdict.clone());
        let name = "tidegate_rollout_warning";
        let help =
            "1 while something is wrong with what a rollout hears, by its name in the status";
        registry.register(name, help, gauges.warning.clone());
        let name = "tidegate_rollout_open_analyses";
        let help = "Analyses whose feedback may still come";
        registry.register(name, help, gauges.open_analyses.clone());
        registry.register("tidegate_rollout_cameras", "Cameras seen", gauges.cameras.clone());
        let name = "tidegate_rollout_review_cards";
        registry.register(name, "Cards of the review", gauges.review_cards.clone());
        gauges
    }

    pub(super) fn set(&self, view: View<'_>) {
        self.experiments.set(view.rollouts.iter().count() as f64);
        self.clear();
        for run in view.rollouts.iter().take(self.shown_max) {
            let key = run.key.as_str();
            let one: One = [("experiment", key.to_owned())];
            let two = |name: &'static str, value: &str| -> Two {
                [("experiment", key.to_owned()), (name, value.to_owned())]
            };
            let status = run.rollout.status(view.now);
            self.phase.get_or_create(&two("phase", status.state.phase.as_str())).set(1.0);
            let seconds = status.remaining.ms() as f64 / 1_000.0;
            self.remaining_seconds.get_or_create(&one).set(seconds);
            self.open_analyses.get_or_create(&one).set(status.open_analyses as f64);
            self.cameras.get_or_create(&one).set(status.cameras as f64);
            if let Some(review) = &status.review {
                for (standing, cards) in [
                    ("settled", review.settled),
                    ("waiting", review.waiting),
                    ("unanswered", review.unanswered),
                ] {
                    self.review_cards.get_or_create(&two("standing", standing)).set(cards as f64);
                }
            }
            for symptom in &status.symptoms {
                self.warning.get_or_create(&two("warning", symptom.kind().as_str())).set(1.0);
            }
            for variant in Variant::ALL {
                let tally = match variant {
                    Variant::Control => &status.sides.control,
                    Variant::Treatment => &status.sides.treatment,
                };
                let labels = two("variant", variant.as_str());
                self.analyses.get_or_create(&labels).set(tally.analyses as f64);
                self.errors.get_or_create(&labels).set(tally.errors as f64);
                self.labels.get_or_create(&labels).set(tally.feedback() as f64);
                let false_positives = tally.fp_rate() * tally.feedback() as f64;
                self.false_positives.get_or_create(&labels).set(false_positives.round());
                if let Some(mean) = tally.latency_ms_mean() {
                    self.latency_seconds.get_or_create(&labels).set(mean / 1_000.0);
                }
            }
            if let Check::Sequential(look) = &status.check {
                for judgement in &look.judgements {
                    let labels = two("guardrail", judgement.guardrail.as_str());
                    let evidence = judgement.evidence.ln().max(-1e9);
                    self.guardrail_evidence_ln.get_or_create(&labels).set(evidence);
                    let verdict = f64::from(judgement.verdict as u8);
                    self.guardrail_verdict.get_or_create(&labels).set(verdict);
                }
            }
        }
    }

    /// Leaves no series of what is gone: a phase, a former run, an experiment that others displaced.
    fn clear(&self) {
        self.remaining_seconds.clear();
        self.open_analyses.clear();
        self.cameras.clear();
        for family in [
            &self.phase,
            &self.review_cards,
            &self.analyses,
            &self.errors,
            &self.labels,
            &self.false_positives,
            &self.latency_seconds,
            &self.guardrail_evidence_ln,
            &self.guardrail_verdict,
            &self.warning,
        ] {
            family.clear();
        }
    }
}
