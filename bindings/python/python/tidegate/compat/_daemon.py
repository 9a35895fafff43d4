"""A daemon beside the classes of this package, where `TIDEGATE_URL` names one.

Its owner defines and starts an experiment whose key is the name that is used here. Cameras of a test that runs are then
served what the daemon says, and what is recorded with its camera and the id of its analysis is reported to it. The calls
of before carry neither, and such a record counts in this process alone, as does what is recorded while the daemon is
not heard: `UNREPORTED` says how many.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace

from tidegate.client import Client

URL = "TIDEGATE_URL"

UNREPORTED = {"analyses": 0, "feedbacks": 0}

_lock = threading.Lock()
_clients: dict[str, Client] = {}
"""One for each address, made when a test first needs it: importing connects to nothing."""


@dataclass(frozen=True)
class Outcome:
    """What came of an analysis."""

    latency_ms: float | None
    risk_score: int | None
    has_error: bool


@dataclass(frozen=True)
class Daemon:
    """The daemon, asked about one experiment. No method waits or raises."""

    client: Client
    experiment: str

    @classmethod
    def of(cls, experiment: str) -> Daemon | None:
        url = os.environ.get(URL)
        if not url:
            return None
        with _lock:
            client = _clients.get(url)
            if client is None:
                client = _clients[url] = Client(url)
        return cls(client, str(experiment))

    def serves_treatment(self, camera_id: object) -> bool:
        return self.client.assign(self.experiment, str(camera_id)).variant == "treatment"

    def has_rolled_back(self) -> bool:
        # The reason is the same for every camera.
        return self.client.assign(self.experiment, "any").reason == "rolled_back"

    def report_analysis(
        self, camera_id: str | None, analysis_id: str | None, variant: str, outcome: Outcome
    ) -> None:
        assigned = self.client.assign(self.experiment, str(camera_id))
        if camera_id is None or analysis_id is None or assigned.run == 0:
            UNREPORTED["analyses"] += 1
            return
        if assigned.variant != variant:
            # The caller chose the group, and what ran is what is told.
            assigned = replace(assigned, variant=variant, prompt_version=None)
        self.client.analysis(
            assigned,
            str(analysis_id),
            latency_ms=outcome.latency_ms,
            score=outcome.risk_score,
            error=bool(outcome.has_error),
        )

    def report_feedback(self, analysis_id: str | None, is_false_positive: bool) -> None:
        if analysis_id is None:
            UNREPORTED["feedbacks"] += 1
            return
        label = "false_positive" if is_false_positive else "correct"
        self.client.feedback(self.experiment, str(analysis_id), label)
