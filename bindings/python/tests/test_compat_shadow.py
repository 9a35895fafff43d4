"""Section 5 of the surface: `shadow_mode_deployment`."""

import math
from types import SimpleNamespace

import pytest

from tidegate.compat import PromptExperimentConfig, shadow_mode_deployment
from tidegate.compat.shadow_mode_deployment import (
    LatencyWarning,
    ShadowModeComparisonResult,
    ShadowModeComparisonStats,
    ShadowModeDeploymentConfig,
    ShadowModeStatsTracker,
    create_deployment_from_experiment_config,
    record_and_track_shadow_comparison,
    record_latency_warning,
    record_shadow_mode_comparison,
)


def compared(control=50, treatment=30, **more):
    fields = {
        "control_risk_score": control,
        "treatment_risk_score": treatment,
        "control_latency_ms": 100.0,
        "treatment_latency_ms": 120.0,
        "risk_score_diff": None if None in (control, treatment) else treatment - control,
        "latency_diff_ms": 20.0,
        "latency_increase_pct": 20.0,
        "latency_warning_triggered": False,
        "timestamp": "2026-01-01T00:00:00+00:00",
    }
    return ShadowModeComparisonResult(**{**fields, **more})


def test_defaults_and_order():
    config = ShadowModeDeploymentConfig()
    assert config.to_dict() == {
        "enabled": True,
        "control_prompt_name": "v1_original",
        "treatment_prompt_name": "v2_calibrated",
        "log_comparisons": True,
        "latency_warning_threshold_pct": 50.0,
        "experiment_name": "nemotron_prompt_v2_shadow",
        "track_risk_score_diff": True,
        "track_latency_diff": True,
        "track_memory_usage": False,
        "track_error_rate": True,
        "run_both_prompts": True,
        "primary_result_source": "control",
        "treatment_result_usage": "comparison_only",
    }
    assert list(config.to_dict())[4] == "latency_warning_threshold_pct"
    assert ShadowModeDeploymentConfig(False, "a", "b").treatment_prompt_name == "b"


def test_the_three_fixed_fields_are_no_arguments():
    for name in ("run_both_prompts", "primary_result_source", "treatment_result_usage"):
        with pytest.raises(TypeError):
            ShadowModeDeploymentConfig(**{name: "x"})
    config = ShadowModeDeploymentConfig()
    config.run_both_prompts = False
    assert ShadowModeDeploymentConfig.from_dict(config.to_dict()).run_both_prompts is True


def test_a_threshold_below_zero_is_refused():
    for threshold in (-10, float("nan")):
        with pytest.raises(ValueError, match="latency_warning_threshold_pct"):
            ShadowModeDeploymentConfig(latency_warning_threshold_pct=threshold)
    assert ShadowModeDeploymentConfig(latency_warning_threshold_pct=0)


@pytest.mark.parametrize(
    ("control", "treatment", "triggered", "increase"),
    [(100, 150, False, 50.0), (100, 160, True, 60.0), (100, 80, False, -20.0), (0, 100, False, math.inf), (0, 0, False, 0.0), (-1, 5, False, math.inf), (100, math.inf, True, math.inf)],
)
def test_a_warning_is_strictly_over_the_threshold(control, treatment, triggered, increase):
    told = ShadowModeDeploymentConfig().check_latency_warning(control, treatment)
    assert (told.triggered, told.percentage_increase) == (triggered, pytest.approx(increase))
    assert (told.control_latency_ms, told.treatment_latency_ms) == (control, treatment)
    assert told.threshold_pct == 50.0
    assert ("exceeds" in told.message) is triggered


def test_nan_does_not_trigger():
    assert ShadowModeDeploymentConfig().check_latency_warning(float("nan"), 1).triggered is False
    assert ShadowModeDeploymentConfig().check_latency_warning(1, float("nan")).triggered is False


def test_a_warning_has_these_fields_in_order():
    assert LatencyWarning(True, 60.0, "m", 100, 160, 50.0).threshold_pct == 50.0
    with pytest.raises(TypeError):
        LatencyWarning(True)


def test_a_comparison_needs_nine_fields():
    result = compared()
    assert (result.camera_id, result.control_error, result.treatment_error) == (None, None, None)
    with pytest.raises(TypeError):
        ShadowModeComparisonResult(control_risk_score=1)


