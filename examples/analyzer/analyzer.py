"""An analyzer of camera events whose prompt versions Tidegate releases: an asyncio service on the package `tidegate`.

    python3 examples/analyzer/analyzer.py --experiment door_v2 --control v1_original

`Analyzer.detect` is the way of one event: the version that its camera gets answers the caller. The rest happens after the
answer, by the package: the treatment in shadow, the report, the feedback of people.
"""

import argparse
import asyncio
import random
import re
import uuid
from dataclasses import dataclass

from sample_model import Behaviour, SampleModel
from tidegate import AsyncClient
from tidegate.shadow import Shadow
from web import App, Invalid, Unavailable

ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
LABELS = ("false_positive", "correct", "missed_threat", "severity_wrong")
DRAIN_S = 60.0


@dataclass(frozen=True)
class Detection:
    id: str
    camera_id: str
    image: str


@dataclass(frozen=True)
class Answer:
    prompt_version: str
    risk_score: int
    latency_ms: float | None


class Analyzer:
    def __init__(self, options, client, model):
        self._options = options
        self._client = client
        self._model = model
        self._shadow = Shadow(
            client,
            self._ask,
            lambda answer: answer.risk_score,
            latency_ms_of=lambda answer: answer.latency_ms,
            limit_s=options.shadow_limit_s,
            in_flight_max=options.shadow_in_flight_max,
            chance=self._chance,
        )
        self._waiting = 0
        self._answered = 0

    async def detect(self, detection):
        """What the caller gets. Raises Unavailable where no prompt answers, or too many callers wait."""
        if self._waiting >= self._options.in_flight_max:
            raise Unavailable(f"{self._waiting} callers wait")
        self._waiting += 1
        try:
            answer, reason = await self._answer(detection)
        finally:
            self._waiting -= 1
        self._answered += 1
        return {
            "id": detection.id,
            "risk_score": answer.risk_score,
            "prompt_version": answer.prompt_version,
            "reason": reason,
        }

    def feedback(self, event_id, label):
        """What a person said of an event."""
        self._shadow.feedback(self._options.experiment, event_id, label)

    async def drain(self):
        """Waits until nothing is left to compare or to report."""
        await self._shadow.drain()
        if not await self._client.flush(DRAIN_S):
            raise Unavailable("reports wait for Tidegate")

    def stats(self):
        return {
            "answered": self._answered,
            "reason": self._client.assign(self._options.experiment, "any").reason,
            "shadow": {"in_flight": self._shadow.in_flight, "dropped": self._shadow.dropped},
            "reports": self._client.stats(),
        }

    async def _answer(self, detection):
        experiment, control = self._options.experiment, self._options.control
        assigned = self._client.assign(experiment, detection.camera_id, default=control)
        try:
            answer = await self._shadow.detect(experiment, detection.id, detection.camera_id, detection, default=control)
        except Exception as failure:  # whatever the client of a model may raise
            # It is on record as a failure of its version. The caller gets an answer all the same.
            if assigned.variant == "control":
                raise Unavailable("no prompt answered") from failure
            answer = await self._control(detection)
        return answer, assigned.reason

    async def _control(self, detection):
        try:
            return await self._ask(self._options.control, detection)
        except Exception as failure:
            raise Unavailable("no prompt answered") from failure

    async def _ask(self, version, detection):
        answer = await asyncio.wait_for(
            self._model(version, detection.image, detection.id), self._options.prompt_limit_s
        )
        if not isinstance(answer.risk_score, int) or not 0 <= answer.risk_score <= 100:
            # An answer that nobody can use is a failure of its prompt; Tidegate would not take such a score.
            raise ValueError(f"{version}: {answer.risk_score!r} is no score")
        return Answer(version, answer.risk_score, answer.latency_ms)

    def _chance(self):
        """The experiment says which share is compared, and the budget here how much at the most."""
        drawn = random.random()
        return drawn if drawn < self._options.shadow_share_max else 1.0


def routes(analyzer, model):
    """What the analyzer answers to. In FastAPI these functions take models of pydantic in place of `body`."""
    app = App()

    @app.post("/detections")
    async def detections(body):
        event_id = identifier(body, "id", default=str(uuid.uuid4()))
        return await analyzer.detect(Detection(event_id, text(body, "camera_id"), text(body, "image")))

    @app.post("/feedback")
    async def feedback(body):
        label = body.get("label")
        if label not in LABELS:
            raise Invalid(f"label is not valid, allowed: {' | '.join(LABELS)}")
        analyzer.feedback(identifier(body, "id"), label)
        return {}

    @app.get("/stats")
    async def stats():
        return {**analyzer.stats(), "model": {"began": model.began, "ended": model.ended}}

    @app.post("/drain")
    async def drain(_body):
        """Answers once nothing is left to compare or to report: before a stop, and in tests."""
        await analyzer.drain()
        return await stats()

    @app.put("/sample-model/{version}")
    async def sample_model(version, body):
        try:
            await model.behave(version, Behaviour.read(body))
        except (TypeError, ValueError) as error:
            raise Invalid(str(error)) from error
        return {}

    return app


def text(body, name):
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"{name} is not valid, allowed: a text")
    return value


def identifier(body, name, default=None):
    value = body.get(name, default)
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise Invalid(f"{name} is not valid, allowed: 1 to 128 of A-Z a-z 0-9 . _ : / -")
    return value


def arguments():
    parser = argparse.ArgumentParser(description="An analyzer whose prompt versions Tidegate releases")
    add = parser.add_argument
    add("--listen", default="127.0.0.1:8080", metavar="HOST:PORT")
    add("--tidegate", default=None, metavar="URL", help="left out: TIDEGATE_SERVER, else http://127.0.0.1:4780")
    add("--experiment", required=True, metavar="KEY")
    add("--control", required=True, metavar="VERSION", help="the prompt version in use, served in every doubt")
    add("--prompt-limit-s", type=float, default=30.0, help="how long a prompt may take")
    add("--in-flight-max", type=int, default=256, help="callers that wait at a time")
    add("--ready-within-s", type=float, default=5.0, help="how long to wait for Tidegate before listening")
    add("--report-every-s", type=float, default=1.0)
    add(
        "--clock",
        choices=["machine", "none"],
        default="machine",
        help="what reports say of when they happened; none where Tidegate's time is driven",
    )
    add("--shadow-share-max", type=float, default=1.0, help="the most analyses that also run the treatment")
    add("--shadow-limit-s", type=float, default=30.0, help="how long the treatment may take in shadow")
    add("--shadow-in-flight-max", type=int, default=16, help="treatments that run in shadow at a time")
    return parser.parse_args()


async def main():
    options = arguments()
    model = SampleModel()
    clock = (lambda: None) if options.clock == "none" else None
    client = AsyncClient(options.tidegate, report_every_s=options.report_every_s, clock=clock)
    async with client:
        # Before it was heard, everybody gets the control, and nothing is reported.
        await client.wait_ready(options.ready_within_s)
        host, port = options.listen.rsplit(":", 1)
        await routes(Analyzer(options, client, model), model).serve(host, int(port))


if __name__ == "__main__":
    asyncio.run(main())
