"""A client without a daemon, for tests: the same engine, in this process, with a time that is driven."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from tidegate._known import Assignment, unknown
from tidegate.client import Client
from tidegate.engine import Decision, Duplicate, Experiment, Rejected, Rollout, Status

__all__ = ["Memory"]


class Memory(Client):
    """Takes the place of a `Client` in the code that is tested. It decides as the daemon does, at once.

    There is one run of each experiment, and nothing is kept: what restarts, drafts and tokens do is the daemon's.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.now = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
        self.decisions: list[Decision] = []
        """Every step of every rollout, oldest first."""
        self._clock = self.clock
        self._strict = strict
        self._unsendable = 0
        self._rollouts: dict[str, Rollout] = {}
        self._counts = {"accepted": 0, "duplicate": 0, "rejected": 0}

    def clock(self) -> datetime:
        return self.now

    def pass_time(self, **lengths: float) -> None:
        """Lets time pass, such as `hours=48`, as `datetime.timedelta` has it."""
        self.now += timedelta(**lengths)
        for rollout in self._rollouts.values():
            self.decisions += rollout.apply(self.now)

    def define(self, toml: str) -> Experiment:
        """Defines an experiment from a file, or anew."""
        experiment = Experiment.from_toml(toml)
        self._rollouts[experiment.key] = Rollout(experiment)
        return experiment

    def act(self, key: str, action: str) -> None:
        """Does what a person does: `start`, `advance`, `roll_back`, … Raises Rejected where it is not allowed."""
        self.decisions += self._rollouts[key].act(self.now, action, actor="test", reason="a test")

    def status(self, key: str) -> Status:
        return self._rollouts[key].status(self.now)

    def assign(self, experiment: str, camera_id: str, *, default: str | None = None) -> Assignment:
        rollout = self._rollouts.get(experiment)
        if rollout is None:
            return unknown(experiment, camera_id, default, "unknown_experiment")
        definition, status = rollout.experiment, rollout.status(self.now)
        try:
            assigned = rollout.assign(camera_id, self.now)
            variant, reason = assigned.variant, assigned.reason
        except (ValueError, TypeError):
            variant, reason = "control", "invalid_camera_id"
        shadowing = status.phase == "shadow" and status.condition != "paused"
        sample = definition.shadow_sample if shadowing and reason == "shadow" else 0.0
        return Assignment(
            experiment=experiment,
            camera_id=camera_id,
            variant=variant,
            prompt_version=definition.treatment if variant == "treatment" else definition.control,
            reason=reason,
            run=1,
            phase=status.phase,
            shadow_sample=sample,
            shadow_version=definition.treatment if sample > 0 else None,
            digest=None,
        )

    def prompt_text(self, assignment: Assignment) -> str | None:
        return None

    def report(self, observation: dict[str, Any]) -> None:
        """Takes an observation in at once. One that is not valid raises ValueError if `strict`; else it is counted."""
        rollout = self._rollouts.get(str(observation.get("experiment")))
        try:
            if rollout is None:
                raise Rejected("no such experiment")
            self.decisions += rollout.apply(self.now, observation)
            self._counts["accepted"] += 1
        except Duplicate:
            self._counts["duplicate"] += 1
        except (ValueError, TypeError):
            self._counts["rejected"] += 1
            if self._strict:
                raise

    def wait_ready(self, limit_s: float = 5.0) -> bool:
        return True

    def flush(self, limit_s: float = 5.0) -> bool:
        return True

    def stats(self) -> dict[str, int]:
        return {**self._counts, "waiting": 0, "lost": 0, "unsendable": self._unsendable, "retries": 0, "follower_failures": 0}

    def close(self, flush_s: float | None = None) -> None:
        return None
