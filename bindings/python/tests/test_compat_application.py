"""Section 7 of the surface, and what the other sections say of logs: what the application around it sees."""

import inspect
import zlib

import pytest

from tidegate.compat import (
    ABRolloutConfig,
    ABRolloutManager,
    AutoRollbackConfig,
    check_and_handle_rollback,
    metrics,
    start_production_ab_rollout,
    stop_production_ab_rollout,
)

pytestmark = pytest.mark.filterwarnings("ignore::tidegate.compat.prompt_ab_rollout.ThresholdRuleWarning")

RECORDERS = {
    "record_prompt_latency": ("version", "latency_seconds"),
    "record_prompt_ab_traffic": ("version", "is_treatment"),
    "record_shadow_comparison": ("model",),
    "record_shadow_risk_score": ("prompt_version", "risk_score"),
    "record_shadow_risk_score_diff": ("diff",),
    "update_shadow_avg_risk_score": ("prompt_version", "avg_score"),
    "record_shadow_risk_level_shift": ("direction",),
    "record_shadow_latency_diff": ("diff_seconds",),
    "record_shadow_latency_warning": ("model",),
    "record_shadow_comparison_error": ("error_type",),
    "record_prompt_rollback": ("model", "reason"),
    "record_ab_rollout_analysis": ("group",),
    "update_ab_rollout_fp_rate": ("group", "fp_rate"),
    "update_ab_rollout_avg_latency": ("group", "latency_ms"),
    "update_ab_rollout_avg_risk_score": ("group", "avg_score"),
    "record_ab_rollout_feedback": ("group", "is_false_positive"),
}

# Type, labels, and one sample that the call below leaves behind.
SERIES = [
    (("record_prompt_latency", "v1", 0.2), "hsi_prompt_version_latency_seconds_bucket", {"version": "v1", "le": "0.25"}),
    (("record_prompt_ab_traffic", "v1", True), "hsi_prompt_ab_traffic_total", {"version": "v1", "is_treatment": "true"}),
    (("record_shadow_comparison", "m" * 40), "hsi_prompt_shadow_comparisons_total", {"model": "m" * 32}),
    (("record_shadow_risk_score", "control", 35), "hsi_shadow_risk_score_distribution_bucket", {"prompt_version": "control", "le": "40.0"}),
    (("record_shadow_risk_score_diff", -12), "hsi_shadow_risk_score_diff_bucket", {"le": "15.0"}),
    (("update_shadow_avg_risk_score", "control", 1.0), "hsi_shadow_avg_risk_score", {"prompt_version": "control"}),
    (("record_shadow_risk_level_shift", "lower"), "hsi_shadow_risk_level_shift_total", {"direction": "lower"}),
    (("record_shadow_latency_diff", -0.3), "hsi_shadow_latency_diff_seconds_bucket", {"le": "-0.1"}),
    (("record_shadow_latency_warning", "nemotron"), "hsi_shadow_latency_warning_total", {"model": "nemotron"}),
    (("record_shadow_comparison_error", "both_failed"), "hsi_shadow_comparison_errors_total", {"error_type": "both_failed"}),
    (("record_prompt_rollback", "nemotron", "x"), "hsi_prompt_rollbacks_total", {"model": "nemotron", "reason": "x"}),
    (("record_ab_rollout_analysis", "g1"), "hsi_ab_rollout_analysis_total", {"group": "g1"}),
    (("update_ab_rollout_fp_rate", "g1", 1.0), "hsi_ab_rollout_fp_rate", {"group": "g1"}),
    (("update_ab_rollout_avg_latency", "g1", 1.0), "hsi_ab_rollout_avg_latency_ms", {"group": "g1"}),
    (("update_ab_rollout_avg_risk_score", "g1", 1.0), "hsi_ab_rollout_avg_risk_score", {"group": "g1"}),
    (("record_ab_rollout_feedback", "g1", False), "hsi_ab_rollout_feedback_total", {"group": "g1", "feedback_type": "correct"}),
]


def test_there_are_these_recorders():
    made = {
        name: tuple(inspect.signature(recorder).parameters)
        for name, recorder in inspect.getmembers(metrics, inspect.isfunction)
        if not name.startswith("_") and recorder.__module__ == metrics.__name__
    }
    assert made == RECORDERS


@pytest.mark.parametrize(("call", "sample", "labels"), SERIES)
def test_a_recorder_leaves_this_sample(call, sample, labels):
    prometheus_client = pytest.importorskip("prometheus_client")
    name, *arguments = call
    assert getattr(metrics, name)(*arguments) is None
    assert prometheus_client.REGISTRY.get_sample_value(sample, labels) == 1.0


BUCKETS = {
    "hsi_prompt_version_latency_seconds": (("record_prompt_latency", "b", 0), (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)),
    "hsi_shadow_risk_score_distribution": (("record_shadow_risk_score", "b", 0), tuple(range(10, 101, 10))),
    "hsi_shadow_risk_score_diff": (("record_shadow_risk_score_diff", 0), (0, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100)),
    "hsi_shadow_latency_diff_seconds": (("record_shadow_latency_diff", 0), (-1, -0.5, -0.1, 0, 0.1, 0.5, 1, 2, 5)),
}


