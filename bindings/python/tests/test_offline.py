"""Replays, evaluations and sweeps from Python: to the last bit what the command prints."""

import subprocess
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tidegate.engine import Experiment, InvalidExperiment, evaluate, frame, replay, simulate, tune

SCENARIOS = Path(__file__).parents[3] / "scenarios"
SAMPLE = SCENARIOS / "replay" / "sample"
DATASET = SCENARIOS / "evaluate" / "synthetic.jsonl"
HARM = SCENARIOS / "errors-plus-10.toml"
PROMPTS = {"control": "calibrated_system", "treatment": "rubric_enhanced"}


def printed(program, *arguments):
    command = [program, *map(str, arguments), "--format", "json"]
    return subprocess.run(command, capture_output=True).stdout.decode()


def sample(**more):
    experiment = Experiment.from_toml(Path(f"{SAMPLE}.experiment.toml").read_text())
    more.setdefault("map", Path(f"{SAMPLE}.map.toml").read_text())
    return replay(more.pop("records", f"{SAMPLE}.csv"), experiment=experiment, **more)


REPLAYS = [
    ({}, ()),
    ({"explain": True, "by_camera": True}, ("--explain", "--by-camera")),
    ({"window": timedelta(hours=12), "baseline": timedelta(hours=3)}, ("--window", "12h", "--baseline", "3h")),
    ({"start": datetime(2026, 3, 2, 6, tzinfo=timezone.utc)}, ("--from", "2026-03-02T06:00:00Z")),
]


@pytest.mark.parametrize(("given", "arguments"), REPLAYS)
def test_a_replay_is_that_of_the_command(tidegate_program, given, arguments):
    files = ("--experiment", f"{SAMPLE}.experiment.toml", "--map", f"{SAMPLE}.map.toml")
    replayed = sample(**given)
    assert "".join(f"{line}\n" for line in replayed.lines) == printed(tidegate_program, "replay", f"{SAMPLE}.csv", *files, *arguments)
    assert replayed.no_verdict is None and replayed.counts["used"] > 1500
    assert len(replayed.runs) == (4 if "window" in given else 1)


def test_a_replay_says_when_it_would_have_acted():
    (run,) = sample().runs
    assert (run.outcome, run.guardrail) == ("rolled_back", "fp_rate")
    assert run.decided_at - run.started_at == pytest.approx(timedelta(hours=run.hours_to_decision), abs=timedelta(seconds=1))
    assert "False alarms rose" in run.reason and run.summary["evidence"]["treatment"]["analyses"] > 400


def test_too_much_that_was_rejected_is_no_verdict(tidegate_program, tmp_path):
    records = tmp_path / "records.csv"
    lines = Path(f"{SAMPLE}.csv").read_text().splitlines(keepends=True)
    records.write_text("".join(lines[:100]) + "nonsense\n" * 50)
    replayed = sample(records=records)
    assert replayed.runs == () and "--rejected-max" in replayed.no_verdict and replayed.counts["rejected"] == 50
    files = ("--experiment", f"{SAMPLE}.experiment.toml", "--map", f"{SAMPLE}.map.toml")
    assert f"{replayed.lines[0]}\n" == printed(tidegate_program, "replay", records, *files)
    assert sample(records=records, rejected_max=50.0).no_verdict is None


def test_what_cannot_be_replayed(tmp_path):
    with pytest.raises(OSError, match="not_there.csv"):
        sample(records=tmp_path / "not_there.csv")
    (tmp_path / "empty.csv").write_text(Path(f"{SAMPLE}.csv").read_text().splitlines()[0] + "\n")
    with pytest.raises(ValueError, match="no record of .*empty.csv could be used"):
        sample(records=tmp_path / "empty.csv")
    for more, field in (
        ({"records": "-"}, "records"),
        ({"map": "[columns]\n"}, "map"),
        ({"window": timedelta(0)}, "window"),
        ({"baseline": timedelta(hours=-1)}, "baseline: -1 day"),
        ({"rejected_max": 101}, "rejected_max"),
        ({"start": datetime(2026, 3, 2)}, "time zone"),
        ({"window": timedelta(hours=1), "baseline": timedelta(hours=1)}, "baseline"),
    ):
        with pytest.raises(ValueError, match=field):
            sample(**more)


@pytest.mark.parametrize(
    ("given", "arguments"),
    [({}, ()), ({"metrics": ["level_match_accuracy"], "resamples": 500, "seed": 9}, ("--metric", "level_match_accuracy", "--resamples", "500", "--seed", "9"))],
)
def test_an_evaluation_is_that_of_the_command(tidegate_program, given, arguments):
    names = ("--control", PROMPTS["control"], "--treatment", PROMPTS["treatment"])
    evaluated = evaluate(DATASET, **PROMPTS, **given)
    assert f"{evaluated.line}\n" == printed(tidegate_program, "evaluate", DATASET, *names, *arguments)
    assert evaluated.verdict == evaluated.summary["verdict"] and evaluated.reason == evaluated.summary["reason"]
    assert [one.metric for one in evaluated.metrics] == [one["metric"] for one in evaluated.summary["metrics"]]


def test_an_experiment_says_what_is_evaluated():
    text = f'key = "k"\ncontrol = "{PROMPTS["control"]}"\ntreatment = "{PROMPTS["treatment"]}"\n'
    text += f'[evaluation]\ndataset = "{DATASET}"\nmetrics = ["level_match_accuracy"]\n'
    evaluated = evaluate(experiment=Experiment.from_toml(text))
    assert evaluated == evaluate(DATASET, metrics=["level_match_accuracy"], **PROMPTS)
    (metric,) = evaluated.metrics
    assert metric.difference == pytest.approx(metric.treatment - metric.control)


