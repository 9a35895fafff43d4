"""What a stranger does to a client in bad weather: nothing of it reaches the caller, and nothing in its batch is lost with it."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tidegate import AsyncClient, Client
from waiting import until

TOML = 'key = "door"\ncontrol = "v1"\ntreatment = "v2"\n'


@pytest.fixture
def client(tidegate_daemon):
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door", "start")
    with Client(tidegate_daemon.url, clock=tidegate_daemon.clock, report_every_s=0.05) as made:
        assert made.wait_ready(20)
        yield made


def raises(*_):
    raise RuntimeError("a fault of the caller's")


class Odd:
    def __str__(self):
        raise RuntimeError("a fault of the caller's")


ODD = [None, 7, b"x", [], {}, Odd(), "half \ud800", "x" * 100_000, float("nan"), lambda: None]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_no_argument_raises_into_the_callers_path(client, odd):
    good = client.assign("door", "camera")
    for call in (
        lambda: client.assign(odd, "camera"),
        lambda: client.assign("door", odd),
        lambda: client.prompt_text(odd),
        lambda: client.analysis(odd, "e"),
        lambda: client.analysis(good, odd),
        lambda: client.analysis(good, "e", latency_ms=odd),
        lambda: client.analysis(good, "e", score=odd, observed_at=odd),
        lambda: client.comparison(good, "e", control=odd, treatment={}),
        lambda: client.comparison(good, "e", control={"score": odd}, treatment={"score": 1}),
        lambda: client.feedback(odd, odd, odd),
        lambda: client.report(odd),
        lambda: client.report({"type": odd}),
    ):
        call()
    assert client.assign(odd, "camera").variant == client.assign("door", odd).variant == "control"
    # What stood beside it in the batch is counted.
    client.analysis(good, "good", score=1)
    assert client.flush(20)
    assert client.stats()["accepted"] >= 1 and client.stats()["lost"] == 0
    assert client.stats()["unsendable"] + client.stats()["rejected"] > 0


def test_a_clock_that_fails_reports_by_the_time_of_arrival(tidegate_daemon, client):
    for clock in (raises, lambda: None, lambda: "noon"):
        client._clock = clock
        client.analysis(client.assign("door", "camera"), f"e-{id(clock)}", score=1)
    assert client.flush(20)
    assert client.stats()["accepted"] == 3


def test_strict_is_for_those_who_ask(tidegate_daemon):
    with Client(tidegate_daemon.url, strict=True, flush_at_exit_s=1) as client:
        with pytest.raises(ValueError, match="cannot be sent"):
            client.report({"score": float("nan")})
        with pytest.raises(ValueError, match="cannot be sent"):
            client.report({"id": "x" * 100_000})
        with pytest.raises(ValueError, match="cannot be sent"):
            client.report({"id": "half \ud800"})


def test_a_token_that_is_none_is_refused_and_not_told():
    for token in ("secret\nx: y", "secret \u20ac", "secret\0"):
        with pytest.raises(ValueError) as told:
            Client("http://127.0.0.1:9", token=token)
        assert "token" in str(told.value) and "secret" not in str(told.value)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no signals to stop a process")
def test_a_daemon_that_hangs_and_goes_on_gets_every_report_once(tidegate_daemon):
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door", "start")
    options = {"clock": tidegate_daemon.clock, "report_every_s": 0.05, "limit_s": 0.5}
    with Client(tidegate_daemon.url, **options) as client:
        assert client.wait_ready(20)
        assigned = client.assign("door", "camera")
        for number in range(300):
            if number == 100:
                os.kill(tidegate_daemon._process.pid, signal.SIGSTOP)
            if number == 200:
                until(lambda: client.stats()["retries"] > 0)
            began = time.perf_counter()
            client.analysis(assigned, f"e{number}", score=1)
            assert time.perf_counter() - began < 0.5
        os.kill(tidegate_daemon._process.pid, signal.SIGCONT)
        assert client.flush(30)
        stats = client.stats()
        assert stats["lost"] == stats["rejected"] == 0
    assert tidegate_daemon.status("door")["observations"] == 300


def test_a_kill_in_the_middle_of_many_threads_loses_nothing(tidegate_daemon, client):
    assigned = client.assign("door", "camera")

    def report(name):
        for number in range(400):
            client.analysis(assigned, f"{name}-{number}", score=1)
            if number % 50 == 0:
                time.sleep(0.01)

    threads = [threading.Thread(target=report, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    tidegate_daemon.kill()
    for thread in threads:
        thread.join()
    tidegate_daemon.start()
    assert client.flush(30)
    assert tidegate_daemon.status("door")["observations"] == 1600
    assert client.stats()["lost"] == 0


def test_a_batch_of_ten_thousand(tidegate_daemon, client):
    assigned = client.assign("door", "camera")
    for number in range(9_999):
        client.analysis(assigned, f"e{number}", score=number % 100)
    assert client.flush(60)
    assert tidegate_daemon.status("door")["observations"] == 9_999




def test_children_of_multiprocessing_send_what_they_have(tidegate_daemon, client):
    context = multiprocessing.get_context("fork")

    def work(number):
        client.analysis(client.assign("door", "camera"), f"child-{number}", score=1)

    children = [context.Process(target=work, args=(number,)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
        assert child.exitcode == 0
    assert tidegate_daemon.status("door")["observations"] == 3


def test_a_server_that_forks_its_workers_after_the_client_was_made(tidegate_daemon):
    """As gunicorn does with --preload: the master makes the client, each worker reports, and leaves by sys.exit."""
    tidegate_daemon.define(TOML)
    tidegate_daemon.act("door", "start")
    code = (
        "import os, sys\n"
        "from datetime import datetime\n"
        "from tidegate import Client\n"
        f"now = datetime.fromisoformat('{tidegate_daemon.now.isoformat()}')\n"
        f"client = Client('{tidegate_daemon.url}', clock=lambda: now)\n"
        "assert client.wait_ready(20)\n"
        "client.analysis(client.assign('door', 'camera'), 'master', score=1)\n"
        "for worker in range(3):\n"
        "    if os.fork() == 0:\n"
        "        client.analysis(client.assign('door', 'camera'), f'worker-{worker}', score=1)\n"
        "        sys.exit(0)\n"
        "for worker in range(3):\n"
        "    assert os.wait()[1] == 0\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
    assert tidegate_daemon.status("door")["observations"] == 4


def test_one_client_serves_two_event_loops(tidegate_daemon, client):
    import asyncio

    shared = AsyncClient(client=client)

    async def work(name):
        assert await shared.wait_ready(20)
        for number in range(50):
            shared.analysis(shared.assign("door", "camera"), f"{name}-{number}", score=1)
            await asyncio.sleep(0)
        assert await shared.flush(20)

    threads = [threading.Thread(target=asyncio.run, args=(work(name),)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(work("c"))
    assert tidegate_daemon.status("door")["observations"] == 150


def test_a_report_from_a_finaliser_and_from_a_signal_deadlocks_nothing(client):
    assigned = client.assign("door", "camera")

    class Reports:
        def __del__(self):
            client.analysis(assigned, f"gc-{id(self)}", score=1)

    before = signal.signal(signal.SIGALRM, lambda *_: client.analysis(assigned, f"signal-{time.time_ns()}", score=1))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for number in range(3_000):
            client.analysis(assigned, f"e{number}", score=1)
            Reports()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert client.flush(30)
    assert client.stats()["lost"] == client.stats()["unsendable"] == 0


def test_a_close_leaves_no_thread_and_no_socket_behind(tidegate_daemon):
    tidegate_daemon.define(TOML)
    code = (
        "import threading\n"
        "from tidegate import Client\n"
        "for _ in range(5):\n"
        f"    with Client('{tidegate_daemon.url}') as client:\n"
        "        assert client.wait_ready(20)\n"
        "        client.feedback('door', 'e', 'correct')\n"
        "for thread in threading.enumerate():\n"
        "    if thread is not threading.main_thread():\n"
        "        thread.join(5)\n"
        "        assert not thread.is_alive(), thread\n"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and "ResourceWarning" not in run.stderr, run.stderr


def test_a_daemon_that_only_says_503_is_asked_ever_more_seldom():
    import http.server

    asked = []

    class Busy(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(time.monotonic())
            self.rfile.read(int(self.headers["content-length"]))
            self.send_error(503)

        do_GET = lambda self: self.send_error(503)
        log_message = lambda *_: None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Client(f"http://127.0.0.1:{server.server_port}", report_every_s=0.01, flush_at_exit_s=0) as client:
        client.report({"type": "feedback", "experiment": "door", "id": "e", "label": "correct"})
        until(lambda: len(asked) >= 5)
        gaps = [later - sooner for sooner, later in zip(asked, asked[1:])]
        assert gaps[-1] > gaps[0]
        assert client.stats()["waiting"] == 1 and json.dumps(client.stats())
    server.shutdown()
