"""Who gets the treatment: the engine's hash, salted with the name of the experiment.

The replaced package took Python's own hash, which differs from process to process: half of the cameras changed sides at
every restart. Nobody can rely on that, so cameras move once, and stay. The split is that of an experiment in Tidegate
whose key is this name.
"""

from __future__ import annotations

from tidegate import _engine


def gets_treatment(camera_id: object, experiment_name: object, share: float) -> bool:
    """Whether `camera_id` is below the share. Any hashable id is taken, as before: one that is no text by its `str`."""
    hash(camera_id)
    return _engine.assign_name(str(camera_id), str(experiment_name), float(share)) == "treatment"
