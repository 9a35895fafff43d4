"""Section 1 of the surface: the package, its names, and what all its classes have in common."""

import copy
import dataclasses
import importlib
import pickle
import subprocess
import sys
from datetime import datetime, timezone
from enum import Enum

import pytest

from tidegate import compat

pytestmark = pytest.mark.filterwarnings("ignore::tidegate.compat.prompt_ab_rollout.ThresholdRuleWarning")

EXPORTED = {
    "ab_rollout_production": """MAX_ERROR_RATE_INCREASE MAX_FP_RATE_INCREASE MAX_LATENCY_INCREASE_PCT
        MIN_SAMPLES_FOR_ROLLBACK PRODUCTION_EXPERIMENT_NAME PRODUCTION_TEST_DURATION_HOURS
        PRODUCTION_TREATMENT_PERCENTAGE check_and_handle_rollback create_production_rollback_config
        create_production_rollout_config get_camera_assignment get_experiment_status
        get_production_rollout_manager start_production_ab_rollout stop_production_ab_rollout""",
    "prompt_ab_rollout": """ABRolloutConfig ABRolloutManager AutoRollbackConfig ExperimentGroup GroupMetrics
        RollbackCheckResult configure_rollout_manager get_rollout_manager reset_rollout_manager""",
    "prompt_experiment": """PromptExperimentConfig PromptVersion get_prompt_experiment_config
        reset_prompt_experiment_config""",
    "shadow_mode_deployment": """LatencyWarning ShadowModeComparisonResult ShadowModeComparisonStats
        ShadowModeDeploymentConfig ShadowModeStatsTracker create_deployment_from_experiment_config
        get_shadow_mode_deployment_config get_shadow_mode_stats get_shadow_mode_stats_tracker
        record_and_track_shadow_comparison record_latency_warning record_shadow_mode_comparison
        reset_shadow_mode_deployment_config reset_shadow_mode_stats_tracker""",
}
CONFIGS = [
    compat.PromptExperimentConfig,
    compat.ABRolloutConfig,
    compat.AutoRollbackConfig,
    compat.ShadowModeDeploymentConfig,
]


def test_the_package_exports_these_42_names_and_no_other():
    names = [name for block in EXPORTED.values() for name in block.split()]
    assert len(names) == 42
    assert sorted(compat.__all__) == sorted(names)


@pytest.mark.parametrize("module", EXPORTED)
def test_a_name_is_the_same_object_in_the_package_and_in_its_module(module):
    loaded = importlib.import_module(f"tidegate.compat.{module}")
    for name in EXPORTED[module].split():
        assert getattr(compat, name) is getattr(loaded, name)


def test_the_production_module_lists_its_own_15():
    module = importlib.import_module("tidegate.compat.ab_rollout_production")
    assert sorted(module.__all__) == sorted(EXPORTED["ab_rollout_production"].split())


def test_importing_connects_to_nothing_and_leaves_the_offline_module_out():
    code = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('connected')\n"
        "socket.socket.connect = refuse\n"
        "import sys, tidegate.compat\n"
        "assert 'tidegate.compat.prompt_ab_config' not in sys.modules\n"
        "assert 'backend.core.metrics' not in sys.modules\n"
        "assert not hasattr(tidegate.compat, 'PromptExperiment')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_old_path_can_be_kept():
    code = (
        "import tidegate.compat\n"
        "tidegate.compat.alias('backend.config')\n"
        "from backend.config import start_production_ab_rollout\n"
        "from backend.config.prompt_ab_rollout import ABRolloutManager, get_rollout_manager\n"
        "import backend.config.shadow_mode_deployment\n"
        "from backend.config.prompt_ab_config import EXPERIMENTS\n"
        "manager = start_production_ab_rollout()\n"
        "assert type(manager) is ABRolloutManager and get_rollout_manager() is manager\n"
        "tidegate.compat.alias('backend.config')\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_package_that_is_there_is_not_replaced():
    with pytest.raises(ImportError, match="json is imported already"):
        compat.alias("json")


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_is_a_mutable_dataclass(config):
    one, other = config(), config()
    assert dataclasses.is_dataclass(config)
    assert one == other and repr(one).startswith(config.__name__ + "(")
    with pytest.raises(TypeError):
        hash(one)
    assert pickle.loads(pickle.dumps(one)) == one == copy.deepcopy(one)
    name = [field.name for field in dataclasses.fields(one) if field.type == "bool" or field.type == "str"][0]
    setattr(one, name, "other")
    assert one != other


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_goes_through_a_dict(config):
    one = config()
    made = one.to_dict()
    assert list(made) == [field.name for field in dataclasses.fields(config)]
    assert made is not one.to_dict()
    assert config.from_dict({**made, "unknown": 1}) == one
    assert config.from_dict({}) == one


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (compat.PromptExperimentConfig, "treatment_percentage"),
        (compat.ABRolloutConfig, "treatment_percentage"),
        (compat.AutoRollbackConfig, "min_samples"),
        (compat.ShadowModeDeploymentConfig, "latency_warning_threshold_pct"),
    ],
)
@pytest.mark.parametrize("value", [None, "text"])
def test_another_type_is_a_type_error(config, name, value):
    with pytest.raises(TypeError):
        config.from_dict({name: value})


