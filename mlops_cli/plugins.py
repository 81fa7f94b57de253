"""Finds an entry point by group and name, loads it once, and keeps it; knows no kinds of plug-in.

Entry points are read when somebody asks for a name that is not built in, never at start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_loaded: dict[tuple[str, str], Any] = {}


def names(group: str) -> list[str]:
    """The names that installed packages offer in a group; nothing of them is loaded."""
    return sorted({point.name for point in _points(group)})


def load(group: str, name: str) -> Any:
    """The object behind an entry point. Raises PluginError, with the name and its package, when it is not usable."""
    key = (group, name)
    if key not in _loaded:
        found = [point for point in _points(group) if point.name == name]
        if not found:
            raise PluginError(f"no plug-in `{name}` for {group} is installed", hint=_hint(group))
        makers = {_package(point) for point in found}
        if len(makers) > 1:
            raise PluginError(
                f"several packages offer the plug-in `{name}` for {group}: {', '.join(sorted(makers))}",
                hint="uninstall all but one",
            )
        _loaded[key] = _load(group, found[0])
    return _loaded[key]


def load_all(group: str) -> tuple[dict[str, Any], list[PluginError]]:
    """Everything of a group that can be used, and an error for each that cannot: one broken plug-in stops no other."""
    usable: dict[str, Any] = {}
    broken: list[PluginError] = []
    for name in names(group):
        try:
            usable[name] = load(group, name)
        except PluginError as exc:
            broken.append(exc)
    return usable, broken


def _load(group: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as exc:
        reason = f"{type(exc).__name__}: {exc}"
        raise PluginError(
            f"the plug-in `{point.name}` for {group} (from {_package(point)}) cannot be loaded: {reason}",
            hint=f"update or uninstall {_package(point)}",
        ) from exc


def _points(group: str) -> list[EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - 40 ms that only plug-ins cost

    return list(entry_points(group=group))


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _hint(group: str) -> str:
    known = names(group)
    return f"installed: {', '.join(known)}" if known else "`pip install mlops-NAME` brings one"
