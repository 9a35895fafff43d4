"""Whether an A/B test has gone wrong: the bare comparison of averages.

It is `rule = "threshold"` of an experiment in Tidegate, and what callers of the replaced package have pinned: 2 false
alarms of 20 against 5 of 20 roll back. No honest test calls that harm. `rule = "sequential"` does not take chance for
harm; `AutoRollbackConfig(rule="sequential")` asks for it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

from ._checked import Checked, a_number, at_least_zero, one_of
from ._group_metrics import GroupMetrics

if TYPE_CHECKING:
    from collections.abc import Iterator

THRESHOLD = "threshold"
SEQUENTIAL = "sequential"
RULES = (THRESHOLD, SEQUENTIAL)

TOLERANCE = 1e-9
"""An increase of exactly the limit is within it. On binary floats that was a lottery: 60 to 65 of 100 was over 5 points,
10 to 15 was not."""


@dataclass
class AutoRollbackConfig(Checked):
    """Limits beyond which the treatment is rolled back."""

    max_fp_rate_increase: float = 0.05
    max_latency_increase_pct: float = 50.0
    max_error_rate_increase: float = 0.05
    min_samples: int = 100
    enabled: bool = True
    rule: str = field(default=THRESHOLD, kw_only=True, repr=False)
    """`threshold`, or `sequential`, which needs `camera_id` and `analysis_id` in what is recorded and takes effect at the
    next start."""

    _rules: ClassVar = {
        "max_fp_rate_increase": a_number("max_fp_rate_increase"),
        "max_latency_increase_pct": a_number("max_latency_increase_pct"),
        "max_error_rate_increase": a_number("max_error_rate_increase"),
        "min_samples": at_least_zero("min_samples"),
        "rule": one_of("rule", RULES),
    }

    def to_dict(self) -> dict[str, Any]:
        """The five settings that there were, and `rule` where it is another than theirs."""
        settings = asdict(self)
        if self.rule == THRESHOLD:
            del settings["rule"]
        return settings

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> AutoRollbackConfig:
        """Unknown keys are ignored, missing ones have their defaults."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: data[name] for name in names if name in data})


@dataclass
class RollbackCheckResult:
    """Whether to roll back, and why, in words."""

    should_rollback: bool
    reason: str


def check(
    config: AutoRollbackConfig, control: GroupMetrics, treatment: GroupMetrics
) -> RollbackCheckResult:
    """False alarms, then latency, then errors: the first that is over its limit speaks.

    Each is judged on samples of its own. Before, too few feedbacks hid any number of failures, and enough of them let a
    single failure roll back.
    """
    if not config.enabled:
        return RollbackCheckResult(False, "Automatic rollback is disabled")
    for reason in _over_limit(config, control, treatment):
        return RollbackCheckResult(True, reason)
    feedbacks = (control.total_feedback_count, treatment.total_feedback_count)
    if min(feedbacks) < config.min_samples:
        reason = (
            f"Insufficient samples: control={feedbacks[0]}, treatment={feedbacks[1]}, "
            f"required={config.min_samples}"
        )
        return RollbackCheckResult(False, reason)
    return RollbackCheckResult(False, "All metrics within acceptable bounds")


def _over_limit(
    config: AutoRollbackConfig, control: GroupMetrics, treatment: GroupMetrics
) -> Iterator[str]:
    # Where no samples are asked for, a group without any still says nothing.
    needed = max(config.min_samples, 1)
    if min(control.total_feedback_count, treatment.total_feedback_count) >= needed:
        rates = (control.fp_rate, treatment.fp_rate)
        yield from _rise("FP rate", rates, config.max_fp_rate_increase)
    if min(control.latency_count, treatment.latency_count) >= needed:
        yield from _slower(config.max_latency_increase_pct, control, treatment)
    if min(control.total_analyses, treatment.total_analyses) >= needed:
        rates = (control.error_rate, treatment.error_rate)
        yield from _rise("Error rate", rates, config.max_error_rate_increase)


def _rise(what: str, rates: tuple[float, float], limit: float) -> Iterator[str]:
    control, treatment = rates
    increase = treatment - control
    if increase > limit + TOLERANCE:
        yield (
            f"{what} increase {increase * 100:.1f}% exceeds threshold {limit * 100:.1f}% "
            f"(control: {control * 100:.1f}%, treatment: {treatment * 100:.1f}%)"
        )


def _slower(limit: float, control: GroupMetrics, treatment: GroupMetrics) -> Iterator[str]:
    means = (control.avg_latency_ms, treatment.avg_latency_ms)
    # A mean of zero is one that was not measured.
    if means[0] and means[1]:
        increase = (means[1] - means[0]) / means[0] * 100
        if increase > limit + TOLERANCE:
            yield (
                f"Latency increase {increase:.1f}% exceeds threshold {limit:.1f}% "
                f"(control: {means[0]:.0f}ms, treatment: {means[1]:.0f}ms)"
            )
