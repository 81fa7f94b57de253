"""Notes configuration that `OmegaConf.from_cli()` was merged into, and describes OmegaConf objects for Hydra's tap."""

from __future__ import annotations

import sys

from .. import notes, parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("omegaconf.omegaconf",)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """A merge that takes in the command line's words is the program's configuration; others are not ours to judge."""
    whole = module.OmegaConf
    from_cli, merge = whole.from_cli, whole.merge
    from_line: list[Any] = []

    def tapped_from_cli(*args: Any, **kwargs: Any) -> Any:
        result = from_cli(*args, **kwargs)
        if not args and not kwargs:
            from_line[:] = [result]
        return result

    def tapped_merge(*configs: Any, **kwargs: Any) -> Any:
        result = merge(*configs, **kwargs)
        if from_line and any(config is from_line[0] for config in configs):
            tell(note, "omegaconf", result)
        return result

    tapped_from_cli.__wrapped__, tapped_merge.__wrapped__ = from_cli, merge  # type: ignore[attr-defined]
    whole.from_cli, whole.merge = staticmethod(tapped_from_cli), staticmethod(tapped_merge)


def tell(note: Callable[[dict[str, Any]], None], source: str, config: Any) -> None:
    """The values as parameters of the section `Hydra`, and the text as a configuration object."""
    try:
        of = sys.modules["omegaconf"].OmegaConf

        try:
            plain = of.to_container(config, resolve=True, throw_on_missing=False)
        except Exception:
            # An interpolation that cannot be resolved yet is kept as it is written.
            plain = of.to_container(config, resolve=False)
        parameters.send(note, "Hydra", source, list(_flat(plain, "")))
        note({"k": "configuration", "name": source, "text": of.to_yaml(config), "format": "yaml"})
    except Exception as error:
        notes.warn(error)


def _flat(value: Any, prefix: str) -> Any:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, prefix + "." + str(key) if prefix else str(key))
    elif prefix:
        yield prefix, value, None, ""
