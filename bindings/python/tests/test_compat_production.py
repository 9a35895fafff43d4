"""Section 4 of the surface: `ab_rollout_production`."""

import json
from datetime import datetime, timedelta, timezone

import pytest

from tidegate.compat import ab_rollout_production as production
from tidegate.compat import configure_rollout_manager, get_rollout_manager

pytestmark = pytest.mark.filterwarnings("ignore::tidegate.compat.prompt_ab_rollout.ThresholdRuleWarning")
METRICS = ["fp_rate", "avg_latency_ms", "avg_risk_score", "sample_count", "analysis_count", "error_rate"]


def started(min_samples=10):
    manager = production.start_production_ab_rollout()
    manager.rollback_config.min_samples = min_samples
    return manager


def harm(manager):
    for number in range(20):
        manager.record_control_feedback(number < 2)
        manager.record_treatment_feedback(number < 6)


def groups(count=100):
    return [production.get_camera_assignment(f"camera_{number}")["group"] for number in range(count)]


def test_the_numbers():
    assert production.PRODUCTION_TREATMENT_PERCENTAGE == 0.5
    assert production.PRODUCTION_TEST_DURATION_HOURS == 48
    assert type(production.PRODUCTION_TEST_DURATION_HOURS) is int
    assert production.PRODUCTION_EXPERIMENT_NAME == "nemotron_prompt_v2_phase7_2"
    assert production.MAX_FP_RATE_INCREASE == 0.05
    assert production.MAX_LATENCY_INCREASE_PCT == 50.0
    assert production.MAX_ERROR_RATE_INCREASE == 0.05
    assert production.MIN_SAMPLES_FOR_ROLLBACK == 100


def test_the_configs_are_made_from_them():
    config = production.create_production_rollout_config()
    assert config.to_dict() == {
        "treatment_percentage": 0.5,
        "test_duration_hours": 48,
        "experiment_name": "nemotron_prompt_v2_phase7_2",
        "started_at": None,
    }
    assert config is not production.create_production_rollout_config()
    limits = production.create_production_rollback_config()
    assert (limits.min_samples, limits.enabled) == (100, True)


def test_a_start_gives_the_running_manager():
    manager = production.start_production_ab_rollout()
    assert manager.is_active is True
    assert manager is production.get_production_rollout_manager() is get_rollout_manager()


def test_a_second_start_gives_another_and_ends_the_first(caplog):
    one = started()
    harm(one)
    other = production.start_production_ab_rollout()
    assert other is not one and other.is_active is True and one.is_active is False
    assert other.control_metrics.total_feedback_count == 0
    assert one.control_metrics.total_feedback_count == 20
    assert "replaced" in caplog.text


def test_a_stop_says_whether_there_was_anything_to_stop(caplog):
    assert production.stop_production_ab_rollout() is False
    first = caplog.messages[-1]
    manager = started()
    assert production.stop_production_ab_rollout(reason="enough") is True
    assert manager.is_active is False
    assert production.stop_production_ab_rollout("again") is False
    assert caplog.messages[-1] != first
    assert production.get_production_rollout_manager() is manager


def test_no_manager_is_no_rollback():
    result = production.check_and_handle_rollback()
    assert result.should_rollback is False and "No rollout manager configured" in result.reason


def test_harm_is_stopped_and_reported_once(caplog):
    manager = started()
    assert production.check_and_handle_rollback().should_rollback is False
    harm(manager)
    result = production.check_and_handle_rollback()
    assert result.should_rollback is True and "FP rate" in result.reason
    assert manager.is_active is False and manager.treatment_metrics.fp_rate == 0.3
    caplog.clear()
    again = production.check_and_handle_rollback()
    assert again.should_rollback is False and result.reason in again.reason
    assert caplog.text == ""


def test_a_status_of_nothing():
    status = production.get_experiment_status()
    assert status.pop("message").startswith("No A/B rollout experiment configured")
    assert status == {"is_active": False, "is_expired": False, "remaining_hours": 0, "metrics": None, "config": None}


