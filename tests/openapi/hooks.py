"""What schemathesis is told of Tidegate: how to write TOML and NDJSON, and which rules no schema can say."""

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path

import jsonschema_rs
import schemathesis
from hypothesis import strategies as st

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())

# Where a body that its schema allows may be refused nonetheless, as pointers of faults.
BEYOND_SCHEMAS = {
    "define_experiment": r"/key|/control|/treatment|/prompt|/ab/steps.*|/ab/duration_hours|/assignment/block_minutes|/full/holdback|/assignment/group_from|/assignment/(cameras|overrides).*|/review|/limits/discordant_max|/limits",
    "create_prompt": r"/key",
    "add_version": r"/key|/parent",
    "move_label": r"/version|/revision",
    "import_prompt": r"/document/(name|versions|versions/\d+/(digest|key|parent)|labels/\d+/version)",
}


def validator(name):
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(schema)


OBSERVATION = validator("Observation")


def is_time(text):
    """Whether a text is a time for certain: as RFC 3339 has it, a day that there is, from 1971 to 9998."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", str(text)):
        return False
    try:
        return 1971 <= datetime.fromisoformat(text.replace("Z", "+00:00")).year <= 9998
    except ValueError:
        return False


def operation_of(case):
    return case.operation.definition.raw.get("operationId")


def is_valid(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


PLAIN_ID = re.compile(r"[A-Za-z0-9._:-]{1,20}")
ID = st.from_regex(PLAIN_ID, fullmatch=True)
SCORE = st.integers(min_value=0, max_value=100)


@st.composite
def experiment_in_toml(draw):
    key, share = draw(st.sampled_from(["draft", "toml"])), draw(st.floats(min_value=0, max_value=1))
    gate = draw(st.sampled_from(["automatic", "manual"]))
    lines = [f'key = "{key}"', 'control = "v1"', 'treatment = "v2"', "[shadow]", f'gate = "{gate}"']
    return "\n".join([*lines, "[ab]", f"treatment_percentage = {share!r}"]).encode()


@st.composite
def observations_in_lines(draw):
    feedback = st.fixed_dictionaries(
        {
            "type": st.just("feedback"),
            "experiment": st.sampled_from(["shadow", "ab"]),
            "id": ID,
            "label": st.sampled_from(["correct", "false_positive"]),
        }
    )
    analysis = st.fixed_dictionaries(
        {
            "type": st.just("analysis"),
            "experiment": st.sampled_from(["shadow", "ab"]),
            "id": ID,
            "camera_id": ID,
            "variant": st.just("control"),
            "score": SCORE,
        }
    )
    items = draw(st.lists(st.one_of(feedback, analysis), min_size=1, max_size=20))
    return "\n".join(json.dumps(item) for item in items).encode()


schemathesis.openapi.media_type("application/toml", experiment_in_toml())
schemathesis.openapi.media_type("application/x-ndjson", observations_in_lines())


def defined_at_its_key(case):
    if isinstance(case.body, bytes):
        case.path_parameters["key"] = case.body.split(b'"')[1].decode()
        return
    case.body["key"] = case.path_parameters["key"]
    if case.body["treatment"] == case.body["control"]:
        case.body["treatment"] = "other" if case.body["control"] != "other" else "another"


def imported_at_its_name(case):
    document = case.body["document"]
    document["name"] = case.path_parameters["name"]
    for version in document["versions"]:
        if version.get("digest") is not None:
            version["digest"] = "sha256:" + hashlib.sha256(version["text"].encode()).hexdigest()


AGREEING = {"define_experiment": defined_at_its_key, "import_prompt": imported_at_its_name}


@schemathesis.hook
def map_case(context, case):
    """A valid body is about what its path names, and says nothing else twice that must be the same."""
    revision = (case.headers or {}).get("If-Match")
    if is_valid(case) and revision is not None and not re.fullmatch(r'"[0-9]{1,9}"', revision):
        # The quotes of this pattern are left out at times.
        case.headers["If-Match"] = '"1"'
    agree = AGREEING.get(operation_of(case))
    if agree is not None and is_valid(case):
        agree(case)
    return case


@schemathesis.check
def valid_bodies_are_refused_only_for_what_no_schema_says(ctx, response, case):
    if response.status_code != 422 or not is_valid(case):
        return
    allowed = BEYOND_SCHEMAS.get(operation_of(case))
    problem = response.json()
    if allowed is None or problem["code"].startswith("too_many_"):
        return
    for fault in problem["faults"]:
        assert re.fullmatch(allowed, fault["pointer"]), f"refused at {fault['pointer']}: {fault['detail']}"


@schemathesis.check
def each_observation_is_judged_as_the_schema_judges_it(ctx, response, case):
    if operation_of(case) != "observe" or response.status_code != 200 or not isinstance(case.body, list):
        return
    results = response.json()["results"]
    assert len(results) == len(case.body)
    for item, result in zip(case.body, results):
        if result.get("pointer", "").endswith("/observed_at"):
            # Whether a text is a time is not asked of the schema, but a good one is not refused.
            assert not is_time(item["observed_at"]), f"{item!r} is answered {result!r}"
            continue
        if result.get("pointer", "").endswith("/camera_id") and not PLAIN_ID.fullmatch(str(item.get("camera_id"))):
            # How long a name is as an id is not asked of the schema.
            continue
        refused = result.get("code") in ("invalid_field", "malformed_body")
        assert refused != OBSERVATION.is_valid(item), f"{item!r} is answered {result!r}"
