//! What things are called on a page.

use std::fmt::Write as _;

use tidegate_spec::api::{HistoryItem, Judgement, Status};

/// A guardrail as people say it; its name where it is a new one.
pub(crate) fn guardrail(name: &str) -> &str {
    match name {
        "fp_rate" => "False alarms",
        "error_rate" => "Errors",
        "latency" => "Mean latency",
        "slow_rate" => "Slow answers",
        "missed_threat_rate" => "Missed threats",
        "alert_drop" => "Fewer alerts",
        "alert_rise" => "More alerts",
        "threat_retention" => "Confirmed threats lost",
        "label_share" => "Labelled alike",
        other => other,
    }
}

/// A phase as people say it.
pub(crate) fn phase(name: &str) -> &str {
    match name {
        "draft" => "Draft",
        "shadow" => "Shadow",
        "ab" => "A/B test",
        "full" => "Full release",
        "completed" => "Completed",
        "rolled_back" => "Rolled back",
        "stopped" => "Stopped",
        other => other,
    }
}

/// Phase and condition.
pub(crate) fn state(name: &str, condition: &str) -> String {
    match condition {
        "clear" => phase(name).to_owned(),
        condition => format!("{}, {condition}", phase(name)),
    }
}

/// A state as the interface writes it, such as `ab (held)`.
pub(crate) fn state_of(text: &str) -> String {
    match text.split_once(" (") {
        Some((name, condition)) => state(name, condition.trim_end_matches(')')),
        None => phase(text).to_owned(),
    }
}

/// What serves until a draft is started, or while the journal cannot be relied on.
pub(crate) fn serving(status: &Status) -> Option<String> {
    match &status.serving_run {
        _ if status.serving == "store_unavailable" => {
            Some("control is served to every camera: the journal cannot be relied on".to_owned())
        }
        Some(serving) => {
            Some(format!("run {} serves {} to every camera", serving.run, serving.prompt_version))
        }
        None => None,
    }
}

/// What the evidence of a guardrail amounts to.
pub(crate) fn evidence_sentence(judgement: &Judgement) -> String {
    let shown = evidence(judgement);
    let Some(needed) = judgement.evidence_needed else {
        return format!("Evidence {shown}; it only warns.");
    };
    let is_enough = judgement.ln_evidence.is_some_and(|ln| ln >= needed.ln());
    match judgement.verdict.as_str() {
        "fail" => format!("Evidence {shown}: it rolls back."),
        _ if !is_enough => format!("Evidence {shown} that rolls back."),
        "pass" => format!(
            "Evidence {shown} that there is a change, which is within the limit: only one beyond it rolls back."
        ),
        _ => format!(
            "Evidence {shown} that there is a change: one beyond the limit, on trials enough, rolls back."
        ),
    }
}

/// What a button for an action says.
pub(crate) fn action(name: &str) -> &str {
    match name {
        "start" => "Start",
        "pause" => "Pause",
        "resume" => "Resume",
        "hold" => "Hold",
        "advance" => "Advance",
        "complete" => "Complete",
        "roll_back" => "Roll back",
        "stop" => "Stop",
        other => other,
    }
}

/// The sign of a verdict, which tells it apart without colour.
pub(crate) fn sign(verdict: &str) -> &'static str {
    match verdict {
        "pass" => "✔",
        "alarm" => "▲",
        "fail" => "✖",
        _ => "○",
    }
}

/// How bad a verdict is.
pub(crate) fn badness(verdict: &str) -> u8 {
    match verdict {
        "fail" => 3,
        "alarm" => 2,
        "inconclusive" => 1,
        _ => 0,
    }
}

/// The worst of the guardrails; the first of equals.
pub(crate) fn worst(guardrails: &[Judgement]) -> Option<&Judgement> {
    guardrails.iter().rev().max_by_key(|judgement| badness(&judgement.verdict))
}

/// A change or a bound with its sign.
pub(crate) fn signed(number: Option<f64>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:+.1}"))
}

/// Both bounds.
pub(crate) fn bounds(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (None, None) => "–".to_owned(),
        (low, high) => format!("{} to {}", signed(low), signed(high)),
    }
}

/// The unit of a guardrail after a number.
pub(crate) fn unit(name: &str) -> &str {
    if name == "percent" { "%" } else { name }
}

/// Evidence against what rolls back.
pub(crate) fn evidence(judgement: &Judgement) -> String {
    let mut shown = match (judgement.evidence, judgement.ln_evidence) {
        (Some(evidence), _) => short(evidence),
        (None, Some(ln)) => format!("e^{ln:.0}"),
        (None, None) => "–".to_owned(),
    };
    if let Some(needed) = judgement.evidence_needed {
        // Writing into a text does not fail.
        let _ = write!(shown, " of {}", short(needed));
    }
    shown
}

/// Evidence at one moment.
pub(crate) fn shown(evidence: Option<f32>) -> String {
    evidence.map_or_else(|| "–".to_owned(), |evidence| short(f64::from(evidence)))
}

/// A number of any size in a few letters.
pub(crate) fn short(number: f64) -> String {
    match number {
        small if small < 10.0 => format!("{small:.1}"),
        large if large < 1e6 => format!("{large:.0}"),
        huge => format!("{huge:.0e}"),
    }
}

/// A length of time in hours, as days where it is long.
pub(crate) fn hours(hours: f64) -> String {
    if hours >= 72.0 { format!("{:.1} days", hours / 24.0) } else { format!("{hours:.1} h") }
}

/// Who took a step, or what caused it.
pub(crate) fn by(item: &HistoryItem) -> &str {
    item.actor.as_deref().unwrap_or(&item.cause)
}
