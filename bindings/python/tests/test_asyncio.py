"""The middleware, and the shadow that runs beside its caller."""

import asyncio

import pytest

from tidegate import AsyncClient
from tidegate.asgi import TidegateMiddleware
from tidegate.shadow import Shadow

TOML = 'key = "door"\ncontrol = "v1"\ntreatment = "v2"\n'


@pytest.fixture
def daemon(tidegate_daemon):
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door", "start")
    return tidegate_daemon


def test_a_request_finds_the_client_and_a_shutdown_sends_what_waits(daemon):
    seen = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        else:
            client = scope["state"]["tidegate"]
            client.analysis(client.assign("door", "camera-1"), "e1", score=1)
            seen.append(scope["state"]["other"])

    async def serve():
        client = AsyncClient(daemon.url, clock=daemon.clock, report_every_s=60)
        assert await client.wait_ready(20)
        wrapped = TidegateMiddleware(app, client)

        async def nothing(*_):
            return None

        await wrapped({"type": "http", "state": {"other": 1}}, nothing, nothing)
        sent = []

        async def send(message):
            sent.append((message["type"], client.stats()["accepted"]))

        await wrapped({"type": "lifespan"}, nothing, send)
        return sent

    sent = asyncio.run(serve())
    assert sent == [("lifespan.startup.complete", 0), ("lifespan.shutdown.complete", 1)]
    assert seen == [1] and daemon.status("door")["observations"] == 1


def shadowed(daemon, story, **options):
    """Runs `story(shadow, asked)` with a client; what was asked is in `asked`."""
    asked = []

    async def run():
        async with AsyncClient(daemon.url, clock=daemon.clock) as client:
            assert await client.wait_ready(20)

            async def ask(version, event):
                asked.append(version)
                return await event(version)

            shadow = Shadow(client, ask, lambda answer: answer, **options)
            told = await story(shadow)
            assert await client.flush(20)
            return told

    return asyncio.run(run()), asked


async def at_once(version):
    return 80 if version == "v1" else 20


def test_both_run_in_shadow_and_the_control_is_served(daemon):
    async def story(shadow):
        answers = [await shadow.detect("door", f"e{n}", "camera-1", at_once, default="v1") for n in range(5)]
        await shadow.drain()
        return answers

    answers, asked = shadowed(daemon, story)
    assert answers == [80] * 5 and asked.count("v1") == asked.count("v2") == 5
    status = daemon.status("door")
    assert status["pairs"]["comparisons"] == 5
    assert status["variants"]["treatment"]["score_mean"] == 20.0


def test_a_latency_that_the_models_server_tells_goes_before_the_one_that_is_measured(daemon):
    async def story(shadow):
        await shadow.detect("door", "e1", "camera-1", at_once, default="v1")
        await shadow.drain()
        return shadow.in_flight

    left, _ = shadowed(daemon, story, latency_ms_of=lambda answer: 900.5 if answer == 80 else None)
    variants = daemon.status("door")["variants"]
    assert variants["control"]["latency_ms_mean"] == 900.5 and variants["treatment"]["latency_ms_mean"] < 900
    assert left == 0


def test_a_treatment_that_hangs_delays_nobody_and_counts_as_failed(daemon):
    async def story(shadow):
        never = asyncio.Event()

        async def hangs(version):
            if version == "v2":
                await never.wait()
            return 80

        answer = await asyncio.wait_for(shadow.detect("door", "e1", "camera-1", hangs, default="v1"), 5)
        await shadow.drain()
        return answer

    answer, _ = shadowed(daemon, story, limit_s=0.05)
    assert answer == 80
    assert daemon.status("door")["pairs"]["treatment_failed"] == 1


def test_feedback_that_comes_before_the_comparison_waits_for_it(daemon):
    async def story(shadow):
        go_on = asyncio.Event()

        async def waits(version):
            if version == "v2":
                await go_on.wait()
            return 80

        await shadow.detect("door", "e1", "camera-1", waits, default="v1")
        shadow.feedback("door", "e1", "false_positive")
        assert await shadow._client.flush(20)
        go_on.set()
        await shadow.drain()
        shadow.feedback("door", "e1", "correct")
        assert await shadow._client.flush(20)
        return shadow._client.stats()

    stats, _ = shadowed(daemon, story)
    assert (stats["accepted"], stats["rejected"]) == (3, 0)
    assert daemon.status("door")["pairs"]["labels"] == 1


def test_what_finds_no_room_is_an_analysis_of_the_control(daemon):
    async def story(shadow):
        go_on = asyncio.Event()

        async def waits(version):
            if version == "v2":
                await go_on.wait()
            return 80

        for number in range(3):
            await shadow.detect("door", f"e{number}", "camera-1", waits, default="v1")
        dropped = shadow.dropped
        go_on.set()
        await shadow.drain()
        return dropped

    dropped, asked = shadowed(daemon, story, in_flight_max=1)
    assert dropped == 2 and asked.count("v2") == 1
    status = daemon.status("door")
    assert status["observations"] == 3 and status["pairs"]["comparisons"] == 1


def test_only_the_sample_is_compared(daemon):
    async def story(shadow):
        await shadow.detect("door", "e1", "camera-1", at_once, default="v1")
        await shadow.drain()

    # The experiment wants all of them, so it takes a chance of 1 to be left out.
    _, asked = shadowed(daemon, story, chance=lambda: 1.0)
    assert asked == ["v1"]


def test_a_control_that_fails_is_reported_and_raised(daemon):
    async def story(shadow):
        async def fails(version):
            raise RuntimeError("no model")

        with pytest.raises(RuntimeError, match="no model"):
            await shadow.detect("door", "e1", "camera-1", fails, default="v1")

    shadowed(daemon, story)
    status = daemon.status("door")
    # It was one prompt that ran, on an event of the shadow.
    assert status["observations"] == 1


def test_an_end_of_the_process_says_nothing_of_the_treatment(daemon):
    async def story(shadow):
        async def hangs(version):
            if version == "v2":
                await asyncio.Event().wait()
            return 80

        await shadow.detect("door", "e1", "camera-1", hangs, default="v1")
        await asyncio.sleep(0)
        (task,) = shadow._running
        task.cancel()
        await shadow.drain()

    shadowed(daemon, story)
    status = daemon.status("door")
    assert status["observations"] == 1 and status["pairs"]["comparisons"] == 0
