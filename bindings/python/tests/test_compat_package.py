"""Section 1 of the surface: the package, its names, and what all its classes have in common."""

import copy
import dataclasses
import importlib
import inspect
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


def test_tests_that_patch_the_recorders_by_their_old_path_find_them():
    code = (
        "import logging\n"
        "from unittest.mock import patch\n"
        "import tidegate.compat\n"
        "tidegate.compat.alias('backend.config')\n"
        "from backend.core.logging import get_logger\n"
        "assert get_logger('a') is logging.getLogger('a')\n"
        "from backend.config import shadow_mode_deployment as shadow\n"
        "result = shadow.ShadowModeComparisonResult(1, 2, 3.0, 4.0, 1, 1.0, 33.3, False, 'now')\n"
        "with patch('backend.core.metrics.record_shadow_comparison', autospec=True) as recorder:\n"
        "    shadow.record_shadow_mode_comparison(result)\n"
        "recorder.assert_called_once_with('nemotron')\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_an_application_keeps_its_own_recorders_and_they_are_imported_when_called(tmp_path):
    core = tmp_path / "backend" / "core"
    core.mkdir(parents=True)
    for folder in (core.parent, core):
        (folder / "__init__.py").touch()
    (core / "metrics.py").write_text("calls = []\nrecord_shadow_comparison = calls.append\n")
    code = (
        "import sys, tidegate.compat\n"
        "tidegate.compat.alias('backend.config')\n"
        "assert 'backend.core.metrics' not in sys.modules\n"
        "from backend.config.shadow_mode_deployment import *\n"
        "result = ShadowModeComparisonResult(None, None, None, None, None, None, None, False, 'now')\n"
        "record_and_track_shadow_comparison(result)\n"
        "from backend.core import metrics\n"
        "assert metrics.calls == ['nemotron']\n"
        "from backend.core.logging import get_logger\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


FUNCTIONS = {
    "ab_rollout_production": {
        "check_and_handle_rollback": "()",
        "create_production_rollback_config": "()",
        "create_production_rollout_config": "()",
        "get_camera_assignment": "(camera_id)",
        "get_experiment_status": "()",
        "get_production_rollout_manager": "()",
        "start_production_ab_rollout": "()",
        "stop_production_ab_rollout": "(reason='Manual stop')",
    },
    "prompt_ab_rollout": {
        "configure_rollout_manager": "(rollout_config=None, rollback_config=None)",
        "get_rollout_manager": "()",
        "reset_rollout_manager": "()",
        "ABRolloutManager": "(rollout_config, rollback_config)",
        "ABRolloutManager.start": "(self)",
        "ABRolloutManager.stop": "(self)",
        "ABRolloutManager.get_group_for_camera": "(self, camera_id)",
        "ABRolloutManager.record_control_feedback": "(self, is_false_positive)",
        "ABRolloutManager.record_treatment_feedback": "(self, is_false_positive)",
        "ABRolloutManager.record_control_analysis": "(self, latency_ms=None, risk_score=None, has_error=False)",
        "ABRolloutManager.record_treatment_analysis": "(self, latency_ms=None, risk_score=None, has_error=False)",
        "ABRolloutManager.check_rollback_needed": "(self)",
        "ABRolloutManager.get_metrics_summary": "(self)",
        "GroupMetrics.record_feedback": "(self, is_false_positive)",
        "GroupMetrics.record_risk_score": "(self, score)",
        "GroupMetrics.record_latency": "(self, latency_ms)",
        "GroupMetrics.record_analysis": "(self, has_error=False, latency_ms=None, risk_score=None)",
        "ABRolloutConfig": "(treatment_percentage=0.5, test_duration_hours=48, experiment_name='nemotron_prompt_v2_rollout', started_at=None)",
        "AutoRollbackConfig": "(max_fp_rate_increase=0.05, max_latency_increase_pct=50.0, max_error_rate_increase=0.05, min_samples=100, enabled=True)",
        "RollbackCheckResult": "(should_rollback, reason)",
        "ABRolloutConfig.to_dict": "(self)",
        "ABRolloutConfig.from_dict": "(data)",
        "AutoRollbackConfig.to_dict": "(self)",
        "AutoRollbackConfig.from_dict": "(data)",
    },
    "prompt_experiment": {
        "get_prompt_experiment_config": "()",
        "reset_prompt_experiment_config": "()",
        "PromptExperimentConfig": "(shadow_mode=True, treatment_percentage=0.0, max_latency_increase_pct=50.0, min_fp_reduction_pct=10.0, experiment_name='nemotron_prompt_v2', started_at=None)",
        "PromptExperimentConfig.get_version_for_camera": "(self, camera_id)",
        "PromptExperimentConfig.to_dict": "(self)",
        "PromptExperimentConfig.from_dict": "(data)",
    },
    "shadow_mode_deployment": {
        "create_deployment_from_experiment_config": "(experiment_config)",
        "get_shadow_mode_deployment_config": "()",
        "get_shadow_mode_stats": "()",
        "get_shadow_mode_stats_tracker": "()",
        "record_and_track_shadow_comparison": "(result)",
        "record_latency_warning": "(camera_id, control_latency_ms, treatment_latency_ms, threshold_pct)",
        "record_shadow_mode_comparison": "(result)",
        "reset_shadow_mode_deployment_config": "()",
        "reset_shadow_mode_stats_tracker": "()",
        "LatencyWarning": "(triggered, percentage_increase, message, control_latency_ms, treatment_latency_ms, threshold_pct)",
        "ShadowModeComparisonResult": "(control_risk_score, treatment_risk_score, control_latency_ms, treatment_latency_ms, risk_score_diff, latency_diff_ms, latency_increase_pct, latency_warning_triggered, timestamp, camera_id=None, control_error=None, treatment_error=None)",
        "ShadowModeComparisonStats": "(total_comparisons=0, control_avg_score=0.0, treatment_avg_score=0.0, avg_score_diff=0.0, lower_count=0, same_count=0, higher_count=0, latency_warnings=0, control_errors=0, treatment_errors=0)",
        "ShadowModeComparisonStats.to_dict": "(self)",
        "ShadowModeDeploymentConfig": "(enabled=True, control_prompt_name='v1_original', treatment_prompt_name='v2_calibrated', log_comparisons=True, latency_warning_threshold_pct=50.0, experiment_name='nemotron_prompt_v2_shadow', track_risk_score_diff=True, track_latency_diff=True, track_memory_usage=False, track_error_rate=True)",
        "ShadowModeDeploymentConfig.check_latency_warning": "(self, control_latency_ms, treatment_latency_ms)",
        "ShadowModeStatsTracker": "()",
        "ShadowModeStatsTracker.record": "(self, result)",
        "ShadowModeStatsTracker.get_stats": "(self)",
        "ShadowModeStatsTracker.reset": "(self)",
    },
    "prompt_ab_config": {
        "get_enabled_experiments": "()",
        "get_experiment": "(name)",
        "list_experiments": "()",
    },
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in FUNCTIONS.items() for name in names]
)
def test_arguments_have_these_names_this_order_and_these_defaults(module, name):
    called = importlib.import_module(f"tidegate.compat.{module}")
    for part in name.split("."):
        called = getattr(called, part)
    parameters = inspect.signature(called).parameters.values()
    # What is new is given by name alone and has a default: no call of before knows of it.
    new = [one for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    assert all(one.default is not inspect.Parameter.empty for one in new)
    before = [one.replace(annotation=inspect.Parameter.empty) for one in parameters if one not in new]
    assert str(inspect.Signature(before)) == FUNCTIONS[module][name]


RESULTS = [
    compat.RollbackCheckResult(True, "why"),
    compat.GroupMetrics(1, 2, [30], [4.0], 1, 3),
    compat.LatencyWarning(True, 60.0, "exceeds", 100, 160, 50.0),
    compat.ShadowModeComparisonResult(50, 30, 100.0, 120.0, -20, 20.0, 20.0, False, "2026-01-01"),
    compat.ShadowModeComparisonStats(1, 2.0),
    importlib.import_module("tidegate.compat.prompt_ab_config").PromptExperiment("n", "d", "a", "b"),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_a_result_is_a_mutable_dataclass(result):
    names = [field.name for field in dataclasses.fields(result)]
    values = [getattr(result, name) for name in names]
    assert dataclasses.asdict(result) == dict(zip(names, values))
    assert type(result)(*values) == result == type(result)(**dict(zip(names, values)))
    assert pickle.loads(pickle.dumps(result)) == result == copy.deepcopy(result)
    shown = ", ".join(f"{name}={value!r}" for name, value in zip(names, values))
    assert repr(result) == f"{type(result).__name__}({shown})"
    with pytest.raises(TypeError):
        hash(result)
    other = copy.deepcopy(result)
    setattr(other, names[0], "other")
    assert other != result


@pytest.mark.parametrize("config", CONFIGS)
def test_annotations_are_texts_at_run_time(config):
    assert all(isinstance(kind, str) for name, kind in config.__annotations__.items())


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
    assert list(made) == [field.name for field in dataclasses.fields(config) if not field.kw_only]
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
