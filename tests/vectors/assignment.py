"""Writes assignment.json with the xxHash bindings of PyPI (package `xxhash`), not with Tidegate.

    pip install xxhash==4.1.0
    python3 tests/vectors/assignment.py > tests/vectors/assignment.json

A case holds what DESIGN fixes as `xxh3-64/1`: the hash of the camera id, seeded with the hash of the
salt, and the variant at each share. Python's integers compute floor(share * 2^64) exactly.
"""

import json
import random
from fractions import Fraction

import xxhash

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/-"
SALTS = ["nemotron_prompt_v2", "nemotron_prompt_v2/2", "a", "0", "x" * 128, "rubric_vs_current"]
SHARES = [0.0, 0.05, 0.07, 0.1, 0.5, 0.95, 1.0]


def main():
    draw = random.Random(20261)
    ids = ["front_door", "back_yard"]
    ids += ["".join(draw.choice(ALPHABET) for _ in range(length)) for length in range(1, 129) for _ in range(2)]
    cases = []
    for salt in SALTS:
        seed = xxhash.xxh3_64_intdigest(salt.encode(), seed=0)
        for camera in ids:
            value = xxhash.xxh3_64_intdigest(camera.encode(), seed=seed)
            treated = [share for share in SHARES if share == 1 or value < int(Fraction(share) * 2**64)]
            cases.append({"salt": salt, "camera_id": camera, "hash": f"{value:016x}", "treated_at": treated})
    head = {"hash": "xxh3-64/1", "computed_by": f"PyPI xxhash {xxhash.VERSION}, XXH {xxhash.XXHASH_VERSION}"}
    print(json.dumps({**head, "shares": SHARES})[:-1] + ', "cases": [')
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


main()
