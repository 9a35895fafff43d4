"""The offline runner of the replaced system: one variant drawn by chance, and two lists of scores held against each other.

Its t-test takes every score for independent. Cases of one scenario are not, so that it calls chance a difference too
often: `tidegate evaluate`, or `tidegate.engine.evaluate`, draws whole scenarios. Here it stays, for those who compare
with results of before.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate import _engine

from .prompt_ab_config import PromptExperiment

__all__ = ["ExperimentResults", "analyze_experiment", "select_variant", "summarize_results"]


@dataclass
class ExperimentResults:
    """Means and standard deviations of both, and what the t-test of their difference says."""

    control_scores: Sequence[float]
    variant_scores: Sequence[float]
    control_mean: float
    variant_mean: float
    control_std: float
    """Of the sample: divided by n - 1."""
    variant_std: float
    t_statistic: float
    """Control less variant."""
    p_value: float
    is_significant: bool
    effect_size: float
    """Cohen's d, variant less control; 0.0 where nothing varies."""


def select_variant(experiment: PromptExperiment) -> str:
    """The key of the prompt for one request: the variant's with the probability `traffic_split`."""
    if random.random() < experiment.traffic_split:
        return experiment.variant_prompt_key
    return experiment.control_prompt_key


def analyze_experiment(
    control_scores: Sequence[float], variant_scores: Sequence[float], alpha: float = 0.05
) -> ExperimentResults:
    """Student's t-test with pooled variance, of both sides. Raises ValueError for fewer than two scores."""
    for name, scores in (("control_scores", control_scores), ("variant_scores", variant_scores)):
        if len(scores) < 2:
            raise ValueError(f"{name} must have at least 2 values")
    counts = (len(control_scores), len(variant_scores))
    means = (_mean(control_scores), _mean(variant_scores))
    squares = (_squares(control_scores, means[0]), _squares(variant_scores, means[1]))
    freedom = sum(counts) - 2
    pooled = sum(squares) / freedom
    t_statistic = _quotient(means[0] - means[1], math.sqrt(pooled * (1 / counts[0] + 1 / counts[1])))
    p_value = _two_sided(t_statistic, freedom)
    return ExperimentResults(
        control_scores=control_scores,
        variant_scores=variant_scores,
        control_mean=means[0],
        variant_mean=means[1],
        control_std=math.sqrt(squares[0] / (counts[0] - 1)),
        variant_std=math.sqrt(squares[1] / (counts[1] - 1)),
        t_statistic=t_statistic,
        p_value=p_value,
        is_significant=p_value < alpha,
        effect_size=(means[1] - means[0]) / math.sqrt(pooled) if pooled > 0 else 0.0,
    )


def summarize_results(results: ExperimentResults) -> str:
    """A text for people. It states alpha = 0.05 whatever was used, as before."""
    significant = results.is_significant
    if results.variant_mean > results.control_mean:
        direction = "Variant performs BETTER than control"
    elif results.variant_mean < results.control_mean:
        direction = "Variant performs WORSE than control"
    else:
        direction = "No difference between variant and control"
    line = "=" * 60
    groups = [
        f"{name} mean={mean:.3f}, std={std:.3f}, n={len(scores)}"
        for name, mean, std, scores in (
            ("Control:", results.control_mean, results.control_std, results.control_scores),
            ("Variant:", results.variant_mean, results.variant_std, results.variant_scores),
        )
    ]
    return "\n".join(
        [
            line,
            f"Result: {'SIGNIFICANT' if significant else 'NOT SIGNIFICANT'} (alpha = 0.05)",
            line,
            *groups,
            "",
            "Statistical Analysis:",
            f"  t-statistic: {results.t_statistic:.4f}",
            f"  p-value: {results.p_value:.4f}",
            f"  Effect size (Cohen's d): {results.effect_size:.4f} ({_interpret_effect_size(results.effect_size)})",
            "",
            direction,
            f"The difference {'IS' if significant else 'is NOT'} statistically significant",
            line,
        ]
    )


def _interpret_effect_size(effect_size: float) -> str:
    size = abs(effect_size)
    if size < 0.2:
        return "negligible"
    if size < 0.5:
        return "small"
    return "medium" if size < 0.8 else "large"


def _mean(scores: Sequence[float]) -> float:
    return math.fsum(scores) / len(scores)


def _squares(scores: Sequence[float], mean: float) -> float:
    return math.fsum((score - mean) ** 2 for score in scores)


def _quotient(above: float, below: float) -> float:
    """As floating point has it: what does not vary is infinitely far apart, or compared with itself no number."""
    if below != 0:
        return above / below
    return math.copysign(math.inf, above) if above else math.nan


def _two_sided(t: float, freedom: int) -> float:
    return 0.0 if math.isinf(t) else _engine.t_two_sided(t, freedom)
