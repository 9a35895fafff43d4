"""An OpenFeature provider: a flag is an experiment, its value the prompt version of a camera.

It evaluates in this process, so that its coroutines wait for nothing, and `track` reports. Needs `openfeature-sdk`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import (
    FlagNotFoundError,
    InvalidContextError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from tidegate.client import Assignment, Client

__all__ = ["TidegateProvider"]

logger = logging.getLogger("tidegate")

_REASONS = {
    "split": Reason.SPLIT,
    "override": Reason.TARGETING_MATCH,
    "shadow": Reason.STATIC,
    "full": Reason.STATIC,
    "completed": Reason.STATIC,
    "not_started": Reason.DISABLED,
    "paused": Reason.DISABLED,
    "expired": Reason.DISABLED,
    "rolled_back": Reason.DISABLED,
    "stopped": Reason.DISABLED,
    "stale": Reason.STALE,
}
"""As the daemon's own answers to OpenFeature have them."""


class TidegateProvider(AbstractProvider):
    """Evaluates with `client`, and closes it when the provider is shut down."""

    def __init__(self, client: Client, *, ready_within_s: float = 5.0) -> None:
        super().__init__()
        self._client = client
        self._ready_within_s = ready_within_s

    def get_metadata(self) -> Metadata:
        return Metadata(name="tidegate")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        if not self._client.wait_ready(self._ready_within_s):
            raise ProviderNotReadyError("the daemon was not heard; control is served until it is")

    def shutdown(self) -> None:
        self._client.close()

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        assigned = self._assign(flag_key, evaluation_context)
        if assigned.reason == "unknown_experiment":
            raise FlagNotFoundError(f"no experiment has the key {flag_key}")
        if assigned.reason == "invalid_camera_id":
            raise InvalidContextError("targetingKey is no camera id")
        if assigned.prompt_version is None:
            raise ProviderNotReadyError("nothing was heard of the daemon")
        return FlagResolutionDetails(
            value=assigned.prompt_version,
            variant=assigned.variant,
            reason=_REASONS.get(assigned.reason, Reason.UNKNOWN),
            flag_metadata=_metadata(assigned, self._client.prompt_text(assigned)),
        )

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        _refuse(flag_key)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        _refuse(flag_key)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        _refuse(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        _refuse(flag_key)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Reports an observation: `analysis` or `feedback`, with the camera as targeting key.

        The details' attributes have `experiment`, `id` of the event, and `latency_ms`, `score` and `error`, or `label`.
        Any other name is none of Tidegate's, and is left out.
        """
        if tracking_event_name not in ("analysis", "feedback"):
            return
        told: dict[str, Any] = dict(tracking_event_details.attributes) if tracking_event_details else {}
        if not {"experiment", "id"} <= told.keys():
            logger.error("%s names no `experiment` and `id`, so it is not reported", tracking_event_name)
            return
        experiment, event_id = str(told["experiment"]), str(told["id"])
        if tracking_event_name == "feedback":
            self._client.feedback(experiment, event_id, str(told.get("label")))
        else:
            self._client.analysis(
                self._assign(experiment, evaluation_context),
                event_id,
                latency_ms=told.get("latency_ms"),
                score=told.get("score"),
                error=bool(told.get("error")),
            )

    def _assign(self, experiment: str, context: EvaluationContext | None) -> Assignment:
        camera_id = context.targeting_key if context else None
        if not camera_id:
            raise TargetingKeyMissingError("the targeting key is the camera's id")
        return self._client.assign(experiment, camera_id)


def _refuse(flag_key: str) -> NoReturn:
    raise TypeMismatchError(f"{flag_key} is the key of a prompt version: a string")


def _metadata(assigned: Assignment, text: str | None) -> dict[str, bool | int | float | str]:
    """Flat, and without what is not there, as the daemon's own."""
    made: dict[str, bool | int | float | str | None] = {
        "experiment": assigned.experiment,
        "run": assigned.run,
        "phase": assigned.phase,
        "reason": assigned.reason,
        "shadow": assigned.shadow_sample > 0,
        "shadow_sample": assigned.shadow_sample,
        "shadow_prompt_version": assigned.shadow_version,
        "digest": assigned.digest,
        "prompt_text": text,
    }
    return {name: value for name, value in made.items() if value is not None}
