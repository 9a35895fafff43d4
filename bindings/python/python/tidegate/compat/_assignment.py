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
    camera, salt = _readable(camera_id), _readable(experiment_name)
    return _engine.assign_name(camera, salt, float(share)) == "treatment"


def _readable(name: object) -> str:
    """As text in UTF-8; what is none, such as half of a character from a file's name, is escaped and not refused."""
    return str(name).encode("utf-8", "backslashreplace").decode()
