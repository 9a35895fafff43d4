"""What the application around the replaced package had: its logger, and its Prometheus recorders.

Both are looked up when they are called, and by name in their module: an application that replaces a recorder, in a test
or to add a label, is heard.
"""

from __future__ import annotations

import importlib
import logging
import sys
from types import ModuleType
from typing import Any

LOGGERS = "backend.config."
"""Handlers and filters go by the names that the loggers had: they stay."""

METRICS = "backend.core.metrics"
"""The application's module of recorders. Where there is none, `tidegate.compat.metrics` stands in for it."""

_fallback_log = logging.getLogger(__name__)


def logger(module: str) -> logging.Logger:
    """The logger that `module` of the replaced package had."""
    return logging.getLogger(LOGGERS + module)


def record(name: str, *arguments: Any) -> None:
    """Calls the recorder `name`. What goes wrong in it reaches no caller: no caller ever caught anything."""
    try:
        recorder = getattr(_recorders(), name, None)
        if recorder is not None:
            recorder(*arguments)
    except Exception:
        _fallback_log.debug("the recorder %s failed", name, exc_info=True)


_absent = False


def _recorders() -> ModuleType:
    """The application's recorders, or those that stand in for them."""
    global _absent
    module = sys.modules.get(METRICS)
    if module is not None:
        return module
    if not _absent:
        try:
            return importlib.import_module(METRICS)
        except ImportError:
            # It is looked for once; one that is imported later is found above.
            _absent = True
    return importlib.import_module("tidegate.compat.metrics")
