"""The engine in this process: the code that decides in the daemon, without the daemon.

Times are aware datetimes, or whole milliseconds since 1970. Nothing here reads a clock, but for an assignment of a
switchback that is asked for without a time.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from tidegate._engine import Assignment, Duplicate, Experiment, InvalidExperiment, Rejected
from tidegate._engine import Serving, Snapshot, assign, camera_hash
from tidegate._engine import Rollout as _Rollout
from tidegate._engine import preflight as _preflight
from tidegate._engine import simulate as _simulate
from tidegate._offline import Evaluated, MetricComparison, Replayed, ReplayedRun, Tuned, TunedPoint
from tidegate._offline import evaluate, frame, replay, tune
from tidegate._offline import milliseconds as _ms
from tidegate._offline import read_time

__all__ = [
    "Assignment",
    "CheckReport",
    "Decision",
    "Duplicate",
    "Evaluated",
    "Experiment",
    "InvalidExperiment",
    "Judgement",
    "MetricComparison",
    "Preflight",
    "Rejected",
    "Replayed",
    "ReplayedRun",
    "ReviewOutlook",
    "Rollout",
    "Serving",
    "Sight",
    "Simulated",
    "Snapshot",
    "Status",
    "Tuned",
    "TunedPoint",
    "VariantMetrics",
    "assign",
    "camera_hash",
    "evaluate",
    "frame",
    "preflight",
    "replay",
    "simulate",
    "tune",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _time(text: str | None) -> datetime | None:
    return None if text is None else read_time(text)


@dataclass(frozen=True)
class Judgement:
    """What the statistics say of one guardrail. Changes, bounds and limit are in `unit`; more is worse."""

    guardrail: str
    verdict: str
    """`pass`, `inconclusive`, `alarm` or `fail`."""
    unit: str
    """`points` or `percent`."""
    change: float | None
    low_95: float | None
    high_95: float | None
    limit: float
    evidence: float | None
    """The e-value; None while there is none, or where it is beyond any number."""
    evidence_needed: float | None
    """The evidence that rolls back; None where the guardrail only warns."""
    sentence: str

    @classmethod
    def _read(cls, item: Mapping[str, Any]) -> Judgement:
        return cls(**{name: item[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class CheckReport:
    """What the guardrails say."""

    should_roll_back: bool
    reason: str
    guardrails: tuple[Judgement, ...]
    """None under the threshold rule."""


@dataclass(frozen=True)
class Decision:
    """One step that a rollout took."""

    number: int
    at: datetime
    from_state: str
    to_state: str
    cause: str
    """A stable name, such as `guardrail` or `operator`."""
    actor: str | None
    reason: str
    guardrails: tuple[Judgement, ...]
    """The evidence that it rests on."""


@dataclass(frozen=True)
class VariantMetrics:
    """What one variant showed in the present comparison."""

    analyses: int
    errors: int
    error_rate: float
    latency_ms_mean: float | None
    score_mean: float | None
    alerts: int
    alert_rate: float
    fp_rate: float

    @classmethod
    def _read(cls, item: Mapping[str, Any]) -> VariantMetrics:
        return cls(**{name: item[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Status:
    """Where a rollout stands."""

    phase: str
    condition: str
    now: datetime
    started_at: datetime | None
    remaining_hours: float
    treatment_share: float
    window: str
    """Which sums `control` and `treatment` are: `shadow`, `ab` or `full`."""
    control: VariantMetrics
    treatment: VariantMetrics
    guardrails: tuple[Judgement, ...]
    finding: str
    """What the rule says, in one sentence."""
    next_at: datetime | None
    next_deadline: str | None
    cameras: int
    observations: int


class Rollout:
    """One run of an experiment.

    `apply` meets every deadline up to the time of the event first, as the daemon does; times must not decrease. Threads may share
    one: their calls come one after another.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._rollout = _Rollout(experiment)
        self._lock = threading.Lock()

    @classmethod
    def restore(cls, experiment: Experiment, snapshot: Snapshot) -> Rollout:
        """Takes a rollout up again. Raises ValueError where the snapshot is of other settings."""
        made = cls.__new__(cls)
        made._rollout = _Rollout.restore(experiment, snapshot)
        made._lock = threading.Lock()
        return made

    @property
    def experiment(self) -> Experiment:
        return self._rollout.experiment

    def apply(
        self, at: datetime | int, event: Mapping[str, Any] | None = None
    ) -> tuple[Decision, ...]:
        """Takes in an event and gives what was decided.

        An event is an observation as `POST /v1/observations` has it, or `{"action": …, "actor": …, "reason": …}`;
        without one, time passes. Raises Rejected where the rollout refuses it, and Duplicate where it came before;
        ValueError where a field is not valid. A refused event counts for nothing; deadlines before it are met, and what was
        decided at them comes with the next call.
        """
        text = None if event is None else json.dumps(dict(event))
        with self._lock:
            decided = self._rollout.apply(_ms(at), text)
        return tuple(_decision(item) for item in json.loads(decided))

    def act(
        self, at: datetime | int, action: str, *, actor: str, reason: str
    ) -> tuple[Decision, ...]:
        """What a person does: `start`, `pause`, `resume`, `hold`, `advance`, `complete`, `roll_back` or `stop`."""
        return self.apply(at, {"action": action, "actor": actor, "reason": reason})

    def next_deadline(self) -> tuple[datetime, str] | None:
        """When time will do something, and what."""
        with self._lock:
            deadline = self._rollout.next_deadline()
        if deadline is None:
            return None
        return _EPOCH + timedelta(milliseconds=deadline[0]), deadline[1]

    def assign(self, camera_id: str, at: datetime | int) -> Assignment:
        """What a camera is served if nothing happens before."""
        with self._lock:
            return self._rollout.assign(camera_id, _ms(at))

    def serving(self) -> Serving:
        """What is served now, as a value that never changes: assignments by it are the fastest."""
        with self._lock:
            return self._rollout.serving()

    def status(self, at: datetime | int) -> Status:
        with self._lock:
            told = self._rollout.status(_ms(at))
        item = json.loads(told)
        now = _time(item["now"])
        assert now is not None
        return Status(
            phase=item["phase"],
            condition=item["condition"],
            now=now,
            started_at=_time(item["started_at"]),
            remaining_hours=item["remaining_hours"],
            treatment_share=item["treatment_share"],
            window=item["window"],
            control=VariantMetrics._read(item["variants"]["control"]),
            treatment=VariantMetrics._read(item["variants"]["treatment"]),
            guardrails=_judgements(item["guardrails"]),
            finding=item["finding"],
            next_at=_time(item["next_at"]),
            next_deadline=item["next_deadline"],
            cameras=item["cameras"],
            observations=item["observations"],
        )

    def check(self) -> CheckReport:
        """What the guardrails say now, with no effect."""
        with self._lock:
            told = self._rollout.check()
        item = json.loads(told)
        guardrails = _judgements(item["guardrails"])
        return CheckReport(item["should_roll_back"], item["reason"], guardrails)

    def snapshot(self) -> Snapshot:
        """All that it remembers, for this process; what must outlive it is the daemon's business."""
        with self._lock:
            return self._rollout.snapshot()


