"""The old names with a daemon beside them."""

from datetime import datetime, timezone

import pytest

from tidegate.compat import (
    check_and_handle_rollback,
    configure_rollout_manager,
    get_camera_assignment,
    start_production_ab_rollout,
)
from tidegate.compat import _daemon
from tidegate.compat.ab_rollout_production import PRODUCTION_EXPERIMENT_NAME as NAME
from waiting import until

pytestmark = pytest.mark.filterwarnings("ignore::tidegate.compat.prompt_ab_rollout.ThresholdRuleWarning")
TOML = f'key = "{NAME}"\ncontrol = "v1_original"\ntreatment = "v2_calibrated"\n[ab]\ntreatment_percentage = 0.2\n'
CAMERAS = [f"camera_{number}" for number in range(100)]


@pytest.fixture
def daemon(tidegate_daemon, monkeypatch):
    monkeypatch.setenv("TIDEGATE_URL", tidegate_daemon.url)
    # The client reports by the machine's clock.
    tidegate_daemon.now = datetime.now(timezone.utc)
    tidegate_daemon.pass_time()
    tidegate_daemon.define(TOML)
    yield tidegate_daemon
    for client in _daemon._clients.values():
        client.close(flush_s=0.1)
    _daemon._clients.clear()


def groups():
    return {camera: get_camera_assignment(camera)["group"] for camera in CAMERAS}


def begin(daemon):
    daemon.act(NAME, "start")
    daemon.act(NAME, "advance", accept="inconclusive")
    manager = start_production_ab_rollout()
    until(lambda: "treatment" in groups().values())
    return manager


def test_cameras_are_served_what_the_daemon_says(daemon):
    begin(daemon)
    for camera, group in groups().items():
        assert group == daemon.get(f"/v1/experiments/{NAME}/assignments/{camera}")["variant"]
    # Its share, not the half of the configuration here.
    assert list(groups().values()).count("treatment") < 35


def test_a_daemon_that_is_away_serves_the_original(monkeypatch):
    monkeypatch.setenv("TIDEGATE_URL", "http://127.0.0.1:9")
    manager = start_production_ab_rollout()
    assert set(groups().values()) == {"control"}
    unreported = _daemon.UNREPORTED["analyses"]
    manager.record_treatment_analysis(latency_ms=1.0, camera_id="camera_1", analysis_id="e1")
    assert manager.treatment_metrics.total_analyses == 1
    assert _daemon.UNREPORTED["analyses"] == unreported + 1
    _daemon._clients.pop("http://127.0.0.1:9").close(flush_s=0)


def test_an_address_that_is_none_is_refused_at_the_start(monkeypatch):
    monkeypatch.setenv("TIDEGATE_URL", "localhost")
    manager = configure_rollout_manager()
    with pytest.raises(ValueError, match="url: localhost"):
        manager.start()
    assert manager.is_active is False and manager.rollout_config.started_at is None
    assert get_camera_assignment("camera_1")["prompt_version"] == "v1_original"


def test_a_manager_never_started_asks_nobody(daemon):
    configure_rollout_manager().get_group_for_camera("camera_1")
    assert not _daemon._clients


def test_what_is_recorded_with_its_camera_and_id_is_reported(daemon):
    manager = begin(daemon)
    unreported = dict(_daemon.UNREPORTED)
    for number, camera in enumerate(CAMERAS):
        group = manager.get_group_for_camera(camera).value
        more = {"camera_id": camera, "analysis_id": f"e{number}"}
        getattr(manager, f"record_{group}_analysis")(latency_ms=100.0, risk_score=80, **more)
        getattr(manager, f"record_{group}_feedback")(number % 2 == 0, analysis_id=f"e{number}")
    manager.record_control_analysis(latency_ms=1.0)
    manager.record_control_feedback(False)
    (client,) = _daemon._clients.values()
    assert client.flush(20)
    assert client.stats()["accepted"] == 200 and client.stats()["rejected"] == 0
    status = daemon.status(NAME)
    assert status["observations"] == 200 and status["outside"]["analyses"] == 0
    assert status["variants"]["treatment"]["analyses"] == manager.treatment_metrics.total_analyses
    assert _daemon.UNREPORTED == {name: count + 1 for name, count in unreported.items()}


def test_a_rollback_of_the_daemon_is_one_here(daemon):
    manager = begin(daemon)
    daemon.act(NAME, "roll_back")
    until(lambda: manager.check_rollback_needed().should_rollback)
    assert set(groups().values()) == {"control"}
    result = check_and_handle_rollback()
    assert result.should_rollback is True and "Tidegate" in result.reason
    assert manager.is_active is False
