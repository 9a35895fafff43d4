"""How long a caller is held: `python bindings/python/bench.py`, with the package installed. No daemon is needed.

The client's reports go nowhere: what is measured is what its caller waits for, while the background tries in vain.
"""

import logging
import time
import timeit

from tidegate import Client, Experiment
from tidegate._follower import now_s
from tidegate._known import Known

ROUNDS = 20_000


def shown(what, call):
    took = []
    for number in range(ROUNDS):
        began = time.perf_counter()
        call(number)
        took.append((time.perf_counter() - began) * 1e6)
    took.sort()
    median, rare = took[ROUNDS // 2], took[ROUNDS * 999 // 1000]
    print(f"{what:34} median {median:6.2f} µs, 99.9 % within {rare:6.1f} µs")


def main():
    logging.disable()
    experiment = Experiment.from_toml('key = "door"\ncontrol = "v1"\ntreatment = "v2"\n')
    assign = experiment.serving("split", 0.5).assign
    best = min(timeit.repeat("assign('front_door_cam_1')", globals={"assign": assign}, number=ROUNDS))
    print(f"{'an assignment by handle':34} {best / ROUNDS * 1e9:13.0f} ns")
    status = {"experiment": "door", "run": 1, "phase": "ab", "condition": "clear", "serving": "split"}
    status.update(treatment_share=0.5, control="v1", treatment="v2")
    client = Client("http://127.0.0.1:9", flush_at_exit_s=0)
    client._follower.known = {"door": Known.of(experiment, status)}
    client._follower.heard_at = now_s() + 3600
    assigned = client.assign("door", "front_door_cam_1")
    shown("an assignment by a client", lambda _: client.assign("door", "front_door_cam_1"))
    shown("a report", lambda number: client.analysis(assigned, f"e{number}", latency_ms=12.5, score=40))


if __name__ == "__main__":
    main()
