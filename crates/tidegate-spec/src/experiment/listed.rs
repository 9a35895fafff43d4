//! Every setting of an experiment with its value and its meaning: what is printed, what a scenario lays its own settings
//! over, and what the schema says, come from this one list.

use tidegate_engine::assignment::Group;
use tidegate_engine::experiment::{Experiment, Watch};
use tidegate_engine::number::{Points, Share};
use tidegate_engine::review::{Requirement, ReviewRules, SecondLook};
use toml::{Table, Value};

use super::evaluation::EvaluationSettings;
use super::literal::Literal;
use super::names::{EXPIRIES, GATES, METRICS, MODES, PROMOTED_BY, RULES, SPLITS, TRUSTS};

/// A table of the file; the first is the file itself and has no name.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) settings: Vec<ListedSetting>,
}

/// A setting of the file.
#[derive(Debug)]
pub(super) struct ListedSetting {
    pub(super) key: &'static str,
    pub(super) value: Literal,
    /// What stands behind it as a comment; empty where the key says it all.
    pub(super) meaning: String,
}

/// As commented TOML.
pub(super) fn toml(sections: &[Section]) -> String {
    let mut lines = Vec::new();
    for Section { name, settings } in sections {
        if !name.is_empty() {
            lines.push(format!("\n[{name}]"));
        }
        lines.extend(settings.iter().map(|ListedSetting { key, value, meaning }| {
            let setting = format!("{key} = {}", value.toml());
            if meaning.is_empty() { setting } else { format!("{setting:<40} # {meaning}") }
        }));
    }
    lines.join("\n") + "\n"
}

/// As the tree that the same text would be read into.
pub(super) fn table(sections: Vec<Section>) -> Table {
    let mut root = Table::new();
    for Section { name, settings } in sections {
        let settings = settings
            .into_iter()
            .map(|ListedSetting { key, value, .. }| (key.to_owned(), value.into()));
        if name.is_empty() {
            root.extend(settings);
        } else {
            root.insert(name.to_owned(), Value::Table(settings.collect()));
        }
    }
    root
}
/// Every setting, in the order in which people think of them.
pub(super) fn sections(
    experiment: &Experiment,
    evaluation: Option<&EvaluationSettings>,
) -> Vec<Section> {
    let mut sections = vec![
        head(experiment),
        shadow(experiment),
        ab(experiment),
        guardrails(experiment),
        promotion(experiment),
        Section { name: "feedback", settings: vec![choice("trust", &TRUSTS, &experiment.trust)] },
        full(experiment),
        assignment(experiment),
        limits(experiment),
    ];
    sections.extend(experiment.review.as_ref().map(review));
    sections.extend(evaluation.map(compared_offline));
    sections
}

fn setting(key: &'static str, value: Literal, meaning: impl Into<String>) -> ListedSetting {
    ListedSetting { key, value, meaning: meaning.into() }
}

