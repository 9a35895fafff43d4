"""Compares bodies with the protocol's own schemas, told line by line."""

import copy
import json
import sys
from importlib.metadata import version

import yaml
from jsonschema import Draft202012Validator

with open(sys.argv[1]) as file:
    STRICT = yaml.safe_load(file)

# As it is, a reply with a value is one of two kinds of flag, where it may be of one only.
AMENDED = copy.deepcopy(STRICT)
kinds = AMENDED["components"]["schemas"]["evaluationSuccess"]["allOf"][1]
kinds["anyOf"] = kinds.pop("oneOf")


def versions(told):
    return [f"OFREP {STRICT['info']['version']}", f"jsonschema {version('jsonschema')}"]


def check(told):
    """Every fault of a body."""
    protocol = {"strict": STRICT, "amended": AMENDED}[told["reading"]]
    schema = dict(protocol, **{"$ref": f"#/components/schemas/{told['schema']}"})
    errors = Draft202012Validator(schema).iter_errors(told["body"])
    return [f"{error.json_path}: {error.validator}: {error.message}" for error in errors]


for line in sys.stdin:
    told = json.loads(line)
    answer = {"versions": versions, "check": check}[told["do"]](told)
    print(json.dumps(answer), flush=True)
