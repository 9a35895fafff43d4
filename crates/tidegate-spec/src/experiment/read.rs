//! Reads an experiment setting by setting; what a file leaves out keeps its default.

use tidegate_engine::assignment::{Group, SplitMethod};
use tidegate_engine::experiment::{
    Ab, AssignmentRules, Bounds, Experiment, Full, Guardrails, Promotion, RampStep, Shadow, Watch,
};
use tidegate_engine::id::{CameraId, PromptKey};
use tidegate_engine::limits;
use tidegate_engine::number::{Alpha, Percent, PercentDrop, Points, RiskScore, Share};
use tidegate_engine::review::{ClipUrl, Requirement, ReviewRules, SecondLook};
use tidegate_engine::time::Duration;
use tidegate_engine::variant::Variant;

use super::evaluation::EvaluationSettings;
use super::names::{EXPIRIES, GATES, METRICS, MODES, PROMOTED_BY, RULES, SPLITS, TRUSTS};
use crate::fields::Fields;

pub(crate) fn read_experiment(fields: &mut Fields<'_>) -> (Experiment, Option<EvaluationSettings>) {
    let key = fields.required_id("key");
    let control = fields.required_id("control");
    let treatment = fields.required_id("treatment");
    // Where a name is missing, another stands in for it, so that the other faults are found too. A
    // stand-in differs from every name there is, so that it agrees with all of them.
    let stand_in = |used: Option<&PromptKey>| {
        let name =
            if used.is_some_and(|key| key.as_str() == "missing") { "absent" } else { "missing" };
        name.parse().expect("a stand-in is a valid name")
    };
    let treatment = treatment.unwrap_or_else(|| stand_in(control.as_ref()));
    let control = control.unwrap_or_else(|| stand_in(Some(&treatment)));
    let key = key.unwrap_or_else(|| "missing".parse().expect("a stand-in is a valid name"));
    let mut experiment = Experiment::new(key, control, treatment);
    experiment.prompt = fields.id("prompt");
    let threshold = fields.count("alert_threshold", 0..=u64::from(limits::RISK_SCORE_MAX));
    let threshold = threshold.and_then(|threshold| RiskScore::new(threshold as f64).ok());
    set(&mut experiment.alert_threshold, threshold);
    set(&mut experiment.salt, fields.id("salt"));
    fields.table("shadow", |fields| read_shadow(fields, &mut experiment.shadow));
    fields.table("ab", |fields| read_ab(fields, &mut experiment.ab));
    fields.table("guardrails", |fields| read_guardrails(fields, &mut experiment.guardrails));
    fields.table("promotion", |fields| read_promotion(fields, &mut experiment.promotion));
    fields.table("feedback", |fields| {
        set(&mut experiment.trust, fields.choice("trust", &TRUSTS));
    });
    fields.table("full", |fields| read_full(fields, &mut experiment.full));
    fields.table("assignment", |fields| read_assignment(fields, &mut experiment.assignment));
    let cameras_max = fields.table("limits", |fields| {
        read_bounds(fields, &mut experiment.bounds);
        fields.value("cameras_max").is_some()
    });
    experiment.review =
        fields.value("review").is_some().then(|| fields.table("review", read_review));
    if !cameras_max {
        make_room_for_blocks(&mut experiment);
    }
    let evaluation = fields.value("evaluation").is_some().then(|| {
        fields.table("evaluation", |fields| EvaluationSettings {
            dataset: fields.text("dataset").unwrap_or("data/synthetic").to_owned(),
            metrics: fields
                .choices("metrics", &METRICS)
                .unwrap_or_else(|| METRICS.map(|(_, metric)| metric).to_vec()),
        })
    });
    (experiment, evaluation)
}