def test_numbers_are_kept_as_they_were_given():
    assert compat.ABRolloutConfig(treatment_percentage=True).treatment_percentage is True
    assert type(compat.ABRolloutConfig(treatment_percentage=1).treatment_percentage) is int
    assert compat.ABRolloutConfig(test_duration_hours=1.5).test_duration_hours == 1.5


@pytest.mark.parametrize(
    ("config", "name", "value"),
    [
        (compat.PromptExperimentConfig(), "treatment_percentage", 7),
        (compat.ABRolloutConfig(), "treatment_percentage", -0.1),
        (compat.ABRolloutConfig(), "test_duration_hours", 0),
        (compat.AutoRollbackConfig(), "min_samples", -1),
        (compat.AutoRollbackConfig(), "max_fp_rate_increase", float("nan")),
        (compat.ShadowModeDeploymentConfig(), "latency_warning_threshold_pct", -1),
    ],
)
def test_an_assignment_is_checked_as_a_construction_is(config, name, value):
    before = getattr(config, name)
    with pytest.raises(ValueError, match=name):
        setattr(config, name, value)
    assert getattr(config, name) == before


def test_the_enums_are_plain():
    for enum, member, value in (
        (compat.PromptVersion, "V1_ORIGINAL", "v1_original"),
        (compat.PromptVersion, "V2_CALIBRATED", "v2_calibrated"),
        (compat.ExperimentGroup, "CONTROL", "control"),
        (compat.ExperimentGroup, "TREATMENT", "treatment"),
    ):
        assert issubclass(enum, Enum) and not issubclass(enum, str)
        assert enum[member].value == value and enum[member] != value
        assert len(enum) == 2


def test_a_manager_can_be_pickled_copied_and_mocked():
    from unittest.mock import MagicMock

    manager = compat.configure_rollout_manager()
    manager.start()
    manager.record_control_analysis(latency_ms=5.0)
    for other in (pickle.loads(pickle.dumps(manager)), copy.deepcopy(manager)):
        assert other.control_metrics == manager.control_metrics
        assert other.control_metrics.avg_latency_ms == 5.0
        assert other.rollout_config.started_at == manager.rollout_config.started_at
    mock = MagicMock(spec=compat.ABRolloutManager)
    for name in ("get_group_for_camera", "record_control_analysis", "check_rollback_needed", "stop", "is_active"):
        assert hasattr(mock, name)
    assert isinstance(mock, compat.ABRolloutManager)


def test_the_loggers_keep_their_names(caplog):
    caplog.set_level("INFO")
    compat.start_production_ab_rollout()
    assert {record.name for record in caplog.records} == {
        "backend.config.prompt_ab_rollout",
        "backend.config.ab_rollout_production",
    }


def test_a_recorder_that_fails_reaches_no_caller(monkeypatch):
    import types

    module = types.ModuleType("backend.core.metrics")

    def fails(*_):
        raise RuntimeError

    module.record_shadow_comparison = fails
    monkeypatch.setitem(sys.modules, "backend.core.metrics", module)
    manager = compat.start_production_ab_rollout()
    manager.record_control_analysis(latency_ms=1.0)
    assert manager.control_metrics.total_analyses == 1


def test_without_an_application_the_series_are_those_of_before(monkeypatch):
    prometheus_client = pytest.importorskip("prometheus_client")
    monkeypatch.setitem(sys.modules, "backend.core.metrics", None)
    manager = compat.start_production_ab_rollout()
    manager.record_treatment_analysis(latency_ms=200.0, risk_score=50)
    manager.record_treatment_feedback(True)
    value = prometheus_client.REGISTRY.get_sample_value
    group = {"group": "treatment"}
    assert value("hsi_ab_rollout_analysis_total", group) >= 1
    assert value("hsi_ab_rollout_avg_latency_ms", group) == 200.0
    assert value("hsi_ab_rollout_fp_rate", group) == 1.0
    labels = {**group, "feedback_type": "false_positive"}
    assert value("hsi_ab_rollout_feedback_total", labels) >= 1


def test_times_are_utc():
    manager = compat.start_production_ab_rollout()
    assert manager.rollout_config.started_at.utcoffset() == datetime.now(timezone.utc).utcoffset()
