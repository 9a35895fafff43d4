"""The chapter on this package: its examples run, in their order."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

pytest.importorskip("openfeature")

PAGE = Path(__file__).parents[3] / "docs" / "python.md"

EXPERIMENT = 'key = "door_v2"\ncontrol = "v1_original"\ntreatment = "v2_calibrated"\n'


def examples():
    blocks = PAGE.read_text().split("```python\n")[1:]
    return [block.split("```")[0] for block in blocks]


@pytest.mark.filterwarnings("ignore::tidegate.compat.prompt_ab_rollout.ThresholdRuleWarning")
def test_every_example_runs(tidegate_daemon, tidegate_memory, monkeypatch, capsys):
    monkeypatch.chdir(PAGE.parents[1])
    monkeypatch.setenv("TIDEGATE_SERVER", tidegate_daemon.url)
    # The examples report by the machine's clock.
    tidegate_daemon.now = datetime.now(timezone.utc)
    tidegate_daemon.pass_time()
    tidegate_daemon.define(EXPERIMENT)
    tidegate_daemon.act("door_v2", "start")
    names = {}
    for number, example in enumerate(examples()):
        exec(compile(example, f"{PAGE.name}, example {number + 1}", "exec"), names)
    names["client"].close()
    told = capsys.readouterr().out
    assert told.startswith("v1_original shadow\nv1_original: a cat\nrolled_back FP rate increase")
    # Three analyses, two comparisons and a feedback.
    assert tidegate_daemon.status("door_v2")["observations"] == 6
    # Those that are tests of a reader's are run as such.
    tests = [name for name in names if name.startswith("test_")]
    assert tests == ["test_harm_is_rolled_back", "test_cameras_are_split_after_the_shadow"]
    names[tests[0]](tidegate_memory)
    names[tests[1]](tidegate_daemon)
