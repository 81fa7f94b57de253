"""Notes the resolved configuration of a Hydra job, flattened as parameters and whole as YAML."""

from __future__ import annotations

import sys

from .. import wrap
from . import omegaconf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

TARGET = ("hydra._internal.callbacks",)


def apply(module: Any, note: Callable[[dict[str, Any]], None]) -> None:
    """Hydra calls on_job_start when the job's folder and resolvers are set, right before the person's function."""

    def look(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        config = kwargs["config"] if "config" in kwargs else args[1]
        of = sys.modules["omegaconf"].OmegaConf

        own = of.masked_copy(config, [key for key in config if key != "hydra"])
        omegaconf.tell(note, "hydra", own)

    wrap.after(module.Callbacks, "on_job_start", look)
