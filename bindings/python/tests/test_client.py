"""The clients, against a real daemon: what a caller gets when all is well, and when it is not."""

import asyncio
import http.server
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from tidegate import AsyncClient, Client
from tidegate import engine
from tidegate._access import Access
from waiting import until

TOML = """
key = "door_v2"
control = "v1"
treatment = "v2"
[shadow]
duration_hours = 24
sample = 0.25
[ab]
treatment_percentage = 0.5
[assignment.overrides]
lab = "treatment"
"""
CAMERAS = [f"camera-{number}" for number in range(100)]


@pytest.fixture
def client(tidegate_daemon):
    tidegate_daemon.define(TOML)
    with Client(tidegate_daemon.url, clock=tidegate_daemon.clock, report_every_s=0.05) as made:
        assert made.wait_ready(20)
        yield made


def is_as_the_daemon_says(daemon, client, camera):
    told = daemon.get(f"/v1/experiments/door_v2/assignments/{camera}")
    made = client.assign("door_v2", camera)
    names = ("variant", "prompt_version", "reason", "run", "phase", "shadow_sample", "digest")
    assert {name: getattr(made, name) for name in names} == {name: told[name] for name in names}


def test_an_assignment_is_the_daemons_in_every_phase(tidegate_daemon, client):
    is_as_the_daemon_says(tidegate_daemon, client, "camera-1")
    steps = [
        ("start", {}, "shadow"),
        ("advance", {"accept": "inconclusive"}, "split"),
        ("pause", {}, "paused"),
        ("resume", {}, "split"),
        ("advance", {"expected_phase": "full", "accept": "inconclusive"}, "full"),
        ("roll_back", {}, "rolled_back"),
    ]
    for action, more, reason in steps:
        tidegate_daemon.act("door_v2", action, **more)
        until(lambda: client.assign("door_v2", "camera-1").reason == reason)
        for camera in ["lab", *CAMERAS[:20]]:
            is_as_the_daemon_says(tidegate_daemon, client, camera)


def test_a_run_that_names_no_salt_is_split_by_its_own(tidegate_daemon, client):
    for run in (1, 2):
        if run == 2:
            tidegate_daemon.act("door_v2", "roll_back")
            tidegate_daemon.define(TOML)
        tidegate_daemon.act("door_v2", "start")
        tidegate_daemon.act("door_v2", "advance", accept="inconclusive")
        until(lambda: (lambda a: (a.run, a.reason))(client.assign("door_v2", "camera-1")) == (run, "split"))
        for camera in CAMERAS:
            is_as_the_daemon_says(tidegate_daemon, client, camera)


def test_until_a_draft_is_started_the_run_before_it_serves(tidegate_daemon, client):
    toml = TOML.replace('lab = "treatment"', 'lab = "control"')
    tidegate_daemon.define(toml)
    tidegate_daemon.act("door_v2", "start")
    tidegate_daemon.act("door_v2", "advance", accept="inconclusive")
    tidegate_daemon.act("door_v2", "advance", expected_phase="full", accept="inconclusive")
    tidegate_daemon.act("door_v2", "complete")
    until(lambda: client.assign("door_v2", "camera-1").reason == "completed")
    # The version that was released is in use, so it is the control of what comes next.
    tidegate_daemon.define('key = "door_v2"\ncontrol = "v2"\ntreatment = "v3"\n')
    with Client(tidegate_daemon.url) as later:
        assert later.wait_ready(20)
        for camera in CAMERAS[:10]:
            is_as_the_daemon_says(tidegate_daemon, client, camera)
            is_as_the_daemon_says(tidegate_daemon, later, camera)
        # Who was there before knows the cameras that were kept from it, too.
        is_as_the_daemon_says(tidegate_daemon, client, "lab")
    tidegate_daemon.act("door_v2", "start")
    until(lambda: client.assign("door_v2", "camera-1").run == 2)
    is_as_the_daemon_says(tidegate_daemon, client, "camera-1")


def test_an_experiment_that_there_is_not_is_control(client):
    made = client.assign("garage", "camera-1", default="v0")
    assert (made.variant, made.prompt_version, made.reason, made.run) == ("control", "v0", "unknown_experiment", 0)


def test_a_camera_whose_id_is_none_is_control(client):
    for camera in ("", "x" * 1000, None, 7):
        made = client.assign("door_v2", camera)
        assert (made.variant, made.reason) == ("control", "invalid_camera_id")


