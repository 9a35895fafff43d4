"""An analyzer of camera events whose prompt versions Tidegate releases.

    python3 examples/analyzer/analyzer.py --experiment door_v2 --control v1_original

`Analyzer.detect` is the way of one event: ask Tidegate which prompt version the camera gets, run it, answer. The rest
happens after the answer: the treatment in shadow, the report, the feedback of people.
"""

import argparse
import os
import re
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone

from access import Access
from assignments import Assignment, Assignments
from calls import BoundedCalls, Full, Overdue, Shadow
from reports import Reports
from sample_model import Behaviour, SampleModel, chance
from web import App, Invalid, Unavailable

ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
LABELS = ("false_positive", "correct", "missed_threat", "severity_wrong")


@dataclass(frozen=True)
class Detection:
    id: str
    camera_id: str
    image: str


@dataclass(frozen=True)
class Comparison:
    """What is still to be done of an event whose caller was answered."""

    detection: Detection
    assignment: Assignment
    observed_at: dict
    control: dict


class Analyzer:
    def __init__(self, options, access, model):
        self._options = options
        self._model = model
        self.assignments = Assignments(
            access,
            options.experiment,
            options.control,
            limit_s=options.assignment_limit_s,
            keep_s=options.assignment_keep_s,
        )
        self.reports = Reports(access, options.report_every_s)
        # Two of them, so that calls of the shadow that hang leave room for those that callers wait for.
        self.calls = BoundedCalls(options.in_flight_max)
        self.shadow_calls = BoundedCalls(options.shadow_in_flight_max)
        self.shadow = Shadow(
            self._compare,
            has_room=lambda: not self.shadow_calls.full(),
            workers=options.shadow_workers,
            waiting_max=options.shadow_waiting_max,
        )
        self._lock = threading.Lock()
        self._held = {}  # event -> feedback that came before the event's comparison was reported
        self.answered = 0

    def detect(self, detection):
        """What the caller gets. Raises Unavailable where no prompt answers, Full where too many callers wait."""
        assignment = self.assignments.of(detection.camera_id)
        version = assignment.prompt_version
        outcome = self._ask(self.calls, version, detection, self._options.answer_limit_s)
        if not self._compare_later(assignment, detection, outcome):
            self._report_analysis(assignment, detection, outcome)
        if "error" in outcome and assignment.variant == "treatment":
            # The failure is on record as the treatment's. The caller gets an answer all the same.
            version = self._options.control
            outcome = self._ask(self.calls, version, detection, self._options.answer_limit_s)
        if "error" in outcome:
            raise Unavailable("no prompt answered")
        with self._lock:
            self.answered += 1
        return {
            "id": detection.id,
            "risk_score": outcome["score"],
            "prompt_version": version,
            "reason": assignment.reason,
        }

    def feedback(self, event_id, label):
        """What a person said of an event."""
        observation = self._observation("feedback", event_id, label=label)
        with self._lock:
            held = self._held.get(event_id)
            if held is not None:
                # Tidegate knows no event before its comparison.
                held.append(observation)
                return
        self.reports.add(observation)

    def drain(self):
        """Waits until nothing is left to compare or to report."""
        self.shadow.drain()
        self.reports.drain()

    def stats(self):
        return {
            "answered": self.answered,
            "assignment_failures": self.assignments.failures,
            "shadow": {
                "waiting": self.shadow.waiting(),
                "in_flight": self.shadow_calls.in_flight,
                "dropped": self.shadow.dropped,
            },
            "reports": {**self.reports.sent, "retries": self.reports.retries, "lost": self.reports.lost},
        }

    def _ask(self, calls, version, detection, limit_s):
        """The outcome of a prompt, as Tidegate wants it reported. Raises Full where there is none."""
        began = time.perf_counter()
        try:
            answer = calls.run(lambda: self._model(version, detection.image, detection.id), limit_s)
        except Full:
            raise
        except Overdue:
            return {"error": True}
        except Exception as error:  # whatever the client of a model may raise
            print(f"{version}: {error!r}", flush=True)
            return {"error": True}
        if not isinstance(answer.risk_score, int) or not 0 <= answer.risk_score <= 100:
            # An answer that nobody can use is a failure of its prompt; Tidegate would not take such a score.
            print(f"{version}: {answer.risk_score!r} is no score", flush=True)
            return {"error": True}
        measured_ms = (time.perf_counter() - began) * 1000
        latency_ms = measured_ms if answer.latency_ms is None else answer.latency_ms
        return {"latency_ms": round(latency_ms, 3), "score": answer.risk_score}

    def _compare_later(self, assignment, detection, control):
        """Hands the event to the shadow; whether it was taken. Its report then comes from there."""
        # The experiment's wish, and the budget here. Drawn by event, so that every camera is compared alike.
        share = min(assignment.shadow_sample, self._options.shadow_share_max)
        if assignment.reason != "shadow" or chance("shadow", detection.id) >= share:
            return False
        with self._lock:
            self._held[detection.id] = []
        if self.shadow.offer(Comparison(detection, assignment, self._observed_at(), control)):
            return True
        with self._lock:
            self._held.pop(detection.id, None)
        return False

    def _compare(self, job):
        event = {"event_id": job.detection.id, "camera_id": job.detection.camera_id}
        version = job.assignment.prompt_version
        event.update(run=job.assignment.run, prompt_version=version, **job.observed_at)
        report = self._observation("analysis", **event, variant="control", **job.control)
        treatment = self.assignments.treatment(job.assignment.run)
        if treatment is None:
            # Whatever the treatment is now, it is not what this event was taken for.
            self.shadow.drop()
        else:
            try:
                outcome = self._ask(self.shadow_calls, treatment, job.detection, self._options.shadow_limit_s)
                report = self._observation("comparison", **event, control=job.control, treatment=outcome)
            except Full:
                self.shadow.drop()
        with self._lock:
            self.reports.add(report, *self._held.pop(job.detection.id, []))

    def _report_analysis(self, assignment, detection, outcome):
        # Nothing to report where there is no rollout.
        if assignment.run > 0 and assignment.reason != "not_started":
            event = {"event_id": detection.id, "camera_id": detection.camera_id, "variant": assignment.variant}
            # A report that comes late must not count for a later run, nor for a later time.
            event.update(run=assignment.run, prompt_version=assignment.prompt_version, **self._observed_at())
            self.reports.add(self._observation("analysis", **event, **outcome))

    def _observed_at(self):
        if self._options.clock == "none":
            return {}
        return {"observed_at": datetime.now(timezone.utc).isoformat(timespec="milliseconds")}

    def _observation(self, kind, event_id, **more):
        return {"type": kind, "experiment": self._options.experiment, "id": event_id, **more}