def _judgements(items: list[dict[str, Any]]) -> tuple[Judgement, ...]:
    return tuple(Judgement._read(item) for item in items)


def _decision(item: Mapping[str, Any]) -> Decision:
    at = _time(item["at"])
    assert at is not None
    return Decision(
        number=item["number"],
        at=at,
        from_state=item["from"],
        to_state=item["to"],
        cause=item["cause"],
        actor=item["actor"],
        reason=item["reason"],
        guardrails=_judgements(item["evidence"]["guardrails"]),
    )


@dataclass(frozen=True)
class Simulated:
    """What came of a scenario, over all its runs. Shares are of all runs, 0 to 1."""

    name: str
    rule: str
    runs: int
    seed: int
    rolled_back_share: float
    promoted_share: float
    inconclusive_share: float
    exposed_share: float
    """Runs in which any camera got the treatment."""
    hours_to_rollback: float | None
    """The median over the runs that were rolled back."""
    unmet: tuple[str, ...]
    """What the scenario expected and did not get."""
    summary: Mapping[str, Any]
    """All that `tidegate simulate --format json` prints of it."""


def simulate(
    scenario: str,
    *,
    runs: int | None = None,
    seed: int | None = None,
    rule: str | None = None,
    threads: int | None = None,
) -> list[Simulated]:
    """Simulates whole rollouts of a scenario file in TOML or JSON, on all processors unless `threads` says otherwise.

    The results are those of `tidegate simulate` to the last bit, whatever the threads. A file with a grid is several
    scenarios. `runs`, `seed` and `rule` (`sequential` or `threshold`) stand in place of the file's. Other threads of Python
    go on meanwhile. Raises InvalidExperiment with every fault of the file, and ValueError for a number out of range.
    """
    lines = _simulate(scenario, runs=runs, seed=seed, rule=rule, threads=threads)
    return [_simulated(json.loads(line)) for line in lines]


