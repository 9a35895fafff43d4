"""Which prompt version does a camera get? Asks Tidegate, briefly remembers, and serves control in every doubt."""

import threading
import time
import urllib.parse
from collections import OrderedDict
from dataclasses import dataclass

from access import FAILURES


@dataclass(frozen=True)
class Assignment:
    """What one camera gets now."""

    variant: str  # "control" or "treatment"
    prompt_version: str
    reason: str  # Tidegate's reason, or "unavailable" where it gave no answer
    run: int
    shadow_sample: float  # the share of analyses that the experiment wants compared


class Assignments:
    """Answers for cameras. `of` never raises, and waits at most `limit_s` for the connection and for each answer."""

    def __init__(self, access, experiment, control, limit_s, keep_s, rest_s=1.0):
        self._access = access
        self._path = "/v1/experiments/" + urllib.parse.quote(experiment, safe="")
        self._control = control
        self._limit_s = limit_s
        # How long an answer counts. A rollback reaches every camera within this time.
        self._keep_s = keep_s
        # After a failure nobody asks for so long: a daemon that is away costs one caller a second, not every caller.
        self._rest_s = rest_s
        self._lock = threading.Lock()
        self._known = OrderedDict()  # camera -> (until, Assignment)
        self._known_max = 10_000
        self._rest_until = 0.0
        self._treatments = {}  # run -> prompt version
        self.failures = 0

    def of(self, camera_id):
        """The assignment of a camera; control where Tidegate does not say otherwise in time."""
        now = time.monotonic()
        with self._lock:
            known = self._known.get(camera_id)
            if known and now < known[0]:
                return known[1]
            if now < self._rest_until:
                return self._doubt()
        try:
            path = f"{self._path}/assignments/{urllib.parse.quote(camera_id, safe='')}"
            assignment = self._read(self._get(path))
        except FAILURES:
            with self._lock:
                self.failures += 1
                self._rest_until = time.monotonic() + self._rest_s
            return self._doubt()
        with self._lock:
            self._known[camera_id] = (now + self._keep_s, assignment)
            self._known.move_to_end(camera_id)
            if len(self._known) > self._known_max:
                self._known.popitem(last=False)
        return assignment

    def treatment(self, run):
        """The prompt version that is tried in this run, or None. Asks once a run: do not call it while a caller waits."""
        with self._lock:
            if run in self._treatments:
                return self._treatments[run]
        try:
            experiment = self._get(self._path)
            if experiment["run"] != run:
                return None
            treatment = str(experiment["treatment"])
        except FAILURES:
            return None
        with self._lock:
            self._treatments = {run: treatment}
        return treatment

    def _doubt(self):
        return Assignment("control", self._control, "unavailable", 0, 0.0)

    def _read(self, answer):
        if answer["variant"] not in ("control", "treatment"):
            raise ValueError(answer["variant"])
        return Assignment(
            variant=answer["variant"],
            # An experiment that Tidegate does not know has no versions: what is in use stays in use.
            prompt_version=str(answer["prompt_version"] or self._control),
            reason=str(answer["reason"]),
            run=int(answer["run"]),
            shadow_sample=float(answer["shadow_sample"]),
        )

    def _get(self, path):
        status, answer, _ = self._access.request("GET", path, self._limit_s)
        if status != 200:
            raise ValueError(f"status {status}")
        return answer
