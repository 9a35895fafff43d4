"""The engine in the process: the same numbers and decisions as the daemon's."""

import json
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tidegate import engine
from tidegate.engine import Duplicate, Experiment, InvalidExperiment, Rejected, Rollout

VECTORS = Path(__file__).parents[3] / "tests" / "vectors"
START = datetime(2026, 3, 2, 8, tzinfo=timezone.utc)
TOML = """
key = "door_v2"
control = "v1"
treatment = "v2"
[shadow]
duration_hours = 0
[ab]
treatment_percentage = 0.5
[guardrails]
rule = "threshold"
min_samples = 10
[assignment.overrides]
lab = "treatment"
"""


def experiment(more=""):
    return Experiment.from_toml(TOML + more)


def started(toml=TOML):
    rollout = Rollout(Experiment.from_toml(toml))
    rollout.act(START, "start", actor="ann", reason="a try")
    return rollout


def analysis(number, variant="control", **more):
    observation = {"type": "analysis", "experiment": "door_v2", "id": f"e{number}", "run": 1}
    return {**observation, "camera_id": f"camera-{number % 20}", "variant": variant, **more}


def test_the_split_is_that_of_the_vectors():
    cases = json.loads((VECTORS / "assignment.json").read_text())
    for case in cases["cases"]:
        hashed = engine.camera_hash(case["camera_id"], case["salt"])
        assert f"{hashed:016x}" == case["hash"]
        for share in cases["shares"]:
            treated = share in case["treated_at"]
            assigned = engine.assign(case["camera_id"], case["salt"], share)
            assert assigned == ("treatment" if treated else "control")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_share_outside_of_its_range_is_refused(share):
    with pytest.raises(ValueError, match="share"):
        engine.assign("camera", "salt", share)


def test_an_id_that_is_none_is_refused_by_name():
    with pytest.raises(ValueError, match="camera_id: .* is empty"):
        engine.assign("", "salt", 0.5)
    with pytest.raises(ValueError, match="salt: "):
        engine.assign("camera", "two words", 0.5)


def test_a_file_tells_every_fault():
    with pytest.raises(InvalidExperiment) as told:
        Experiment.from_toml('key = "k"\ncontrol = "v1"\ntreatment = "v2"\n[ab]\ntreatment_percentage = 2\nx = 1\n')
    assert "ab.treatment_percentage" in str(told.value) and "ab.x" in str(told.value)


def test_an_experiment_shows_its_settings_and_reads_them_again():
    made = experiment()
    assert (made.key, made.control, made.treatment, made.salt) == ("door_v2", "v1", "v2", "door_v2")
    assert made.rule == "threshold"
    for text in (made.to_toml(), made.to_json()):
        assert Experiment.from_toml(text).digest == made.digest
    other = made.with_salt("door_v2/2")
    assert other.salt == "door_v2/2" and other.digest != made.digest


def test_a_handle_serves_as_the_function_does_and_keeps_overrides():
    serving = experiment().serving("split", 0.5)
    variants = set()
    for number in range(200):
        assigned = serving.assign(f"camera-{number}")
        assert assigned.variant == engine.assign(f"camera-{number}", "door_v2", 0.5)
        assert assigned.reason == "split"
        variants.add(assigned.variant)
    assert variants == {"control", "treatment"}
    assert serving.assign("lab").variant == "treatment"
    assert serving.assign("lab").reason == "override"


@pytest.mark.parametrize("reason", ["rolled_back", "stopped", "paused", "expired", "shadow", "not_started"])
def test_what_is_not_split_serves_control(reason):
    assigned = experiment().serving(reason, 1.0).assign("lab")
    assert (assigned.variant, assigned.reason) == ("control", reason)


def test_what_is_released_serves_the_treatment():
    for reason in ("full", "completed"):
        assert experiment().serving(reason, 0.0).assign("camera-1").variant == "treatment"


def test_a_group_is_split_for_its_own_cameras_alone():
    toml = TOML.replace("[assignment.overrides]\nlab", '[assignment]\ngroup = "site"\ngroup_from = 0.0\ngroup_to = 0.5\n[assignment.overrides]\nlab')
    serving = Experiment.from_toml(toml).serving("split", 1.0)
    reasons = [serving.assign(f"camera-{number}").reason for number in range(200)]
    assert 60 < reasons.count("outside_group") < 140
    assert set(reasons) == {"outside_group", "split"}


def test_a_switchback_goes_by_the_block_of_time():
    toml = TOML.replace("[assignment.overrides]", '[assignment]\nsplit = "switchback"\nblock_minutes = 60\n[assignment.overrides]')
    serving = Experiment.from_toml(toml).serving("split", 0.5)
    hours = [serving.assign("camera-1", hour * 3_600_000).variant for hour in range(48)]
    assert set(hours) == {"control", "treatment"}
    assert serving.assign("camera-1", 0) == serving.assign("camera-1", 3_599_999)


