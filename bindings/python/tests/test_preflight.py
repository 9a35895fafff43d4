"""Looking ahead from Python: to the last bit what the command prints."""

import json
import subprocess

import pytest

from tidegate import Experiment, _engine
from tidegate.engine import preflight

TOML = 'key = "door"\ncontrol = "v1"\ntreatment = "v2"\n'
LISTED = TOML + '[assignment]\nsplit = "balanced"\ncameras = ["a", "b", "c", "d", "e", "f"]\n'


@pytest.mark.parametrize(
    ("toml", "fleet"),
    [
        (TOML, {"cameras": 20, "analyses_per_day": 200, "feedback_share": 0.05}),
        (TOML, {"cameras": 4, "analyses_per_day": 30.5, "feedback_share": 0.5, "icc": 0.2, "fp_rate": 0.3}),
        (LISTED, {"analyses_per_day": 500, "feedback_share": 0.1, "latency_cv": 1.5, "drift_share": 0.0}),
        (TOML, {"cameras": 4, "analyses_per_day": 200, "feedback_share": 0.05, "disagreement": 0.3, "false_alarm_change": -0.2}),
    ],
)
def test_the_command_prints_the_same_bytes(tidegate_program, tmp_path, toml, fleet):
    path = tmp_path / "experiment.toml"
    path.write_text(toml)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in fleet.items()]
    command = [tidegate_program, "experiment", "preflight", path, "--format", "json", *options]
    printed = subprocess.run(command, check=True, capture_output=True).stdout
    experiment = Experiment.from_toml(toml)
    assert _engine.preflight(experiment, json.dumps(fleet)).encode() + b"\n" == printed
    assert preflight(experiment, **fleet).summary == json.loads(printed)


def test_a_small_fleet_is_advised():
    seen = preflight(Experiment.from_toml(TOML), cameras=4, analyses_per_day=50, feedback_share=0.1)
    assert seen.control_cameras + seen.treatment_cameras == 4
    assert seen.advice and seen.sees_most == "switchback"
    sight = {sight.guardrail: sight for sight in seen.guardrails}["fp_rate"]
    assert sight.unit == "points" and sight.smallest_detectable > sight.limit == 5.0


def test_a_review_is_looked_ahead_at():
    experiment = Experiment.from_toml(TOML)
    fleet = {"cameras": 4, "analyses_per_day": 200, "feedback_share": 0.05, "alert_rate": 0.25}
    rejected, harmless, proved = preflight(experiment, **fleet).reviews
    assert [one.verdict for one in (rejected, harmless, proved)] == ["rejected_false_alarms", "harmless", "proved"]
    assert proved.false_alarm_change == -0.2 and proved.days <= 14 and proved.answers < 100
    (asked,) = preflight(experiment, false_alarm_change=0.01, **fleet).reviews
    assert asked.verdict == "harmless"


def test_what_is_out_of_range_is_refused_by_name():
    experiment = Experiment.from_toml(TOML)
    fleet = {"cameras": 20, "analyses_per_day": 200, "feedback_share": 0.05}
    for more, told in (
        ({"feedback_share": 2}, "feedback share"),
        ({"cameras": 0}, "cameras"),
        ({"cameras": -1}, "fleet: .*-1"),
        ({"icc": 1.0}, "intraclass correlation"),
        ({"guess": 1.0}, "fleet: unknown field `guess`"),
        ({"cameras": None}, "cameras: is missing"),
    ):
        with pytest.raises(ValueError, match=told):
            preflight(experiment, **{**fleet, **more})
