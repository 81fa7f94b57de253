"""The door to NVIDIA's management library: which GPUs there are.

The library is loaded only where a driver is: importing pynvml costs more than the rest of a capture.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple


class Gpu(NamedTuple):
    """One device; None is what the driver would not tell."""

    number: int
    name: str | None
    uuid: str | None
    memory_bytes: int | None


class Gpus(NamedTuple):
    """All devices of a machine with its driver; `error` says why there are none although a driver is there."""

    devices: tuple[Gpu, ...] = ()
    driver_version: str | None = None
    cuda_version: str | None = None
    error: str = ""


def describe() -> Gpus:
    """The GPUs of this machine; empty where there is no driver."""
    if not _has_driver():
        return Gpus()
    import pynvml  # noqa: PLC0415 - only where a driver is

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as exc:
        return Gpus(error=f"the NVIDIA driver does not answer: {exc}")
    try:
        count = _ask(pynvml, pynvml.nvmlDeviceGetCount) or 0
        cuda = _ask(pynvml, pynvml.nvmlSystemGetCudaDriverVersion_v2)
        return Gpus(
            devices=tuple(_device(pynvml, index) for index in range(count)),
            driver_version=_text(_ask(pynvml, pynvml.nvmlSystemGetDriverVersion)),
            cuda_version=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        )
    finally:
        _ask(pynvml, pynvml.nvmlShutdown)


def _has_driver() -> bool:
    folders = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    places = ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")  # the last is WSL's
    libraries = (f"{folder}/libnvidia-ml.so.1" for folder in folders if folder)
    return any(os.path.exists(path) for path in (*places, *libraries))  # noqa: PTH110


def _device(pynvml: Any, index: int) -> Gpu:
    handle = _ask(pynvml, pynvml.nvmlDeviceGetHandleByIndex, index)
    if handle is None:  # fell off the bus: the slot is there, nothing else is known
        return Gpu(index, None, None, None)
    memory = _ask(pynvml, pynvml.nvmlDeviceGetMemoryInfo, handle)
    return Gpu(
        number=index,
        name=_text(_ask(pynvml, pynvml.nvmlDeviceGetName, handle)),
        uuid=_text(_ask(pynvml, pynvml.nvmlDeviceGetUUID, handle)),
        memory_bytes=int(memory.total) if memory is not None else None,
    )


def _ask(pynvml: Any, function: Callable[..., Any], *args: Any) -> Any:
    """The one query function: every refusal of the driver, and every function that an old one lacks, is None."""
    try:
        return function(*args)
    except (pynvml.NVMLError, AttributeError):
        return None


def _text(value: Any) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
