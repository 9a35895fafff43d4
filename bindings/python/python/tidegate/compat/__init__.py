"""The names of the replaced package, so that its callers change one line.

    from tidegate.compat import get_camera_assignment, start_production_ab_rollout

What callers rely on is as it was; what was wrong is right where nobody can rely on it. Both are listed in
`docs/python.md`. Code that imports by the old path needs no change at all after `alias("backend.config")`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

from .ab_rollout_production import (
    MAX_ERROR_RATE_INCREASE,
    MAX_FP_RATE_INCREASE,
    MAX_LATENCY_INCREASE_PCT,
    MIN_SAMPLES_FOR_ROLLBACK,
    PRODUCTION_EXPERIMENT_NAME,
    PRODUCTION_TEST_DURATION_HOURS,
    PRODUCTION_TREATMENT_PERCENTAGE,
    check_and_handle_rollback,
    create_production_rollback_config,
    create_production_rollout_config,
    get_camera_assignment,
    get_experiment_status,
    get_production_rollout_manager,
    start_production_ab_rollout,
    stop_production_ab_rollout,
)
from .prompt_ab_rollout import (
    ABRolloutConfig,
    ABRolloutManager,
    AutoRollbackConfig,
    ExperimentGroup,
    GroupMetrics,
    RollbackCheckResult,
    configure_rollout_manager,
    get_rollout_manager,
    reset_rollout_manager,
)
from .prompt_experiment import (
    PromptExperimentConfig,
    PromptVersion,
    get_prompt_experiment_config,
    reset_prompt_experiment_config,
)
from .shadow_mode_deployment import (
    LatencyWarning,
    ShadowModeComparisonResult,
    ShadowModeComparisonStats,
    ShadowModeDeploymentConfig,
    ShadowModeStatsTracker,
    create_deployment_from_experiment_config,
    get_shadow_mode_deployment_config,
    get_shadow_mode_stats,
    get_shadow_mode_stats_tracker,
    record_and_track_shadow_comparison,
    record_latency_warning,
    record_shadow_mode_comparison,
    reset_shadow_mode_deployment_config,
    reset_shadow_mode_stats_tracker,
)

__all__ = [
    "MAX_ERROR_RATE_INCREASE",
    "MAX_FP_RATE_INCREASE",
    "MAX_LATENCY_INCREASE_PCT",
    "MIN_SAMPLES_FOR_ROLLBACK",
    "PRODUCTION_EXPERIMENT_NAME",
    "PRODUCTION_TEST_DURATION_HOURS",
    "PRODUCTION_TREATMENT_PERCENTAGE",
    "ABRolloutConfig",
    "ABRolloutManager",
    "AutoRollbackConfig",
    "ExperimentGroup",
    "GroupMetrics",
    "LatencyWarning",
    "PromptExperimentConfig",
    "PromptVersion",
    "RollbackCheckResult",
    "ShadowModeComparisonResult",
    "ShadowModeComparisonStats",
    "ShadowModeDeploymentConfig",
    "ShadowModeStatsTracker",
    "check_and_handle_rollback",
    "configure_rollout_manager",
    "create_deployment_from_experiment_config",
    "create_production_rollback_config",
    "create_production_rollout_config",
    "get_camera_assignment",
    "get_experiment_status",
    "get_production_rollout_manager",
    "get_prompt_experiment_config",
    "get_rollout_manager",
    "get_shadow_mode_deployment_config",
    "get_shadow_mode_stats",
    "get_shadow_mode_stats_tracker",
    "record_and_track_shadow_comparison",
    "record_latency_warning",
    "record_shadow_mode_comparison",
    "reset_prompt_experiment_config",
    "reset_rollout_manager",
    "reset_shadow_mode_deployment_config",
    "reset_shadow_mode_stats_tracker",
    "start_production_ab_rollout",
    "stop_production_ab_rollout",
]

_SUBMODULES = (
    "ab_rollout_production",
    "prompt_ab_config",
    "prompt_ab_rollout",
    "prompt_experiment",
    "shadow_mode_deployment",
)


def alias(package: str) -> None:
    """Makes this package importable as `package` too, such as `backend.config`, with its modules.

    A parent that is there already keeps all else that it has. Beside it, `core.metrics` and `core.logging` are what the
    application had; where they cannot be imported, such as in tests that are run without it, there are stand-ins. Raises
    ImportError where `package` itself is there and is another module: nothing is replaced in silence.
    """
    here = sys.modules[__name__]
    if sys.modules.get(package, here) is not here:
        raise ImportError(f"{package} is imported already, from {sys.modules[package]}")
    parent, _, name = package.rpartition(".")
    sys.modules[package] = here
    if parent:
        setattr(_package(parent), name, here)
    for submodule in _SUBMODULES:
        sys.modules[f"{package}.{submodule}"] = importlib.import_module(f"{__name__}.{submodule}")
    core = f"{parent}.core" if parent else "core"
    _stand_in(f"{core}.metrics", importlib.import_module(f"{__name__}.metrics"))
    _stand_in(f"{core}.logging", importlib.import_module(f"{__name__}._logging"))


def _stand_in(name: str, module: ModuleType) -> None:
    """Puts `module` where `name` is looked for, if nothing is there. What is there is not imported before its time."""
    try:
        found = name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        package, _, last = name.rpartition(".")
        setattr(_package(package), last, module)
        sys.modules[name] = module


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        made = ModuleType(name)
        made.__path__ = []
        sys.modules[name] = made
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(_package(parent), last, made)
        return made