/// A switchback keeps a block of each camera: where the file names no bound on the cameras, the default is one that
/// its test has room for.
fn make_room_for_blocks(experiment: &mut Experiment) {
    if experiment.assignment.method == SplitMethod::Switchback {
        let blocks = experiment.ab.duration.ms() / experiment.assignment.block.ms().max(1);
        // The test seldom begins with a block.
        let fits = usize::try_from(limits::BLOCKS_MAX / blocks.saturating_add(2)).unwrap_or(1);
        let bounds = &mut experiment.bounds;
        bounds.cameras_max = bounds.cameras_max.min(fits.max(1));
    }
}

/// Overwrites a default where the file has a valid value.
fn set<T>(setting: &mut T, read: Option<T>) {
    if let Some(value) = read {
        *setting = value;
    }
}

fn hours(fields: &mut Fields<'_>, key: &'static str) -> Option<Duration> {
    fields.number(key, &Duration::RANGE_HOURS, Duration::from_hours)
}

fn share(fields: &mut Fields<'_>, key: &'static str) -> Option<Share> {
    fields.number(key, &Share::RANGE, Share::new)
}

fn points(fields: &mut Fields<'_>, key: &'static str) -> Option<Points> {
    fields.number(key, &Points::RANGE, Points::new)
}

fn percent(fields: &mut Fields<'_>, key: &'static str) -> Option<Percent> {
    fields.number(key, &Percent::RANGE, Percent::new)
}

fn percent_drop(fields: &mut Fields<'_>, key: &'static str) -> Option<PercentDrop> {
    fields.number(key, &PercentDrop::RANGE, PercentDrop::new)
}

fn read_shadow(fields: &mut Fields<'_>, shadow: &mut Shadow) {
    set(&mut shadow.duration, hours(fields, "duration_hours"));
    set(&mut shadow.sample, share(fields, "sample"));
    let threshold = percent(fields, "latency_warning_threshold_pct");
    set(&mut shadow.latency_warning_threshold, threshold);
    set(&mut shadow.gate, fields.choice("gate", &GATES));
}

fn read_ab(fields: &mut Fields<'_>, ab: &mut Ab) {
    set(&mut ab.share, share(fields, "treatment_percentage"));
    set(&mut ab.duration, hours(fields, "duration_hours"));
    let steps = fields.tables("steps", |fields| {
        let step_share = share(fields, "treatment_percentage");
        let dwell = hours(fields, "dwell_hours").unwrap_or(Duration::ZERO);
        if step_share.is_none() && fields.value("treatment_percentage").is_none() {
            fields.fault("treatment_percentage", "is missing, allowed: a number from 0 to 1");
        }
        step_share.map(|share| RampStep { share, dwell })
    });
    set(&mut ab.steps, steps.map(|steps| steps.into_iter().flatten().collect()));
    set(&mut ab.on_expiry, fields.choice("on_expiry", &EXPIRIES));
}

fn read_guardrails(fields: &mut Fields<'_>, guardrails: &mut Guardrails) {
    set(&mut guardrails.max_fp_rate_increase, points(fields, "max_fp_rate_increase"));
    set(&mut guardrails.max_latency_increase, percent(fields, "max_latency_increase_pct"));
    set(&mut guardrails.max_error_rate_increase, points(fields, "max_error_rate_increase"));
    set(&mut guardrails.max_slow_rate_increase, points(fields, "max_slow_rate_increase"));
    let missed = points(fields, "max_missed_threat_rate_increase");
    set(&mut guardrails.max_missed_threat_rate_increase, missed);
    set(&mut guardrails.max_alert_rate_drop, percent_drop(fields, "max_alert_rate_drop_pct"));
    set(&mut guardrails.max_alert_rate_rise, percent(fields, "max_alert_rate_rise_pct"));
    let min_samples = fields.count("min_samples", 0..=limits::MIN_SAMPLES_MAX);
    set(&mut guardrails.min_samples, min_samples);
    set(&mut guardrails.rule, fields.choice("rule", &RULES));
    set(&mut guardrails.alpha, fields.number("alpha", &Alpha::RANGE, Alpha::new));
    set(&mut guardrails.watch, fields.switch("enabled", [Watch::Off, Watch::On]));
}

