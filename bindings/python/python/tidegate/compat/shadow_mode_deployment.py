"""Comparing two prompt versions in shadow: both run, the control is served.

Comparisons are recorded whether or not the configuration says `enabled`, as before: nothing connects the two.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ._application import logger as _logger_of
from ._application import record as _record
from ._checked import Checked, at_least_zero

logger = _logger_of("shadow_mode_deployment")

_MODEL = "nemotron"
_LOGGED = (
    "camera_id",
    "control_risk_score",
    "treatment_risk_score",
    "risk_score_diff",
    "control_latency_ms",
    "treatment_latency_ms",
    "latency_diff_ms",
    "latency_increase_pct",
    "latency_warning_triggered",
    "control_error",
    "treatment_error",
)


@dataclass
class LatencyWarning:
    """Whether the treatment took too much longer than the control."""

    triggered: bool
    percentage_increase: float
    message: str
    control_latency_ms: float
    treatment_latency_ms: float
    threshold_pct: float


@dataclass
class ShadowModeComparisonResult:
    """What both prompts said of one event. What follows from it is given by the caller too, and not computed."""

    control_risk_score: int | None
    treatment_risk_score: int | None
    control_latency_ms: float | None
    treatment_latency_ms: float | None
    risk_score_diff: int | None
    latency_diff_ms: float | None
    latency_increase_pct: float | None
    latency_warning_triggered: bool
    timestamp: str
    camera_id: str | None = None
    control_error: str | None = None
    treatment_error: str | None = None


@dataclass
class ShadowModeDeploymentConfig(Checked):
    """How a shadow is set up. `log_comparisons` and the `track_` switches are read by nothing, as before."""

    enabled: bool = True
    control_prompt_name: str = "v1_original"
    treatment_prompt_name: str = "v2_calibrated"
    log_comparisons: bool = True
    latency_warning_threshold_pct: float = 50.0
    experiment_name: str = "nemotron_prompt_v2_shadow"
    track_risk_score_diff: bool = True
    track_latency_diff: bool = True
    track_memory_usage: bool = False
    track_error_rate: bool = True
    run_both_prompts: bool = field(default=True, init=False)
    primary_result_source: str = field(default="control", init=False)
    treatment_result_usage: str = field(default="comparison_only", init=False)

    _rules: ClassVar = {
        "latency_warning_threshold_pct": at_least_zero("latency_warning_threshold_pct")
    }

    def check_latency_warning(
        self, control_latency_ms: float, treatment_latency_ms: float
    ) -> LatencyWarning:
        """Strictly over the threshold. A control of no time is one that was not measured, and never warns."""
        threshold = self.latency_warning_threshold_pct
        increase = _increase_pct(control_latency_ms, treatment_latency_ms)
        triggered = control_latency_ms > 0 and increase > threshold
        if triggered:
            message = f"Treatment latency increase {increase:.1f}% exceeds threshold {threshold:.1f}%"
        elif control_latency_ms <= 0:
            message = "The control's latency is not over 0 ms: no percentage can be computed"
        else:
            message = f"Treatment latency change {increase:.1f}% is within threshold {threshold:.1f}%"
        return LatencyWarning(
            triggered, increase, message, control_latency_ms, treatment_latency_ms, threshold
        )

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ShadowModeDeploymentConfig:
        """Unknown keys are ignored, and so are the three fixed ones."""
        names = [field.name for field in dataclasses.fields(cls) if field.init]
        return cls(**{name: data[name] for name in names if name in data})


def _increase_pct(control_ms: float, treatment_ms: float) -> float:
    if control_ms > 0:
        return (treatment_ms - control_ms) / control_ms * 100
    return math.inf if treatment_ms > 0 else 0.0


def create_deployment_from_experiment_config(experiment_config: Any) -> ShadowModeDeploymentConfig:
    """Takes any object with `shadow_mode`, `experiment_name` and `max_latency_increase_pct`."""
    return ShadowModeDeploymentConfig(
        enabled=experiment_config.shadow_mode,
        experiment_name=experiment_config.experiment_name,
        latency_warning_threshold_pct=experiment_config.max_latency_increase_pct,
    )


def _difference(result: ShadowModeComparisonResult) -> int | None:
    """Treatment less control. A difference that contradicts the scores was taken as it was."""
    control, treatment = result.control_risk_score, result.treatment_risk_score
    given = result.risk_score_diff
    if given is None or control is None or treatment is None or given == treatment - control:
        return given
    logger.warning("risk_score_diff %s contradicts the scores %s and %s", given, control, treatment)
    return treatment - control


def _shift(result: ShadowModeComparisonResult) -> str | None:
    """By the scores, not by the risk levels."""
    control, treatment = result.control_risk_score, result.treatment_risk_score
    if result.risk_score_diff is None or control is None or treatment is None:
        return None
    if treatment < control:
        return "lower"
    return "higher" if treatment > control else "same"


def _failure(result: ShadowModeComparisonResult) -> str | None:
    if result.control_error and result.treatment_error:
        return "both_failed"
    if result.control_error:
        return "control_failed"
    return "treatment_failed" if result.treatment_error else None


def record_shadow_mode_comparison(result: ShadowModeComparisonResult) -> None:
    """Tells the application's recorders, in this order and by position: tests hold both."""
    _record("record_shadow_comparison", _MODEL)
    failure = _failure(result)
    if failure is not None:
        _record("record_shadow_comparison_error", failure)
    if result.control_risk_score is not None:
        _record("record_shadow_risk_score", "control", result.control_risk_score)
    if result.treatment_risk_score is not None:
        _record("record_shadow_risk_score", "treatment", result.treatment_risk_score)
    difference = _difference(result)
    if difference is not None:
        _record("record_shadow_risk_score_diff", difference)
    shift = _shift(result)
    if shift is not None:
        _record("record_shadow_risk_level_shift", shift)
    if result.latency_diff_ms is not None:
        _record("record_shadow_latency_diff", result.latency_diff_ms / 1000)
    if result.latency_warning_triggered:
        _record("record_shadow_latency_warning", _MODEL)
    # Whatever has these attributes is a result, as before.
    logger.info("Shadow comparison recorded", extra={name: getattr(result, name) for name in _LOGGED})


