"""Fixtures for tests of code that uses Tidegate.

`tidegate_memory` takes the place of a client: the engine decides in the process, at once, and time is driven.

`tidegate_daemon` is a real daemon whose time is driven: two days pass in a call. Its program is the one that
`TIDEGATE_PROGRAM` names, or else the one that the wheel `tidegate-bin` put beside this Python, or else `tidegate` on the path;
without one the test skips. `tidegate_program` is its path.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import threading
import urllib.parse
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from tidegate._access import Access

if TYPE_CHECKING:
    from tidegate.memory import Memory

_PATIENCE_S = 30.0


class Daemon:
    """A daemon in a process of its own, on loopback, with a journal in `folder`."""

    def __init__(self, program: str, folder: Path, *arguments: str) -> None:
        self._program, self._folder, self._arguments = program, folder, arguments
        self._listen = "127.0.0.1:0"
        self.now = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
        self.start()
        self.pass_time()

    def start(self) -> None:
        """Starts it, after a `kill` again at the same address."""
        command = [self._program, "serve", "--data", str(self._folder), "--listen", self._listen]
        command += ["--time", "driven", *self._arguments]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        told = []
        for line in self._process.stdout:
            told.append(line)
            said = json.loads(line) if line.startswith("{") else {}
            if said.get("message") == "listening":
                self.url = str(said["address"])
                self._listen = self.url.removeprefix("http://")
            if said.get("message") == "ready":
                break
        else:
            raise RuntimeError("the daemon did not start: " + "".join(told))
        # Nobody reads on what it says, and it must not wait for that.
        threading.Thread(target=self._listen_on, args=(self._process.stdout,), daemon=True).start()
        self._connection = Access(self.url).connect(_PATIENCE_S)

    @staticmethod
    def _listen_on(told: IO[str]) -> None:
        with told:
            told.read()

    def kill(self) -> None:
        """Ends it as a power cut does; what it acknowledged is kept."""
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def clock(self) -> datetime:
        """The daemon's time, for a `Client` that reports by it."""
        return self.now

    def pass_time(self, **lengths: float) -> None:
        """Lets time pass, such as `hours=48`, as `datetime.timedelta` has it."""
        self.now += timedelta(**lengths)
        self.post("/v1/time", {"now": self.now.isoformat().replace("+00:00", "Z")})

    def define(self, toml: str) -> Any:
        """Defines an experiment from a file."""
        from tidegate.engine import Experiment

        experiment = Experiment.from_toml(toml)
        return self._ask("PUT", _path(experiment.key), experiment.to_json())

    def act(self, key: str, action: str, **more: Any) -> Any:
        """Does what a person does: `start`, `advance`, `roll_back`, …"""
        request = {"action": action, "actor": "test", "reason": "a test", **more}
        return self.post(f"{_path(key)}/actions", request)

    def status(self, key: str) -> Any:
        return self.get(f"{_path(key)}/status")

    def get(self, path: str) -> Any:
        return self._connection.get(path)

    def post(self, path: str, body: Any) -> Any:
        return self._connection.post(path, json.dumps(body))

    def _ask(self, method: str, path: str, body: str) -> Any:
        return self._connection._ask(method, path, body.encode())


def _path(key: str) -> str:
    return "/v1/experiments/" + urllib.parse.quote(key, safe="")


@pytest.fixture
def tidegate_memory() -> Memory:
    """A client without a daemon, at 2026-03-02 08:00 UTC."""
    from tidegate.memory import Memory

    return Memory()


@pytest.fixture(scope="session")
def tidegate_program() -> str:
    """The command `tidegate`."""
    # An environment that is not activated has its programs on no path.
    beside = shutil.which("tidegate", path=sysconfig.get_path("scripts"))
    program = os.environ.get("TIDEGATE_PROGRAM") or beside or shutil.which("tidegate")
    if program is None:
        pytest.skip("no program `tidegate`: install tidegate-bin, or name one in TIDEGATE_PROGRAM")
    return program


@pytest.fixture
def tidegate_daemon(tidegate_program: str, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon with an empty journal, at 2026-03-02 08:00 UTC."""
    daemon = Daemon(tidegate_program, tmp_path / "tidegate-data", "--heartbeat-seconds", "1")
    yield daemon
    daemon.kill()
