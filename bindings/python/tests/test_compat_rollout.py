"""Section 3 of the surface: `prompt_ab_rollout`."""

import warnings
from datetime import datetime, timedelta, timezone

import pytest

from tidegate.compat import prompt_ab_rollout
from tidegate.compat.prompt_ab_rollout import (
    ABRolloutConfig,
    ABRolloutManager,
    AutoRollbackConfig,
    ExperimentGroup,
    GroupMetrics,
    RollbackCheckResult,
    ThresholdRuleWarning,
    configure_rollout_manager,
    get_rollout_manager,
    reset_rollout_manager,
)

pytestmark = pytest.mark.filterwarnings("ignore::tidegate.compat.prompt_ab_rollout.ThresholdRuleWarning")
NAN, INF = float("nan"), float("inf")


def now():
    return datetime.now(timezone.utc)


def manager(**limits):
    limits.setdefault("min_samples", 10)
    return ABRolloutManager(ABRolloutConfig(), AutoRollbackConfig(**limits))


def running(**limits):
    made = manager(**limits)
    made.start()
    return made


def feed(made, group, wrong, total):
    record = getattr(made, f"record_{group}_feedback")
    for number in range(total):
        record(is_false_positive=number < wrong)


def analyse(made, group, count, errors=0, **more):
    record = getattr(made, f"record_{group}_analysis")
    for number in range(count):
        record(has_error=number < errors, **more)


def treated(made, count=1000):
    groups = [made.get_group_for_camera(f"camera_{number}") for number in range(count)]
    return groups.count(ExperimentGroup.TREATMENT)


# ABRolloutConfig


def test_a_rollout_has_these_defaults():
    assert ABRolloutConfig().to_dict() == {
        "treatment_percentage": 0.5,
        "test_duration_hours": 48,
        "experiment_name": "nemotron_prompt_v2_rollout",
        "started_at": None,
    }


@pytest.mark.parametrize("hours", [0, -1, NAN, INF])
def test_a_duration_that_is_none_is_refused(hours):
    with pytest.raises(ValueError, match="test_duration_hours"):
        ABRolloutConfig(test_duration_hours=hours)


def test_the_percentage_is_checked_first():
    with pytest.raises(ValueError, match="treatment_percentage"):
        ABRolloutConfig(treatment_percentage=2, test_duration_hours=0)


@pytest.mark.parametrize("micro", [0, 123456])
def test_a_start_is_written_as_isoformat_has_it(micro):
    at = datetime(2026, 1, 2, 3, 4, 5, micro, tzinfo=timezone.utc)
    config = ABRolloutConfig(started_at=at)
    assert config.started_at == at
    assert config.to_dict()["started_at"] == at.isoformat()
    assert config.to_dict()["started_at"].endswith("+00:00")
    assert ABRolloutConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05"])
def test_a_start_is_read_in_each_of_these_forms(text):
    config = ABRolloutConfig.from_dict({"started_at": text})
    assert config.started_at.replace(tzinfo=timezone.utc) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    # One without a zone raised here. It is UTC.
    made = ABRolloutManager(config, AutoRollbackConfig())
    assert made.is_expired is True and made.remaining_hours == 0


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_falsy_start_is_none(nothing):
    assert ABRolloutConfig.from_dict({"started_at": nothing}).started_at is None


def test_a_start_that_is_no_time():
    with pytest.raises(ValueError):
        ABRolloutConfig.from_dict({"started_at": "soon"})
    with pytest.raises(TypeError):
        ABRolloutConfig.from_dict({"started_at": now()})


# AutoRollbackConfig and RollbackCheckResult


def test_limits_have_these_defaults():
    assert AutoRollbackConfig().to_dict() == {
        "max_fp_rate_increase": 0.05,
        "max_latency_increase_pct": 50.0,
        "max_error_rate_increase": 0.05,
        "min_samples": 100,
        "enabled": True,
    }


@pytest.mark.parametrize("name", ["max_fp_rate_increase", "max_latency_increase_pct", "max_error_rate_increase"])
def test_a_limit_that_is_no_number_would_switch_its_check_off(name):
    with pytest.raises(ValueError, match=name):
        AutoRollbackConfig(**{name: NAN})
    assert getattr(AutoRollbackConfig(**{name: -1.0}), name) == -1.0


