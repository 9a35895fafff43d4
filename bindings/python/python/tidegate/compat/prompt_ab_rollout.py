"""An A/B test of two prompt versions, in this process."""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any, ClassVar

from ._application import logger as _logger_of
from ._application import record as _record
from ._assignment import gets_treatment
from ._checked import Checked, share
from ._daemon import Daemon, Outcome
from ._group_metrics import GroupMetrics as GroupMetrics
from ._rollback import AutoRollbackConfig as AutoRollbackConfig
from ._rollback import RollbackCheckResult as RollbackCheckResult
from ._rollback import SEQUENTIAL, check
from ._sequential import SequentialJudge

logger = _logger_of("prompt_ab_rollout")


class ThresholdRuleWarning(UserWarning):
    """These classes judge by the bare comparison of averages."""


class ExperimentGroup(Enum):
    """The two groups."""

    CONTROL = "control"
    TREATMENT = "treatment"


def _duration(value: Any) -> None:
    # NaN and infinity were taken, and raised later, where nobody catches.
    if not value > 0 or not math.isfinite(value):
        raise ValueError(f"test_duration_hours must be over 0 and finite, got {value}")


@dataclass
class ABRolloutConfig(Checked):
    """Which share of the cameras gets the treatment, and for how long."""

    treatment_percentage: float = 0.5
    test_duration_hours: float = 48
    experiment_name: str = "nemotron_prompt_v2_rollout"
    started_at: datetime | None = None
    """Callers may assign it: how much of the test is left follows from it at once."""

    _rules: ClassVar = {
        "treatment_percentage": share("treatment_percentage"),
        "test_duration_hours": _duration,
    }

    def to_dict(self) -> dict[str, Any]:
        """`started_at` as `isoformat` writes it, with `+00:00` and without `Z`: callers compare the text."""
        fields = dataclasses.asdict(self)
        if self.started_at is not None:
            fields["started_at"] = self.started_at.isoformat()
        return fields

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ABRolloutConfig:
        """Unknown keys are ignored, missing ones have their defaults. `started_at` is a text, or falsy for none."""
        names = [field.name for field in dataclasses.fields(cls)]
        fields = {name: data[name] for name in names if name in data}
        if fields.get("started_at"):
            fields["started_at"] = _read_time(fields["started_at"])
        else:
            fields.pop("started_at", None)
        return cls(**fields)


def _read_time(text: str) -> datetime:
    # Python 3.10 reads no `Z`.
    if isinstance(text, str) and text.endswith("Z"):
        text = text[:-1] + "+00:00"
    return datetime.fromisoformat(text)


