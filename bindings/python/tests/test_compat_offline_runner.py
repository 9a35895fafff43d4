"""Section 7 of the surface, the offline runner. The numbers are scipy's and Student's own."""

import inspect
import math
import random

import pytest

from tidegate.compat import offline_runner
from tidegate.compat.offline_runner import (
    ExperimentResults,
    _interpret_effect_size,
    analyze_experiment,
    select_variant,
    summarize_results,
)
from tidegate.compat.prompt_ab_config import PromptExperiment

# Student 1908, the sleep that two drugs brought, as scipy.stats.ttest_ind has it: t -1.8608, p 0.0792.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def experiment(split):
    return PromptExperiment("n", "d", "control_key", "variant_key", traffic_split=split)


def test_a_variant_is_drawn_strictly_below_the_split(monkeypatch):
    for drawn, key in ((0.0, "variant_key"), (0.29, "variant_key"), (0.3, "control_key"), (0.9, "control_key")):
        monkeypatch.setattr(offline_runner.random, "random", lambda drawn=drawn: drawn)
        assert select_variant(experiment(0.3)) == key
    monkeypatch.setattr(offline_runner.random, "random", lambda: 0.0)
    assert select_variant(experiment(0.0)) == "control_key"


def test_a_split_is_about_its_share():
    random.seed(1)
    drawn = [select_variant(experiment(0.3)) for _ in range(2000)]
    assert 500 < drawn.count("variant_key") < 700
    assert {select_variant(experiment(1.0)) for _ in range(100)} == {"variant_key"}


def test_the_numbers_are_those_of_a_t_test():
    results = analyze_experiment(FIRST, SECOND)
    assert results.control_scores is FIRST and results.variant_scores is SECOND
    assert (results.control_mean, results.variant_mean) == (pytest.approx(0.75), pytest.approx(2.33))
    assert (results.control_std, results.variant_std) == (pytest.approx(1.789010), pytest.approx(2.002249, rel=1e-6))
    assert results.t_statistic == pytest.approx(-1.860813, rel=1e-6)
    assert results.p_value == pytest.approx(0.0791867, rel=1e-5)
    assert results.is_significant is False
    assert results.effect_size == pytest.approx(0.832181, rel=1e-6)
    assert analyze_experiment(FIRST, SECOND, alpha=0.1).is_significant is True
    assert analyze_experiment(SECOND, FIRST).t_statistic == pytest.approx(1.860813, rel=1e-6)


def test_arrays_are_lists_of_scores():
    class Scores(list):
        """As an array, it has no truth of its own."""

        def __bool__(self):
            raise ValueError("ambiguous")

    assert analyze_experiment(Scores(FIRST), Scores(SECOND)).t_statistic < 0


def test_two_scores_are_the_least_and_the_control_speaks_first():
    for control, variant, name in (([1], [1], "control"), ([], [1, 2], "control"), ([1, 2], [1], "variant")):
        with pytest.raises(ValueError, match=f"{name}_scores must have at least 2 values"):
            analyze_experiment(control, variant)
    assert analyze_experiment([1, 2], [1, 2]).t_statistic == 0.0


def test_what_does_not_vary():
    apart = analyze_experiment([1.0, 1.0], [2.0, 2.0])
    assert (apart.t_statistic, apart.p_value, apart.is_significant, apart.effect_size) == (-math.inf, 0.0, True, 0.0)
    same = analyze_experiment([1.0, 1.0], [1.0, 1.0])
    assert math.isnan(same.t_statistic) and math.isnan(same.p_value)
    assert same.is_significant is False and same.effect_size == 0.0


@pytest.mark.parametrize(
    ("effect", "word"),
    [(0.0, "negligible"), (0.19, "negligible"), (0.2, "small"), (-0.49, "small"), (0.5, "medium"), (-0.79, "medium"), (0.8, "large"), (-3, "large")],
)
def test_an_effect_has_a_word(effect, word):
    assert _interpret_effect_size(effect) == word


def test_a_summary_that_is_significant_says_so_and_nothing_else():
    text = summarize_results(analyze_experiment([1, 2, 3, 4], [11, 12, 13, 14]))
    for fragment in (
        "SIGNIFICANT", "Control:", "Variant:", "mean=", "std=", "n=4", "Statistical Analysis:", "t-statistic:", "p-value:",
        "Effect size", "Cohen's d", "large", "Variant performs BETTER than control",
        "The difference IS statistically significant", "=====", "0.05",
    ):
        assert fragment in text, fragment
    assert "NOT SIGNIFICANT" not in text and len(text) > 100


def test_a_summary_that_is_not():
    text = summarize_results(analyze_experiment([2, 3, 4], [1, 3, 4], alpha=0.2))
    assert "NOT SIGNIFICANT" in text and "Variant performs WORSE than control" in text
    assert "The difference is NOT statistically significant" in text and "n=3" in text
    assert "No difference between variant and control" in summarize_results(analyze_experiment([1, 2], [1, 2]))


def test_results_have_these_fields_in_order():
    assert list(inspect.signature(ExperimentResults).parameters) == [
        "control_scores", "variant_scores", "control_mean", "variant_mean", "control_std", "variant_std",
        "t_statistic", "p_value", "is_significant", "effect_size",
    ]
