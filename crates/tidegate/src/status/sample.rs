//! A status to test with.

use serde_json::{Value, json};
use tidegate_spec::api::Status;

/// A status of a phase, with the verdicts of `fp_rate` and `error_rate`.
pub(super) fn status(phase: &str, verdicts: [&str; 2]) -> Status {
    let answer = json!({
        "experiment": "door", "run": 1, "digest": "00ff", "control": "v1", "treatment": "v2",
        "rule": "sequential", "phase": phase, "condition": "clear", "now": "2026-03-02T12:00:00Z",
        "started_at": null, "remaining_hours": 31.5, "treatment_share": 0.5,
        "step": {"number": 1, "of": 2}, "serving": "split", "window": "ab",
        "variants": {"control": side(1_000), "treatment": side(987_654_321)},
        "pairs": {"comparisons": 0, "control_failed": 0, "treatment_failed": 0, "both_failed": 0,
                  "scored": 0, "lower": 0, "same": 0, "higher": 0, "score_diff_abs_mean": null,
                  "latency_ms_diff_mean": null, "latency_warnings": 0, "confirmed": 0, "retained": 0},
        "guardrails": [judgement("fp_rate", verdicts[0]), judgement("error_rate", verdicts[1])],
        "split": {"units": {"control": 9, "treatment": 8}, "planned_share": 0.5, "chance": 0.9,
                  "evidence": 0.1, "clean": true},
        "finding": "False alarms rose", "cameras": 17, "observations": 2_010, "open_analyses": 1_500,
        "evicted_analyses": 3,
        "next": {"at": null, "deadline": null, "sentence": "it waits for its owner"},
        "warnings": [{"code": "few_cameras", "detail": "8 cameras a variant see little"}],
    });
    serde_json::from_value(answer).expect("the sample is a status")
}

fn side(analyses: u64) -> Value {
    json!({
        "analyses": analyses, "errors": 20, "error_rate": 0.02, "timed": 980,
        "latency_ms_mean": 988.57, "slow_rate": 0.05, "scored": 980, "score_mean": null,
        "score_min": 3, "score_max": 99, "alerts": 400, "alert_rate": 0.4,
        "labels": {"total": 100, "false_positive": 40, "correct": 50, "missed_threat": 2,
                   "severity_wrong": 8},
        "fp_rate": 0.4, "missed_threat_rate": 0.02,
    })
}

fn judgement(guardrail: &str, verdict: &str) -> Value {
    json!({
        "guardrail": guardrail, "verdict": verdict, "unit": "percent", "change": 2.0, "low_95": 0.5,
        "high_95": 3.5, "limit": 5.0, "evidence": 12_345.0, "ln_evidence": 9.4, "evidence_needed": 50.0,
        "degrees_of_freedom": 12.0, "trials": {"control": 100, "treatment": 100},
        "cameras": {"control": 9, "treatment": 8}, "trials_needed": 100, "sentence": "s",
    })
}