def _simulated(item: dict[str, Any]) -> Simulated:
    hours = item["hours_to_rollback"]
    unmet = (one["name"] for one in item["expectations"] if one["verdict"] == "failed")
    return Simulated(
        name=item["name"],
        rule=item["rule"],
        runs=item["runs"],
        seed=item["seed"],
        rolled_back_share=item["rolled_back_share"],
        promoted_share=item["promoted_share"],
        inconclusive_share=item["inconclusive_share"],
        exposed_share=item["exposed_share"],
        hours_to_rollback=None if hours is None else hours["p50"],
        unmet=tuple(unmet),
        summary=item,
    )


@dataclass(frozen=True)
class Sight:
    """The smallest harm that one guardrail finds by the end of the test, in about half of all rollouts."""

    guardrail: str
    trials: int
    """Of each variant: the fewer."""
    smallest_detectable: float
    """In `unit`, as the limit is."""
    limit: float
    unit: str
    """`points` or `percent`."""


@dataclass(frozen=True)
class ReviewOutlook:
    """What a review would take to decide on one change, with no camera exposed."""

    false_alarm_change: float
    """For each alert of the control."""
    verdict: str
    """The one that suits it: `rejected_false_alarms`, `harmless` or `proved`."""
    days: int | None
    """Of shadow, after which nine reviews of ten say so; None where 28 do not do."""
    answers: int | None
    """That half of them need then."""


@dataclass(frozen=True)
class Preflight:
    """What an experiment can see with the fleet at hand."""

    control_cameras: int
    treatment_cameras: int
    labels: int
    guardrails: tuple[Sight, ...]
    sees_most: str | None
    """The split that sees most: `hash`, `balanced` or `switchback`."""
    reviews: tuple[ReviewOutlook, ...]
    """By the experiment's `[review]`, or its defaults."""
    advice: tuple[str, ...]
    """What its owner should know, most important first."""
    summary: Mapping[str, Any]
    """All that `tidegate experiment preflight --format json` prints, each split among it."""


def preflight(
    experiment: Experiment,
    *,
    analyses_per_day: float,
    feedback_share: float,
    cameras: int | None = None,
    **expected: float,
) -> Preflight:
    """Says what an experiment can see, before it starts, as `tidegate experiment preflight` does.

    `analyses_per_day` are those of one camera, `feedback_share` is the share of analyses that people label, 0 to 1. Without
    `cameras` they are those that the experiment lists. `expected` may have `fp_rate`, `error_rate`, `missed_threat_rate`,
    `alert_rate`, `latency_cv`, `icc`, `drift_share`, `disagreement` and `false_alarm_change`, with the command's defaults. Raises
    ValueError for what is out of range.
    """
    fleet = {"analyses_per_day": analyses_per_day, "feedback_share": feedback_share, **expected}
    if cameras is not None:
        fleet["cameras"] = cameras
    item = json.loads(_preflight(experiment, json.dumps(fleet)))
    return Preflight(
        control_cameras=item["control_cameras"],
        treatment_cameras=item["treatment_cameras"],
        labels=item["labels"],
        guardrails=tuple(Sight(**sight) for sight in item["guardrails"]),
        sees_most=item["sees_most"],
        reviews=tuple(ReviewOutlook(**outlook) for outlook in item["reviews"]),
        advice=tuple(item["advice"]),
        summary=item,
    )
