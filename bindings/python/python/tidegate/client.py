"""A client of the daemon that never makes its caller wait.

Assignments are computed in this process, from what the daemon told last; reports are queued and sent in the background.
Where nothing was heard of the daemon for too long, control is served.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Collection
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, TypedDict

from tidegate._access import Access
from tidegate._follower import Follower, now_s
from tidegate._known import Assignment, unknown
from tidegate._reporter import Reporter

__all__ = ["Assignment", "AsyncClient", "Client", "Side"]

logger = logging.getLogger("tidegate")

_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False)
_OBSERVATION_BYTES_MAX = 64 * 1024
"""Ids have at most 128 bytes: what is longer is none."""

_clients: set[Client] = set()
"""Those that are not closed. What they have to send is sent, whether or not anybody still holds them."""


class Side(TypedDict, total=False):
    """What one prompt said of an event: at least one of the three."""

    latency_ms: float
    score: int
    error: bool


class Client:
    """Thread-safe, and safe to fork: the child begins anew, with nothing waiting.

    `url`, `token` and `ca` are those of `TIDEGATE_SERVER`, `TIDEGATE_TOKEN` or the file `TIDEGATE_TOKEN_FILE`, and `TIDEGATE_CA`
    unless given. `experiments` are the keys to
    follow, all unless given. Raises ValueError for an address that is none and OSError for a file that is not there; a
    daemon that is away is no error.

    - `stale_after_s`: how long what the daemon told counts while nothing more is heard. Over its heartbeat of 15 s.
    - `limit_s`: the most that a request waits for the daemon, in the background.
    - `waiting_max`: observations that wait to be sent; beyond it the oldest are dropped and counted.
    - `flush_at_exit_s`: the most that the end of the process waits for what is not sent yet.
    - `clock`: what reports say of when they happened, by which one that comes late counts where it belongs. Where the daemon's
      time is driven, give its, or one that gives None: a report counts when it comes, then.
    - `strict`: whether a report that cannot be sent as it is raises ValueError, for tests. Else it is logged and counted.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        ca: str | None = None,
        experiments: Collection[str] | None = None,
        stale_after_s: float = 45.0,
        limit_s: float = 5.0,
        report_every_s: float = 1.0,
        waiting_max: int = 10_000,
        flush_at_exit_s: float = 5.0,
        clock: Callable[[], datetime | None] | None = None,
        strict: bool = False,
    ) -> None:
        url = url or os.environ.get("TIDEGATE_SERVER", "http://127.0.0.1:4780")
        access = Access(url, token or _token(), ca or os.environ.get("TIDEGATE_CA") or None)
        self._stale_after_s = stale_after_s
        self._flush_at_exit_s = flush_at_exit_s
        self._clock = clock or _now
        self._strict = strict
        self._unsendable = 0
        self._closed = False
        self._follower = Follower(access, experiments, limit_s, stale_after_s)
        self._reporter = Reporter(access, limit_s, report_every_s, waiting_max)
        _clients.add(self)

    def assign(self, experiment: str, camera_id: str, *, default: str | None = None) -> Assignment:
        """Which prompt version a camera gets. It never waits and never raises: in every doubt it is control.

        `default` is the version to use where nothing is known of the experiment.
        """
        follower = self._follower
        try:
            known = follower.known.get(experiment)
        except TypeError:
            known = None
        heard_at = follower.heard_at
        if heard_at is None or now_s() - heard_at > self._stale_after_s:
            # Of no run: what a camera ran because the daemon was away says nothing of its side of the split.
            return unknown(experiment, camera_id, known.control if known else default, "stale")
        if known is None:
            return unknown(experiment, camera_id, default, "unknown_experiment")
        try:
            return known.assign(camera_id)
        except (ValueError, TypeError):
            return known.invalid(camera_id)

    def prompt_text(self, assignment: Assignment) -> str | None:
        """The text of the version that was assigned, where the daemon keeps it. It never waits: texts come with what they
        belong to."""
        return self._follower.texts.get(getattr(assignment, "digest", None) or "")

    def analysis(
        self,
        assignment: Assignment,
        event_id: str,
        *,
        latency_ms: float | None = None,
        score: int | None = None,
        error: bool = False,
        observed_at: datetime | None = None,
    ) -> None:
        """Reports what the assigned version said of an event. Where there is no rollout, or the assignment was `stale`, nothing
        is reported."""
        try:
            more = {"variant": assignment.variant, **_side(latency_ms, score, error)}
            observation = self._observation("analysis", assignment, event_id, more, observed_at)
        except Exception as fault:
            return self._refuse(fault)
        if observation is not None:
            self.report(observation)

    def comparison(
        self,
        assignment: Assignment,
        event_id: str,
        *,
        control: Side,
        treatment: Side,
        observed_at: datetime | None = None,
    ) -> None:
        """Reports what both versions said of an event, in shadow."""
        try:
            more = {"control": dict(control), "treatment": dict(treatment)}
            observation = self._observation("comparison", assignment, event_id, more, observed_at)
        except Exception as fault:
            return self._refuse(fault)
        if observation is not None:
            self.report(observation)

    def feedback(self, experiment: str, event_id: str, label: str) -> None:
        """Reports what a person said of an event: `false_positive`, `correct`, `missed_threat` or `severity_wrong`."""
        self.report({"type": "feedback", "experiment": experiment, "id": event_id, "label": label})

    def report(self, observation: dict[str, Any]) -> None:
        """Queues an observation as `POST /v1/observations` has it."""
        try:
            self._reporter.add(_text(observation))
        except Exception as fault:
            self._refuse(fault)

    def wait_ready(self, limit_s: float = 5.0) -> bool:
        """Waits until the experiments are known; whether they are within the time."""
        return self._follower.ready.wait(limit_s)

    def flush(self, limit_s: float = 5.0) -> bool:
        """Waits until all that was reported so far was answered; whether it was within the time."""
        return self._reporter.flush(limit_s)

    def stats(self) -> dict[str, int]:
        """What became of the reports, and how often the daemon was away."""
        return {
            **self._reporter.counts,
            "waiting": self._reporter.waiting,
            "lost": self._reporter.lost,
            "unsendable": self._unsendable,
            "retries": self._reporter.retries,
            "follower_failures": self._follower.failures,
        }

    def close(self, flush_s: float | None = None) -> None:
        """Sends what waits, for at most `flush_s`, and ends the background."""
        if self._closed:
            return
        self._closed = True
        if not self.flush(self._flush_at_exit_s if flush_s is None else flush_s):
            logger.error("%d observations were not sent", self._reporter.waiting)
        self._follower.close()
        self._reporter.close()
        _clients.discard(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _observation(
        self,
        kind: str,
        assignment: Assignment,
        event_id: str,
        more: dict[str, Any],
        observed_at: datetime | None,
    ) -> dict[str, Any] | None:
        if assignment.run == 0 or assignment.reason == "not_started":
            return None
        # It comes late, and must count neither for a later run nor for a later time.
        observation: dict[str, Any] = {
            "type": kind,
            "experiment": assignment.experiment,
            "id": event_id,
            "camera_id": assignment.camera_id,
            "run": assignment.run,
            **more,
        }
        at = self._now() if observed_at is None else _written(observed_at)
        if at is not None:
            observation["observed_at"] = at
        if assignment.prompt_version is not None:
            observation["prompt_version"] = assignment.prompt_version
        return observation

    def _now(self) -> str | None:
        """By the caller's clock; one that fails costs no report."""
        try:
            now = self._clock()
            return None if now is None else _written(now)
        except Exception:
            logger.warning("the clock fails, a report counts when it comes", exc_info=True)
            return None

    def _refuse(self, fault: Exception) -> None:
        """Whatever the caller gave: it says so to those who asked, and to no other."""
        if self._strict:
            raise ValueError(f"the observation cannot be sent: {fault}") from fault
        self._unsendable += 1
        logger.error("an observation cannot be sent: %s", fault)

    def _begin_in_child(self) -> None:
        self._follower.start()
        self._reporter.start()


def _text(observation: Any) -> str:
    """As JSON. Raises where it would spoil the batch that it goes with."""
    if not isinstance(observation, dict):
        raise TypeError("it is no dict")
    text = _JSON.encode(observation)
    if not text.isascii():
        # Half of a surrogate pair is no text.
        text.encode()
    if len(text) > _OBSERVATION_BYTES_MAX:
        raise ValueError(f"it is longer than {_OBSERVATION_BYTES_MAX} characters")
    return text


def _token() -> str | None:
    path = os.environ.get("TIDEGATE_TOKEN_FILE")
    if path:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    return os.environ.get("TIDEGATE_TOKEN") or None


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _written(at: datetime) -> str:
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds")


def _side(latency_ms: float | None, score: int | None, error: bool) -> Side:
    side: Side = {}
    if error:
        side["error"] = True
    if latency_ms is not None:
        side["latency_ms"] = latency_ms
    if score is not None and not error:
        side["score"] = score
    return side


class AsyncClient:
    """The same for asyncio. What never waits is no coroutine; what waits is one, and blocks no event loop."""

    def __init__(self, url: str | None = None, *, client: Client | None = None, **options: Any) -> None:
        """Takes what `Client` takes, or a client that is there."""
        client = client or Client(url, **options)
        self.client = client
        self.assign = client.assign
        self.prompt_text = client.prompt_text
        self.analysis = client.analysis
        self.comparison = client.comparison
        self.feedback = client.feedback
        self.report = client.report
        self.stats = client.stats

    async def wait_ready(self, limit_s: float = 5.0) -> bool:
        return await asyncio.to_thread(self.client.wait_ready, limit_s)

    async def flush(self, limit_s: float = 5.0) -> bool:
        return await asyncio.to_thread(self.client.flush, limit_s)

    async def close(self, flush_s: float | None = None) -> None:
        await asyncio.to_thread(self.client.close, flush_s)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


@atexit.register
def _flush_at_exit() -> None:
    # However many there are, the process ends within the patience of the most patient one.
    began = time.monotonic()
    for client in list(_clients):
        client.close(max(0.0, client._flush_at_exit_s - (time.monotonic() - began)))


def _begin_in_child() -> None:
    for client in list(_clients):
        client._begin_in_child()
    processes = sys.modules.get("multiprocessing.util")
    if processes is not None:
        # Its children leave without what `atexit` has. It forgets its own finalisers first, then calls this.
        processes.register_after_fork(Client, _flush_at_end_of_child)


def _flush_at_end_of_child(_: object) -> None:
    from multiprocessing.util import Finalize

    Finalize(None, _flush_at_exit, exitpriority=0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
