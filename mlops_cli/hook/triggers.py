"""Wakes a tap right after its target module was imported, by a finder that finds nothing itself.

The real finders are asked, and the loader they return gets one extra step; module, spec and loader stay the originals,
so introspection sees no difference. A mere `find_spec` ("is torch there?") wakes nothing.
"""

from __future__ import annotations

import sys

from . import notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Note = Callable[[dict[str, Any]], None]


def install(table: dict[str, str], extra: list[str], note: Note) -> None:
    """Watch for the modules of `table` (module > tap) and for the targets of the `extra` tap files."""
    wakers: dict[str, list[Callable[[Any], None]]] = {}
    for target, tap in table.items():
        wakers.setdefault(target, []).append(_waker(tap, note))
    for path in extra:
        _add_extra(path, wakers, note)
    sys.meta_path.insert(0, Finder(wakers))
    for target in list(wakers):
        # Imported before us, by a .pth file or the person's sitecustomize.
        if target in sys.modules:
            _wake(wakers[target], sys.modules[target])


class Finder:
    """Sits first on sys.meta_path; for all but a dozen names it is one dict lookup."""

    def __init__(self, wakers: dict[str, list[Callable[[Any], None]]]) -> None:
        self._wakers = wakers
        self._searching: set[str] = set()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        # Another tool's finder of the same kind may ask us again while we ask it.
        if name not in self._wakers or name in self._searching:
            return None
        self._searching.add(name)
        try:
            spec = self._ask_others(name, path, target)
        finally:
            self._searching.discard(name)
        if spec is not None and spec.loader is not None:
            _add_step(spec.loader, name, self._wakers[name])
        return spec

    def _ask_others(self, name: str, path: Any, target: Any) -> Any:
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is not self and find is not None:
                spec = find(name, path, target)
                if spec is not None:
                    return spec
        return None


def _add_step(loader: Any, name: str, wakers: list[Callable[[Any], None]]) -> None:
    """Let this loader object, and no other of its class, wake the taps once it ran the module; then it is as before."""
    run = getattr(loader, "exec_module", None)
    if run is None or isinstance(loader, type):
        return

    def exec_module(module: Any) -> None:
        # A loader may serve several modules, as that of a zip file does.
        is_meant = getattr(module, "__name__", None) == name
        if is_meant and vars(loader).get("exec_module") is exec_module:
            del loader.exec_module
        run(module)
        if is_meant:
            _wake(wakers, module)

    try:
        loader.exec_module = exec_module
    except Exception as error:
        notes.warn(error)


def _wake(wakers: list[Callable[[Any], None]], module: Any) -> None:
    for waker in wakers:
        try:
            waker(module)
        except Exception as error:
            notes.warn(error)


def _waker(tap: str, note: Note) -> Callable[[Any], None]:
    def wake(module: Any) -> None:
        name = __package__ + ".taps." + tap
        __import__(name)
        sys.modules[name].apply(module, note)

    return wake


def _add_extra(path: str, wakers: dict[str, list[Callable[[Any], None]]], note: Note) -> None:
    """A tap file of a plug-in, run by path under a private name; a broken one is told and left out."""
    try:
        from _frozen_importlib_external import SourceFileLoader

        name = "_mlops_hook_tap_%x" % (hash(path) & 0xFFFFFFFF)
        tap: Any = type(sys)(name)
        tap.__file__ = path
        SourceFileLoader(name, path).exec_module(tap)
        for target in (tap.TARGET,) if isinstance(tap.TARGET, str) else tap.TARGET:
            wakers.setdefault(target, []).append(lambda module: tap.apply(module, note))
    except Exception as error:
        notes.warn(error)
