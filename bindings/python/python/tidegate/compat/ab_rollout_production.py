"""The A/B test in production: its numbers, and one place to start, stop and ask it."""

from __future__ import annotations

from typing import Any

from ._application import logger as _logger_of
from .prompt_ab_rollout import (
    ABRolloutConfig,
    ABRolloutManager,
    AutoRollbackConfig,
    ExperimentGroup,
    RollbackCheckResult,
    configure_rollout_manager,
    get_rollout_manager,
)
from .prompt_experiment import PromptVersion

__all__ = [
    "MAX_ERROR_RATE_INCREASE",
    "MAX_FP_RATE_INCREASE",
    "MAX_LATENCY_INCREASE_PCT",
    "MIN_SAMPLES_FOR_ROLLBACK",
    "PRODUCTION_EXPERIMENT_NAME",
    "PRODUCTION_TEST_DURATION_HOURS",
    "PRODUCTION_TREATMENT_PERCENTAGE",
    "check_and_handle_rollback",
    "create_production_rollback_config",
    "create_production_rollout_config",
    "get_camera_assignment",
    "get_experiment_status",
    "get_production_rollout_manager",
    "start_production_ab_rollout",
    "stop_production_ab_rollout",
]

logger = _logger_of("ab_rollout_production")

PRODUCTION_TREATMENT_PERCENTAGE = 0.5
PRODUCTION_TEST_DURATION_HOURS = 48
PRODUCTION_EXPERIMENT_NAME = "nemotron_prompt_v2_phase7_2"
MAX_FP_RATE_INCREASE = 0.05
MAX_LATENCY_INCREASE_PCT = 50.0
MAX_ERROR_RATE_INCREASE = 0.05
MIN_SAMPLES_FOR_ROLLBACK = 100


def create_production_rollout_config() -> ABRolloutConfig:
    return ABRolloutConfig(
        treatment_percentage=PRODUCTION_TREATMENT_PERCENTAGE,
        test_duration_hours=PRODUCTION_TEST_DURATION_HOURS,
        experiment_name=PRODUCTION_EXPERIMENT_NAME,
    )


def create_production_rollback_config() -> AutoRollbackConfig:
    return AutoRollbackConfig(
        max_fp_rate_increase=MAX_FP_RATE_INCREASE,
        max_latency_increase_pct=MAX_LATENCY_INCREASE_PCT,
        max_error_rate_increase=MAX_ERROR_RATE_INCREASE,
        min_samples=MIN_SAMPLES_FOR_ROLLBACK,
    )


def start_production_ab_rollout() -> ABRolloutManager:
    """Starts a new test and gives its manager.

    A test that runs is stopped, with a warning in the log. It is neither refused nor gone on with: callers rely on a
    second call that gives another manager.
    """
    manager = configure_rollout_manager(
        create_production_rollout_config(), create_production_rollback_config()
    )
    manager.start()
    logger.info("Production A/B rollout started: %s", manager.rollout_config.experiment_name)
    return manager


def get_production_rollout_manager() -> ABRolloutManager | None:
    return get_rollout_manager()


def stop_production_ab_rollout(reason: str = "Manual stop") -> bool:
    """Stops the test that runs; false where none does."""
    manager = get_production_rollout_manager()
    if manager is None:
        logger.warning("No A/B rollout to stop: none is configured")
        return False
    if not manager.is_active:
        logger.warning("No A/B rollout to stop: it does not run")
        return False
    manager.stop()
    logger.info("Production A/B rollout stopped: %s", reason)
    return True


def check_and_handle_rollback() -> RollbackCheckResult:
    """Stops the test if it passed a limit. It never raises.

    A test that does not run is not rolled back a second time: before, each further call reported and logged it again.
    """
    manager = get_production_rollout_manager()
    if manager is None:
        return RollbackCheckResult(False, "No rollout manager configured")
    result = manager.check_rollback_needed()
    if not result.should_rollback:
        return result
    if not manager.is_active:
        return RollbackCheckResult(False, f"The A/B rollout does not run; it would be rolled back: {result.reason}")
    logger.warning("A/B rollout is rolled back: %s", result.reason)
    manager.stop()
    logger.info(
        "FP rates: control=%.3f of %d, treatment=%.3f of %d",
        manager.control_metrics.fp_rate,
        manager.control_metrics.total_feedback_count,
        manager.treatment_metrics.fp_rate,
        manager.treatment_metrics.total_feedback_count,
    )
    return result


def get_experiment_status() -> dict[str, Any]:
    manager = get_production_rollout_manager()
    if manager is None:
        return {
            "is_active": False,
            "is_expired": False,
            "remaining_hours": 0,
            "metrics": None,
            "config": None,
            "message": "No A/B rollout experiment configured",
        }
    summary = manager.get_metrics_summary()
    config = manager.rollout_config.to_dict()
    names = ("experiment_name", "treatment_percentage", "test_duration_hours", "started_at")
    limits = manager.rollback_config.to_dict()
    return {
        "is_active": manager.is_active,
        "is_expired": manager.is_expired,
        "remaining_hours": manager.remaining_hours,
        "metrics": {"control": summary["control"], "treatment": summary["treatment"]},
        "config": {name: config[name] for name in names},
        "rollback_config": {"enabled": limits.pop("enabled"), **limits},
    }


def get_camera_assignment(camera_id: str) -> dict[str, Any]:
    """The prompt version of a camera: that of its group while a test runs, else the original.

    Before, a test that was over or never started still served the treatment.
    """
    manager = get_production_rollout_manager()
    if manager is None or not manager.is_active:
        why = "none is configured" if manager is None else "it does not run"
        return {
            "camera_id": camera_id,
            "group": None,
            "prompt_version": PromptVersion.V1_ORIGINAL.value,
            "message": f"No A/B rollout active: {why}",
        }
    group = manager.get_group_for_camera(camera_id)
    treated = group is ExperimentGroup.TREATMENT
    version = PromptVersion.V2_CALIBRATED if treated else PromptVersion.V1_ORIGINAL
    return {
        "camera_id": camera_id,
        "group": group.value,
        "prompt_version": version.value,
        "message": f"Camera {camera_id} assigned to {group.value} group",
    }