def test_min_samples_is_at_least_zero():
    with pytest.raises(ValueError, match="min_samples"):
        AutoRollbackConfig(min_samples=-1)
    assert AutoRollbackConfig(min_samples=0).min_samples == 0


def test_a_result_needs_both_fields():
    assert RollbackCheckResult(True, "x") == RollbackCheckResult(should_rollback=True, reason="x")
    with pytest.raises(TypeError):
        RollbackCheckResult(True)


# GroupMetrics


def test_empty_metrics():
    metrics = GroupMetrics()
    assert (metrics.fp_rate, metrics.error_rate, metrics.latency_count) == (0.0, 0.0, 0)
    for name in ("avg_risk_score", "min_risk_score", "max_risk_score", "avg_latency_ms"):
        assert getattr(metrics, name) is None
    assert metrics.risk_scores == [] and metrics.risk_scores is not GroupMetrics().risk_scores


def test_metrics_can_be_made_with_values():
    metrics = GroupMetrics(2, 4, [30, 50], [10.0], 1, 4)
    assert (metrics.fp_rate, metrics.error_rate) == (0.5, 0.25)
    assert (metrics.avg_risk_score, metrics.avg_latency_ms) == (40.0, 10.0)


@pytest.mark.parametrize(("wrong", "total"), [(2, 4), (2, 5), (3, 10), (4, 20), (1, 10), (9, 30), (60, 100), (15, 100)])
def test_rates_are_quotients_of_whole_numbers(wrong, total):
    metrics = GroupMetrics()
    for number in range(total):
        metrics.record_feedback(number < wrong)
        metrics.record_analysis(has_error=number < wrong)
    assert metrics.fp_rate == wrong / total == metrics.error_rate


def test_means_are_exact():
    metrics = GroupMetrics()
    for score in (30, 50, 70, 90):
        metrics.record_risk_score(score)
    assert (metrics.avg_risk_score, metrics.min_risk_score, metrics.max_risk_score) == (60.0, 30, 90)
    assert type(metrics.min_risk_score) is int
    for latency in (100, 200, 150):
        metrics.record_latency(latency)
    assert (metrics.avg_latency_ms, metrics.latency_count) == (150.0, 3)
    # A score counts an analysis, a latency does not.
    assert metrics.total_analyses == 4


def test_an_analysis_begins_with_the_error():
    metrics = GroupMetrics()
    assert metrics.record_analysis(True) is None
    metrics.record_analysis(False, 0, 0)
    assert (metrics.error_count, metrics.total_analyses) == (1, 2)
    assert (metrics.avg_latency_ms, metrics.avg_risk_score) == (0, 0)


def test_the_time_of_a_failure_is_no_latency():
    metrics = GroupMetrics()
    metrics.record_analysis(has_error=True, latency_ms=600_000.0)
    metrics.record_analysis(latency_ms=100.0)
    assert metrics.avg_latency_ms == 100.0 and metrics.total_analyses == 2


@pytest.mark.parametrize("latency", [-1.0, NAN, INF, 600_001.0, "100"])
def test_a_latency_that_is_none_spoils_no_mean(latency):
    metrics = GroupMetrics()
    metrics.record_analysis(latency_ms=latency)
    metrics.record_analysis(latency_ms=100.0)
    assert (metrics.avg_latency_ms, metrics.total_analyses, metrics.dropped_values) == (100.0, 2, 1)


@pytest.mark.parametrize("score", [-1, 101, NAN])
def test_a_score_that_is_none_spoils_no_mean(score):
    metrics = GroupMetrics()
    metrics.record_risk_score(score)
    metrics.record_risk_score(50)
    assert (metrics.avg_risk_score, metrics.total_analyses, metrics.dropped_values) == (50.0, 2, 1)


