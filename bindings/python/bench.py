"""How long a caller is held: `python bindings/python/bench.py`, with the package installed. No daemon is needed.

The client's reports go nowhere: what is measured is what its caller waits for, while the background tries in vain. Where
`growthbook` and `launchdarkly-server-sdk` are installed, they evaluate a flag of two versions in the same run.
"""

import logging
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
        told += [took[ROUNDS // 2], took[ROUNDS * 999 // 1000]]
    by_clock, _, _, by_processor = told
    print(f"{what:28} median {by_clock:6.2f} µs; 999 of 1,000 within {by_processor:6.1f} µs of the processor")


def fastest_ns(call):
    return min(timeit.repeat(call, number=ROUNDS, repeat=5)) / ROUNDS * 1e9


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


if __name__ == "__main__":
    main()
