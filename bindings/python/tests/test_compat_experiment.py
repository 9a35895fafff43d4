"""Sections 2 and 6 of the surface: `prompt_experiment` and `prompt_ab_config`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.compat import prompt_ab_config
from tidegate.compat.prompt_ab_config import EXPERIMENTS, PromptExperiment
from tidegate.compat.prompt_experiment import (
    PromptExperimentConfig,
    PromptVersion,
    get_prompt_experiment_config,
    reset_prompt_experiment_config,
)


def live(share, **more):
    return PromptExperimentConfig(shadow_mode=False, treatment_percentage=share, **more)


def treated(config, count=1000):
    versions = [config.get_version_for_camera(f"camera_{number}") for number in range(count)]
    return versions.count(PromptVersion.V2_CALIBRATED)


def test_defaults():
    config = PromptExperimentConfig()
    assert config.to_dict() == {
        "shadow_mode": True,
        "treatment_percentage": 0.0,
        "max_latency_increase_pct": 50.0,
        "min_fp_reduction_pct": 10.0,
        "experiment_name": "nemotron_prompt_v2",
        "started_at": None,
    }


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_percentage_outside_of_0_to_1_is_refused(share):
    with pytest.raises(ValueError, match="treatment_percentage"):
        PromptExperimentConfig(treatment_percentage=share)


@pytest.mark.parametrize("share", [0.0, 1.0, 0, 1])
def test_both_ends_are_allowed(share):
    assert PromptExperimentConfig(treatment_percentage=share).treatment_percentage == share


def test_a_start_is_a_text_that_is_kept():
    for text in ("2026-01-01T00:00:00Z", "whenever", ""):
        assert PromptExperimentConfig.from_dict({"started_at": text}).started_at == text


def test_shadow_serves_the_original_whatever_the_percentage():
    config = PromptExperimentConfig(shadow_mode=True, treatment_percentage=1.0)
    assert treated(config, 100) == 0
    assert config.is_shadow_mode is True and config.is_ab_test_active is False


def test_the_ends_serve_one_version():
    assert treated(live(0.0)) == 0
    assert treated(live(1.0)) == 1000


def test_30_percent_of_the_cameras():
    # The figure is the surface's, computed with another implementation of the hash.
    assert treated(live(0.3)) == 304


def test_the_split_is_finer_than_a_percent():
    # 7 % took 8 of 100 buckets: the share of 100,000 cameras is within four standard deviations of 7 % now.
    assert abs(treated(live(0.07), 100_000) - 7_000) < 330
    assert 0 < treated(live(0.004), 100_000) < 600


def test_a_camera_stays_in_its_version_in_every_process():
    code = (
        "from tidegate.compat.prompt_experiment import *\n"
        "config = PromptExperimentConfig(shadow_mode=False, treatment_percentage=0.5)\n"
        "print([config.get_version_for_camera(f'camera_{n}').value for n in range(50)])\n"
    )
    told = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
        told.add(run.stdout)
    assert len(told) == 1


def test_two_experiments_split_apart():
    one, other = live(0.5), live(0.5, experiment_name="other")
    cameras = [f"camera_{number}" for number in range(1000)]
    same = sum(one.get_version_for_camera(c) is other.get_version_for_camera(c) for c in cameras)
    assert 400 < same < 600


@pytest.mark.parametrize("camera", [None, 7, ("a", 1), "", "Tür 3", "x" * 1000, "two\nwords", "half \ud800"])
def test_any_hashable_is_a_camera(camera):
    config = live(0.5)
    assert config.get_version_for_camera(camera) is config.get_version_for_camera(camera)


def test_an_unhashable_camera_is_a_type_error():
    with pytest.raises(TypeError):
        live(0.5).get_version_for_camera(["a"])


def test_a_camera_of_another_spelling_is_the_one_that_the_daemon_has():
    for share in (0.2, 0.5, 0.8):
        one = live(share).get_version_for_camera("Tür 3")
        assert live(share).get_version_for_camera("T%C3%BCr%203") is one


def test_an_ab_test_is_active_with_a_percentage_over_zero():
    assert live(0.1).is_ab_test_active is True
    assert live(0.0).is_ab_test_active is False
    assert live(0.1).is_shadow_mode is False


def test_the_one_configuration():
    one = get_prompt_experiment_config()
    assert one is get_prompt_experiment_config() and one == PromptExperimentConfig()
    one.shadow_mode = False
    assert get_prompt_experiment_config().shadow_mode is False
    reset_prompt_experiment_config()
    assert get_prompt_experiment_config() is not one
    assert get_prompt_experiment_config().shadow_mode is True


def offline(**more):
    fields = {"name": "n", "description": "d", "control_prompt_key": "a", "variant_prompt_key": "b"}
    return PromptExperiment(**{**fields, **more})


def test_an_offline_experiment_has_these_defaults():
    made = offline()
    assert made.traffic_split == 0.1 and made.enabled is True
    assert made.eval_dataset_path == Path("data/synthetic") and isinstance(made.eval_dataset_path, Path)
    assert made.metrics == [
        "json_parse_success_rate",
        "score_in_range_accuracy",
        "level_match_accuracy",
        "response_latency_ms",
    ]
    made.metrics.append("more")
    assert len(offline().metrics) == 4


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": ""}, "Experiment name cannot be empty"),
        ({"description": ""}, "Experiment description cannot be empty"),
        ({"control_prompt_key": ""}, "Control prompt key cannot be empty"),
        ({"variant_prompt_key": ""}, "Variant prompt key cannot be empty"),
        ({"variant_prompt_key": "a"}, "Control and variant prompt keys must be different"),
        ({"traffic_split": 1.01}, "traffic_split must be between 0.0 and 1.0"),
        ({"traffic_split": -0.01}, "traffic_split must be between 0.0 and 1.0"),
        ({"traffic_split": float("nan")}, "traffic_split must be between 0.0 and 1.0"),
        # The first that holds speaks.
        ({"name": "", "description": "", "traffic_split": 2}, "Experiment name cannot be empty"),
        ({"control_prompt_key": "", "variant_prompt_key": ""}, "Control prompt key cannot be empty"),
    ],
)
def test_an_offline_experiment_that_is_none_says_so_in_these_words(fields, text):
    with pytest.raises(ValueError) as told:
        offline(**fields)
    assert str(told.value).startswith(text)


def test_a_blank_is_a_name_and_both_ends_are_splits():
    assert offline(name=" ").name == " "
    assert offline(traffic_split=0.0).traffic_split == 0.0
    assert offline(traffic_split=1.0).traffic_split == 1.0


def test_the_two_that_there_are():
    assert prompt_ab_config.list_experiments() == ["rubric_vs_current", "cot_vs_current"]
    for name, variant in (("rubric_vs_current", "rubric_enhanced"), ("cot_vs_current", "reasoning_enabled")):
        one = prompt_ab_config.get_experiment(name)
        assert one is EXPERIMENTS[name] and one.name == name and one.description
        assert (one.control_prompt_key, one.variant_prompt_key) == ("calibrated_system", variant)
        assert (one.traffic_split, one.enabled) == (0.1, True)


def test_experiments_are_read_live(monkeypatch):
    made = offline(name="mine", enabled=False)
    monkeypatch.setitem(EXPERIMENTS, "mine", made)
    assert prompt_ab_config.get_experiment("mine") is made
    assert prompt_ab_config.list_experiments()[-1] == "mine"
    assert made not in prompt_ab_config.get_enabled_experiments()
    made.enabled = True
    assert prompt_ab_config.get_enabled_experiments()[-1] is made
    prompt_ab_config.list_experiments().clear()
    assert len(prompt_ab_config.list_experiments()) == 3


def test_an_experiment_that_there_is_not():
    for name in ("", None, "RUBRIC_VS_CURRENT"):
        assert prompt_ab_config.get_experiment(name) is None
    with pytest.raises(TypeError):
        prompt_ab_config.get_experiment([])


def test_the_offline_module_lists_its_names():
    assert sorted(prompt_ab_config.__all__) == [
        "EXPERIMENTS",
        "PromptExperiment",
        "get_enabled_experiments",
        "get_experiment",
        "list_experiments",
    ]
