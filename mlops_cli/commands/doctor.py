"""`mlops doctor`: what we stand on here, each thing tried, with what to do where it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..errors import MlopsError
from ..render.table import KEEP, Column
from .context import Context
from .define import READS, command, new_app

OK, WARN, FAIL = "ok", "warning", "fail"
FEW_BYTES = 1 << 30

app = new_app()


class Finding(NamedTuple):
    check: str
    state: str
    detail: str
    hint: str = ""


@command(app, "doctor", reads=READS, example="mlops doctor\nmlops doctor --json")
def doctor(context: Context) -> int:
    """Check what mlops stands on: the store, the disk, git, the hook in your Python, GPUs, extras."""
    found = [finding for check in CHECKS for finding in _try(check, context)]
    styles = {OK: "32", WARN: "33", FAIL: "31"}
    columns = [
        Column("check", rank=KEEP),
        Column("state", rank=KEEP, style=lambda state: styles[state]),
        Column("detail", rank=KEEP, flexible=True),
        Column("hint", "WHAT TO DO", flexible=True),
    ]
    context.output.records(columns, found, documents=[item._asdict() for item in found], ids=[f.check for f in found])
    return 1 if any(item.state == FAIL for item in found) else 0


def _try(check: Callable[[Context], Iterator[Finding]], context: Context) -> list[Finding]:
    name = check.__name__.strip("_")
    try:
        return list(check(context))
    except MlopsError as error:
        return [Finding(name, FAIL, error.message, error.hint)]
    except OSError as error:
        return [Finding(name, FAIL, str(error))]


def _settings(context: Context) -> Iterator[Finding]:
    settings = context.settings
    state = WARN if settings.warnings else OK
    yield Finding("settings", state, "; ".join(settings.warnings) or f"project {settings.project}")


def _home(context: Context) -> Iterator[Finding]:
    folder = context.settings.paths.data
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".doctor.{os.getpid()}"
    try:
        probe.write_bytes(b"x")
    except OSError as error:
        yield Finding("home", FAIL, f"{folder}: {error.strerror}", "set MLOPS_HOME to a folder that you can write to")
        return
    finally:
        probe.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    shown = f"{folder}, {free / 2**30:.1f} GiB free"
    yield Finding("home", OK if free > FEW_BYTES else WARN, shown, "" if free > FEW_BYTES else "free some space")


def _store(context: Context) -> Iterator[Finding]:
    info = context.api.call("server.info")
    count = len(context.api.tasks.find({"only_fields": ["id"]}, limit=1))
    where = context.settings.server or context.settings.paths.store
    yield Finding("store", OK, f"{where}, API {info.get('api_version')}" + ("" if count else ", empty"))


def _runs(context: Context) -> Iterator[Finding]:
    from .status import describe

    found = describe(context)
    unsent = len(found["unsent"])
    detail = f"{len(found['running'])} running, {unsent} not sent"
    yield Finding("runs", WARN if unsent else OK, detail, "mlops sync" if unsent else "")


def _git(context: Context) -> Iterator[Finding]:
    path = shutil.which("git")
    if path is None:
        yield Finding("git", WARN, "not on PATH: code is captured as plain files", "install git")
        return
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
    yield Finding("git", OK, said.stdout.strip())


def _hook(context: Context) -> Iterator[Finding]:
    """The hook in the Python that `mlops run train.py` would start."""
    from ..hook.catalogue import describe

    switches = str(context.settings["hook"])
    taps = describe(switches)
    off = [str(tap["name"]) for tap in taps if not tap["on"]]
    python = shutil.which("python") or shutil.which("python3")
    if python is None:
        yield Finding("hook", WARN, "no python on PATH", "activate your environment")
        return
    said = subprocess.run(
        [python, "-c", _LOADS], capture_output=True, text=True, timeout=30, check=False, env=_hooked()
    )
    loaded = said.stdout.strip() == "True"
    detail = f"{python}: " + ("loads" if loaded else "does not load")
    detail += f", {len(taps) - len(off)} taps on" + (f", off: {', '.join(off)}" if off else "")
    hint = "" if loaded else (said.stderr.strip().splitlines() or ["python -I and -E ignore PYTHONPATH"])[-1]
    yield Finding("hook", OK if loaded else WARN, detail, hint)


_LOADS = "import sys; print(any('mlops' in (getattr(m, '__file__', '') or '') for m in list(sys.modules.values())))"


def _hooked() -> dict[str, str]:
    """The environment of a run: the hook's folder first on the path, and a run folder that it may look for."""
    from ..config import environ

    site = Path(__file__).resolve().parent.parent / "hook" / "site"
    before = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([str(site), *([before] if before else [])])
    return {**os.environ, "PYTHONPATH": path, environ.RUN_DIR: os.devnull, environ.RUN_ID: "0" * 32}


def _gpu(context: Context) -> Iterator[Finding]:
    from ..telemetry.probes.nvml import describe

    gpus = describe()
    if gpus.error:
        yield Finding("gpu", WARN, gpus.error, "nvidia-smi")
    elif gpus.devices:
        names = ", ".join(device.name or "?" for device in gpus.devices)
        yield Finding("gpu", OK, f"{names}, driver {gpus.driver_version}")
    else:
        yield Finding("gpu", OK, "none here")


def _extras(context: Context) -> Iterator[Finding]:
    from importlib.util import find_spec

    has = find_spec("matplotlib") is not None
    yield Finding("plot", OK, "pictures can be drawn" if has else "curves in the terminal only", "" if has else _PLOT)
    yield Finding("python", OK, f"{sys.version.split()[0]} at {sys.executable}")


_PLOT = "pip install 'mlops_cli[plot]'"

CHECKS: tuple[Callable[[Context], Iterator[Finding]], ...] = (
    _settings, _home, _store, _runs, _git, _hook, _gpu, _extras,
)  # fmt: skip
