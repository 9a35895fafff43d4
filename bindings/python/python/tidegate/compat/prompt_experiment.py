"""Which of two prompt versions a camera gets: shadow, or a share of the cameras."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from ._assignment import gets_treatment
from ._checked import Checked, a_number, share


class PromptVersion(Enum):
    """The two versions. Comparing one with its string is false, as it always was; callers take `.value`."""

    V1_ORIGINAL = "v1_original"
    V2_CALIBRATED = "v2_calibrated"


@dataclass
class PromptExperimentConfig(Checked):
    """Shadow or A/B, and for which share of the cameras."""

    shadow_mode: bool = True
    treatment_percentage: float = 0.0
    max_latency_increase_pct: float = 50.0
    min_fp_reduction_pct: float = 10.0
    """Read by nothing, as before: `[promotion]` of an experiment in Tidegate is what decides on a benefit."""
    experiment_name: str = "nemotron_prompt_v2"
    started_at: str | None = None
    """Kept as it is given: callers compare the text."""

    _rules: ClassVar = {
        "treatment_percentage": share("treatment_percentage"),
        "max_latency_increase_pct": a_number("max_latency_increase_pct"),
        "min_fp_reduction_pct": a_number("min_fp_reduction_pct"),
    }

    def get_version_for_camera(self, camera_id: str) -> PromptVersion:
        """V1 in shadow; else by the camera's hash."""
        if self.shadow_mode:
            return PromptVersion.V1_ORIGINAL
        if gets_treatment(camera_id, self.experiment_name, self.treatment_percentage):
            return PromptVersion.V2_CALIBRATED
        return PromptVersion.V1_ORIGINAL

    @property
    def is_shadow_mode(self) -> bool:
        return self.shadow_mode

    @property
    def is_ab_test_active(self) -> bool:
        return not self.shadow_mode and self.treatment_percentage > 0

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> PromptExperimentConfig:
        """Unknown keys are ignored, missing ones have their defaults."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: data[name] for name in names if name in data})


_config: PromptExperimentConfig | None = None


def get_prompt_experiment_config() -> PromptExperimentConfig:
    """The one configuration of this process, made with the defaults when first asked for."""
    global _config
    if _config is None:
        _config = PromptExperimentConfig()
    return _config


def reset_prompt_experiment_config() -> None:
    """The next one asked for is a new one."""
    global _config
    _config = None