def test_a_data_set_with_too_many_faults_has_no_verdict(tidegate_program, tmp_path):
    cases = tmp_path / "cases.jsonl"
    cases.write_text("".join(DATASET.read_text().splitlines(keepends=True)[:40]) + "{}\n" * 10)
    evaluated = evaluate(cases, **PROMPTS)
    assert evaluated.verdict is None and "too much was rejected" in evaluated.reason and evaluated.metrics == ()
    names = ("--control", PROMPTS["control"], "--treatment", PROMPTS["treatment"])
    assert f"{evaluated.line}\n" == printed(tidegate_program, "evaluate", cases, *names)


def test_what_cannot_be_evaluated(tmp_path):
    with pytest.raises(OSError, match="not_there"):
        evaluate(tmp_path / "not_there.jsonl", **PROMPTS)
    for given, field in (
        ({}, "dataset"),
        ({"dataset": DATASET}, "control"),
        ({"dataset": "-", **PROMPTS}, "dataset"),
        ({"dataset": DATASET, "control": "a", "treatment": "a"}, "two different"),
        ({"dataset": DATASET, **PROMPTS, "resamples": 1}, "resamples"),
        ({"dataset": DATASET, **PROMPTS, "seed": 2**63}, "seed"),
        ({"dataset": DATASET, **PROMPTS, "metrics": ["beauty"]}, "metrics: `beauty` is no metric"),
        ({"dataset": DATASET, **PROMPTS, "rejected_max": -1}, "rejected_max"),
    ):
        with pytest.raises(ValueError, match=field):
            evaluate(**given)


VARY = "guardrails.max_error_rate_increase=0.02,0.30"


@pytest.mark.parametrize(
    ("given", "arguments"),
    [({}, ()), ({"objective": "hours", "horizon_hours": 60.0, "false_rollback_max": 0.5, "seed": 4}, ("--objective", "hours", "--horizon", "60", "--false-rollback-max", "0.5", "--seed", "4"))],
)
def test_a_sweep_is_that_of_the_command(tidegate_program, given, arguments):
    tuned = tune(HARM.read_text(), vary=VARY, runs=15, **given)
    told = printed(tidegate_program, "tune", HARM, "--vary", VARY, "--runs", "15", *arguments)
    assert "".join(f"{line}\n" for line in tuned.lines) == told
    assert [point.settings for point in tuned.points] == [(f"guardrails.max_error_rate_increase={n}",) for n in ("0.02", "0.3")]
    assert tuned.points[0].rolled_back_share > tuned.points[1].rolled_back_share


def test_a_sweep_gives_the_experiment_to_take():
    tuned = tune([HARM.read_text()], vary=[VARY], runs=15, false_rollback_max=1.0, threads=1)
    assert tuned.recommended is not None
    assert tuned.recommended in [point.settings for point in tuned.points if point.recommended]
    assert Experiment.from_toml(tuned.experiment).rule == "sequential"
    none = tune(HARM.read_text(), vary="fleet.cameras=10,20", runs=5)
    assert none.recommended is None and none.experiment is None
    assert none.warnings == ("nothing is recommended: fleet.cameras is no setting of the experiment",)


def test_what_cannot_be_tuned():
    text = HARM.read_text()
    harmless = (SCENARIOS / "harmless-20-cameras-alike.toml").read_text()
    for error, scenario, more in (
        (InvalidExperiment, 'name = "x"\n', {"vary": VARY}),
        (InvalidExperiment, text, {"vary": "guardrails.alpha=7,8"}),
        (ValueError, harmless, {"vary": VARY}),
        (ValueError, text, {"vary": "guardrails.alpha"}),
        (ValueError, text, {"vary": [VARY, VARY]}),
        (ValueError, text, {"vary": VARY, "objective": "joy"}),
        (ValueError, text, {"vary": VARY, "horizon_hours": 0.5}),
        (ValueError, text, {"vary": VARY, "false_rollback_max": 2}),
        (ValueError, text, {"vary": VARY, "runs": 0}),
        (ValueError, text, {"vary": VARY, "threads": 1_025}),
    ):
        with pytest.raises(error):
            tune(scenario, **{"runs": 5, **more})


def test_other_threads_go_on_during_a_sweep():
    ended = threading.Event()

    def run():
        tune(HARM.read_text(), vary=VARY, runs=40, threads=1)
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    turns = 0
    while not ended.wait(0.0005):
        turns += 1
    thread.join()
    assert turns > 5


def test_results_are_frames_where_pandas_is():
    pandas = pytest.importorskip("pandas")
    runs = frame(sample(window=timedelta(hours=12)))
    assert isinstance(runs, pandas.DataFrame) and len(runs) == 4
    assert str(runs["started_at"].dtype).startswith("datetime64")
    assert set(runs["outcome"]) <= {"rolled_back", "expired", "undecided", "promoted"}
    metrics = frame(evaluate(DATASET, **PROMPTS)).set_index("metric")
    assert metrics.loc["level_match_accuracy", "treatment"] > 0
    points = frame(tune(HARM.read_text(), vary=VARY, runs=5))
    assert list(points["rolled_back_share"]) == sorted(points["rolled_back_share"], reverse=True)
    scenarios = frame(simulate(HARM.read_text(), runs=5))
    assert scenarios.loc[0, "runs"] == 5 and "summary" not in scenarios


def test_without_pandas_a_frame_says_so(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pandas"):
        frame(simulate(HARM.read_text(), runs=1))