def test_a_rollout_rolls_back_and_then_serves_control():
    rollout = started()
    decided = []
    for number in range(60):
        variant = "treatment" if number % 2 else "control"
        decided += rollout.apply(START, analysis(number, variant, score=80, latency_ms=100))
        label = "false_positive" if variant == "treatment" else "correct"
        feedback = {"type": "feedback", "experiment": "door_v2", "id": f"e{number}", "label": label}
        decided += rollout.apply(START, feedback)
        if decided:
            break
    (step,) = decided
    assert (step.from_state, step.to_state, step.cause) == ("ab", "rolled_back", "guardrail")
    assert "FP rate increase 100.0%" in step.reason
    assert rollout.assign("lab", START).variant == "control"
    assert rollout.assign("lab", START).reason == "rolled_back"
    assert rollout.serving().assign("lab").reason == "rolled_back"
    assert rollout.status(START).phase == "rolled_back"


def test_time_passes_by_its_deadlines():
    rollout = started()
    ends, why = rollout.next_deadline()
    # The last instant belongs to the test.
    assert (ends - START, why) == (timedelta(hours=48, milliseconds=1), "ab_ends")
    # Nothing came in, so nothing was proved: its owner decides.
    steps = rollout.apply(START + timedelta(days=30))
    assert [step.to_state for step in steps][-1].startswith("ab (")
    assert steps[0].at == ends
    assert rollout.status(START + timedelta(days=30)).treatment_share == 0.0


def test_what_was_decided_before_a_refused_event_is_told_by_the_next_call():
    rollout, other = started(), started()
    late = START + timedelta(days=30)
    with pytest.raises(Rejected):
        rollout.apply(late, {"type": "feedback", "experiment": "door_v2", "id": "never", "label": "correct"})
    told = rollout.apply(late)
    assert told == other.apply(late) and told
    assert rollout.apply(late) == ()


def test_a_status_counts():
    rollout = started()
    for number in range(4):
        rollout.apply(START, analysis(number, score=80, latency_ms=100 + number))
    rollout.apply(START, analysis(4, "treatment", error=True))
    status = rollout.status(START + timedelta(hours=12))
    assert (status.phase, status.condition, status.remaining_hours) == ("ab", "clear", 36.0)
    assert (status.control.analyses, status.control.latency_ms_mean) == (4, 101.5)
    assert (status.treatment.errors, status.treatment.error_rate) == (1, 1.0)
    assert (status.cameras, status.observations, status.started_at) == (5, 5, START)
    assert rollout.check().should_roll_back is False
    assert "Insufficient samples" in rollout.check().reason


def test_what_is_refused_changes_nothing():
    rollout = started()
    rollout.apply(START, analysis(1, score=1))
    before = rollout.status(START)
    with pytest.raises(Duplicate):
        rollout.apply(START, analysis(1, score=1))
    with pytest.raises(Rejected, match="unknown"):
        rollout.apply(START, {"type": "feedback", "experiment": "door_v2", "id": "never", "label": "correct"})
    with pytest.raises(Rejected, match="before"):
        rollout.apply(START - timedelta(seconds=1), analysis(2, score=1))
    with pytest.raises(ValueError, match="score 101 is out of range"):
        rollout.apply(START, analysis(2, score=101))
    with pytest.raises(ValueError, match="latency_ms"):
        rollout.apply(START, analysis(2, latency_ms=-1))
    with pytest.raises(ValueError, match="experiment: `other`"):
        rollout.apply(START, {**analysis(2, score=1), "experiment": "other"})
    with pytest.raises(ValueError, match="action: .* allowed: start"):
        rollout.act(START, "begin", actor="ann", reason="x")
    with pytest.raises(ValueError, match="actor"):
        rollout.act(START, "stop", actor="", reason="x")
    with pytest.raises(ValueError, match="time zone"):
        rollout.apply(datetime(2026, 3, 2), analysis(2, score=1))
    assert rollout.status(START) == before


def test_a_snapshot_goes_on_as_if_nothing_had_happened():
    rollout = started()
    for number in range(20):
        rollout.apply(START, analysis(number, score=number, latency_ms=100))
    other = Rollout.restore(rollout.experiment, rollout.snapshot())
    for one in (rollout, other):
        one.apply(START, analysis(20, "treatment", score=9))
    assert other.status(START) == rollout.status(START)
    assert other.next_deadline() == rollout.next_deadline()
    with pytest.raises(Duplicate):
        other.apply(START, analysis(3, score=3))
    with pytest.raises(ValueError, match="snapshot of definition"):
        Rollout.restore(experiment().with_salt("another"), rollout.snapshot())


def test_one_value_serves_many_threads():
    serving = experiment().serving("split", 0.5)
    expected = [serving.assign(f"camera-{number}").variant for number in range(500)]
    seen = []

    def ask():
        seen.append([serving.assign(f"camera-{number}").variant for number in range(500)])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [expected] * 4


def test_threads_share_a_rollout():
    rollout = Rollout(Experiment.from_toml(TOML))
    rollout.act(START, "start", actor="ann", reason="a try")
    failures = []

    def report(name):
        try:
            for number in range(300):
                camera = f"camera-{number % 9}"
                event = {"type": "analysis", "experiment": "door_v2", "id": f"{name}-{number}", "camera_id": camera}
                variant = rollout.assign(camera, START).variant
                rollout.apply(START, {**event, "variant": variant, "score": 1, "latency_ms": 10})
                rollout.check()
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=report, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and rollout.status(START).observations == 1200
