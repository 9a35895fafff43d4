"""Writes sample.csv: two days of an invented fleet whose new prompt alarms for nothing more often.

    pip install xxhash==4.1.0
    python3 scenarios/replay/sample.py > scenarios/replay/sample.csv

24 cameras, about 40 events each a day. The treatment's cameras are those Tidegate would choose for the
salt `sample`. True false-positive rates: 50 % under control, 72 % under treatment; a quarter of all
events is labelled, half of the labels within 45 minutes. Rows come camera by camera, as exports do.
"""

import csv
import random
import sys
from datetime import datetime, timedelta, timezone

import xxhash


def main():
    draw = random.Random(48)
    seed = xxhash.xxh3_64_intdigest(b"sample")
    start = datetime(2026, 3, 2, tzinfo=timezone.utc)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(
        ["time", "event", "camera", "prompt", "latency_ms", "error", "risk_score", "feedback", "feedback_time"]
    )
    number = 0
    for i in range(24):
        camera = f"site-{i // 8 + 1}/camera-{i % 8 + 1}"
        treated = xxhash.xxh3_64_intdigest(camera.encode(), seed=seed) < 2**63
        nuisance = draw.betavariate(7.2, 2.8) if treated else draw.betavariate(5, 5)
        at = start
        while True:
            at += timedelta(seconds=draw.expovariate(40 / 86400))
            if at >= start + timedelta(hours=48):
                break
            number += 1
            failed = draw.random() < 0.02
            harmless = draw.random() < nuisance
            score = min(100, max(0, round(draw.gauss(74 if harmless else 80, 12))))
            label, label_time = "", ""
            if not failed and draw.random() < 0.25:
                label = "false_positive" if harmless else "correct"
                label_time = (at + timedelta(minutes=draw.lognormvariate(3.8, 1.2))).isoformat(timespec="seconds")
            out.writerow([
                at.isoformat(timespec="milliseconds"),
                f"event-{number:05}",
                camera,
                "v2" if treated else "v1",
                "" if failed else f"{draw.lognormvariate(6.8, 0.5):.1f}",
                "timeout" if failed else "",
                "" if failed else score,
                label,
                label_time,
            ])


main()
