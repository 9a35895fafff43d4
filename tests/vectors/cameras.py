"""Writes cameras.json: what cameras are called, their ids and hashes, with Python's urllib and the xxHash bindings of PyPI.

    pip install xxhash==4.1.0
    python3 tests/vectors/cameras.py > tests/vectors/cameras.json
"""

import json
from urllib.parse import quote, unquote

import xxhash

NAMES = [
    "cam-1",
    "site-1/door_2:a.b",
    "Front Door",
    "Garage Tür",
    "Камера у входной двери",
    "玄関",
    "yard (north), #2",
    "it's ours!*",
    "a~b",
    "50%",
    "100% zoom",
    "Garage%20T%c3%bcr",
    "Garage%20T%C3%BCr",
    "site%2F1%3a%41",
    "🚪",
]


def main():
    seed = xxhash.xxh3_64_intdigest(b"door", seed=0)
    cases = []
    for name in NAMES:
        camera = quote(unquote(name), safe="/:")
        cases.append({"name": name, "camera_id": camera, "hash": f"{xxhash.xxh3_64_intdigest(camera.encode(), seed=seed):016x}"})
    computed_by = f"Python urllib.parse, PyPI xxhash {xxhash.VERSION}"
    print(json.dumps({"computed_by": computed_by, "salt": "door"})[:-1] + ', "cases": [')
    print(",\n".join(json.dumps(case, ensure_ascii=False) for case in cases))
    print("]}")


main()
