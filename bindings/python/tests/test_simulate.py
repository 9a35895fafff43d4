"""Simulations from Python: to the last bit what the command prints."""

import subprocess
import threading
from pathlib import Path

import pytest

from tidegate import _engine
from tidegate.engine import InvalidExperiment, simulate

SCENARIOS = Path(__file__).parents[3] / "scenarios"
FILES = ["errors-plus-10.toml", "harmless-20-cameras-alike.toml", "improvement.toml"]


@pytest.mark.parametrize("name", FILES)
def test_the_command_prints_the_same_bytes(tidegate_program, name):
    path = SCENARIOS / name
    more = ["--runs", "20", "--seed", "7", "--rule", "threshold", "--threads", "1"]
    printed = subprocess.run([tidegate_program, "simulate", path, "--format", "json", *more], capture_output=True)
    # What it prints stands, whether or not 20 runs came to what was expected.
    assert printed.stdout, printed.stderr
    made = _engine.simulate(path.read_text(), runs=20, seed=7, rule="threshold")
    assert "".join(f"{line}\n" for line in made).encode() == printed.stdout


def test_threads_change_nothing():
    text = (SCENARIOS / FILES[0]).read_text()
    assert simulate(text, runs=20, threads=1) == simulate(text, runs=20, threads=4)


def test_a_result_says_what_came_of_it():
    (made,) = simulate((SCENARIOS / FILES[0]).read_text(), runs=20, seed=3, rule="sequential")
    assert (made.runs, made.seed, made.rule) == (20, 3, "sequential")
    assert 0.0 <= made.rolled_back_share <= 1.0 and made.summary["name"] == made.name
    assert made.rolled_back_share + made.promoted_share + made.inconclusive_share == pytest.approx(1.0)


def test_other_threads_go_on_meanwhile():
    text = (SCENARIOS / FILES[1]).read_text()
    ended = threading.Event()

    def run():
        simulate(text, runs=60, threads=1)
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    turns = 0
    while not ended.wait(0.0005):
        turns += 1
    thread.join()
    assert turns > 5


def test_what_is_no_scenario_is_refused_with_its_faults():
    with pytest.raises(InvalidExperiment, match="fleet"):
        simulate('name = "x"\n[fleet]\ncameras = -1\n')
    text = (SCENARIOS / FILES[0]).read_text()
    given = ({"runs": 0}, "runs"), ({"runs": 10**7}, "runs"), ({"seed": 2**63}, "seed"), ({"threads": 0}, "threads")
    for more, field in (*given, ({"threads": 1_025}, "threads")):
        with pytest.raises(ValueError, match=field):
            simulate(text, **more)
    with pytest.raises(InvalidExperiment, match="rule"):
        simulate(text, rule="guess")
    for more in ({"runs": -1}, {"seed": -1}, {"threads": 100_000}):
        with pytest.raises(OverflowError):
            simulate(text, **more)
