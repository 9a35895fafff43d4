"""What needs no daemon: recordings replayed, data sets compared, limits tuned.

It is what the commands `tidegate replay`, `tidegate evaluate` and `tidegate tune` do, by the same code: `lines` and `line` of
a result are the JSON that they print, byte for byte.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from tidegate import _engine
from tidegate._engine import Experiment

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS = timedelta(milliseconds=1)


def milliseconds(at: datetime | int) -> int:
    """Since 1970; a number is taken for that. Raises ValueError for a time without a zone."""
    if isinstance(at, int):
        return at
    if at.tzinfo is None:
        raise ValueError("at: a datetime without a time zone, allowed: one with")
    return (at - _EPOCH) // _MS


def read_time(text: str) -> datetime:
    # Python 3.10 reads no `Z`.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _file(name: str, path: str | os.PathLike[str]) -> str:
    path = os.fspath(path)
    if path == "-":
        # To the command it is standard input, for which a notebook would wait for ever.
        raise ValueError(f"{name}: is -, allowed: a file")
    return path


def _length(name: str, length: timedelta | None) -> int | None:
    if length is None:
        return None
    if length < _MS:
        raise ValueError(f"{name}: {length} is out of range, allowed: a length above zero")
    return length // _MS


@dataclass(frozen=True)
class ReplayedRun:
    """One rollout over recorded traffic."""

    started_at: datetime
    outcome: str
    """`rolled_back`, `gate_opened`, `promoted`, `expired` or `undecided`."""
    decided_at: datetime | None
    hours_to_decision: float | None
    cause: str | None
    """A stable name, such as `guardrail`."""
    guardrail: str | None
    reason: str
    summary: Mapping[str, Any]
    """All that the command prints of it: the evidence, what was recorded in the whole window, looks and cameras."""

    @classmethod
    def _read(cls, item: dict[str, Any]) -> ReplayedRun:
        decided_at = item["decided_at"]
        return cls(
            started_at=read_time(item["started_at"]),
            outcome=item["outcome"],
            decided_at=None if decided_at is None else read_time(decided_at),
            hours_to_decision=item["hours_to_decision"],
            cause=item["cause"],
            guardrail=item["guardrail"],
            reason=item["reason"],
            summary=item,
        )


@dataclass(frozen=True)
class Replayed:
    """What came of a recording."""

    runs: tuple[ReplayedRun, ...]
    """One, or one for each window; none where there is no verdict."""
    counts: Mapping[str, Any]
    """What became of every row."""
    no_verdict: str | None
    """Why there is none, where too much was rejected."""
    lines: tuple[str, ...]


def replay(
    records: str | os.PathLike[str],
    *,
    experiment: Experiment,
    map: str,
    window: timedelta | None = None,
    start: datetime | None = None,
    baseline: timedelta | None = None,
    rejected_max: float = 1.0,
    explain: bool = False,
    by_camera: bool = False,
) -> Replayed:
    """Decides a rollout on recorded traffic: when would this experiment have acted, and why?

    `records` is a file, CSV or JSON lines; `map` says in TOML or JSON which column is what. Each `window` is a run of its own;
    `start` leaves out what was recorded before; so much as `baseline` of each run is what the control showed before its test.
    `rejected_max` is in percent. Raises OSError where the file cannot be read, and ValueError where it has nothing that can
    be used or what is given does not fit together.
    """
    options = {
        "window_ms": _length("window", window),
        "from_ms": None if start is None else milliseconds(start),
        "baseline_ms": _length("baseline", baseline),
        "rejected_max": rejected_max,
        "explain": explain,
        "by_camera": by_camera,
    }
    lines = _engine.replay(_file("records", records), experiment, map, json.dumps(options))
    items = [json.loads(line) for line in lines]
    return Replayed(
        runs=tuple(ReplayedRun._read(item) for item in items if "outcome" in item),
        # With windows they are told once, at the end.
        counts=items[-1]["counts"],
        no_verdict=items[-1].get("no_verdict"),
        lines=tuple(lines),
    )


@dataclass(frozen=True)
class MetricComparison:
    """Both prompts by one metric, on the cases where both were measured."""

    metric: str
    verdict: str
    """`better`, `worse`, `no_difference_shown` or `too_few_cases`."""
    control: float | None
    treatment: float | None
    difference: float | None
    """Treatment less control."""
    p: float | None
    """Adjusted for the number of metrics, by Holm."""
    reason: str

    @classmethod
    def _read(cls, item: dict[str, Any]) -> MetricComparison:
        change = item["change"] or {}
        return cls(
            metric=item["metric"],
            verdict=item["verdict"],
            control=change.get("control"),
            treatment=change.get("treatment"),
            difference=change.get("difference"),
            p=change.get("p_holm"),
            reason=item["reason"],
        )


@dataclass(frozen=True)
class Evaluated:
    """Two prompts compared on a data set."""

    verdict: str | None
    """As of a metric, or `mixed`; None where too many cases were rejected."""
    reason: str
    """Why, in one sentence."""
    metrics: tuple[MetricComparison, ...]
    counts: Mapping[str, Any]
    """What became of every case."""
    summary: Mapping[str, Any]
    """All that the command prints: intervals, tests, scenarios, and the cases that differ."""
    line: str


def evaluate(
    dataset: str | os.PathLike[str] | None = None,
    *,
    experiment: Experiment | None = None,
    control: str | None = None,
    treatment: str | None = None,
    metrics: Sequence[str] | None = None,
    resamples: int | None = None,
    seed: int | None = None,
    rejected_max: float = 1.0,
) -> Evaluated:
    """Compares two prompt versions offline, on cases whose right answers are known.

    `dataset` is a file with one case a line, or a folder with one a file. What is not given is the experiment's. `rejected_max`
    is in percent. Raises OSError where the data set cannot be read, and ValueError where it or an argument is not valid.
    """
    planned = {} if experiment is None else json.loads(experiment.to_json()).get("evaluation") or {}
    dataset = planned.get("dataset") if dataset is None else dataset
    if dataset is None:
        raise ValueError("dataset: is missing, and no experiment names one in evaluation.dataset")
    if experiment is not None:
        control, treatment = control or experiment.control, treatment or experiment.treatment
    if control is None or treatment is None:
        raise ValueError("control, treatment: are missing, and no experiment names them")
    options = {
        "control": control,
        "treatment": treatment,
        "metrics": list(metrics) if metrics else planned.get("metrics") or None,
        "resamples": resamples,
        "seed": seed,
        "rejected_max": rejected_max,
    }
    line = _engine.evaluate(_file("dataset", dataset), json.dumps(options))
    item = json.loads(line)
    return Evaluated(
        verdict=item.get("verdict"),
        reason=item["no_verdict"] if "no_verdict" in item else item["reason"],
        metrics=tuple(MetricComparison._read(metric) for metric in item.get("metrics", ())),
        counts=item["counts"],
        summary=item,
        line=line,
    )


@dataclass(frozen=True)
class TunedPoint:
    """What one setting brought. Shares are 0 to 1, intervals hold with 95 %."""

    settings: tuple[str, ...]
    """Each `path=value`."""
    false_rollback_share: float
    """Of harmless rollouts, in the worst world."""
    false_rollback_interval: tuple[float, float]
    rolled_back_share: float
    """Of harmful rollouts, on average over the scenarios."""
    rolled_back_interval: tuple[float, float]
    undecided_share: float
    hours_mean: float
    """Until a rollback; a rollout without one counts the whole horizon."""
    harmed_analyses_mean: float
    harmed_analyses_interval: tuple[float, float]
    on_front: bool
    """Whether no other setting is better in one and at least as good in the other."""
    recommended: bool

    @classmethod
    def _read(cls, item: dict[str, Any]) -> TunedPoint:
        values: dict[str, Any] = {name: item[name] for name in cls.__dataclass_fields__}
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})


@dataclass(frozen=True)
class Tuned:
    """What came of every setting."""

    points: tuple[TunedPoint, ...]
    recommended: tuple[str, ...] | None
    """The settings to take, each `path=value`."""
    experiment: str | None
    """The experiment with them, as TOML."""
    warnings: tuple[str, ...]
    """What should be known of the recommendation, or why there is none."""
    lines: tuple[str, ...]


def tune(
    scenarios: str | Iterable[str],
    *,
    vary: str | Iterable[str],
    objective: str = "harm",
    horizon_hours: float | None = None,
    false_rollback_max: float = 0.05,
    runs: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
) -> Tuned:
    """Finds the settings that stop harm soonest without stopping the harmless.

    `scenarios` are texts in TOML or JSON in which the treatment does harm; `vary` are settings with their values, each
    `PATH=FROM..TO:STEP` or `PATH=A,B,C`. `objective` is what to make small: `harm`, `hours` or `missed`. Harm is counted over
    `horizon_hours`, twice the longest test unless given. Raises InvalidExperiment for a scenario that is not valid, and
    ValueError for an argument that is not.
    """
    options = {
        "vary": [vary] if isinstance(vary, str) else list(vary),
        "objective": objective,
        "horizon_hours": horizon_hours,
        "false_rollback_max": false_rollback_max,
        "runs": runs,
        "seed": seed,
        "threads": threads,
    }
    texts = [scenarios] if isinstance(scenarios, str) else list(scenarios)
    lines, warnings = _engine.tune(texts, json.dumps(options))
    items = [json.loads(line) for line in lines]
    best = items.pop() if items and "experiment" in items[-1] else {}
    return Tuned(
        points=tuple(TunedPoint._read(item) for item in items),
        recommended=tuple(best["recommended"]) if best else None,
        experiment=best.get("experiment"),
        warnings=tuple(warnings),
        lines=tuple(lines),
    )


def frame(result: Replayed | Evaluated | Tuned | Iterable[Any]) -> Any:
    """A result as a frame of pandas: the runs of a replay, the metrics of an evaluation, the points of a sweep, or the
    scenarios that `simulate` gives. Raises ImportError without pandas."""
    pandas = importlib.import_module("pandas")
    if isinstance(result, Replayed):
        rows: Iterable[Any] = result.runs
    elif isinstance(result, Evaluated):
        rows = result.metrics
    else:
        rows = result.points if isinstance(result, Tuned) else result
    return pandas.DataFrame([{name: value for name, value in asdict(row).items() if name != "summary"} for row in rows])
