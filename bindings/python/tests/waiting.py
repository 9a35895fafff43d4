"""What comes from the background is waited for."""

import threading
import time


def until(what, limit_s=20.0):
    """Waits until `what()` holds."""
    ends = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < ends, "it did not come"
        threading.Event().wait(0.005)
