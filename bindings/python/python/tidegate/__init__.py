"""Tidegate lets a new AI prompt version reach a camera fleet step by step, and rolls it back when it does harm.

`tidegate.engine` decides in this process, `tidegate.client` works with a daemon, `tidegate.compat` has the names of the
replaced package.
"""

from tidegate.client import Assignment, AsyncClient, Client
from tidegate.engine import Experiment, Rollout, assign

__all__ = ["Assignment", "AsyncClient", "Client", "Experiment", "Rollout", "assign"]