class ABRolloutManager:
    """One A/B test: who is in which group, what was recorded of each, and whether to roll back.

    `rollout_config` and `rollback_config` are the very objects that were passed, read at each call: callers change them
    while it runs. Each manager begins with nothing recorded, whatever its experiment is called.
    """

    def __init__(
        self, rollout_config: ABRolloutConfig, rollback_config: AutoRollbackConfig
    ) -> None:
        self.rollout_config = rollout_config
        self.rollback_config = rollback_config
        self.control_metrics = GroupMetrics()
        self.treatment_metrics = GroupMetrics()
        self.ignored_records = 0
        """What was recorded while no test ran; before, it was counted."""
        self._running = False
        self._stopped_at: datetime | None = None
        self._judge: SequentialJudge | None = None

    @property
    def is_active(self) -> bool:
        """Between `start` and `stop`, and not expired. Before, one whose time was over counted as active."""
        return self._running and not self.is_expired

    @property
    def is_expired(self) -> bool:
        """Whether more than the duration has passed since `started_at`, of a manager that was never started too."""
        elapsed = self._elapsed()
        if elapsed is None:
            return False
        # In numbers: a time of a million years is none to `timedelta`.
        return elapsed.total_seconds() > self.rollout_config.test_duration_hours * 3600

    @property
    def remaining_hours(self) -> float:
        """What is left of the test, in hours; all of it before the start, and `0` when it is over."""
        elapsed = self._elapsed()
        if elapsed is None:
            return self.rollout_config.test_duration_hours
        return max(0, self.rollout_config.test_duration_hours - elapsed.total_seconds() / 3600)

    def start(self) -> None:
        """Begins the test. One that runs goes on as it is: before, a second call restarted its clock.

        After a stop it is a new test, and what was recorded of the one before is put aside: before, both were mixed. Raises
        ValueError for what the rule `sequential` cannot judge by, or an address in `TIDEGATE_URL` that is none.
        """
        if self.is_active:
            logger.warning("A/B rollout %s runs already", self.rollout_config.experiment_name)
            return
        # An address that is none is refused here, where somebody looks, and not in the calls of a test that runs.
        Daemon.of(self.rollout_config.experiment_name)
        sequential = self.rollback_config.rule == SEQUENTIAL
        self._judge = SequentialJudge(self.rollout_config, self.rollback_config) if sequential else None
        if self._stopped_at is not None or self._running:
            logger.info("A/B rollout starts anew; before: %s", self.get_metrics_summary())
            self.control_metrics = GroupMetrics()
            self.treatment_metrics = GroupMetrics()
        self.rollout_config.started_at = datetime.now(timezone.utc)
        self._stopped_at = None
        self._running = True
        logger.info(
            "A/B rollout %s started: %.0f%% treatment for %s hours",
            self.rollout_config.experiment_name,
            self.rollout_config.treatment_percentage * 100,
            self.rollout_config.test_duration_hours,
        )
        if not sequential:
            _warn_of_threshold_rule()

    def stop(self) -> None:
        """Ends the test. What was recorded stays, and so does `started_at`; the test's clock stands still."""
        if self._running:
            self._stopped_at = datetime.now(timezone.utc)
        self._running = False
        logger.info("A/B rollout %s stopped", self.rollout_config.experiment_name)

    def get_group_for_camera(self, camera_id: str) -> ExperimentGroup:
        """The group of a camera; control once the test was stopped or its time is over.

        A manager that was never started shows how it would split: tests hold it. With `TIDEGATE_URL` the daemon says.
        """
        if (self._running or self._stopped_at is not None) and not self.is_active:
            return ExperimentGroup.CONTROL
        config = self.rollout_config
        daemon = Daemon.of(config.experiment_name) if self._running else None
        if daemon is not None:
            treated = daemon.serves_treatment(camera_id)
            return ExperimentGroup.TREATMENT if treated else ExperimentGroup.CONTROL
        if gets_treatment(camera_id, config.experiment_name, config.treatment_percentage):
            return ExperimentGroup.TREATMENT
        return ExperimentGroup.CONTROL

    def record_control_feedback(
        self, is_false_positive: bool, *, analysis_id: str | None = None
    ) -> None:
        self._record_feedback(ExperimentGroup.CONTROL, is_false_positive, analysis_id)

    def record_treatment_feedback(
        self, is_false_positive: bool, *, analysis_id: str | None = None
    ) -> None:
        self._record_feedback(ExperimentGroup.TREATMENT, is_false_positive, analysis_id)

    def record_control_analysis(
        self,
        latency_ms: float | None = None,
        risk_score: int | None = None,
        has_error: bool = False,
        *,
        camera_id: str | None = None,
        analysis_id: str | None = None,
    ) -> None:
        outcome = Outcome(latency_ms, risk_score, has_error)
        self._record_analysis(ExperimentGroup.CONTROL, outcome, camera_id, analysis_id)

    def record_treatment_analysis(
        self,
        latency_ms: float | None = None,
        risk_score: int | None = None,
        has_error: bool = False,
        *,
        camera_id: str | None = None,
        analysis_id: str | None = None,
    ) -> None:
        outcome = Outcome(latency_ms, risk_score, has_error)
        self._record_analysis(ExperimentGroup.TREATMENT, outcome, camera_id, analysis_id)

    def check_rollback_needed(self) -> RollbackCheckResult:
        """What the limits say of what was recorded, with no effect, whether or not the test runs.

        Where the daemon has rolled the experiment back, its word counts.
        """
        daemon = Daemon.of(self.rollout_config.experiment_name) if self._running else None
        if daemon is not None and daemon.has_rolled_back():
            return RollbackCheckResult(True, "Tidegate has rolled the experiment back")
        if self.rollback_config.enabled and self.rollback_config.rule == SEQUENTIAL:
            if self._judge is None:
                reason = "Insufficient samples: the rule `sequential` judges what is recorded after a start"
                return RollbackCheckResult(False, reason)
            return RollbackCheckResult(*self._judge.check())
        return check(self.rollback_config, self.control_metrics, self.treatment_metrics)

    def get_metrics_summary(self) -> dict[str, Any]:
        started_at = self.rollout_config.started_at
        return {
            "control": _summary(self.control_metrics),
            "treatment": _summary(self.treatment_metrics),
            "experiment": {
                "name": self.rollout_config.experiment_name,
                "is_active": self.is_active,
                "is_expired": self.is_expired,
                "remaining_hours": self.remaining_hours,
                "started_at": None if started_at is None else started_at.isoformat(),
            },
        }

    def _elapsed(self) -> timedelta | None:
        started_at = self.rollout_config.started_at
        if started_at is None:
            return None
        if started_at.tzinfo is None:
            # A time without a zone was taken, and raised here. It is UTC.
            started_at = started_at.replace(tzinfo=timezone.utc)
        return (self._stopped_at or datetime.now(timezone.utc)) - started_at

    def _metrics_of(self, group: ExperimentGroup) -> GroupMetrics:
        if group is ExperimentGroup.TREATMENT:
            return self.treatment_metrics
        return self.control_metrics

    def _record_feedback(
        self, group: ExperimentGroup, is_false_positive: bool, analysis_id: str | None
    ) -> None:
        if not self.is_active:
            self.ignored_records += 1
            return
        metrics = self._metrics_of(group)
        metrics.record_feedback(is_false_positive)
        _record("record_ab_rollout_feedback", group.value, bool(is_false_positive))
        _record("update_ab_rollout_fp_rate", group.value, metrics.fp_rate)
        if self._judge is not None:
            self._judge.feedback(analysis_id, is_false_positive)
        daemon = Daemon.of(self.rollout_config.experiment_name)
        if daemon is not None:
            daemon.report_feedback(analysis_id, is_false_positive)

    def _record_analysis(
        self,
        group: ExperimentGroup,
        outcome: Outcome,
        camera_id: str | None,
        analysis_id: str | None,
    ) -> None:
        if not self.is_active:
            self.ignored_records += 1
            return
        metrics = self._metrics_of(group)
        metrics.record_analysis(outcome.has_error, outcome.latency_ms, outcome.risk_score)
        _record("record_ab_rollout_analysis", group.value)
        if metrics.avg_latency_ms is not None:
            _record("update_ab_rollout_avg_latency", group.value, metrics.avg_latency_ms)
        if metrics.avg_risk_score is not None:
            _record("update_ab_rollout_avg_risk_score", group.value, metrics.avg_risk_score)
        if self._judge is not None:
            self._judge.analysis(camera_id, analysis_id, group.value, outcome)
        daemon = Daemon.of(self.rollout_config.experiment_name)
        if daemon is not None:
            daemon.report_analysis(camera_id, analysis_id, group.value, outcome)


