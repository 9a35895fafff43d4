"""The Prometheus series of the replaced package, for applications without recorders of their own.

They are made when first recorded, in the default registry; without `prometheus_client` nothing is recorded.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_SERIES: dict[str, tuple[str, tuple[str, ...], tuple[float, ...] | None]] = {
    "hsi_prompt_version_latency_seconds": (
        "Histogram",
        ("version",),
        (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
    ),
    "hsi_prompt_ab_traffic_total": ("Counter", ("version", "is_treatment"), None),
    "hsi_prompt_shadow_comparisons_total": ("Counter", ("model",), None),
    "hsi_shadow_risk_score_distribution": (
        "Histogram",
        ("prompt_version",),
        (10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
    ),
    "hsi_shadow_risk_score_diff": ("Histogram", (), (0, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100)),
    "hsi_shadow_avg_risk_score": ("Gauge", ("prompt_version",), None),
    "hsi_shadow_risk_level_shift_total": ("Counter", ("direction",), None),
    "hsi_shadow_latency_diff_seconds": (
        "Histogram",
        (),
        (-1, -0.5, -0.1, 0, 0.1, 0.5, 1, 2, 5),
    ),
    "hsi_shadow_latency_warning_total": ("Counter", ("model",), None),
    "hsi_shadow_comparison_errors_total": ("Counter", ("error_type",), None),
    "hsi_prompt_rollbacks_total": ("Counter", ("model", "reason"), None),
    "hsi_ab_rollout_analysis_total": ("Counter", ("group",), None),
    "hsi_ab_rollout_fp_rate": ("Gauge", ("group",), None),
    "hsi_ab_rollout_avg_latency_ms": ("Gauge", ("group",), None),
    "hsi_ab_rollout_avg_risk_score": ("Gauge", ("group",), None),
    "hsi_ab_rollout_feedback_total": ("Counter", ("group", "feedback_type"), None),
}

_LABEL_LENGTH_MAX = {"version": 32, "model": 32, "error_type": 32, "reason": 32}


@cache
def _series(name: str) -> Any:
    try:
        import prometheus_client
    except ImportError:
        return None
    kind, labels, buckets = _SERIES[name]
    more = {} if buckets is None else {"buckets": buckets}
    return getattr(prometheus_client, kind)(name, name, labels, **more)


def _of(name: str, **labels: str) -> Any:
    series = _series(name)
    if series is None or not labels:
        return series
    return series.labels(
        **{label: value[: _LABEL_LENGTH_MAX.get(label, 16)] for label, value in labels.items()}
    )


def _count(name: str, **labels: str) -> None:
    series = _of(name, **labels)
    if series is not None:
        series.inc()


def _observe(name: str, value: float, **labels: str) -> None:
    series = _of(name, **labels)
    if series is not None:
        series.observe(value)


def _set(name: str, value: float, **labels: str) -> None:
    series = _of(name, **labels)
    if series is not None:
        series.set(value)


def record_prompt_latency(version: str, latency_seconds: float) -> None:
    _observe("hsi_prompt_version_latency_seconds", latency_seconds, version=version)


def record_prompt_ab_traffic(version: str, is_treatment: bool) -> None:
    treated = "true" if is_treatment else "false"
    _count("hsi_prompt_ab_traffic_total", version=version, is_treatment=treated)


def record_shadow_comparison(model: str) -> None:
    _count("hsi_prompt_shadow_comparisons_total", model=model)


def record_shadow_risk_score(prompt_version: str, risk_score: int) -> None:
    _observe("hsi_shadow_risk_score_distribution", risk_score, prompt_version=prompt_version)


def record_shadow_risk_score_diff(diff: int) -> None:
    _observe("hsi_shadow_risk_score_diff", abs(diff))


def update_shadow_avg_risk_score(prompt_version: str, avg_score: float) -> None:
    _set("hsi_shadow_avg_risk_score", avg_score, prompt_version=prompt_version)


def record_shadow_risk_level_shift(direction: str) -> None:
    _count("hsi_shadow_risk_level_shift_total", direction=direction)


def record_shadow_latency_diff(diff_seconds: float) -> None:
    _observe("hsi_shadow_latency_diff_seconds", diff_seconds)


def record_shadow_latency_warning(model: str) -> None:
    _count("hsi_shadow_latency_warning_total", model=model)


def record_shadow_comparison_error(error_type: str) -> None:
    _count("hsi_shadow_comparison_errors_total", error_type=error_type)


def record_prompt_rollback(model: str, reason: str) -> None:
    _count("hsi_prompt_rollbacks_total", model=model, reason=reason)


def record_ab_rollout_analysis(group: str) -> None:
    _count("hsi_ab_rollout_analysis_total", group=group)


def update_ab_rollout_fp_rate(group: str, fp_rate: float) -> None:
    _set("hsi_ab_rollout_fp_rate", fp_rate, group=group)


def update_ab_rollout_avg_latency(group: str, latency_ms: float) -> None:
    _set("hsi_ab_rollout_avg_latency_ms", latency_ms, group=group)


def update_ab_rollout_avg_risk_score(group: str, avg_score: float) -> None:
    _set("hsi_ab_rollout_avg_risk_score", avg_score, group=group)


def record_ab_rollout_feedback(group: str, is_false_positive: bool) -> None:
    kind = "false_positive" if is_false_positive else "correct"
    _count("hsi_ab_rollout_feedback_total", group=group, feedback_type=kind)
