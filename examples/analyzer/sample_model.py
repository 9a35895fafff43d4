"""Stands in for a model: deterministic, and as slow, broken or alarmist as it is told to be.

Put your own call in its place: a coroutine of (prompt version, image, event id) that gives a `ModelAnswer` or raises.
"""

import asyncio
import zlib
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class ModelAnswer:
    risk_score: int
    # What the model's server says it took. None: the analyzer measures.
    latency_ms: float | None = None


@dataclass
class Behaviour:
    """How one prompt version behaves; `PUT /sample-model/{version}` sets it."""

    latency_ms: float = 800.0  # what it says it took, give or take a tenth
    sleep_ms: float = 0.0  # what it really takes
    failure_share: float = 0.0
    false_alarm_share: float = 0.3  # of images without a threat
    garbles: bool = False  # gives scores that are none
    hangs: bool = False  # never answers, until it is told not to

    @classmethod
    def read(cls, given):
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise ValueError(f"{unknown[0]} is not known, allowed: {', '.join(sorted(known))}")
        return cls(**given)


@dataclass
class SampleModel:
    versions: dict = field(default_factory=dict)
    began: int = 0
    ended: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def behave(self, version, behaviour):
        async with self._changed:
            self.versions[version] = behaviour
            self._changed.notify_all()

    async def __call__(self, version, image, event_id):
        self.began += 1
        async with self._changed:
            await self._changed.wait_for(lambda: not self._of(version).hangs)
        behaviour = self._of(version)
        await asyncio.sleep(behaviour.sleep_ms / 1000)
        self.ended += 1
        if chance(version, event_id, "failure") < behaviour.failure_share:
            raise RuntimeError("the sample model fails")
        if behaviour.garbles:
            return ModelAnswer(101)
        threat = any(word in image.lower() for word in ("person", "vehicle"))
        alarm = threat or chance(version, event_id, "alarm") < behaviour.false_alarm_share
        spread = chance(version, event_id, "spread")
        score = 70 + int(25 * spread) if alarm else 10 + int(30 * spread)
        return ModelAnswer(score, behaviour.latency_ms * (0.9 + 0.2 * spread))

    def _of(self, version):
        return self.versions.setdefault(version, Behaviour())


def chance(*parts):
    """A number from 0 to 1 that is the same for the same parts, in every process."""
    return zlib.crc32("\0".join(parts).encode()) / 2**32
