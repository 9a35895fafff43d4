"""What the tests share."""

import sys
import types

import pytest

from tidegate.compat import (
    reset_prompt_experiment_config,
    reset_rollout_manager,
    reset_shadow_mode_deployment_config,
    reset_shadow_mode_stats_tracker,
)

pytest_plugins = ["tidegate.pytest_plugin"]


@pytest.fixture(autouse=True)
def nothing_configured():
    resets = (
        reset_prompt_experiment_config,
        reset_rollout_manager,
        reset_shadow_mode_deployment_config,
        reset_shadow_mode_stats_tracker,
    )
    for reset in resets:
        assert reset() is None
    yield
    for reset in resets:
        reset()


@pytest.fixture
def recorded(monkeypatch):
    """The application's recorders: every call, in order. Each takes what it takes by position alone."""
    calls = []
    module = types.ModuleType("backend.core.metrics")

    def recorder(name):
        def record(*arguments):
            calls.append((name, *arguments))

        return record

    for name in (
        "record_prompt_latency",
        "record_shadow_comparison",
        "record_shadow_comparison_error",
        "record_shadow_risk_score",
        "record_shadow_risk_score_diff",
        "record_shadow_risk_level_shift",
        "record_shadow_latency_diff",
        "record_shadow_latency_warning",
        "update_shadow_avg_risk_score",
        "record_ab_rollout_analysis",
        "record_ab_rollout_feedback",
        "update_ab_rollout_fp_rate",
        "update_ab_rollout_avg_latency",
        "update_ab_rollout_avg_risk_score",
    ):
        setattr(module, name, recorder(name))
    monkeypatch.setitem(sys.modules, "backend.core.metrics", module)
    return calls