def test_a_status():
    manager = started()
    harm(manager)
    status = production.get_experiment_status()
    json.dumps(status)
    assert set(status) == {"is_active", "is_expired", "remaining_hours", "metrics", "config", "rollback_config"}
    assert status["is_active"] is True and status["is_expired"] is False
    assert 47.9 < status["remaining_hours"] <= 48
    assert list(status["metrics"]["control"]) == METRICS == list(status["metrics"]["treatment"])
    assert status["metrics"]["control"]["fp_rate"] == 0.1
    assert status["config"] == {
        "experiment_name": "nemotron_prompt_v2_phase7_2",
        "treatment_percentage": 0.5,
        "test_duration_hours": 48,
        "started_at": manager.rollout_config.started_at.isoformat(),
    }
    assert status["rollback_config"] == {
        "enabled": True,
        "max_fp_rate_increase": 0.05,
        "max_latency_increase_pct": 50.0,
        "max_error_rate_increase": 0.05,
        "min_samples": 10,
    }


def test_a_status_when_the_time_is_over():
    started().rollout_config.started_at = datetime.now(timezone.utc) - timedelta(hours=49)
    status = production.get_experiment_status()
    assert (status["is_expired"], status["remaining_hours"], status["is_active"]) == (True, 0, False)


def test_a_camera_without_a_rollout_gets_the_original():
    answer = production.get_camera_assignment("front")
    assert answer.pop("message").startswith("No A/B rollout active")
    assert answer == {"camera_id": "front", "group": None, "prompt_version": "v1_original"}


def test_cameras_of_a_rollout_are_split():
    started()
    answer = production.get_camera_assignment("camera_0")
    assert "assigned to" in answer["message"] and set(answer) == {"camera_id", "group", "prompt_version", "message"}
    for number in range(100):
        answer = production.get_camera_assignment(f"camera_{number}")
        version = "v2_calibrated" if answer["group"] == "treatment" else "v1_original"
        assert answer["prompt_version"] == version
    # The figure is the surface's, computed with another implementation of the hash.
    assert groups().count("treatment") == 45
    assert sum(group == "treatment" for group in groups(1000)) == 488


@pytest.mark.parametrize("state", ["configured", "stopped", "expired", "rolled back"])
def test_what_does_not_run_serves_the_original(state):
    if state == "configured":
        configure_rollout_manager()
    else:
        manager = started()
    if state == "stopped":
        production.stop_production_ab_rollout()
    if state == "expired":
        manager.rollout_config.started_at = datetime.now(timezone.utc) - timedelta(hours=49)
    if state == "rolled back":
        harm(manager)
        assert production.check_and_handle_rollback().should_rollback is True
    for number in range(100):
        answer = production.get_camera_assignment(f"camera_{number}")
        assert (answer["group"], answer["prompt_version"]) == (None, "v1_original")


def test_a_status_of_what_is_configured_and_not_started():
    configure_rollout_manager()
    status = production.get_experiment_status()
    assert (status["is_active"], status["is_expired"], status["remaining_hours"]) == (False, False, 48)
    assert status["config"]["started_at"] is None and "message" not in status
    assert json.loads(json.dumps(status)) == status


def test_a_manager_that_was_replaced_by_a_test_is_the_one_that_is_asked(monkeypatch):
    from unittest.mock import MagicMock

    mock = MagicMock(spec=get_rollout_manager)
    mock.return_value = None
    monkeypatch.setattr(production, "get_rollout_manager", mock)
    assert production.check_and_handle_rollback().should_rollback is False
    assert mock.called


def test_the_constants_are_read_when_a_config_is_made(monkeypatch):
    monkeypatch.setattr(production, "PRODUCTION_TEST_DURATION_HOURS", 12)
    monkeypatch.setattr(production, "MIN_SAMPLES_FOR_ROLLBACK", 7)
    assert production.create_production_rollout_config().test_duration_hours == 12
    assert production.create_production_rollback_config().min_samples == 7


def test_a_rollback_takes_the_limits_of_the_moment():
    manager = started(min_samples=10)
    harm(manager)
    manager.rollback_config.enabled = False
    assert "disabled" in production.check_and_handle_rollback().reason.lower()
    assert manager.is_active is True
    manager.rollback_config.enabled = True
    assert production.check_and_handle_rollback().should_rollback is True
