"""What is known of an experiment, and what a camera is served by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate._engine import Experiment, Serving

REASONS = frozenset(
    "not_started shadow split full completed rolled_back stopped paused expired".split()
)
"""What the engine knows to serve by. For any other reason of a later daemon, control is served."""


@dataclass(frozen=True)
class Assignment:
    """Which prompt version a camera gets, and why."""

    experiment: str
    camera_id: str
    variant: str
    """`control` or `treatment`."""
    prompt_version: str | None
    """The key of the version; the caller's own default where nothing is known."""
    reason: str
    """Such as `split`, `shadow` or `rolled_back`; `stale` where nothing was heard of the daemon for too long."""
    run: int
    """The run of the experiment, from 1; 0 where nothing is known."""
    phase: str | None
    shadow_sample: float
    """The share of analyses that should run the treatment too, 0 to 1."""
    shadow_version: str | None
    """The version to run beside, where `shadow_sample` is over 0."""
    digest: str | None
    """The digest of the version's text, where the daemon keeps it."""


@dataclass(frozen=True)
class Known:
    """An experiment as the daemon told it, with the split ready to be asked."""

    key: str
    run: int
    phase: str
    control: str
    treatment: str
    shadow_sample: float
    serving: Serving
    reason: str
    digests: tuple[str | None, str | None]
    prompt: str | None

    @classmethod
    def of(cls, experiment: Experiment, status: Mapping[str, Any]) -> Known:
        """`experiment` is the definition that `status` is of."""
        prompt = status.get("prompt") or {}
        reason = str(status["serving"])
        run, phase = int(status["run"]), str(status["phase"])
        control, treatment = str(status["control"]), str(status["treatment"])
        ended = status.get("serving_run")
        if ended is not None:
            # Until this draft is started, the run before it goes on serving one version to all.
            run, phase = int(ended["run"]), str(ended["phase"])
            control = treatment = str(ended["prompt_version"])
            prompt = {}
        shadowing = phase == "shadow" and status["condition"] != "paused" and reason in REASONS
        served = reason if reason in REASONS else "stopped"
        return cls(
            key=str(status["experiment"]),
            run=run,
            phase=phase,
            control=control,
            treatment=treatment,
            shadow_sample=experiment.shadow_sample if shadowing else 0.0,
            serving=experiment.serving(served, float(status["treatment_share"])),
            reason=reason,
            digests=(prompt.get("control"), prompt.get("treatment")),
            prompt=prompt.get("name"),
        )

    def assign(self, camera_id: str) -> Assignment:
        """Raises ValueError where the camera's id is none."""
        assigned = self.serving.assign(camera_id)
        variant = assigned.variant
        treated = variant == "treatment"
        reason = assigned.reason if self.reason in REASONS else self.reason
        sample = 0.0 if reason == "outside_group" else self.shadow_sample
        return Assignment(
            self.key,
            camera_id,
            variant,
            self.treatment if treated else self.control,
            reason,
            self.run,
            self.phase,
            sample,
            self.treatment if sample > 0 else None,
            self.digests[treated],
        )

    def invalid(self, camera_id: str) -> Assignment:
        """Control, for a camera whose id is none."""
        reason = "invalid_camera_id"
        return Assignment(
            self.key, camera_id, "control", self.control, reason, self.run, self.phase, 0.0, None, self.digests[0]
        )


def unknown(key: str, camera_id: str, default: str | None, reason: str) -> Assignment:
    """Control of an experiment of which nothing is known."""
    return Assignment(key, camera_id, "control", default, reason, 0, None, 0.0, None, None)