_THRESHOLD_RULE = (
    "This A/B rollout is judged by the rule `threshold`, which takes every fluctuation for a fact: checked after each "
    "feedback it rolls back close to half of all harmless prompts. The rule `sequential` holds however often one looks: "
    "AutoRollbackConfig(rule='sequential'), with camera_id and analysis_id in what is recorded; docs/python.md says how."
)


def _warn_of_threshold_rule() -> None:
    try:
        # Where `start` was called.
        warnings.warn(_THRESHOLD_RULE, ThresholdRuleWarning, stacklevel=3)
    except ThresholdRuleWarning:
        # Where warnings are errors, nobody who starts a rollout expects one.
        logger.warning(_THRESHOLD_RULE)


def _summary(metrics: GroupMetrics) -> dict[str, Any]:
    return {
        "fp_rate": metrics.fp_rate,
        "avg_latency_ms": metrics.avg_latency_ms,
        "avg_risk_score": metrics.avg_risk_score,
        "sample_count": metrics.total_feedback_count,
        "analysis_count": metrics.total_analyses,
        "error_rate": metrics.error_rate,
    }


_manager: ABRolloutManager | None = None


def get_rollout_manager() -> ABRolloutManager | None:
    """The manager that was configured, or None: it is never made by itself."""
    return _manager


def configure_rollout_manager(
    rollout_config: ABRolloutConfig | None = None,
    rollback_config: AutoRollbackConfig | None = None,
) -> ABRolloutManager:
    """Makes a new manager, not started, in place of the one before; a test that ran is stopped."""
    global _manager
    _end_the_running()
    _manager = ABRolloutManager(
        rollout_config or ABRolloutConfig(), rollback_config or AutoRollbackConfig()
    )
    return _manager


def reset_rollout_manager() -> None:
    """Forgets the manager; whoever holds it goes on with it."""
    global _manager
    _manager = None


def _end_the_running() -> None:
    """A test that is replaced was discarded without a word. It ends, and the log keeps what it showed."""
    if _manager is not None and _manager.is_active:
        logger.warning("A running A/B rollout is replaced: %s", _manager.get_metrics_summary())
        _manager.stop()
