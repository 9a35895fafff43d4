"""Keeps up with the daemon: a thread that listens to its events and reads what they changed."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

from tidegate import _access
from tidegate._access import Access
from tidegate._engine import Experiment
from tidegate._known import Known

logger = logging.getLogger("tidegate")

_EVENTS = "/v1/events?types=phase_changed,experiment_defined"
_TEXTS_MAX = 256
_PAUSE_S = 0.2
_PAUSE_S_MAX = 5.0


def now_s() -> float:
    """Seconds of a clock that never goes back, and that goes on while the machine sleeps where there is one."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def in_path(text: str) -> str:
    return urllib.parse.quote(text, safe="")


class Follower:
    """`known` and `texts` are replaced and never changed in place: readers need no lock."""

    def __init__(
        self, access: Access, only: Collection[str] | None, limit_s: float, quiet_s_max: float
    ) -> None:
        self._access = access
        self._only = None if only is None else frozenset(only)
        self._limit_s = limit_s
        self._quiet_s_max = quiet_s_max
        self._definitions: dict[str, tuple[tuple[str, str], Experiment]] = {}
        self.known: dict[str, Known] = {}
        self.texts: OrderedDict[str, str] = OrderedDict()
        self.heard_at: float | None = None
        """By `now_s`; None until everything was read once."""
        self.failures = 0
        self.start()

    def start(self) -> None:
        """Begins, after a fork too: what other threads held then is held for ever."""
        was_ready = self.heard_at is not None
        self._closed = threading.Event()
        self._stream: _access.Connection | None = None
        self.ready = threading.Event()
        if was_ready:
            self.ready.set()
        threading.Thread(target=self._run, name="tidegate-follower", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        if self._stream is not None:
            # Else the thread would read on until the next sign of life.
            self._stream.interrupt()

    def _run(self) -> None:
        pause_s = _PAUSE_S
        while not self._closed.is_set():
            try:
                self._follow()
                pause_s = _PAUSE_S
            except Exception as error:  # whatever an answer may hold: a thread that ended would be missing for good
                self.failures += 1
                logger.warning("the daemon is not followed: %r; again in %.1f s", error, pause_s)
                if self.heard_at is not None and now_s() - self.heard_at < pause_s:
                    pause_s = _PAUSE_S
            self._closed.wait(pause_s)
            pause_s = min(pause_s * 2, _PAUSE_S_MAX)

    def _follow(self) -> None:
        stream = self._stream = self._access.connect(self._quiet_s_max)
        asking = self._access.connect(self._limit_s)
        try:
            for line in stream.lines(_EVENTS):
                if self._closed.is_set():
                    return
                if line == b"" or line.startswith(b":"):
                    # At the beginning, and at each sign of life: some things are told by no event.
                    self._read_all(asking)
                elif line.startswith(b"data:"):
                    event = json.loads(line[5:])
                    if "experiment" in event:
                        self._read(asking, str(event["experiment"]))
                    else:
                        self._read_all(asking)
                self.heard_at = now_s()
                self.ready.set()
        finally:
            stream.close()
            asking.close()

    def _read_all(self, asking: _access.Connection) -> None:
        listed = [str(one["key"]) for one in asking.get("/v1/experiments")["experiments"]]
        self.known = {key: known for key, known in self.known.items() if key in listed}
        for key in listed:
            self._read(asking, key)

    def _read(self, asking: _access.Connection, key: str) -> None:
        if self._only is not None and key not in self._only:
            return
        try:
            self._read_one(asking, key)
        except (ValueError, KeyError, TypeError) as error:
            # One that cannot be read, of a later daemon perhaps, is served control; the others go on.
            self.failures += 1
            logger.error("the experiment %s cannot be read: %r", key, error)
            self.known = {known: self.known[known] for known in self.known if known != key}

    def _read_one(self, asking: _access.Connection, key: str) -> None:
        path = f"/v1/experiments/{in_path(key)}"
        status = asking.get(f"{path}/status")
        ended, before = status.get("serving_run"), self.known.get(key)
        if ended and before and (before.run, before.phase) == (ended["run"], ended["phase"]):
            # A draft changes nothing that is served, and the daemon no longer tells the definition before it.
            return
        known = Known.of(self._definition(asking, path, key, status), status)
        for digest in known.digests:
            if digest is not None and known.prompt is not None:
                self._read_text(asking, known.prompt, digest)
        self.known = {**self.known, key: known}

    def _definition(
        self, asking: _access.Connection, path: str, key: str, status: dict[str, Any]
    ) -> Experiment:
        """The definition that the status is of; asked for again only where it is another."""
        wanted = (str(status["digest"]), str(status["salt"]))
        kept = self._definitions.get(key)
        if kept is not None and kept[0] == wanted:
            return kept[1]
        detail = asking.get(path)
        experiment = Experiment.from_toml(detail["definition_toml"])
        if wanted[1]:
            experiment = experiment.with_salt(wanted[1])
        if detail["digest"] != wanted[0]:
            # It was defined anew in between, and an event will say so.
            raise ValueError(f"{key} was defined while it was read")
        self._definitions[key] = (wanted, experiment)
        return experiment

    def _read_text(self, asking: _access.Connection, prompt: str, digest: str) -> None:
        if digest in self.texts:
            return
        version = asking.get(f"/v1/prompts/{in_path(prompt)}/versions/{in_path(digest)}")
        texts = self.texts.copy()
        texts[digest] = str(version["text"])
        while len(texts) > _TEXTS_MAX:
            texts.popitem(last=False)
        self.texts = texts