/// A setting with a few allowed values, which its meaning lists.
fn choice<T: PartialEq>(
    key: &'static str,
    choices: &[(&'static str, T)],
    chosen: &T,
) -> ListedSetting {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    setting(key, Literal::text(&name_of(choices, chosen)), names.join(" | "))
}

fn name_of<T: PartialEq>(choices: &[(&'static str, T)], chosen: &T) -> &'static str {
    let found = choices.iter().find(|(_, other)| other == chosen);
    found.expect("every choice has its name in the list").0
}

/// The counts of an experiment are bounded far below what an integer of TOML holds.
fn whole(count: impl TryInto<i64>) -> Literal {
    Literal::Integer(count.try_into().unwrap_or(i64::MAX))
}

fn head(experiment: &Experiment) -> Section {
    let Experiment { key, control, treatment, prompt, alert_threshold, salt, .. } = experiment;
    let mut settings = vec![
        setting("key", Literal::text(key), "what is asked for"),
        setting("control", Literal::text(control), "the prompt version in use"),
        setting("treatment", Literal::text(treatment), "the prompt version being tried"),
    ];
    settings.extend(prompt.as_ref().map(|prompt| {
        setting("prompt", Literal::text(prompt), "the prompt that both are versions of")
    }));
    settings.extend([
        setting(
            "alert_threshold",
            whole(alert_threshold.value()),
            "least score that alerts, 0 to 100",
        ),
        setting(
            "salt",
            Literal::text(&salt.as_str()),
            "makes this split its own; default: the key",
        ),
    ]);
    Section { name: "", settings }
}

fn shadow(experiment: &Experiment) -> Section {
    let shadow = &experiment.shadow;
    let settings = vec![
        setting("duration_hours", Literal::Float(shadow.duration.hours()), "0 skips the shadow"),
        setting(
            "sample",
            Literal::Float(shadow.sample.value()),
            "share of analyses that run the treatment too",
        ),
        setting(
            "latency_warning_threshold_pct",
            Literal::Float(shadow.latency_warning_threshold.value()),
            "slower than control by more warns",
        ),
        choice("gate", &GATES, &shadow.gate),
    ];
    Section { name: "shadow", settings }
}

fn ab(experiment: &Experiment) -> Section {
    let ab = &experiment.ab;
    let steps = ab.steps.iter().map(|step| {
        Literal::Inline(vec![
            ("treatment_percentage", Literal::Float(step.share.value())),
            ("dwell_hours", Literal::Float(step.dwell.hours())),
        ])
    });
    let settings = vec![
        setting(
            "treatment_percentage",
            Literal::Float(ab.share.value()),
            "share of the cameras, 0 to 1",
        ),
        setting("duration_hours", Literal::Float(ab.duration.hours()), "all ramp steps included"),
        setting(
            "steps",
            Literal::List(steps.collect()),
            "e.g. [{ treatment_percentage = 0.1, dwell_hours = 4 }, …], the last as above",
        ),
        choice("on_expiry", &EXPIRIES, &ab.on_expiry),
    ];
    Section { name: "ab", settings }
}

fn guardrails(experiment: &Experiment) -> Section {
    let guardrails = &experiment.guardrails;
    let points = |key, points: Points| {
        setting(key, Literal::Float(points.value()), "points, absolute: 0.05 is 5 points")
    };
    let settings = vec![
        points("max_fp_rate_increase", guardrails.max_fp_rate_increase),
        points("max_error_rate_increase", guardrails.max_error_rate_increase),
        points("max_slow_rate_increase", guardrails.max_slow_rate_increase),
        points("max_missed_threat_rate_increase", guardrails.max_missed_threat_rate_increase),
        setting(
            "max_latency_increase_pct",
            Literal::Float(guardrails.max_latency_increase.value()),
            "of the mean, relative",
        ),
        setting(
            "max_alert_rate_drop_pct",
            Literal::Float(guardrails.max_alert_rate_drop.value()),
            "relative; silence is not goodness",
        ),
        setting(
            "max_alert_rate_rise_pct",
            Literal::Float(guardrails.max_alert_rate_rise.value()),
            "relative, at least one point; a flood needs no label to be seen",
        ),
        setting(
            "min_samples",
            whole(guardrails.min_samples),
            "each metric's own trials in each variant before it rolls back",
        ),
        choice("rule", &RULES, &guardrails.rule),
        setting(
            "alpha",
            Literal::Float(guardrails.alpha.value()),
            "chance that a harmless rollout is ever rolled back",
        ),
        setting(
            "enabled",
            Literal::Boolean(guardrails.watch == Watch::On),
            "false: no limit is watched, nothing promoted by itself",
        ),
    ];
    Section { name: "guardrails", settings }
}

fn promotion(experiment: &Experiment) -> Section {
    let promotion = &experiment.promotion;
    let settings = vec![
        setting(
            "min_fp_reduction_pct",
            Literal::Float(promotion.min_fp_reduction.value()),
            "relative reduction that makes it worth it",
        ),
        choice("mode", &MODES, &promotion.mode),
        setting(
            "feedback_grace_hours",
            Literal::Float(promotion.feedback_grace.hours()),
            "how long the test's last feedback is awaited",
        ),
    ];
    Section { name: "promotion", settings }
}

fn full(experiment: &Experiment) -> Section {
    let full = &experiment.full;
    let settings = vec![
        setting(
            "holdback",
            Literal::Float(full.holdback.value()),
            "share of the cameras that keep the control to compare with",
        ),
        setting(
            "watch_hours",
            Literal::Float(full.watch.hours()),
            "how long the release is watched; 0: not at all",
        ),
    ];
    Section { name: "full", settings }
}

fn assignment(experiment: &Experiment) -> Section {
    let assignment = &experiment.assignment;
    let cameras = assignment.cameras.iter().map(Literal::text);
    let overrides = assignment
        .overrides
        .iter()
        .map(|(camera, variant)| (camera.to_string(), Literal::text(variant)));
    let mut settings = vec![
        choice("split", &SPLITS, &assignment.method),
        setting("cameras", Literal::List(cameras.collect()), "the fleet of a balanced split"),
        setting(
            "block_minutes",
            Literal::Float(assignment.block.hours() * 60.0),
            "how long a camera keeps its variant in a switchback",
        ),
        setting(
            "overrides",
            Literal::Named(overrides.collect()),
            "camera = control | treatment; kept out of the comparison",
        ),
    ];
    // Asked for by naming it.
    if let Some(Group { name, from, to }) = &assignment.group {
        settings.extend([
            setting("group", Literal::text(name), "shared with experiments on other cameras"),
            setting("group_from", Literal::Float(from.value()), "where this one's part begins"),
            setting("group_to", Literal::Float(to.value()), "where it ends"),
        ]);
    }
    Section { name: "assignment", settings }
}

fn limits(experiment: &Experiment) -> Section {
    let bounds = &experiment.bounds;
    let settings = vec![
        setting("cameras_max", whole(bounds.cameras_max), "cameras it may see"),
        setting(
            "open_analyses_max",
            whole(bounds.open_analyses_max),
            "the oldest is forgotten first",
        ),
        setting(
            "discordant_max",
            whole(bounds.discordant_max),
            "events a review keeps; beyond it a random part",
        ),
        setting(
            "attribution_window_hours",
            Literal::Float(bounds.attribution_window.hours()),
            "how long feedback finds its analysis",
        ),
    ];
    Section { name: "limits", settings }
}

/// The review, which is asked for by naming it.
pub(super) fn review(review: &ReviewRules) -> Section {
    let per_alert =
        |key, share: Share, meaning| setting(key, Literal::Float(share.value()), meaning);
    let mut settings = vec![
        setting("budget", whole(review.budget), "most cards that are drawn"),
        per_alert(
            "max_false_alarm_increase",
            review.max_false_alarm_increase,
            "more false alarms for each alert of the control",
        ),
        per_alert(
            "max_missed_threat_increase",
            review.max_missed_threat_increase,
            "more missed threats for each alert of the control",
        ),
        per_alert(
            "benefit",
            review.benefit,
            "fewer false alarms for each alert of the control that are worth it",
        ),
        setting(
            "second_look",
            Literal::Boolean(review.second_look == SecondLook::AfterYes),
            "whether a yes is looked at again",
        ),
        setting(
            "required",
            Literal::Boolean(review.requirement == Requirement::Required),
            "whether the gate waits for the review",
        ),
        choice("promoted_by", &PROMOTED_BY, &review.promoted_by),
    ];
    settings.extend(review.clip_url.as_ref().map(|url| {
        setting("clip_url", Literal::text(&url.as_str()), "where a reviewer sees an event")
    }));
    Section { name: "review", settings }
}

fn compared_offline(evaluation: &EvaluationSettings) -> Section {
    let metrics = evaluation.metrics.iter().map(|metric| Literal::text(&name_of(&METRICS, metric)));
    let settings = vec![
        setting("dataset", Literal::text(&evaluation.dataset), ""),
        setting("metrics", Literal::List(metrics.collect()), ""),
    ];
    Section { name: "evaluation", settings }
}