def test_the_lists_are_bounded_and_the_means_are_not():
    metrics = GroupMetrics()
    for number in range(10_000):
        metrics.record_analysis(latency_ms=float(number))
    assert metrics.latency_count == 10_000 and metrics.avg_latency_ms == 4999.5
    assert len(metrics.latencies_ms) <= 2_000 and metrics.latencies_ms[-1] == 9999.0


def test_values_put_into_the_public_lists_count():
    metrics = GroupMetrics()
    metrics.latencies_ms.extend([100.0, 200.0])
    metrics.risk_scores = [10, 30]
    assert (metrics.avg_latency_ms, metrics.latency_count) == (150.0, 2)
    assert (metrics.avg_risk_score, metrics.min_risk_score, metrics.max_risk_score) == (20.0, 10, 30)
    metrics.record_latency(300.0)
    assert (metrics.avg_latency_ms, metrics.latencies_ms) == (200.0, [100.0, 200.0, 300.0])
    metrics.latencies_ms.clear()
    assert metrics.avg_latency_ms is None
    metrics.false_positive_count, metrics.total_feedback_count = 1, 4
    assert metrics.fp_rate == 0.25


# ABRolloutManager


def test_the_configs_are_the_very_objects():
    rollout, limits = ABRolloutConfig(), AutoRollbackConfig()
    made = ABRolloutManager(rollout_config=rollout, rollback_config=limits)
    assert made.rollout_config is rollout and made.rollback_config is limits
    with pytest.raises(TypeError):
        ABRolloutManager()
    made.start()
    assert rollout.started_at is not None


def test_a_start_is_now_to_the_microsecond():
    made = manager()
    before = now()
    assert made.start() is None
    assert before <= made.rollout_config.started_at <= now()


def test_active_is_from_start_to_stop():
    made = ABRolloutManager(ABRolloutConfig(started_at=now()), AutoRollbackConfig())
    assert made.is_active is False
    made.start()
    assert made.is_active is True
    with pytest.raises(AttributeError):
        made.is_active = False
    assert made.stop() is None and made.is_active is False
    made.stop()


def test_a_test_whose_time_is_over_is_not_active():
    made = running()
    made.rollout_config.started_at = now() - timedelta(hours=49)
    assert made.is_expired is True and made.is_active is False
    assert made.remaining_hours == 0 and treated(made) == 0


def test_expiry_follows_an_assigned_start_of_a_manager_never_started():
    made = manager()
    assert made.is_expired is False and made.remaining_hours == 48
    made.rollout_config.started_at = now() - timedelta(hours=47)
    assert made.is_expired is False and 0.9 < made.remaining_hours < 1.0
    made.rollout_config.started_at = now() - timedelta(hours=48, seconds=1)
    assert made.is_expired is True and made.remaining_hours == 0
    made.rollout_config.started_at = now() + timedelta(hours=1)
    assert made.is_expired is False and made.remaining_hours > 48


def test_a_duration_without_an_end_in_sight_is_one():
    made = ABRolloutManager(ABRolloutConfig(test_duration_hours=1e12), AutoRollbackConfig())
    made.start()
    assert made.is_active and made.is_expired is False and made.remaining_hours > 9e11


def test_a_duration_is_read_live():
    made = running()
    made.rollout_config.started_at = now() - timedelta(hours=2)
    made.rollout_config.test_duration_hours = 1
    assert made.is_expired is True


def test_the_clock_of_a_stopped_test_stands_still():
    made = running()
    made.rollout_config.started_at = now() - timedelta(hours=47, minutes=59, seconds=59.9)
    made.stop()
    left = made.remaining_hours
    assert left > 0 and made.remaining_hours == left and made.is_expired is False
    assert made.rollout_config.started_at is not None


def test_a_second_start_restarts_no_clock():
    made = running()
    began = made.rollout_config.started_at
    made.record_control_feedback(True)
    made.start()
    assert made.rollout_config.started_at == began
    assert made.control_metrics.total_feedback_count == 1


def test_a_start_after_a_stop_mixes_nothing():
    made = running()
    made.record_control_feedback(True)
    made.stop()
    assert made.control_metrics.total_feedback_count == 1
    made.start()
    assert made.is_active and made.control_metrics == GroupMetrics()