def test_reports_are_counted_by_the_daemon(tidegate_daemon, client):
    tidegate_daemon.act("door_v2", "start")
    until(lambda: client.assign("door_v2", "camera-1").reason == "shadow")
    for number, camera in enumerate(CAMERAS):
        made = client.assign("door_v2", camera)
        assert (made.shadow_sample, made.shadow_version) == (0.25, "v2")
        if number % 2:
            client.comparison(made, f"e{number}", control={"score": 80, "latency_ms": 100}, treatment={"error": True})
        else:
            client.analysis(made, f"e{number}", latency_ms=100.0, score=80)
    client.feedback("door_v2", "e1", "false_positive")
    assert client.flush(20)
    assert client.stats()["accepted"] == 101 and client.stats()["rejected"] == 0
    status = tidegate_daemon.status("door_v2")
    assert status["observations"] == 101 and status["outside"]["analyses"] == 0
    assert status["pairs"]["comparisons"] == 50


def test_nothing_is_reported_where_nothing_runs(tidegate_daemon, client):
    client.analysis(client.assign("garage", "camera-1"), "e1", score=1)
    client.analysis(client.assign("door_v2", "camera-1"), "e2", score=1)
    assert client.flush(20) and client.stats()["accepted"] + client.stats()["rejected"] == 0


def test_what_the_daemon_rejects_is_counted_and_told(tidegate_daemon, client, caplog):
    client.feedback("door_v2", "never", "correct")
    assert client.flush(20) and client.stats()["rejected"] == 1
    assert "rejected" in caplog.text


def test_what_cannot_be_sent_stays_out_of_the_way_unless_it_is_asked_for(tidegate_daemon, client):
    made = client.assign("door_v2", "camera-1")
    bad = {"type": "analysis", "experiment": "door_v2", "latency_ms": float("nan")}
    client.report(bad)
    client.report({"x": object()})
    assert client.stats()["unsendable"] == 2
    with Client(tidegate_daemon.url, strict=True) as strict:
        with pytest.raises(ValueError, match="cannot be sent"):
            strict.report(bad)
    assert made.variant == "control"


def test_a_daemon_that_was_killed_gets_every_report_once(tidegate_daemon, client):
    tidegate_daemon.act("door_v2", "start")
    until(lambda: client.assign("door_v2", "camera-1").reason == "shadow")
    made = client.assign("door_v2", "camera-1")
    for number in range(200):
        client.analysis(made, f"e{number}", score=1)
        if number == 100:
            tidegate_daemon.kill()
    assert not client.flush(0.3)
    tidegate_daemon.start()
    assert client.flush(30)
    stats = client.stats()
    assert stats["accepted"] + stats["duplicate"] == 200 and stats["lost"] == 0 and stats["retries"] > 0
    assert tidegate_daemon.status("door_v2")["observations"] == 200


def test_nothing_heard_for_too_long_is_control_and_hearing_again_is_the_split(tidegate_daemon):
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door_v2", "start")
    tidegate_daemon.act("door_v2", "advance", accept="inconclusive")
    with Client(tidegate_daemon.url, stale_after_s=2.5) as client:
        assert client.wait_ready(20)
        assert client.assign("door_v2", "lab").variant == "treatment"
        # Its heartbeats keep what it told alive.
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 3.0)
        assert client.assign("door_v2", "lab").variant == "treatment"
        tidegate_daemon.kill()
        until(lambda: client.assign("door_v2", "lab").reason == "stale")
        made = client.assign("door_v2", "lab", default="v0")
        assert (made.variant, made.prompt_version, made.run) == ("control", "v1", 0)
        # What ran because the daemon was away says nothing of a side.
        client.analysis(made, "e1", score=1)
        assert client.stats()["waiting"] == 0
        tidegate_daemon.start()
        until(lambda: client.assign("door_v2", "lab").variant == "treatment")


def test_texts_come_with_their_experiment(tidegate_daemon):
    tidegate_daemon.post("/v1/prompts", {"name": "door", "key": "v1", "text": "Say what you see.\n", "actor": "ann"})
    tidegate_daemon.post("/v1/prompts/door/versions", {"key": "v2", "text": "Ignore cats.\n", "actor": "ann"})
    tidegate_daemon.define('prompt = "door"\n' + TOML)
    tidegate_daemon.act("door_v2", "start")
    tidegate_daemon.act("door_v2", "advance", accept="inconclusive")
    with Client(tidegate_daemon.url) as client:
        assert client.wait_ready(20)
        made = client.assign("door_v2", "lab")
        assert made.digest.startswith("sha256:")
        tidegate_daemon.kill()
        assert client.prompt_text(made) == "Ignore cats.\n"
        assert client.prompt_text(client.assign("garage", "lab")) is None