def test_a_deployment_from_an_experiment():
    made = create_deployment_from_experiment_config(
        PromptExperimentConfig(shadow_mode=False, experiment_name="n", max_latency_increase_pct=20.0)
    )
    assert (made.enabled, made.experiment_name, made.latency_warning_threshold_pct) == (False, "n", 20.0)
    duck = SimpleNamespace(shadow_mode=True, experiment_name="d", max_latency_increase_pct=-1)
    with pytest.raises(ValueError, match="latency_warning_threshold_pct"):
        create_deployment_from_experiment_config(duck)
    del duck.shadow_mode
    with pytest.raises(AttributeError):
        create_deployment_from_experiment_config(duck)


def test_the_recorders_are_called_in_this_order(recorded):
    record_shadow_mode_comparison(compared(latency_warning_triggered=True))
    assert recorded == [
        ("record_shadow_comparison", "nemotron"),
        ("record_shadow_risk_score", "control", 50),
        ("record_shadow_risk_score", "treatment", 30),
        ("record_shadow_risk_score_diff", -20),
        ("record_shadow_risk_level_shift", "lower"),
        ("record_shadow_latency_diff", 0.02),
        ("record_shadow_latency_warning", "nemotron"),
    ]


def test_the_recorders_are_looked_up_when_called(recorded, monkeypatch):
    import sys

    seen = []
    module = sys.modules["backend.core.metrics"]
    monkeypatch.setattr(module, "record_shadow_comparison", lambda model: seen.append(model))
    record_shadow_mode_comparison(compared())
    assert seen == ["nemotron"]


@pytest.mark.parametrize(
    ("errors", "kind"),
    [(("e", None), "control_failed"), ((None, "e"), "treatment_failed"), (("e", "e"), "both_failed"), (("", ""), None)],
)
def test_a_failure_is_of_one_kind_and_scores_still_count(recorded, errors, kind):
    record_shadow_mode_comparison(compared(control_error=errors[0], treatment_error=errors[1]))
    kinds = [call[1] for call in recorded if call[0] == "record_shadow_comparison_error"]
    assert kinds == ([] if kind is None else [kind])
    assert ("record_shadow_risk_score", "control", 50) in recorded


@pytest.mark.parametrize(("control", "treatment", "shift"), [(30, 50, "higher"), (50, 30, "lower"), (50, 50, "same")])
def test_a_shift_goes_by_scores_not_by_levels(recorded, control, treatment, shift):
    record_shadow_mode_comparison(compared(control, treatment))
    assert ("record_shadow_risk_level_shift", shift) in recorded


def test_what_is_missing_is_not_recorded(recorded):
    record_shadow_mode_comparison(compared(None, 30, latency_diff_ms=None))
    assert recorded == [("record_shadow_comparison", "nemotron"), ("record_shadow_risk_score", "treatment", 30)]


def test_a_difference_that_contradicts_the_scores_is_computed_and_told(recorded, caplog):
    record_shadow_mode_comparison(compared(50, 30, risk_score_diff=99))
    assert ("record_shadow_risk_score_diff", -20) in recorded and "contradicts" in caplog.text


def test_a_comparison_is_logged_with_these_extras(caplog):
    caplog.set_level("INFO")
    record_shadow_mode_comparison(compared(camera_id="front"))
    (record,) = caplog.records
    for name in (
        "camera_id control_risk_score treatment_risk_score risk_score_diff control_latency_ms treatment_latency_ms "
        "latency_diff_ms latency_increase_pct latency_warning_triggered control_error treatment_error"
    ).split():
        assert hasattr(record, name)
    assert not hasattr(record, "timestamp") and record.camera_id == "front"


def test_whatever_has_the_attributes_is_a_result(recorded):
    result = SimpleNamespace(**vars(compared()), more=1)
    record_and_track_shadow_comparison(result)
    assert shadow_mode_deployment.get_shadow_mode_stats().total_comparisons == 1


def test_it_records_though_the_configuration_is_off(recorded):
    shadow_mode_deployment.get_shadow_mode_deployment_config().enabled = False
    record_shadow_mode_comparison(compared())
    assert recorded[0] == ("record_shadow_comparison", "nemotron")


