"""The client without a daemon: what it serves and decides is what the daemon does."""

import asyncio

import pytest

from tidegate import AsyncClient, Client
from tidegate.engine import Rejected
from tidegate.memory import Memory
from tidegate.shadow import Shadow
from waiting import until

TOML = """
key = "door"
control = "v1"
treatment = "v2"
[shadow]
sample = 0.5
[guardrails]
rule = "threshold"
min_samples = 10
"""
CAMERAS = [f"camera-{number}" for number in range(40)]


def test_it_serves_what_the_daemon_serves(tidegate_memory, tidegate_daemon):
    for one in (tidegate_memory, tidegate_daemon):
        one.define(TOML)
    with Client(tidegate_daemon.url) as client:
        assert client.wait_ready(20)
        for action, more in (("start", {}), ("advance", {"accept": "inconclusive"}), ("pause", {}), ("resume", {}), ("roll_back", {})):
            tidegate_daemon.act("door", action, **more)
            tidegate_memory.act("door", action)
            phase = tidegate_memory.assign("door", "camera-0")
            until(lambda: (lambda a: (a.phase, a.reason))(client.assign("door", "camera-0")) == (phase.phase, phase.reason))
            for camera in [*CAMERAS, "", "x" * 999]:
                assert tidegate_memory.assign("door", camera) == client.assign("door", camera)
        assert tidegate_memory.assign("garage", "c", default="v0") == client.assign("garage", "c", default="v0")


def test_two_days_pass_in_a_call(tidegate_memory):
    tidegate_memory.define(TOML)
    tidegate_memory.act("door", "start")
    tidegate_memory.act("door", "advance")
    tidegate_memory.pass_time(hours=24)
    assert tidegate_memory.status("door").remaining_hours == 24.0
    tidegate_memory.pass_time(hours=24, seconds=1)
    assert tidegate_memory.assign("door", "camera-0").reason == "expired"
    assert tidegate_memory.decisions[-1].to_state.startswith("ab (")


def test_harm_rolls_back_at_once(tidegate_memory):
    tidegate_memory.define(TOML)
    tidegate_memory.act("door", "start")
    tidegate_memory.act("door", "advance")
    for number in range(100):
        made = tidegate_memory.assign("door", CAMERAS[number % 40])
        tidegate_memory.analysis(made, f"e{number}", score=80, error=made.variant == "treatment")
        # The threshold rule looks at errors once there are labels.
        if made.variant == "control" or tidegate_memory.assign("door", "x").reason == "split":
            tidegate_memory.feedback("door", f"e{number}", "correct")
    assert tidegate_memory.status("door").phase == "rolled_back"
    assert "Error rate" in tidegate_memory.decisions[-1].reason


def test_what_is_not_valid_is_the_tests_failure_or_counted():
    strict, counting = Memory(), Memory(strict=False)
    for memory in (strict, counting):
        memory.define(TOML)
        memory.act("door", "start")
    made = strict.assign("door", "camera-0")
    strict.analysis(made, "e1", score=5)
    strict.analysis(made, "e1", score=5)
    with pytest.raises(ValueError, match="score 101"):
        strict.analysis(made, "e2", score=101)
    with pytest.raises(Rejected):
        strict.feedback("garage", "e2", "correct")
    counting.analysis(made, "e2", score=101)
    assert (strict.stats()["accepted"], strict.stats()["duplicate"], strict.stats()["rejected"]) == (1, 1, 2)
    assert counting.stats()["rejected"] == 1


def test_services_run_on_it(tidegate_memory):
    tidegate_memory.define(TOML)
    tidegate_memory.act("door", "start")

    async def ask(version, event):
        return 80

    async def serve():
        async with AsyncClient(client=tidegate_memory) as client:
            assert await client.wait_ready()
            shadow = Shadow(client, ask, lambda answer: answer, chance=lambda: 0.4)
            assert await shadow.detect("door", "e1", "camera-0", None, default="v1") == 80
            await shadow.drain()

    asyncio.run(serve())
    assert tidegate_memory.stats()["accepted"] == 1
