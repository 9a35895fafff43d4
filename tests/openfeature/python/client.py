"""The OpenFeature client in Python, told what to ask line by line."""

import json
import sys
from importlib.metadata import version

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext


def versions(told):
    names = ["openfeature-provider-ofrep", "openfeature-sdk"]
    return [f"{name} {version(name)}" for name in names]


def provider(told):
    headers = told["headers"]
    api.set_provider_and_wait(
        OFREPProvider(told["url"], headers_factory=lambda: headers)
    )
    return {}


def ask(told):
    context = EvaluationContext(told["camera"], told["attributes"])
    details = api.get_client().get_string_details(
        told["flag"], told["default"], context
    )
    return {
        "value": details.value,
        "variant": details.variant,
        "reason": str(details.reason),
        "error": details.error_code.value if details.error_code else None,
        "message": details.error_message,
        "metadata": dict(details.flag_metadata),
    }


for line in sys.stdin:
    told = json.loads(line)
    answer = {"versions": versions, "provider": provider, "ask": ask}[told["do"]](told)
    print(json.dumps(answer), flush=True)
