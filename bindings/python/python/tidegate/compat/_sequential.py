"""Judging an A/B test by the rule `sequential`, in this process: what `AutoRollbackConfig(rule="sequential")` asks for.

The engine counts cameras, each against its own kind, and looks as often as one likes. So it must be told which camera and
which event a record is of; one that names neither counts in the manager's metrics alone.
"""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tidegate.engine import Duplicate, Experiment, Rollout

if TYPE_CHECKING:
    from ._daemon import Outcome
    from ._rollback import AutoRollbackConfig
    from .prompt_ab_rollout import ABRolloutConfig

_HOURS_MAX = 8_784
"""Longest test that the engine has. When this one is over is the manager's to say."""


class SequentialJudge:
    """One test. Limits are those of its start: what was gathered as evidence against one says nothing of another."""

    def __init__(self, rollout: ABRolloutConfig, limits: AutoRollbackConfig) -> None:
        """Raises ValueError for a name or a limit that the engine has not."""
        definition = {
            "key": "compat",
            "salt": str(rollout.experiment_name),
            "control": "v1_original",
            "treatment": "v2_calibrated",
            "shadow": {"duration_hours": 0},
            "ab": {
                "treatment_percentage": rollout.treatment_percentage,
                "duration_hours": min(rollout.test_duration_hours, _HOURS_MAX),
            },
            "guardrails": {
                "rule": "sequential",
                "max_fp_rate_increase": limits.max_fp_rate_increase,
                "max_latency_increase_pct": limits.max_latency_increase_pct,
                "max_error_rate_increase": limits.max_error_rate_increase,
                "min_samples": limits.min_samples,
            },
        }
        self._lock = threading.Lock()
        self._rollout = Rollout(Experiment.from_toml(json.dumps(definition)))
        self._now = _now()
        self._why: str | None = None
        self.unjudged = 0
        """Records without a camera, an event or a value, or that the engine refused."""
        self._rollout.act(self._now, "start", actor="compat", reason="the test starts")

    def analysis(
        self, camera_id: str | None, analysis_id: str | None, variant: str, outcome: Outcome
    ) -> None:
        observation: dict[str, Any] = {"type": "analysis", "variant": variant, "run": 1}
        if outcome.has_error:
            observation["error"] = True
        elif outcome.risk_score is not None:
            observation["score"] = outcome.risk_score
        if outcome.latency_ms is not None:
            observation["latency_ms"] = outcome.latency_ms
        camera = None if camera_id is None else str(camera_id)
        self._take({**observation, "camera_id": camera, "id": analysis_id}, camera, analysis_id)

    def feedback(self, analysis_id: str | None, is_false_positive: bool) -> None:
        label = "false_positive" if is_false_positive else "correct"
        self._take({"type": "feedback", "id": analysis_id, "label": label}, analysis_id)

    def check(self) -> tuple[bool, str]:
        """Whether to roll back, and why."""
        with self._lock:
            self._apply(None)
            if self._why is not None:
                return True, self._why
            report = self._rollout.check()
            reason = report.reason
            if self.unjudged:
                reason += f"; {self.unjudged} records without a camera, an event or a value are not judged"
            return report.should_roll_back, reason

    def _take(self, observation: dict[str, Any], *named: str | None) -> None:
        with self._lock:
            if None in named:
                self.unjudged += 1
                return
            observation.update(experiment="compat", id=str(observation["id"]))
            try:
                self._apply(observation)
            except Duplicate:
                # It counts once.
                pass
            except (ValueError, TypeError):
                self.unjudged += 1

    def _apply(self, observation: dict[str, Any] | None) -> None:
        self._now = max(self._now, _now())
        for decision in self._rollout.apply(self._now, observation):
            if decision.to_state == "rolled_back":
                self._why = decision.reason


def _now() -> int:
    return int(datetime.now(timezone.utc).timestamp() * 1000)
