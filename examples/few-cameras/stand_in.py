"""Stands in for four cameras, for the two prompts that judge what they see, and for a person who answers cards.

    python3 examples/few-cameras/stand_in.py days yard 6
    python3 examples/few-cameras/stand_in.py answer yard ann

It drives the daemon's clock (`tidegate serve --time driven`). What an event is, and what the prompts say of it, follows from its id.
"""

import collections
import hashlib
import json
import os
import sys
import urllib.request
from datetime import datetime, timedelta

CAMERAS = ["door", "garage", "garden", "yard"]
EVENTS_AN_HOUR = 8  # of each camera


def ask(path, body=None):
    server = os.environ.get("TIDEGATE_SERVER", "http://127.0.0.1:4780")
    headers = {"content-type": "application/json"}
    if token := os.environ.get("TIDEGATE_TOKEN"):
        headers["authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(server + path, data, headers), timeout=60) as answer:
        return json.load(answer)


def chance(event, what):
    digest = hashlib.sha256(f"{event}/{what}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def is_threat(event):
    return chance(event, "threat") < 0.1


def alerts(event):
    """Whether each prompt alerts: the treatment leaves out two in five of the control's false alarms, and has few of its own."""
    if is_threat(event):
        return {variant: chance(event, variant) < 0.97 for variant in ("control", "treatment")}
    control = chance(event, "control") < 1 / 6
    return {"control": control, "treatment": chance(event, "treatment") < (0.6 if control else 0.01)}


def report(key, event, camera, assigned):
    says = {variant: {"score": 80 if alert else 20, "latency_ms": 900} for variant, alert in alerts(event).items()}
    observation = {"experiment": key, "id": event, "camera_id": camera, "run": assigned["run"]}
    if assigned["shadow_sample"] > 0:
        return {"type": "comparison", **observation, **says}
    return {"type": "analysis", **observation, "variant": assigned["variant"], **says[assigned["variant"]]}


def days(key, count):
    now = datetime.fromisoformat(ask(f"/v1/experiments/{key}/status")["now"].replace("Z", "+00:00"))
    reported = collections.Counter()
    for _ in range(int(count) * 24):
        assigned = ask(f"/v1/experiments/{key}/assignments", {"camera_ids": CAMERAS})["assignments"]
        reports = [
            report(key, f"clip-{now:%m%d-%H}-{one['camera_id']}-{number}", one["camera_id"], one)
            for one in assigned
            for number in range(EVENTS_AN_HOUR)
        ]
        taken = ask("/v1/observations", reports)
        assert taken["rejected"] == 0, taken
        reported.update(report["type"] for report in reports)
        now += timedelta(hours=1)
        ask("/v1/time", {"now": f"{now:%Y-%m-%dT%H:%M:%SZ}"})
    for kind, number in reported.items():
        print(f"{number:6} {kind}")


def answer(key, reviewer):
    answers = collections.Counter()
    while card := ask(f"/v1/experiments/{key}/review/next?reviewer={reviewer}")["card"]:
        said = "yes" if is_threat(card["event"]) else "no"
        body = {"event": card["event"], "turn": card["turn"], "reviewer": reviewer, "answer": said}
        ask(f"/v1/experiments/{key}/review/answers", body)
        answers[said] += 1
    for said, number in sorted(answers.items()):
        print(f"{number:6} {said}")


if __name__ == "__main__":
    {"days": days, "answer": answer}[sys.argv[1]](*sys.argv[2:])
