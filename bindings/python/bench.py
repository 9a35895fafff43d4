"""How long a caller is held: `python bindings/python/bench.py`, with the package installed. No daemon is needed.

The client's reports go nowhere: what is measured is what its caller waits for, while the background tries in vain; for the event
loop they go to a stand-in in a process of its own, which takes them as a daemon does. Where
`growthbook` and `launchdarkly-server-sdk` are installed, they evaluate a flag of two versions in the same run.
"""

import asyncio
import http.server
import json
import logging
import subprocess
import sys
import time
import timeit

from tidegate import Client, Experiment
from tidegate._follower import now_s
from tidegate._known import Known

ROUNDS = 20_000


def shown(what, call):
    """The median, and what few calls take: by the clock, and by the processor alone. On a machine with other work the
    clock has the turns of others in it."""
    told = []
    for clock in (time.perf_counter, time.thread_time):
        took = []
        for number in range(ROUNDS):
            began = clock()
            call(number)
            took.append((clock() - began) * 1e6)
        took.sort()
        told += [took[ROUNDS // 2], took[ROUNDS * 99 // 100], took[ROUNDS * 999 // 1000]]
    print(
        f"{what:28} median {told[0]:6.2f} µs; 99 of 100 within {told[1]:6.1f} µs, 999 of 1,000 within {told[2]:6.1f} µs; "
        f"of the processor {told[3]:6.2f}, {told[4]:6.1f}, {told[5]:6.1f} µs"
    )


def fastest_ns(call):
    return min(timeit.repeat(call, number=ROUNDS, repeat=5)) / ROUNDS * 1e9


class Taking(http.server.BaseHTTPRequestHandler):
    """Accepts every observation."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        count = len(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        results = [{"status": "accepted"}] * count
        answer = json.dumps({"accepted": count, "duplicate": 0, "rejected": 0, "results": results}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self):
        self.send_error(503)

    def log_message(self, *_):
        pass


def stand_in():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    print(server.server_port, flush=True)
    server.serve_forever()


async def late_us(report, seconds=10.0):
    """By how much a task that sleeps a millisecond wakes late, while `report` is called a thousand times a second."""
    late, ends = [], time.perf_counter() + seconds
    while time.perf_counter() < ends:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - began - 0.001) * 1e6)
        report(len(late))
    return sorted(late)


def event_loop(client, assigned):
    def report(number):
        client.analysis(assigned, f"loop-{number}", latency_ms=12.5, score=40)

    for what, call in (("an event loop at rest", lambda _: None), ("an event loop that reports", report)):
        late = asyncio.run(late_us(call))
        at = [late[len(late) * share // 1000] for share in (500, 990, 999)]
        print(f"{what:28} wakes late by {at[0]:6.1f} µs, 99 of 100 by {at[1]:7.1f}, 999 of 1,000 by {at[2]:7.1f}, at most {late[-1]:7.1f}")


def growthbook():
    from growthbook import Experiment, GrowthBook

    camera = GrowthBook(attributes={"id": "front_door_cam_1"})
    flag = Experiment(key="door", variations=["v1", "v2"])
    return lambda: camera.run(flag)


def launchdarkly():
    import ldclient
    from ldclient.config import Config
    from ldclient.integrations.test_data import TestData

    flags = TestData.data_source()
    flags.update(flags.flag("door").variations("v1", "v2").fallthrough_variation(0))
    client = ldclient.LDClient(Config("none", update_processor_class=flags, send_events=False))
    camera = ldclient.Context.create("front_door_cam_1")
    return lambda: client.variation("door", camera, "v1")


def main():
    logging.disable()
    experiment = Experiment.from_toml('key = "door"\ncontrol = "v1"\ntreatment = "v2"\n')
    assign = experiment.serving("split", 0.5).assign
    print(f"{'an assignment by handle':28} {fastest_ns(lambda: assign('front_door_cam_1')):13.0f} ns")
    for peer in (growthbook, launchdarkly):
        try:
            print(f"{'with ' + peer.__name__:28} {fastest_ns(peer()):13.0f} ns")
        except ImportError:
            print(f"{'with ' + peer.__name__:28} is not installed")
    status = {"experiment": "door", "run": 1, "phase": "ab", "condition": "clear", "serving": "split"}
    status.update(treatment_share=0.5, control="v1", treatment="v2")
    client = Client("http://127.0.0.1:9", flush_at_exit_s=0)
    client._follower.known = {"door": Known.of(experiment, status)}
    client._follower.heard_at = now_s() + 3600
    assigned = client.assign("door", "front_door_cam_1")
    shown("an assignment by a client", lambda _: client.assign("door", "front_door_cam_1"))
    shown("a report", lambda number: client.analysis(assigned, f"e{number}", latency_ms=12.5, score=40))
    server = subprocess.Popen([sys.executable, __file__, "stand-in"], stdout=subprocess.PIPE, text=True)
    taken = Client(f"http://127.0.0.1:{server.stdout.readline().strip()}")
    event_loop(taken, assigned)
    taken.flush()
    assert taken.stats()["lost"] == 0
    server.kill()


if __name__ == "__main__":
    stand_in() if sys.argv[1:] == ["stand-in"] else main()
