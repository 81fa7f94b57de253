"""The machine as the API's `runtime` keys, so that any client shows it."""

from __future__ import annotations

from ..telemetry.probes import host, nvml


def runtime() -> dict[str, str | int | float | None]:
    """The machine description; names are those that the API's own clients use, sizes in GiB, times none."""
    found = host.describe()
    fields: dict[str, str | int | float | None] = {
        "hostname": found.hostname,
        "OS": found.os,
        "platform": found.kernel,
        "processor": found.machine,
        "cpu_type": found.cpu_model,
        "cpu_cores": found.cpu_count,
        "memory_gb": round(found.memory_bytes / 2**30, 1) if found.memory_bytes else None,
        "timezone": found.time_zone,
        "boot_id": found.boot_id,
    }
    return {key: value for key, value in {**fields, **_gpus()}.items() if value is not None}


def _gpus() -> dict[str, str | int | float | None]:
    gpus = nvml.describe()
    if gpus.error:
        return {"gpu_count": 0, "gpu_error": gpus.error}
    sizes = [f"{device.memory_bytes / 2**30:.0f}GB" for device in gpus.devices if device.memory_bytes]
    return {
        "gpu_count": len(gpus.devices),
        "gpu_type": ", ".join(device.name for device in gpus.devices if device.name) or None,
        "gpu_memory": ", ".join(sizes) or None,
        "gpu_driver_version": gpus.driver_version,
        "gpu_driver_cuda_version": gpus.cuda_version,
    }
