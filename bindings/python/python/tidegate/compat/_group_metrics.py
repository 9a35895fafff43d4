"""What was recorded of one group."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Sequence, TypeVar, cast

SAMPLES_MAX = 1_000
"""How many of the newest scores and latencies the lists keep. They grew for ever; means are running sums now."""

LATENCY_MS_MAX = 600_000.0

_lock = threading.Lock()
"""One for all groups, so that a group can be pickled and copied as before. It is held for less than a microsecond."""

_Number = TypeVar("_Number", int, float)


def _is_between(value: float, least: float, most: float) -> bool:
    try:
        return math.isfinite(value) and least <= value <= most
    except TypeError:
        # Whatever it is, it is no number; recording it raised nothing before.
        return False


@dataclass
class _Sum:
    """A running mean and its ends, of which a list keeps the newest."""

    count: int = 0
    total: float = 0
    least: float = math.inf
    most: float = -math.inf
    kept: int = 0
    """How long the list was when a value came last."""

    @classmethod
    def of(cls, values: Sequence[float]) -> _Sum:
        made = cls()
        for value in values:
            made._count(value)
        made.kept = len(values)
        return made

    def add(self, value: _Number, samples: list[_Number]) -> None:
        samples.append(value)
        if len(samples) >= 2 * SAMPLES_MAX:
            del samples[:-SAMPLES_MAX]
        self.kept = len(samples)
        self._count(value)

    def _count(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass
class GroupMetrics:
    """Counts and means of one group. It can stand alone, without a manager.

    A latency that is negative, not finite or over ten minutes, and a score outside of 0 to 100, was stored and spoilt
    every mean after it. It is left out now and counted in `dropped_values`; the analysis still counts.
    """

    false_positive_count: int = 0
    total_feedback_count: int = 0
    risk_scores: list[int] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    error_count: int = 0
    total_analyses: int = 0

    def __post_init__(self) -> None:
        self.dropped_values = 0
        self._scores = _Sum.of(self.risk_scores)
        self._latencies = _Sum.of(self.latencies_ms)

    @property
    def fp_rate(self) -> float:
        if not self.total_feedback_count:
            return 0.0
        return self.false_positive_count / self.total_feedback_count

    @property
    def error_rate(self) -> float:
        return self.error_count / self.total_analyses if self.total_analyses else 0.0

    @property
    def avg_risk_score(self) -> float | None:
        return self._scores_now().mean

    @property
    def min_risk_score(self) -> int | None:
        scores = self._scores_now()
        return cast(int, scores.least) if scores.count else None

    @property
    def max_risk_score(self) -> int | None:
        scores = self._scores_now()
        return cast(int, scores.most) if scores.count else None

    @property
    def avg_latency_ms(self) -> float | None:
        return self._latencies_now().mean

    @property
    def latency_count(self) -> int:
        return self._latencies_now().count

    def _scores_now(self) -> _Sum:
        # The lists are public: whoever puts values in, or another list, means what is in it.
        if self._scores.kept != len(self.risk_scores):
            self._scores = _Sum.of(self.risk_scores)
        return self._scores

    def _latencies_now(self) -> _Sum:
        if self._latencies.kept != len(self.latencies_ms):
            self._latencies = _Sum.of(self.latencies_ms)
        return self._latencies

    def record_feedback(self, is_false_positive: bool) -> None:
        with _lock:
            self.total_feedback_count += 1
            if is_false_positive:
                self.false_positive_count += 1

    def record_risk_score(self, score: int) -> None:
        """Also counts an analysis: callers rely on it."""
        with _lock:
            self.total_analyses += 1
            self._add_score(score)

    def record_latency(self, latency_ms: float) -> None:
        """Counts no analysis, unlike a score."""
        with _lock:
            self._add_latency(latency_ms)

    def record_analysis(
        self,
        has_error: bool = False,
        latency_ms: float | None = None,
        risk_score: int | None = None,
    ) -> None:
        """`has_error` comes first here, and last in the manager's methods: callers use both orders.

        The time that a failure took says nothing about speed, so it no longer enters the mean.
        """
        with _lock:
            self.total_analyses += 1
            if has_error:
                self.error_count += 1
            elif latency_ms is not None:
                self._add_latency(latency_ms)
            if risk_score is not None:
                self._add_score(risk_score)

    def _add_latency(self, latency_ms: float) -> None:
        if _is_between(latency_ms, 0.0, LATENCY_MS_MAX):
            self._latencies_now().add(latency_ms, self.latencies_ms)
        else:
            self.dropped_values += 1

    def _add_score(self, score: int) -> None:
        if _is_between(score, 0, 100):
            self._scores_now().add(score, self.risk_scores)
        else:
            self.dropped_values += 1