def routes(analyzer, model):
    """What the analyzer answers to. In FastAPI these functions take models of pydantic in place of `body`."""
    app = App()

    @app.post("/detections")
    def detections(body):
        event_id = identifier(body, "id", default=str(uuid.uuid4()))
        camera_id, image = camera(body), body.get("image")
        if not isinstance(image, str):
            raise Invalid("image is not valid, allowed: a description")
        try:
            return analyzer.detect(Detection(event_id, camera_id, image))
        except Full as full:
            raise Unavailable(str(full)) from full

    @app.post("/feedback")
    def feedback(body):
        label = body.get("label")
        if label not in LABELS:
            raise Invalid(f"label is not valid, allowed: {' | '.join(LABELS)}")
        analyzer.feedback(identifier(body, "id"), label)
        return {}

    @app.get("/stats")
    def stats():
        return {**analyzer.stats(), "model": {"began": model.began, "ended": model.ended}}

    @app.post("/drain")
    def drain(_body):
        """Answers once nothing is left to compare or to report: before a stop, and in tests."""
        analyzer.drain()
        return stats()

    @app.put("/sample-model/{version}")
    def sample_model(version, body):
        try:
            model.behave(version, Behaviour.read(body))
        except (TypeError, ValueError) as error:
            raise Invalid(str(error)) from error
        return {}

    return app


def camera(body):
    """A camera's id: what it is called, in percent-encoding, as Tidegate has it."""
    name = body.get("camera_id")
    camera_id = urllib.parse.quote(urllib.parse.unquote(name), safe="/:") if isinstance(name, str) else ""
    if not 1 <= len(camera_id) <= 128 or not name.strip() == name:
        raise Invalid("camera_id is not valid, allowed: a name of 1 to 128 bytes in percent-encoding, without a blank at its ends")
    return camera_id


def identifier(body, name, default=None):
    value = body.get(name, default)
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise Invalid(f"{name} is not valid, allowed: 1 to 128 of A-Z a-z 0-9 . _ : / -")
    return value


def arguments():
    parser = argparse.ArgumentParser(description="An analyzer whose prompt versions Tidegate releases")
    add = parser.add_argument
    add("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
    add("--tidegate", default=os.environ.get("TIDEGATE_SERVER", "http://127.0.0.1:4780"), metavar="URL")
    add("--token-file", default=os.environ.get("TIDEGATE_TOKEN_FILE"), metavar="FILE")
    add("--ca", default=os.environ.get("TIDEGATE_CA"), metavar="FILE")
    add("--experiment", required=True, metavar="KEY")
    add("--control", required=True, metavar="VERSION", help="the prompt version in use, served in every doubt")
    add("--answer-limit-s", type=float, default=30.0, help="how long a prompt may take while a caller waits")
    add("--in-flight-max", type=int, default=256, help="prompts that run at a time while callers wait")
    add("--assignment-limit-s", type=float, default=0.25, help="how long Tidegate may take to say which version")
    add("--assignment-keep-s", type=float, default=5.0, help="how long its answer counts")
    add("--report-every-s", type=float, default=1.0)
    add(
        "--clock",
        choices=["machine", "none"],
        default="machine",
        help="what reports say of when they happened; none where Tidegate's time is driven",
    )
    add("--shadow-share-max", type=float, default=1.0, help="the most analyses that also run the treatment")
    add("--shadow-workers", type=int, default=4, help="treatments that are waited for at a time")
    add("--shadow-waiting-max", type=int, default=64, help="comparisons that wait; beyond it they are dropped")
    add("--shadow-limit-s", type=float, default=30.0, help="how long the treatment may take in shadow")
    add("--shadow-in-flight-max", type=int, default=16, help="treatments that run, those that hang included")
    return parser.parse_args()


def token(path):
    if not path:
        return os.environ.get("TIDEGATE_TOKEN")
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def main():
    options = arguments()
    model = SampleModel()
    access = Access(options.tidegate, token(options.token_file), options.ca)
    host, port = options.listen.rsplit(":", 1)
    routes(Analyzer(options, access, model), model).serve(host, int(port))


if __name__ == "__main__":
    main()
