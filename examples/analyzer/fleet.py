"""Stands in for a fleet of cameras and for the people who label its alerts: sends events to the analyzer.

    python3 examples/analyzer/fleet.py --name monday --events 300
    python3 examples/analyzer/fleet.py --name tuesday --until rolled_back
"""

import argparse
import collections
import http.client
import json
import os

from sample_model import chance

EVENTS_MAX = 20_000


def ask(connection, path, body):
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    if response.status != 200:
        raise SystemExit(f"{path}: {response.status}: {answer['detail']}")
    return answer


def main():
    parser = argparse.ArgumentParser(description="A fleet of cameras, and people who label its alerts")
    parser.add_argument("--analyzer", default=os.environ.get("ANALYZER", "127.0.0.1:8080"), metavar="HOST:PORT")
    parser.add_argument("--name", required=True, help="makes the events' ids; the same name makes the same events")
    parser.add_argument("--cameras", type=int, default=30)
    parser.add_argument("--events", type=int, default=EVENTS_MAX)
    parser.add_argument("--until", metavar="REASON", help="stop at the first answer with this reason")
    parser.add_argument("--labelled-share", type=float, default=0.5, help="alerts that somebody labels")
    options = parser.parse_args()
    connection = http.client.HTTPConnection(options.analyzer, timeout=60)
    served, labels = collections.Counter(), collections.Counter()
    for number in range(options.events):
        event_id = f"{options.name}-{number}"
        threat = chance(event_id, "threat") < 0.5
        image = "a person at the door" if threat else "a cat on the wall"
        event = {"id": event_id, "camera_id": f"camera-{number % options.cameras + 1}", "image": image}
        answer = ask(connection, "/detections", event)
        served[f"{answer['reason']}: {answer['prompt_version']}"] += 1
        if answer["reason"] == options.until:
            break
        if answer["risk_score"] >= 60 and chance(event_id, "labelled") < options.labelled_share:
            label = "correct" if threat else "false_positive"
            ask(connection, "/feedback", {"id": event_id, "label": label})
            labels[label] += 1
    ask(connection, "/drain", {})
    for what, count in [*served.items(), *labels.items()]:
        print(f"{count:6} {what}")


if __name__ == "__main__":
    main()