def test_a_manager_never_started_shows_its_split():
    assert treated(manager()) == 511
    assert {manager().get_group_for_camera(f"camera_{n}") for n in range(100)} == set(ExperimentGroup)


def test_after_a_stop_the_control_is_served():
    made = running()
    assert treated(made) == 511
    made.stop()
    assert treated(made) == 0


def test_new_managers_of_one_name_begin_with_nothing():
    one = running()
    one.record_control_feedback(True)
    assert running().control_metrics == GroupMetrics()


def test_records_come_by_position_and_by_name():
    made = running()
    made.record_control_feedback(True)
    made.record_treatment_feedback(is_false_positive=False)
    # Unlike in GroupMetrics, the error comes last.
    made.record_control_analysis(100.0, 40, True)
    made.record_treatment_analysis(latency_ms=200.0, risk_score=60, has_error=False)
    assert (made.control_metrics.fp_rate, made.treatment_metrics.fp_rate) == (1.0, 0.0)
    assert (made.control_metrics.error_rate, made.control_metrics.avg_risk_score) == (1.0, 40.0)
    assert (made.treatment_metrics.avg_latency_ms, made.treatment_metrics.avg_risk_score) == (200.0, 60.0)


def test_ten_feedbacks_count_ten():
    made = running()
    feed(made, "control", 10, 10)
    assert made.control_metrics.total_feedback_count == 10


@pytest.mark.parametrize("state", ["never started", "stopped", "expired"])
def test_what_is_recorded_while_no_test_runs_is_ignored_and_counted(state):
    made = manager()
    if state != "never started":
        made.start()
    if state == "stopped":
        made.stop()
    if state == "expired":
        made.rollout_config.started_at = now() - timedelta(days=9)
    made.record_control_feedback(True)
    made.record_treatment_analysis(latency_ms=1.0)
    assert made.control_metrics == made.treatment_metrics == GroupMetrics()
    assert made.ignored_records == 2


def test_the_gauges_of_a_rollout_are_set(recorded):
    made = running()
    made.record_treatment_analysis(latency_ms=200.0, risk_score=60)
    made.record_treatment_feedback(1)
    assert recorded == [
        ("record_ab_rollout_analysis", "treatment"),
        ("update_ab_rollout_avg_latency", "treatment", 200.0),
        ("update_ab_rollout_avg_risk_score", "treatment", 60.0),
        ("record_ab_rollout_feedback", "treatment", True),
        ("update_ab_rollout_fp_rate", "treatment", 1.0),
    ]


# check_rollback_needed


def test_disabled_speaks_first():
    made = running(enabled=False)
    feed(made, "treatment", 50, 50)
    feed(made, "control", 0, 50)
    result = made.check_rollback_needed()
    assert result.should_rollback is False and "disabled" in result.reason.lower()
    made.rollback_config.enabled = True
    assert made.check_rollback_needed().should_rollback is True


def test_too_few_feedbacks_are_told_by_their_counts():
    made = running(min_samples=20)
    feed(made, "control", 0, 19)
    feed(made, "treatment", 20, 20)
    result = made.check_rollback_needed()
    assert result.should_rollback is False
    assert "insufficient samples: control=19, treatment=20, required=20" in result.reason.lower()
    made.rollback_config.min_samples = 19
    assert made.check_rollback_needed().should_rollback is True


@pytest.mark.parametrize(("control", "treatment"), [((2, 20), (5, 20)), ((2, 20), (6, 20)), ((10, 50), (18, 50)), ((3, 30), (9, 30))])
def test_these_false_alarms_roll_back(control, treatment):
    made = running()
    feed(made, "control", *control)
    feed(made, "treatment", *treatment)
    result = made.check_rollback_needed()
    assert result.should_rollback is True and "FP rate" in result.reason


@pytest.mark.parametrize(("control", "treatment"), [((6, 20), (2, 20)), ((30, 50), (8, 50)), ((5, 20), (5, 20))])
def test_these_do_not(control, treatment):
    made = running()
    feed(made, "control", *control)
    feed(made, "treatment", *treatment)
    result = made.check_rollback_needed()
    assert result.should_rollback is False and "acceptable" in result.reason