def test_a_recorder_may_be_replaced_with_its_own_signature(monkeypatch):
    import sys
    from unittest.mock import create_autospec

    from tidegate.compat import metrics

    monkeypatch.setitem(sys.modules, "backend.core.metrics", metrics)
    for name in ("record_shadow_comparison", "record_shadow_risk_score", "record_shadow_latency_diff"):
        monkeypatch.setattr(metrics, name, create_autospec(getattr(metrics, name)))
    record_shadow_mode_comparison(compared())
    metrics.record_shadow_comparison.assert_called_once_with("nemotron")
    metrics.record_shadow_latency_diff.assert_called_once_with(0.02)
    assert metrics.record_shadow_risk_score.call_count == 2


def test_a_latency_warning_is_two_latencies_in_seconds(recorded, caplog):
    record_latency_warning("front", 100, 160, 50.0)
    assert recorded == [
        ("record_prompt_latency", "v1_control", 0.1),
        ("record_prompt_latency", "v2_treatment", 0.16),
    ]
    (record,) = caplog.records
    assert (record.levelname, record.latency_increase_pct, record.threshold_pct) == ("WARNING", 60.0, 50.0)
    record_latency_warning(camera_id="x", control_latency_ms=0, treatment_latency_ms=0, threshold_pct=1)
    assert caplog.records[-1].latency_increase_pct == math.inf


def test_empty_stats():
    assert ShadowModeStatsTracker().get_stats() == ShadowModeComparisonStats()
    assert ShadowModeComparisonStats().to_dict()["lower_percentage"] == 0.0


def test_stats_round_as_python_does():
    stats = ShadowModeComparisonStats(16, 2.675, 0.125, -1.005, 1)
    made = stats.to_dict()
    assert (made["control_avg_score"], made["treatment_avg_score"]) == (2.67, 0.12)
    assert made["lower_percentage"] == 6.2


def test_a_tracker_sums(recorded):
    tracker = ShadowModeStatsTracker()
    assert tracker.record(compared(50, 30)) is None
    tracker.record(compared(50, 70, latency_warning_triggered=True))
    tracker.record(compared(None, 20, control_error="e", treatment_error="e"))
    stats = tracker.get_stats()
    assert (stats.total_comparisons, stats.control_avg_score, stats.treatment_avg_score) == (3, 50.0, 40.0)
    # With its sign.
    assert stats.avg_score_diff == 0.0
    assert (stats.lower_count, stats.same_count, stats.higher_count) == (1, 0, 1)
    assert (stats.latency_warnings, stats.control_errors, stats.treatment_errors) == (1, 1, 1)
    made = stats.to_dict()
    assert made["error_rates"] == {"control": 1, "treatment": 1}
    assert made["error_shares"] == {"control": 1 / 3, "treatment": 1 / 3}
    assert made["risk_shift_distribution"] == {"lower": 1, "same": 0, "higher": 1}
    assert recorded[:2] == [
        ("update_shadow_avg_risk_score", "control", 50.0),
        ("update_shadow_avg_risk_score", "treatment", 30.0),
    ]
    assert recorded[-1] == ("update_shadow_avg_risk_score", "treatment", 40.0)


def test_one_of_one_is_100_percent():
    tracker = ShadowModeStatsTracker()
    tracker.record(compared(50, 30))
    assert tracker.get_stats().to_dict()["lower_percentage"] == 100.0


def test_a_score_that_is_no_number_spoils_nothing():
    tracker = ShadowModeStatsTracker()
    tracker.record(compared(float("nan"), 30, risk_score_diff=None))
    tracker.record(compared(40, 30))
    assert tracker.get_stats().control_avg_score == 40.0


def test_a_snapshot_is_apart_and_a_reset_is_whole():
    tracker = ShadowModeStatsTracker()
    tracker.record(compared())
    before = tracker.get_stats()
    tracker.record(compared())
    assert before.total_comparisons == 1
    assert tracker.reset() is None and tracker.get_stats() == ShadowModeComparisonStats()


@pytest.mark.parametrize("what", ["shadow_mode_deployment_config", "shadow_mode_stats_tracker"])
def test_there_is_one_until_it_is_reset(what):
    get = getattr(shadow_mode_deployment, f"get_{what}")
    one = get()
    assert get() is one
    assert getattr(shadow_mode_deployment, f"reset_{what}")() is None
    assert get() is not one


def test_recording_and_tracking_is_both(recorded):
    record_and_track_shadow_comparison(compared())
    assert recorded[0] == ("record_shadow_comparison", "nemotron")
    assert shadow_mode_deployment.get_shadow_mode_stats().total_comparisons == 1
    assert recorded[-1][0] == "update_shadow_avg_risk_score"
