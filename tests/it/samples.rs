//! Answers of a daemon, as the fake one gives them.

use serde_json::{Value, json};

/// A variant's sums.
fn metrics(analyses: u64, errors: u64, latency_ms: f64, false_positives: u64) -> Value {
    let rate = errors as f64 / analyses.max(1) as f64;
    json!({
        "analyses": analyses, "errors": errors, "error_rate": rate, "timed": analyses - errors,
        "latency_ms_mean": latency_ms, "slow_rate": 0.05, "scored": analyses - errors,
        "score_mean": 71.25, "score_min": 3, "score_max": 99, "alerts": 400, "alert_rate": 0.4,
        "labels": {"total": 100, "false_positive": false_positives, "correct": 90 - false_positives,
                   "missed_threat": 2, "severity_wrong": 8},
        "fp_rate": false_positives as f64 / 100.0, "missed_threat_rate": 0.02,
    })
}

/// What one guardrail says.
pub(crate) fn judgement(guardrail: &str, verdict: &str, change: f64, high: f64) -> Value {
    json!({
        "guardrail": guardrail, "verdict": verdict, "unit": "points", "change": change,
        "low_95": change - (high - change), "high_95": high, "limit": 5.0, "evidence": 3.25,
        "ln_evidence": 1.18, "evidence_needed": 50.0, "degrees_of_freedom": 12.0,
        "trials": {"control": 100, "treatment": 100}, "cameras": {"control": 9, "treatment": 8},
        "trials_needed": 100, "sentence": format!("{guardrail} says {verdict}"),
    })
}

/// A status with these verdicts of `fp_rate` and `error_rate`.
pub(crate) fn status(phase: &str, condition: &str, verdicts: [&str; 2]) -> Value {
    json!({
        "experiment": "door", "run": 2, "revision": 5, "digest": "00ff", "control": "v1", "treatment": "v2",
        "rule": "sequential", "phase": phase, "condition": condition, "now": "2026-03-02T12:00:00Z",
        "started_at": "2026-03-01T12:00:00Z", "remaining_hours": 31.5, "treatment_share": 0.5,
        "step": {"number": 2, "of": 3}, "serving": "split", "salt": "door/2", "window": "ab",
        "variants": {"control": metrics(1_000, 20, 988.57, 40), "treatment": metrics(1_010, 25, 1_006.9, 42)},
        "pairs": {"comparisons": 0, "labels": 0, "control_failed": 0, "treatment_failed": 0, "both_failed": 0,
                  "scored": 0, "lower": 0, "same": 0, "higher": 0, "score_diff_abs_mean": null,
                  "latency_ms_diff_mean": null, "latency_warnings": 0, "confirmed": 0, "retained": 0},
        "guardrails": [judgement("fp_rate", verdicts[0], 2.0, 4.0),
                       judgement("error_rate", verdicts[1], -1.0, 1.5)],
        "split": null, "finding": "False alarms rose by 2.0 points", "presence": null, "cameras": 17,
        "observations": 2_010, "open_analyses": 1_500, "evicted_analyses": 0,
        "next": {"at": "2026-03-03T19:30:00Z", "deadline": "ab_ends",
                 "sentence": "the A/B test ends, then its last feedback is awaited"},
        "outside": {"analyses": 7, "causes": {"overridden": 4, "late": 3}},
        "warnings": [{"code": "few_cameras", "detail": "8 cameras a variant see little"}],
    })
}

/// One step of a rollout.
pub(crate) fn step(number: u32, from: &str, to: &str) -> Value {
    let of = status("ab", "clear", ["pass", "alarm"]);
    json!({
        "run": 2, "number": number, "at": "2026-03-01T12:00:00Z", "from": from, "to": to,
        "cause": "operator", "action": "start", "actor": "ann", "reason": "first try",
        "evidence": {"definition": "00ff", "window": "shadow", "variants": of["variants"],
                     "guardrails": of["guardrails"], "split": null},
    })
}

/// One experiment in a list.
pub(crate) fn summary(key: &str) -> Value {
    json!({"key": key, "run": 2, "control": "v1", "treatment": "v2", "phase": "ab",
           "condition": "held", "started_at": "2026-03-01T12:00:00Z"})
}

/// An experiment with its definition.
pub(crate) fn detail(key: &str) -> Value {
    let mut detail = summary(key);
    detail["digest"] = "00ff".into();
    detail["definition_toml"] = "key = \"door\"\ncontrol = \"v1\"\ntreatment = \"v2\"\n".into();
    detail["warnings"] = json!([{"code": "few_cameras", "detail": "8 cameras see little"}]);
    detail
}
