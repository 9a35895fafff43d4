"""The OpenFeature provider, through the SDK as its users have it."""

import asyncio

import pytest

pytest.importorskip("openfeature")

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.track import TrackingEventDetails

from tidegate import Client
from tidegate.openfeature import TidegateProvider
from waiting import until

TOML = 'key = "door"\ncontrol = "v1"\ntreatment = "v2"\n[assignment.overrides]\nlab = "treatment"\n'


@pytest.fixture
def flags(tidegate_daemon):
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door", "start")
    client = Client(tidegate_daemon.url, clock=tidegate_daemon.clock)
    api.set_provider_and_wait(TidegateProvider(client))
    yield api.get_client(), client
    api.shutdown()


def camera(name):
    return EvaluationContext(name)


def test_a_flag_is_the_version_of_a_camera(tidegate_daemon, flags):
    told = flags[0].get_string_details("door", "own", camera("camera-1"))
    assert (told.value, told.variant, told.reason) == ("v1", "control", Reason.STATIC)
    assert told.flag_metadata["shadow_prompt_version"] == "v2" and told.flag_metadata["run"] == 1
    tidegate_daemon.act("door", "advance", accept="inconclusive")
    until(lambda: flags[0].get_string_details("door", "own", camera("lab")).value == "v2")
    told = flags[0].get_string_details("door", "own", camera("lab"))
    assert (told.value, told.reason) == ("v2", Reason.TARGETING_MATCH)


def test_an_evaluation_of_a_coroutine_waits_for_nothing(flags):
    async def ask():
        return await flags[0].get_string_details_async("door", "own", camera("camera-1"))

    evaluation = ask()
    # It ends at its first step: there is nothing that it awaits.
    with pytest.raises(StopIteration) as ended:
        evaluation.send(None)
    assert ended.value.value.value == "v1"
    assert asyncio.run(ask()).value == "v1"


@pytest.mark.parametrize(
    ("flag", "context", "code"),
    [
        ("garage", camera("camera-1"), ErrorCode.FLAG_NOT_FOUND),
        ("door", None, ErrorCode.TARGETING_KEY_MISSING),
        ("door", camera("x" * 999), ErrorCode.INVALID_CONTEXT),
    ],
)
def test_what_cannot_be_told_is_the_callers_own(flags, flag, context, code):
    told = flags[0].get_string_details(flag, "own", context)
    assert (told.value, told.error_code) == ("own", code)


def test_a_version_is_a_text(flags):
    assert flags[0].get_boolean_details("door", True, camera("c")).error_code == ErrorCode.TYPE_MISMATCH
    assert flags[0].get_integer_details("door", 1, camera("c")).error_code == ErrorCode.TYPE_MISMATCH
    assert flags[0].get_float_details("door", 1.0, camera("c")).error_code == ErrorCode.TYPE_MISMATCH
    assert flags[0].get_object_details("door", {}, camera("c")).error_code == ErrorCode.TYPE_MISMATCH


def test_what_is_tracked_is_reported(tidegate_daemon, flags, caplog):
    told = {"experiment": "door", "id": "e1", "score": 80, "latency_ms": 12.0}
    flags[0].track("analysis", camera("camera-1"), TrackingEventDetails(attributes=told))
    told = {"experiment": "door", "id": "e1", "label": "correct"}
    flags[0].track("feedback", camera("camera-1"), TrackingEventDetails(attributes=told))
    flags[0].track("clicked", camera("camera-1"))
    flags[0].track("feedback", camera("camera-1"))
    assert "names no `experiment`" in caplog.text
    assert flags[1].flush(20) and flags[1].stats()["accepted"] == 2
    assert tidegate_daemon.status("door")["observations"] == 2


def test_a_daemon_that_is_away_is_the_callers_own():
    provider = TidegateProvider(Client("http://127.0.0.1:9", flush_at_exit_s=0), ready_within_s=0.05)
    try:
        api.set_provider_and_wait(provider)
    except Exception:
        pass
    told = api.get_client().get_string_details("door", "own", camera("camera-1"))
    assert told.value == "own" and told.error_code is not None
    api.shutdown()
