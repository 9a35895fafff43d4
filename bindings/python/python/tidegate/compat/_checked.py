"""Settings that are checked when they are made and when they are assigned."""

from __future__ import annotations

from typing import Any, Callable, ClassVar


class Checked:
    """A dataclass whose fields have rules. The replaced package checked at construction alone, so that a percentage of
    7 was taken when it was assigned; nobody can have relied on that."""

    _rules: ClassVar[dict[str, Callable[[Any], None]]] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        rule = self._rules.get(name)
        if rule is not None:
            rule(value)
        object.__setattr__(self, name, value)


def share(name: str) -> Callable[[Any], None]:
    """0 to 1, both ends allowed."""

    def rule(value: Any) -> None:
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must be between 0.0 and 1.0, got {value}")

    return rule


def at_least_zero(name: str) -> Callable[[Any], None]:
    def rule(value: Any) -> None:
        if not value >= 0:
            raise ValueError(f"{name} must be at least 0, got {value}")

    return rule


def a_number(name: str) -> Callable[[Any], None]:
    """Anything but NaN, which is over no limit and so would switch a check off in silence."""

    def rule(value: Any) -> None:
        if value != value:
            raise ValueError(f"{name} must be a number, got {value}")

    return rule


def one_of(name: str, allowed: tuple[str, ...]) -> Callable[[Any], None]:
    def rule(value: Any) -> None:
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value}")

    return rule
