//! An experiment as commented TOML with every setting shown.

use std::fmt::{self, Write};

use tidegate_engine::experiment::{Experiment, Watch};

use crate::experiment::{
    EXPIRIES, Evaluation, ExperimentFile, GATES, METRICS, MODES, RULES, SPLITS,
};

pub(crate) fn toml(file: &ExperimentFile) -> String {
    let mut text = String::new();
    let experiment = file.definition.experiment();
    write_head(&mut text, experiment)
        .and_then(|()| write_phases(&mut text, experiment))
        .and_then(|()| write_limits(&mut text, experiment))
        .and_then(|()| write_evaluation(&mut text, file.evaluation.as_ref()))
        .expect("writing to a string cannot fail");
    text
}

/// Writes `key = value  # comment`.
fn line(
    text: &mut String,
    key: &str,
    value: impl fmt::Display,
    comment: impl fmt::Display,
) -> fmt::Result {
    let setting = format!("{key} = {value}");
    writeln!(text, "{setting:<40} # {comment}")
}

fn quoted(value: impl fmt::Display) -> String {
    toml::Value::String(value.to_string()).to_string()
}

fn name_of<T: PartialEq>(choices: &[(&'static str, T)], choice: &T) -> String {
    let found = choices.iter().find(|(_, other)| other == choice);
    quoted(found.expect("every choice has its name in the list").0)
}

fn names<T>(choices: &[(&'static str, T)]) -> String {
    choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | ")
}

fn write_head(text: &mut String, experiment: &Experiment) -> fmt::Result {
    line(text, "key", quoted(&experiment.key), "what is asked for")?;
    line(text, "control", quoted(&experiment.control), "the prompt version in use")?;
    line(text, "treatment", quoted(&experiment.treatment), "the prompt version being tried")?;
    if let Some(prompt) = &experiment.prompt {
        line(text, "prompt", quoted(prompt), "the prompt that both are versions of")?;
    }
    line(text, "alert_threshold", experiment.alert_threshold, "least score that alerts, 0 to 100")?;
    line(
        text,
        "salt",
        quoted(experiment.salt.as_str()),
        "makes this split its own; default: the key",
    )
}

fn write_phases(text: &mut String, experiment: &Experiment) -> fmt::Result {
    let (shadow, ab) = (&experiment.shadow, &experiment.ab);
    writeln!(text, "\n[shadow]")?;
    line(text, "duration_hours", float(shadow.duration.hours()), "0 skips the shadow")?;
    line(
        text,
        "sample",
        float(shadow.sample.value()),
        "share of analyses that run the treatment too",
    )?;
    let threshold = float(shadow.latency_warning_threshold.value());
    line(text, "latency_warning_threshold_pct", threshold, "slower than control by more warns")?;
    line(text, "gate", name_of(&GATES, &shadow.gate), names(&GATES))?;

    writeln!(text, "\n[ab]")?;
    line(text, "treatment_percentage", float(ab.share.value()), "share of the cameras, 0 to 1")?;
    line(text, "duration_hours", float(ab.duration.hours()), "all ramp steps included")?;
    let steps: Vec<String> = ab
        .steps
        .iter()
        .map(|step| {
            let (share, dwell) = (float(step.share.value()), float(step.dwell.hours()));
            format!("{{ treatment_percentage = {share}, dwell_hours = {dwell} }}")
        })
        .collect();
    line(
        text,
        "steps",
        format!("[{}]", steps.join(", ")),
        "e.g. [{ treatment_percentage = 0.1, dwell_hours = 4 }, …], the last as above",
    )?;
    line(text, "on_expiry", name_of(&EXPIRIES, &ab.on_expiry), names(&EXPIRIES))
}

fn write_limits(text: &mut String, experiment: &Experiment) -> fmt::Result {
    let guardrails = &experiment.guardrails;
    writeln!(text, "\n[guardrails]")?;
    for (key, points) in [
        ("max_fp_rate_increase", guardrails.max_fp_rate_increase),
        ("max_error_rate_increase", guardrails.max_error_rate_increase),
        ("max_slow_rate_increase", guardrails.max_slow_rate_increase),
        ("max_missed_threat_rate_increase", guardrails.max_missed_threat_rate_increase),
    ] {
        line(text, key, float(points.value()), "points, absolute: 0.05 is 5 points")?;
    }
    let latency = float(guardrails.max_latency_increase.value());
    line(text, "max_latency_increase_pct", latency, "of the mean, relative")?;
    let drop = float(guardrails.max_alert_rate_drop.value());
    line(text, "max_alert_rate_drop_pct", drop, "relative; silence is not goodness")?;
    line(
        text,
        "min_samples",
        guardrails.min_samples,
        "each metric's own trials in each variant before it rolls back",
    )?;
    line(text, "rule", name_of(&RULES, &guardrails.rule), names(&RULES))?;
    let alpha = float(guardrails.alpha.value());
    line(text, "alpha", alpha, "chance that a harmless rollout is ever rolled back")?;
    line(
        text,
        "enabled",
        guardrails.watch == Watch::On,
        "false: no limit is watched, nothing promoted by itself",
    )?;

    let promotion = &experiment.promotion;
    writeln!(text, "\n[promotion]")?;
    let reduction = float(promotion.min_fp_reduction.value());
    line(text, "min_fp_reduction_pct", reduction, "relative reduction that makes it worth it")?;
    line(text, "mode", name_of(&MODES, &promotion.mode), names(&MODES))?;
    let grace = float(promotion.feedback_grace.hours());
    line(text, "feedback_grace_hours", grace, "how long the test's last feedback is awaited")?;

    let (assignment, bounds) = (&experiment.assignment, &experiment.bounds);
    writeln!(text, "\n[assignment]")?;
    line(text, "split", name_of(&SPLITS, &assignment.method), names(&SPLITS))?;
    let cameras: Vec<String> = assignment.cameras.iter().map(quoted).collect();
    line(text, "cameras", format!("[{}]", cameras.join(", ")), "the fleet of a balanced split")?;
    let minutes = float(assignment.block.hours() * 60.0);
    line(text, "block_minutes", minutes, "how long a camera keeps its variant in a switchback")?;
    let overrides: Vec<String> = assignment
        .overrides
        .iter()
        .map(|(camera, variant)| format!("{} = {}", quoted(camera), quoted(variant)))
        .collect();
    let overrides = format!("{{ {} }}", overrides.join(", "));
    line(text, "overrides", overrides, "camera = control | treatment; kept out of the comparison")?;

    writeln!(text, "\n[limits]")?;
    line(text, "cameras_max", bounds.cameras_max, "cameras it may see")?;
    line(text, "open_analyses_max", bounds.open_analyses_max, "the oldest is forgotten first")?;
    let window = float(bounds.attribution_window.hours());
    line(text, "attribution_window_hours", window, "how long feedback finds its analysis")
}

fn write_evaluation(text: &mut String, evaluation: Option<&Evaluation>) -> fmt::Result {
    let Some(evaluation) = evaluation else { return Ok(()) };
    writeln!(text, "\n[evaluation]")?;
    writeln!(text, "dataset = {}", quoted(&evaluation.dataset))?;
    let metrics: Vec<String> =
        evaluation.metrics.iter().map(|metric| name_of(&METRICS, metric)).collect();
    writeln!(text, "metrics = [{}]", metrics.join(", "))
}

/// A number that TOML reads back as the same number.
fn float(value: f64) -> String {
    format!("{value:?}")
}
