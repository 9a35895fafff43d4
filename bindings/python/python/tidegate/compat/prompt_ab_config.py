"""Experiments that compare two prompts offline.

This module is not imported by the package, as before: import it by its own name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "EXPERIMENTS",
    "PromptExperiment",
    "get_enabled_experiments",
    "get_experiment",
    "list_experiments",
]


def _metrics() -> list[str]:
    return [
        "json_parse_success_rate",
        "score_in_range_accuracy",
        "level_match_accuracy",
        "response_latency_ms",
    ]


@dataclass
class PromptExperiment:
    """Two prompts, the share that gets the variant, and what is measured."""

    name: str
    description: str
    control_prompt_key: str
    variant_prompt_key: str
    traffic_split: float = 0.1
    eval_dataset_path: Path = Path("data/synthetic")
    metrics: list[str] = field(default_factory=_metrics)
    enabled: bool = True

    def __post_init__(self) -> None:
        # Tests hold these texts in full.
        if not self.name:
            raise ValueError("Experiment name cannot be empty")
        if not self.description:
            raise ValueError("Experiment description cannot be empty")
        if not self.control_prompt_key:
            raise ValueError("Control prompt key cannot be empty")
        if not self.variant_prompt_key:
            raise ValueError("Variant prompt key cannot be empty")
        if self.control_prompt_key == self.variant_prompt_key:
            raise ValueError("Control and variant prompt keys must be different")
        if not 0.0 <= self.traffic_split <= 1.0:
            raise ValueError(f"traffic_split must be between 0.0 and 1.0, got {self.traffic_split}")


EXPERIMENTS: dict[str, PromptExperiment] = {
    experiment.name: experiment
    for experiment in (
        PromptExperiment(
            name="rubric_vs_current",
            description="Scoring by an explicit rubric, against the calibrated prompt",
            control_prompt_key="calibrated_system",
            variant_prompt_key="rubric_enhanced",
        ),
        PromptExperiment(
            name="cot_vs_current",
            description="Reasoning step by step, against the calibrated prompt",
            control_prompt_key="calibrated_system",
            variant_prompt_key="reasoning_enabled",
        ),
    )
}
"""Read live by the functions below: what is added here is found."""


def get_experiment(name: str) -> PromptExperiment | None:
    """The very object of `EXPERIMENTS`, or None."""
    return EXPERIMENTS.get(name)


def list_experiments() -> list[str]:
    return list(EXPERIMENTS)


def get_enabled_experiments() -> list[PromptExperiment]:
    return [experiment for experiment in EXPERIMENTS.values() if experiment.enabled]