@pytest.mark.parametrize(("control", "treatment", "rolls_back"), [(100, 200, True), (100, 160, True), (100, 110, False), (150, 100, False)])
def test_latency_is_held_against_the_control(control, treatment, rolls_back):
    made = running()
    for group, latency in (("control", control), ("treatment", treatment)):
        feed(made, group, 1, 15)
        analyse(made, group, 15, latency_ms=latency)
    result = made.check_rollback_needed()
    assert result.should_rollback is rolls_back
    assert ("latency" in result.reason.lower()) is rolls_back


def test_a_latency_of_no_time_is_not_held_against_anything():
    made = running()
    for group, latency in (("control", 0), ("treatment", 500)):
        feed(made, group, 0, 15)
        analyse(made, group, 15, latency_ms=latency)
    assert made.check_rollback_needed().should_rollback is False


@pytest.mark.parametrize(("control", "treatment"), [((0, 15), (2, 20)), ((0, 20), (3, 20))])
def test_these_errors_roll_back(control, treatment):
    made = running()
    for group, (errors, count) in (("control", control), ("treatment", treatment)):
        feed(made, group, 0, 15)
        analyse(made, group, count, errors=errors)
    result = made.check_rollback_needed()
    assert result.should_rollback is True and "error" in result.reason.lower()


@pytest.mark.parametrize("wrong", range(0, 96))
def test_an_increase_of_exactly_the_limit_is_within_it(wrong):
    made = running(min_samples=100)
    feed(made, "control", wrong, 100)
    feed(made, "treatment", wrong + 5, 100)
    assert made.check_rollback_needed().should_rollback is False
    made.rollback_config.max_fp_rate_increase = 0.049
    assert made.check_rollback_needed().should_rollback is True


def test_errors_and_latency_need_no_feedback():
    made = running()
    analyse(made, "control", 15)
    analyse(made, "treatment", 15, errors=15)
    assert made.check_rollback_needed().should_rollback is True


def test_one_error_against_no_analysis_is_no_rollback():
    for min_samples in (0, 10):
        made = running(min_samples=min_samples)
        for group in ("control", "treatment"):
            feed(made, group, 0, 15)
        analyse(made, "treatment", 1, errors=1)
        assert made.check_rollback_needed().should_rollback is False


def test_nothing_recorded_and_nothing_asked_for_is_acceptable():
    result = running(min_samples=0).check_rollback_needed()
    assert result.should_rollback is False and "acceptable" in result.reason


def test_a_check_changes_nothing_and_needs_no_running_test():
    made = running()
    feed(made, "control", 0, 10)
    feed(made, "treatment", 10, 10)
    made.stop()
    assert made.check_rollback_needed() == made.check_rollback_needed()
    assert made.check_rollback_needed().should_rollback is True


def test_a_summary():
    made = running()
    feed(made, "control", 1, 10)
    analyse(made, "control", 4, errors=1, latency_ms=45, risk_score=40)
    summary = made.get_metrics_summary()
    assert summary["control"] == {
        "fp_rate": 0.1,
        "avg_latency_ms": 45.0,
        "avg_risk_score": 40.0,
        "sample_count": 10,
        "error_rate": 0.25,
        "analysis_count": 4,
    }
    assert summary["treatment"]["avg_latency_ms"] is None
    assert set(summary["experiment"]) == {"name", "is_active", "is_expired", "remaining_hours", "started_at"}
    assert summary["experiment"]["started_at"] == made.rollout_config.started_at.isoformat()


def test_a_start_in_the_future_leaves_more_than_the_whole():
    made = running()
    made.rollout_config.started_at = now() + timedelta(hours=2)
    assert made.is_active is True and 49.9 < made.remaining_hours <= 50


def test_numbers_are_whole_where_they_were():
    made = manager()
    assert type(made.remaining_hours) is int
    made.rollout_config.started_at = now() - timedelta(days=9)
    assert type(made.remaining_hours) is int
    made.rollout_config.started_at = now()
    assert type(made.remaining_hours) is float
    empty = GroupMetrics()
    assert type(empty.fp_rate) is float and type(empty.error_rate) is float