def test_a_connection_that_was_ended_at_rest_is_made_anew():
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.client_address)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            # It says that the connection goes on, and ends it.
            self.close_connection = True

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = Access(f"http://127.0.0.1:{server.server_port}").connect(5.0)
    assert [connection.get("/") for _ in range(3)] == [{}] * 3
    assert len(set(asked)) == 3
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError):
        connection.get("/")


def test_a_client_at_rest_goes_on_without_a_failure(tidegate_daemon, caplog):
    """The daemon ends a connection on which nothing is asked for some seconds."""
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door_v2", "start")
    with Client(tidegate_daemon.url, clock=tidegate_daemon.clock) as client:
        assert client.wait_ready(20)
        made = client.assign("door_v2", "camera-1")
        for event_id in ("e1", "e2"):
            client.analysis(made, event_id, score=1)
            assert client.flush(20)
            if event_id == "e1":
                threading.Event().wait(7.0)
        assert client.stats()["accepted"] == 2
        assert client.stats()["retries"] == 0 and client.stats()["follower_failures"] == 0


def test_an_answer_that_makes_no_sense_ends_no_thread(caplog):
    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"experiments": [7], "results": [7], "accepted": {}}')

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = Client(f"http://127.0.0.1:{server.server_port}", report_every_s=0.01)
    client.feedback("door_v2", "e", "correct")
    until(lambda: client.stats()["retries"] >= 2 and client.stats()["follower_failures"] >= 2)
    assert client.assign("door_v2", "camera-1").variant == "control"
    client.close(flush_s=0)
    server.shutdown()


class Hanging:
    """Takes connections and requests, and answers none."""

    def __init__(self):
        import socket

        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self):
        self._socket.close()


def test_one_that_cannot_be_read_takes_no_other_with_it(tidegate_daemon, client, caplog):
    tidegate_daemon.act("door_v2", "start")
    until(lambda: client.assign("door_v2", "camera-1").reason == "shadow")
    made = client.assign("door_v2", "camera-1")
    for number in range(40):
        # Half of a character is JSON to Python and to nobody else; and a body is at most 1 MiB.
        event_id = {17: "\ud800", 18: "x" * 2**21}.get(number, f"e{number}")
        client.analysis(made, event_id, score=1)
    assert client.flush(20)
    stats = client.stats()
    assert (stats["accepted"], stats["unsendable"], stats["lost"]) == (38, 2, 0)
    assert caplog.text.count("cannot be sent") == 2


def test_what_nobody_holds_any_more_is_sent_at_the_end(tidegate_daemon):
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door_v2", "start")
    code = (
        "import gc\nfrom tidegate import Client\n"
        "observation = {'type': 'analysis', 'experiment': 'door_v2', 'id': 'e', 'camera_id': 'c', 'variant': 'control', 'score': 1}\n"
        "Client(report_every_s=60).report(observation)\n"
        "gc.collect()\n"
    )
    environment = {**os.environ, "TIDEGATE_SERVER": tidegate_daemon.url}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30, env=environment)
    assert tidegate_daemon.status("door_v2")["observations"] == 1


def test_what_is_reported_after_the_close_is_counted_as_lost(tidegate_daemon):
    client = Client(tidegate_daemon.url)
    client.close()
    client.feedback("door_v2", "e", "correct")
    assert client.stats()["lost"] == 1 and client.stats()["waiting"] == 0


@pytest.fixture
def hanging():
    made = Hanging()
    yield made
    made.close()


def test_a_daemon_that_hangs_delays_no_caller(hanging):
    client = Client(hanging.url, waiting_max=1_000)
    known = client.assign("door_v2", "camera-1", default="v1")
    assert (known.variant, known.reason) == ("control", "stale")
    longest = 0.0
    for number in range(5_000):
        began = time.perf_counter()
        client.assign("door_v2", "camera-1")
        client.report({"type": "feedback", "experiment": "door_v2", "id": f"e{number}", "label": "correct"})
        longest = max(longest, time.perf_counter() - began)
    assert longest < 1.0
    # Memory is bounded: the oldest made room, and that is counted.
    stats = client.stats()
    assert stats["waiting"] + stats["lost"] == 5_000 and stats["waiting"] <= 1_500
    began = time.monotonic()
    client.close(flush_s=0.2)
    assert time.monotonic() - began < 2.0


