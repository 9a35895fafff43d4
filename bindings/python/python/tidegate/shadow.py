"""Runs the treatment in shadow off its caller's path, within a budget of time and number."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from tidegate.client import Assignment, AsyncClient, Side

__all__ = ["Shadow"]

logger = logging.getLogger("tidegate")

_Answer = TypeVar("_Answer")


class Shadow(Generic[_Answer]):
    """Asks prompts of events, reports what came of them, and compares in shadow.

    `ask(version, event)` is a coroutine that gives the prompt's answer, `score_of` the risk score in it, 0 to 100, and
    `latency_ms_of` what the model's server says it took, where it does; else it is measured here. The caller
    of `detect` gets the answer of the version that its camera is assigned, as soon as that is there: the treatment runs in
    a task of its own, for at most `limit_s`, and never more than `in_flight_max` at a time. An event that finds no room is
    reported as an analysis of the control, and counted in `dropped`.
    """

    def __init__(
        self,
        client: AsyncClient,
        ask: Callable[[str, object], Awaitable[_Answer]],
        score_of: Callable[[_Answer], int | None],
        *,
        limit_s: float = 30.0,
        in_flight_max: int = 16,
        latency_ms_of: Callable[[_Answer], float | None] = lambda _: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client, self._ask, self._score_of = client, ask, score_of
        self._latency_ms_of = latency_ms_of
        self._limit_s, self._in_flight_max, self._chance = limit_s, in_flight_max, chance
        self._running: set[asyncio.Task[None]] = set()
        # What people said of events whose comparison is not reported yet: the daemon knows no event before.
        self._held: dict[str, list[tuple[str, str]]] = {}
        self.dropped = 0

    async def detect(
        self, experiment: str, event_id: str, camera_id: str, event: object, *, default: str
    ) -> _Answer:
        """The answer that the camera's version gives. Raises what `ask` raised, once it is reported as a failure.

        `default` is the version where nothing is known of the experiment.
        """
        assigned = self._client.assign(experiment, camera_id, default=default)
        version = assigned.prompt_version or default
        try:
            answer, side = await self._measured(version, event)
        except Exception:
            self._client.analysis(assigned, event_id, error=True)
            raise
        if not self._begin(assigned, event_id, event, side):
            self._client.analysis(assigned, event_id, **side)
        return answer

    def feedback(self, experiment: str, event_id: str, label: str) -> None:
        """Reports what a person said of an event, once the daemon knows of it."""
        held = self._held.get(event_id)
        if held is None:
            self._client.feedback(experiment, event_id, label)
        else:
            held.append((experiment, label))

    @property
    def in_flight(self) -> int:
        """Treatments that run now."""
        return len(self._running)

    async def drain(self) -> None:
        """Waits until nothing is left to compare."""
        while self._running:
            await asyncio.wait(set(self._running))

    def _begin(self, assigned: Assignment, event_id: str, event: object, control: Side) -> bool:
        """Begins the treatment beside, where this event is one of the sample; whether its report comes from there."""
        treatment = assigned.shadow_version
        if treatment is None or self._chance() >= assigned.shadow_sample:
            return False
        if len(self._running) >= self._in_flight_max:
            self.dropped += 1
            return False
        self._held[event_id] = []
        task = asyncio.ensure_future(self._compare(assigned, event_id, event, treatment, control))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return True

    async def _compare(
        self, assigned: Assignment, event_id: str, event: object, treatment: str, control: Side
    ) -> None:
        side: Side = {"error": True}
        try:
            _, side = await asyncio.wait_for(self._measured(treatment, event), self._limit_s)
        except asyncio.CancelledError:
            # The process ends: that says nothing of the treatment.
            self._client.analysis(assigned, event_id, **control)
            self._tell_held(event_id)
            raise
        except Exception as failure:  # whatever the client of a model may raise, and a time-out
            logger.info("%s failed in shadow: %r", treatment, failure)
        self._client.comparison(assigned, event_id, control=control, treatment=side)
        self._tell_held(event_id)

    def _tell_held(self, event_id: str) -> None:
        for experiment, label in self._held.pop(event_id, []):
            self._client.feedback(experiment, event_id, label)

    async def _measured(self, version: str, event: object) -> tuple[_Answer, Side]:
        began = time.perf_counter()
        answer = await self._ask(version, event)
        measured_ms = (time.perf_counter() - began) * 1000
        latency_ms = self._latency_ms_of(answer)
        side: Side = {"latency_ms": round(measured_ms if latency_ms is None else latency_ms, 3)}
        score = self._score_of(answer)
        if score is not None:
            side["score"] = score
        return answer, side