def test_what_an_analyzer_did_with_it():
    """The shape of the caller that there was: it decides by the type, asks for the group twice, and catches nothing."""
    from unittest.mock import MagicMock

    made = configure_rollout_manager(ABRolloutConfig(), AutoRollbackConfig(min_samples=10))
    assert isinstance(made, ABRolloutManager) and f"{made.rollout_config.treatment_percentage:.0%}" == "50%"
    assert made.rollout_config.experiment_name and made.is_active is False
    made.start()
    for number in range(200):
        group = made.get_group_for_camera(f"camera_{number}")
        if group == ExperimentGroup.TREATMENT:
            made.record_treatment_analysis(latency_ms=100.0, risk_score=50, has_error=False)
            made.record_treatment_feedback(number % 2 == 0)
        else:
            made.record_control_analysis(latency_ms=100.0, risk_score=50, has_error=False)
            made.record_control_feedback(False)
    result = made.check_rollback_needed()
    assert isinstance(result, RollbackCheckResult) and result.should_rollback is True
    made.stop()
    mock = MagicMock(spec=ABRolloutManager)
    mock.get_group_for_camera.return_value = ExperimentGroup.TREATMENT
    mock.check_rollback_needed.return_value = RollbackCheckResult(should_rollback=True, reason="x")
    assert mock.get_group_for_camera("a") is ExperimentGroup.TREATMENT


def test_it_is_called_from_coroutines():
    import asyncio

    made = running()

    async def record(number):
        group = made.get_group_for_camera(f"camera_{number}").value
        await asyncio.sleep(0)
        getattr(made, f"record_{group}_analysis")(latency_ms=1.0)

    async def all_of_them():
        await asyncio.gather(*(record(number) for number in range(100)))

    asyncio.run(all_of_them())
    assert made.control_metrics.total_analyses + made.treatment_metrics.total_analyses == 100


# The one manager


def test_no_manager_is_made_by_itself():
    assert get_rollout_manager() is None


def test_configuring_makes_a_new_one_that_is_not_started():
    one = configure_rollout_manager()
    assert one is get_rollout_manager() and one.is_active is False
    assert one.rollout_config == ABRolloutConfig() and one.rollback_config == AutoRollbackConfig()
    config = ABRolloutConfig()
    other = configure_rollout_manager(rollout_config=config)
    assert other is not one and other.rollout_config is config


def test_a_running_test_that_is_replaced_is_stopped_and_told(caplog):
    one = configure_rollout_manager()
    one.start()
    one.record_control_feedback(True)
    configure_rollout_manager()
    assert one.is_active is False and one.control_metrics.total_feedback_count == 1
    assert "replaced" in caplog.text and "'sample_count': 1" in caplog.text


def test_a_reset_is_silent_and_leaves_the_manager_to_whoever_holds_it(caplog):
    one = configure_rollout_manager()
    one.start()
    caplog.clear()
    assert reset_rollout_manager() is None and get_rollout_manager() is None
    reset_rollout_manager()
    assert caplog.text == "" and one.is_active is True


def test_a_start_names_the_rule_that_holds():
    with pytest.warns(ThresholdRuleWarning, match="sequential"):
        manager().start()


