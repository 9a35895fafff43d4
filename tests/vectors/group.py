"""Writes group.json with the xxHash bindings of PyPI (package `xxhash`), not with Tidegate.

    pip install xxhash==4.1.0
    python3 tests/vectors/group.py > tests/vectors/group.json

A case holds which of the parts of a group a camera is in. Python's integers compute floor(share * 2^64) exactly.
"""

import json
import random
from fractions import Fraction

import xxhash

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/-"
GROUPS = ["door", "nemotron_prompt_v2", "0", "x" * 128]
PARTS = [[0.0, 0.5], [0.5, 1.0], [0.0, 1.0], [0.1, 0.35], [0.35, 0.95], [0.95, 1.0]]


def holds(part, value):
    begins, ends = (int(Fraction(share) * 2**64) for share in part)
    return begins <= value and (part[1] == 1 or value < ends)


def main():
    draw = random.Random(20262)
    ids = ["front_door", "back_yard"]
    ids += ["".join(draw.choice(ALPHABET) for _ in range(length)) for length in range(1, 129)]
    cases = []
    for group in GROUPS:
        seed = xxhash.xxh3_64_intdigest(group.encode(), seed=1)
        for camera in ids:
            value = xxhash.xxh3_64_intdigest(camera.encode(), seed=seed)
            parts = [part for part in PARTS if holds(part, value)]
            cases.append({"group": group, "camera_id": camera, "parts": parts})
    head = {"computed_by": f"PyPI xxhash {xxhash.VERSION}, XXH {xxhash.XXHASH_VERSION}"}
    print(json.dumps({**head, "parts": PARTS})[:-1] + ', "cases": [')
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


main()