def record_latency_warning(
    camera_id: str,
    control_latency_ms: float,
    treatment_latency_ms: float,
    threshold_pct: float,
) -> None:
    """Tells both latencies, whatever the threshold. The labels are not the versions' names: dashboards go by them."""
    _record("record_prompt_latency", "v1_control", control_latency_ms / 1000)
    _record("record_prompt_latency", "v2_treatment", treatment_latency_ms / 1000)
    increase = math.inf
    if control_latency_ms > 0:
        increase = _increase_pct(control_latency_ms, treatment_latency_ms)
    extra = {
        "camera_id": camera_id,
        "control_latency_ms": control_latency_ms,
        "treatment_latency_ms": treatment_latency_ms,
        "latency_increase_pct": increase,
        "threshold_pct": threshold_pct,
    }
    logger.warning("Treatment latency warning", extra=extra)


@dataclass
class ShadowModeComparisonStats:
    """All comparisons of a tracker, at one moment."""

    total_comparisons: int = 0
    control_avg_score: float = 0.0
    treatment_avg_score: float = 0.0
    avg_score_diff: float = 0.0
    lower_count: int = 0
    same_count: int = 0
    higher_count: int = 0
    latency_warnings: int = 0
    control_errors: int = 0
    treatment_errors: int = 0

    def to_dict(self) -> dict[str, Any]:
        """`error_rates` holds counts: charts go by it. The rates are in `error_shares`, 0 to 1."""
        total = self.total_comparisons
        return {
            "total_comparisons": total,
            "control_avg_score": round(self.control_avg_score, 2),
            "treatment_avg_score": round(self.treatment_avg_score, 2),
            "avg_score_diff": round(self.avg_score_diff, 2),
            "risk_shift_distribution": {
                "lower": self.lower_count,
                "same": self.same_count,
                "higher": self.higher_count,
            },
            "lower_percentage": round(self.lower_count / total * 100, 1) if total else 0.0,
            "latency_warnings": self.latency_warnings,
            "error_rates": {"control": self.control_errors, "treatment": self.treatment_errors},
            "error_shares": {
                "control": self.control_errors / total if total else 0.0,
                "treatment": self.treatment_errors / total if total else 0.0,
            },
        }


class _Mean:
    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0

    def add(self, value: float | None) -> None:
        """Without NaN and infinities: one of them spoilt the mean until the next reset."""
        if value is not None and math.isfinite(value):
            self.count += 1
            self.total += value

    def value(self) -> float:
        return self.total / self.count if self.count else 0.0


class ShadowModeStatsTracker:
    """Sums over all comparisons since it was made or reset."""

    def __init__(self) -> None:
        self.reset()

    def record(self, result: ShadowModeComparisonResult) -> None:
        self._total += 1
        self._control_errors += bool(result.control_error)
        self._treatment_errors += bool(result.treatment_error)
        self._control.add(result.control_risk_score)
        self._treatment.add(result.treatment_risk_score)
        self._difference.add(_difference(result))
        shift = _shift(result)
        if shift is not None:
            self._shifts[shift] += 1
        self._latency_warnings += bool(result.latency_warning_triggered)
        for name, mean in (("control", self._control), ("treatment", self._treatment)):
            if mean.count:
                _record("update_shadow_avg_risk_score", name, mean.value())

    def get_stats(self) -> ShadowModeComparisonStats:
        return ShadowModeComparisonStats(
            total_comparisons=self._total,
            control_avg_score=self._control.value(),
            treatment_avg_score=self._treatment.value(),
            avg_score_diff=self._difference.value(),
            lower_count=self._shifts["lower"],
            same_count=self._shifts["same"],
            higher_count=self._shifts["higher"],
            latency_warnings=self._latency_warnings,
            control_errors=self._control_errors,
            treatment_errors=self._treatment_errors,
        )

    def reset(self) -> None:
        """Back to nothing; Prometheus keeps its last values."""
        self._total = 0
        self._control_errors = 0
        self._treatment_errors = 0
        self._latency_warnings = 0
        self._shifts = {"lower": 0, "same": 0, "higher": 0}
        self._control = _Mean()
        self._treatment = _Mean()
        self._difference = _Mean()


_config: ShadowModeDeploymentConfig | None = None
_tracker: ShadowModeStatsTracker | None = None


def get_shadow_mode_deployment_config() -> ShadowModeDeploymentConfig:
    global _config
    if _config is None:
        _config = ShadowModeDeploymentConfig()
    return _config


def reset_shadow_mode_deployment_config() -> None:
    global _config
    _config = None


def get_shadow_mode_stats_tracker() -> ShadowModeStatsTracker:
    global _tracker
    if _tracker is None:
        _tracker = ShadowModeStatsTracker()
    return _tracker


def reset_shadow_mode_stats_tracker() -> None:
    global _tracker
    _tracker = None


def record_and_track_shadow_comparison(result: ShadowModeComparisonResult) -> None:
    record_shadow_mode_comparison(result)
    get_shadow_mode_stats_tracker().record(result)


def get_shadow_mode_stats() -> ShadowModeComparisonStats:
    return get_shadow_mode_stats_tracker().get_stats()