def test_a_warning_is_no_error_where_warnings_are(caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = running()
    assert made.is_active and "sequential" in caplog.text


def test_no_lock_is_needed_for_one_count_a_call():
    import threading

    made = running()

    def record():
        for _ in range(2_000):
            made.record_control_analysis(latency_ms=1.0, risk_score=1)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.control_metrics.total_analyses == 8_000 == made.control_metrics.latency_count
    assert prompt_ab_rollout.get_rollout_manager() is None


# The rule `sequential`


def sequential(**limits):
    made = ABRolloutManager(ABRolloutConfig(), AutoRollbackConfig(rule="sequential", min_samples=10, **limits))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.start()
    return made


def test_the_rule_is_the_old_one_unless_asked_otherwise():
    assert AutoRollbackConfig().rule == "threshold" and "rule" not in AutoRollbackConfig().to_dict()
    asked = AutoRollbackConfig(rule="sequential")
    assert asked != AutoRollbackConfig() and AutoRollbackConfig.from_dict(asked.to_dict()) == asked
    with pytest.raises(ValueError, match="rule must be one of threshold, sequential, got guess"):
        AutoRollbackConfig(rule="guess")
    with pytest.raises(TypeError):
        AutoRollbackConfig(0.05, 50.0, 0.05, 100, True, "sequential")


def reports(made, events, wrong, errors=lambda group, number: False):
    """Each event with its camera, as a caller of today has it."""
    for number in range(events):
        camera = f"camera_{number % 40}"
        group = made.get_group_for_camera(camera).value
        failed = errors(group, number)
        more = {"camera_id": camera, "analysis_id": f"e{number}"}
        score = None if failed else 80
        getattr(made, f"record_{group}_analysis")(latency_ms=100.0, risk_score=score, has_error=failed, **more)
        if not failed:
            getattr(made, f"record_{group}_feedback")(wrong(group, number), analysis_id=f"e{number}")


def test_chance_is_not_taken_for_harm():
    made = sequential()
    # 2 of 20 against 5 of 20: what the threshold rule rolls back.
    wrong = {"control": [True] * 2 + [False] * 400, "treatment": [True] * 5 + [False] * 400}
    reports(made, 40, lambda group, number: wrong[group].pop(0))
    result = made.check_rollback_needed()
    assert result.should_rollback is False
    made.rollback_config.rule = "threshold"
    made.rollback_config.min_samples = 5
    assert made.check_rollback_needed().should_rollback is True


def test_harm_is_rolled_back_with_its_evidence():
    made = sequential()
    reports(made, 1200, lambda group, number: group == "treatment" or number % 10 == 0)
    result = made.check_rollback_needed()
    assert result.should_rollback is True and "evidence" in result.reason
    assert made.check_rollback_needed() == result


def test_failures_are_rolled_back_at_once():
    made = sequential()
    reports(made, 200, lambda group, number: False, errors=lambda group, number: group == "treatment")
    assert made.check_rollback_needed().should_rollback is True


def test_what_names_no_camera_is_not_judged_and_that_is_said():
    made = sequential()
    feed(made, "treatment", 50, 50)
    analyse(made, "treatment", 50, errors=50)
    made.record_control_analysis(latency_ms=1.0, camera_id="camera_1", analysis_id="e")
    result = made.check_rollback_needed()
    assert result.should_rollback is False and "100 records without a camera, an event or a value are not judged" in result.reason
    assert made.treatment_metrics.error_count == 50


def test_an_event_that_comes_twice_is_judged_once():
    made = sequential()
    for _ in range(3):
        made.record_control_analysis(latency_ms=1.0, camera_id="camera_1", analysis_id="e")
        made.record_control_feedback(True, analysis_id="e")
    assert "not judged" not in made.check_rollback_needed().reason


def test_a_rule_that_is_asked_for_too_late_judges_from_the_next_start():
    made = running()
    made.rollback_config.rule = "sequential"
    assert "after a start" in made.check_rollback_needed().reason
    made.stop()
    made.start()
    assert "after a start" not in made.check_rollback_needed().reason
    made.rollback_config.enabled = False
    assert "disabled" in made.check_rollback_needed().reason


def test_what_cannot_be_judged_is_refused_at_the_start():
    made = ABRolloutManager(ABRolloutConfig(), AutoRollbackConfig(max_fp_rate_increase=-0.1, rule="sequential"))
    with pytest.raises(ValueError, match="max_fp_rate_increase"):
        made.start()
    assert made.is_active is False and made.rollout_config.started_at is None


def test_threads_record_for_one_judge():
    import threading

    made = sequential()

    def record(name):
        for number in range(200):
            made.record_control_analysis(latency_ms=1.0, camera_id=f"camera_{number % 9}", analysis_id=f"{name}-{number}")
            made.check_rollback_needed()

    threads = [threading.Thread(target=record, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.control_metrics.total_analyses == 800
    assert "not judged" not in made.check_rollback_needed().reason