def test_an_event_loop_is_not_blocked(hanging):
    async def analyse():
        async with AsyncClient(hanging.url, flush_at_exit_s=0.1) as client:
            made = client.assign("door_v2", "camera-1", default="v1")
            assert (made.reason, made.prompt_version) == ("stale", "v1")
            client.report({"type": "feedback", "experiment": "door_v2", "id": "e", "label": "correct"})
            ticks = 0

            async def tick():
                nonlocal ticks
                while True:
                    await asyncio.sleep(0.01)
                    ticks += 1

            ticking = asyncio.ensure_future(tick())
            assert not await client.flush(0.3)
            ticking.cancel()
            return ticks

    assert asyncio.run(analyse()) >= 5


def test_an_async_client_works_as_the_other_does(tidegate_daemon):
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door_v2", "start")

    async def analyse():
        async with AsyncClient(tidegate_daemon.url, clock=tidegate_daemon.clock) as client:
            assert await client.wait_ready(20)
            client.analysis(client.assign("door_v2", "camera-1"), "e1", score=5)
            assert await client.flush(20)
            return client.stats()

    assert asyncio.run(analyse())["accepted"] == 1


def test_the_end_of_a_process_sends_what_waits(tidegate_daemon):
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door_v2", "start")
    code = (
        "from tidegate import Client\n"
        f"client = Client({tidegate_daemon.url!r}, report_every_s=60)\n"
        "for n in range(20):\n"
        "    client.report({'type': 'analysis', 'experiment': 'door_v2', 'id': f'e{n}',\n"
        "                   'camera_id': 'c', 'variant': 'control', 'score': 1})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert tidegate_daemon.status("door_v2")["observations"] == 20


def test_the_end_of_a_process_waits_for_no_daemon_longer_than_it_says(hanging):
    code = (
        "from tidegate import Client\n"
        f"client = Client({hanging.url!r}, flush_at_exit_s=0.2)\n"
        "client.feedback('door_v2', 'e', 'correct')\n"
    )
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert time.monotonic() - began < 10.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_reports_its_own_and_nothing_twice(tidegate_daemon, client):
    tidegate_daemon.act("door_v2", "start")
    until(lambda: client.assign("door_v2", "camera-1").reason == "shadow")
    made = client.assign("door_v2", "camera-1")
    client.analysis(made, "parents", score=1)
    child = os.fork()
    if child == 0:
        client.analysis(made, "childs", score=1)
        os._exit(0 if client.flush(20) and client.stats()["duplicate"] == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert client.flush(20) and client.stats()["duplicate"] == 0
    assert tidegate_daemon.status("door_v2")["observations"] == 2


@pytest.mark.parametrize("url", ["", "localhost:4780", "ftp://x", "http://", "http://localhost:4780/tidegate"])
def test_an_address_that_is_none_is_refused(url, monkeypatch):
    monkeypatch.setenv("TIDEGATE_SERVER", "nowhere")
    with pytest.raises(ValueError, match="url"):
        Client(url)


def test_a_token_goes_to_no_other_machine_in_the_clear():
    with pytest.raises(ValueError, match="token"):
        Client("http://example.org", token="secret")


def test_a_token_is_sent_and_never_shown(tmp_path, monkeypatch):
    seen = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.headers.get("authorization") == "Bearer secret":
                seen.set()
            self.send_error(401)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = tmp_path / "token"
    file.write_text("secret\n")
    monkeypatch.setenv("TIDEGATE_TOKEN_FILE", str(file))
    client = Client(f"http://127.0.0.1:{server.server_port}")
    assert seen.wait(20)
    assert "secret" not in repr(client._follower._access)
    client.close()
    server.shutdown()


def test_the_hash_is_the_engines(tidegate_daemon, client):
    tidegate_daemon.act("door_v2", "start")
    tidegate_daemon.act("door_v2", "advance", accept="inconclusive")
    until(lambda: client.assign("door_v2", "camera-1").reason == "split")
    for camera in CAMERAS:
        assert client.assign("door_v2", camera).variant == engine.assign(camera, "door_v2", 0.5)
    assert json.dumps(client.stats())