fn read_promotion(fields: &mut Fields<'_>, promotion: &mut Promotion) {
    set(&mut promotion.min_fp_reduction, percent_drop(fields, "min_fp_reduction_pct"));
    set(&mut promotion.mode, fields.choice("mode", &MODES));
    set(&mut promotion.feedback_grace, hours(fields, "feedback_grace_hours"));
}

fn read_full(fields: &mut Fields<'_>, full: &mut Full) {
    set(&mut full.holdback, share(fields, "holdback"));
    set(&mut full.watch, hours(fields, "watch_hours"));
}

fn read_assignment(fields: &mut Fields<'_>, assignment: &mut AssignmentRules) {
    set(&mut assignment.method, fields.choice("split", &SPLITS));
    let minutes = |minutes: f64| Duration::from_hours(minutes / 60.0);
    set(&mut assignment.block, fields.number("block_minutes", &limits::BLOCK_MINUTES, minutes));
    set(&mut assignment.cameras, fields.ids("cameras"));
    assignment.group = group(fields);
    let Some(overrides) = fields.entries("overrides") else { return };
    for (camera, value) in overrides {
        let variant = Variant::ALL.into_iter().find(|v| value.as_str() == Some(v.as_str()));
        let path = format!("overrides.{camera}");
        match (camera.parse::<CameraId>(), variant) {
            (Ok(camera), Some(variant)) => assignment.overrides.push((camera, variant)),
            (Err(invalid), _) => fields.fault(&path, invalid.of_field()),
            (Ok(_), None) => fields.not_allowed(&path, value, "control | treatment"),
        }
    }
}

/// The part of a group; without a name nothing of it may be said.
fn group(fields: &mut Fields<'_>) -> Option<Group> {
    let name = fields.id("group");
    let (from, to) = (share(fields, "group_from"), share(fields, "group_to"));
    if fields.value("group").is_none() && (from.is_some() || to.is_some()) {
        fields.fault("group", "is missing, allowed: the name of the group that is shared");
    }
    let (from, to) = (from.unwrap_or(Share::NONE), to.unwrap_or(Share::ALL));
    Some(Group { name: name?, from, to })
}

fn read_review(fields: &mut Fields<'_>) -> ReviewRules {
    let mut review = ReviewRules::new();
    let budget = fields.count("budget", 1..=limits::REVIEW_BUDGET_MAX as u64);
    set(&mut review.budget, budget.and_then(|budget| usize::try_from(budget).ok()));
    set(&mut review.max_false_alarm_increase, share(fields, "max_false_alarm_increase"));
    set(&mut review.max_missed_threat_increase, share(fields, "max_missed_threat_increase"));
    set(&mut review.benefit, share(fields, "benefit"));
    let looks = [SecondLook::Never, SecondLook::AfterYes];
    set(&mut review.second_look, fields.switch("second_look", looks));
    let requirements = [Requirement::Optional, Requirement::Required];
    set(&mut review.requirement, fields.switch("required", requirements));
    set(&mut review.promoted_by, fields.choice("promoted_by", &PROMOTED_BY));
    review.clip_url = fields.text("clip_url").map(ClipUrl::new).and_then(|url| match url {
        Ok(url) => Some(url),
        Err(invalid) => {
            fields.fault("clip_url", format!("is no address: {invalid}"));
            None
        }
    });
    review
}

fn read_bounds(fields: &mut Fields<'_>, bounds: &mut Bounds) {
    let mut size = |key, max: usize| {
        let count = fields.count(key, 1..=max as u64)?;
        usize::try_from(count).ok()
    };
    set(&mut bounds.cameras_max, size("cameras_max", limits::CAMERAS_MAX));
    set(&mut bounds.open_analyses_max, size("open_analyses_max", limits::OPEN_ANALYSES_MAX));
    set(&mut bounds.discordant_max, size("discordant_max", limits::DISCORDANT_MAX));
    set(&mut bounds.attribution_window, hours(fields, "attribution_window_hours"));
}