@pytest.mark.parametrize("series", BUCKETS)
def test_a_histogram_has_these_buckets(series):
    prometheus_client = pytest.importorskip("prometheus_client")
    (name, *arguments), bounds = BUCKETS[series]
    getattr(metrics, name)(*arguments)
    (family,) = [family for family in prometheus_client.REGISTRY.collect() if family.name == series]
    told = {float(sample.labels["le"]) for sample in family.samples if sample.name.endswith("_bucket")}
    assert told == {*map(float, bounds), float("inf")}


LABELS = [
    ("record_prompt_latency", ("{}", 1.0), 32),
    ("record_prompt_ab_traffic", ("{}", False), 32),
    ("record_shadow_comparison", ("{}",), 32),
    ("record_shadow_risk_score", ("{}", 1), 16),
    ("update_shadow_avg_risk_score", ("{}", 1.0), 16),
    ("record_shadow_risk_level_shift", ("{}",), 16),
    ("record_shadow_latency_warning", ("{}",), 32),
    ("record_shadow_comparison_error", ("{}",), 32),
    ("record_prompt_rollback", ("{}", "{}"), 32),
    ("record_ab_rollout_analysis", ("{}",), 16),
    ("update_ab_rollout_fp_rate", ("{}", 1.0), 16),
    ("update_ab_rollout_avg_latency", ("{}", 1.0), 16),
    ("update_ab_rollout_avg_risk_score", ("{}", 1.0), 16),
    ("record_ab_rollout_feedback", ("{}", True), 16),
]


@pytest.mark.parametrize(("name", "arguments", "length"), LABELS)
def test_a_label_is_cut_to_its_length(name, arguments, length):
    prometheus_client = pytest.importorskip("prometheus_client")
    mine = f"{zlib.crc32(name.encode()):08x}"
    long = mine + "x" * 60
    assert getattr(metrics, name)(*(long if value == "{}" else value for value in arguments)) is None
    labels = [
        value
        for family in prometheus_client.REGISTRY.collect()
        for sample in family.samples
        for value in sample.labels.values()
        if value.startswith(mine)
    ]
    assert labels and {len(label) for label in labels} == {length}


def started(**config):
    manager = ABRolloutManager(ABRolloutConfig(**config), AutoRollbackConfig(min_samples=10))
    manager.start()
    return manager


def messages(caplog, level, module):
    named = [record for record in caplog.records if record.name == f"backend.config.{module}"]
    return [record.getMessage() for record in named if record.levelname == level]


def test_a_start_and_each_stop_are_a_line(caplog):
    caplog.set_level("INFO")
    manager = started(treatment_percentage=0.125, test_duration_hours=12, experiment_name="mine")
    (line,) = messages(caplog, "INFO", "prompt_ab_rollout")
    # Whole percents, halves to even.
    assert "mine" in line and "12%" in line and "12 hours" in line
    caplog.clear()
    manager.stop()
    manager.stop()
    assert len(messages(caplog, "INFO", "prompt_ab_rollout")) == 2


def test_a_production_start_a_stop_and_a_rollback_are_logged(caplog):
    caplog.set_level("INFO")
    manager = start_production_ab_rollout()
    assert len(messages(caplog, "INFO", "ab_rollout_production")) == 1
    manager.rollback_config.min_samples = 1
    manager.record_control_feedback(False)
    manager.record_treatment_feedback(True)
    caplog.clear()
    result = check_and_handle_rollback()
    assert messages(caplog, "WARNING", "ab_rollout_production") == [f"A/B rollout is rolled back: {result.reason}"]
    assert "control=0.000 of 1, treatment=1.000 of 1" in messages(caplog, "INFO", "ab_rollout_production")[0]
    start_production_ab_rollout()
    caplog.clear()
    stop_production_ab_rollout("enough")
    assert "enough" in messages(caplog, "INFO", "ab_rollout_production")[0]


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ({"wrong": 2}, {"wrong": 5}, "FP rate increase 15.0% exceeds threshold 5.0% (control: 10.0%, treatment: 25.0%)"),
        ({"latency_ms": 100.5}, {"latency_ms": 200.0}, "Latency increase 99.0% exceeds threshold 50.0% (control: 100ms, treatment: 200ms)"),
        ({"errors": 1}, {"errors": 3}, "Error rate increase 10.0% exceeds threshold 5.0% (control: 5.0%, treatment: 15.0%)"),
    ],
)
def test_a_reason_gives_the_numbers(control, treatment, reason):
    manager = started()
    for group, told in (("control", control), ("treatment", treatment)):
        for number in range(20):
            getattr(manager, f"record_{group}_feedback")(number < told.get("wrong", 0))
            failed = number < told.get("errors", 0)
            getattr(manager, f"record_{group}_analysis")(latency_ms=told.get("latency_ms"), has_error=failed)
    result = manager.check_rollback_needed()
    assert (result.should_rollback, result.reason) == (True, reason)
