"""Tells the daemon what happened, in batches and in a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections import deque
from typing import Any

from tidegate import _access
from tidegate._access import Access, Refused

logger = logging.getLogger("tidegate")

BATCH_MAX = 500
BATCH_BYTES_MAX = 512 * 1024
_PAUSE_S_MAX = 30.0


class Reporter:
    """What is queued stays in its order. A batch that got no answer is sent again as it was: the daemon knows the ids and
    counts nothing twice."""

    def __init__(self, access: Access, limit_s: float, every_s: float, waiting_max: int) -> None:
        self._access = access
        self._limit_s = limit_s
        self._every_s = every_s
        self._waiting_max = waiting_max
        self.counts = {"accepted": 0, "duplicate": 0, "rejected": 0}
        self.lost = 0
        """Dropped, as too many waited, or refused as a whole."""
        self.retries = 0
        self._closed = False
        self.start()

    def start(self) -> None:
        """Begins with nothing waiting: after a fork, what waited is the parent's to send."""
        self._waiting: deque[str] = deque()
        self._sending = 0
        self._flushing = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="tidegate-reporter", daemon=True).start()

    def add(self, observation: str) -> None:
        """Takes an observation as JSON; the oldest makes room where too many wait."""
        # Usually without the lock: whoever reports must not wait for the background to take a batch.
        if not self._closed:
            self._waiting.append(observation)
            if len(self._waiting) <= self._waiting_max and len(self._waiting) != BATCH_MAX:
                return
        with self._changed:
            if self._closed:
                self.lost += 1
            elif len(self._waiting) > self._waiting_max:
                # It may be taken meanwhile.
                with contextlib.suppress(IndexError):
                    self._waiting.popleft()
                    self.lost += 1
            else:
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        return len(self._waiting) + self._sending

    def flush(self, limit_s: float) -> bool:
        """Waits until all that waits was answered; whether it was within the time."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self.waiting == 0, timeout=limit_s)
            self._flushing -= 1
            return done

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _due(self) -> bool:
        return self._closed or len(self._waiting) >= BATCH_MAX or (self._flushing > 0 and bool(self._waiting))

    def _run(self) -> None:
        with contextlib.closing(self._access.connect(self._limit_s)) as connection:
            self._report(connection)

    def _report(self, connection: _access.Connection) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._due, timeout=self._every_s)
                if self._closed:
                    return
                # Before they are taken, so that at no moment fewer seem to wait than do.
                self._sending = min(len(self._waiting), BATCH_MAX)
            batch = self._take()
            self._sending = len(batch)
            if batch:
                self._send(connection, batch)
            with self._changed:
                self._sending = 0
                self._changed.notify_all()

    def _take(self) -> list[str]:
        batch: list[str] = []
        size = 0
        while len(batch) < BATCH_MAX:
            try:
                observation = self._waiting.popleft()
            except IndexError:
                break
            size += len(observation)
            if batch and size > BATCH_BYTES_MAX:
                # One that is longer than the daemon takes goes alone, and takes no other with it.
                self._waiting.appendleft(observation)
                break
            batch.append(observation)
        return batch

    def _send(self, connection: _access.Connection, batch: list[str]) -> None:
        body = "[" + ",".join(batch) + "]"
        pause_s = 0.05
        while not self._closed:
            wait_s = 0.0
            try:
                self._count(connection.post("/v1/observations", body))
                return
            except Refused as refused:
                if not refused.may_pass:
                    self.lost += len(batch)
                    logger.error("%d observations were refused: %s", len(batch), refused)
                    return
                why, wait_s = str(refused), refused.retry_after_s
            except Exception as failure:  # whatever an answer may hold: a thread that ended would be missing for good
                why = repr(failure)
            self.retries += 1
            pause_s = min(max(pause_s * 2, wait_s), _PAUSE_S_MAX)
            logger.warning("%d observations are sent again in %.1f s: %s", len(batch), pause_s, why)
            # Apart from each other: many that wait for one daemon do not come at once when it is back.
            self._rest(pause_s * (0.5 + random.random() / 2))

    def _rest(self, pause_s: float) -> None:
        ends = time.monotonic() + pause_s
        with self._changed:
            self._changed.wait_for(lambda: self._closed or time.monotonic() >= ends, timeout=pause_s)

    def _count(self, answer: Any) -> None:
        for result in answer["results"]:
            if result["status"] == "rejected":
                logger.warning("an observation was rejected: %s: %s", result.get("code"), result.get("detail"))
        for name in self.counts:
            self.counts[name] += int(answer[name])
