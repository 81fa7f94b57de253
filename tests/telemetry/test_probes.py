"""Probes tell what the machine is; what a driver will not say is None, and a broken one never raises."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_cli.telemetry.probes import host, nvml

# The management library in miniature: two cards, of which the second is lost when LOST is defined.
SHIM = r"""
#include <string.h>
typedef struct { unsigned long long total, free, used; } memory_t;
int nvmlInitWithFlags(unsigned f) { return INIT; }
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return "shim error"; }
int nvmlSystemGetDriverVersion(char *s, unsigned n) { strncpy(s, "550.1", n); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *v) { *v = 12040; return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) {
#ifdef LOST
    if (i == 1) return 15;
#endif
    *h = (void *)(long)(i + 1); return 0;
}
int nvmlDeviceGetName(void *h, char *s, unsigned n) { strncpy(s, "Shim GPU", n); return 0; }
int nvmlDeviceGetMemoryInfo(void *h, memory_t *m) { m->total = 24ULL << 30; m->free = m->total; m->used = 0; return 0; }
"""

ASK = "from mlops_cli.telemetry.probes import nvml; print(nvml.describe())"


def ask_with_shim(tmp_path: Path, *flags: str) -> str:
    if not shutil.which("gcc"):
        pytest.skip("needs gcc to build the library's stand-in")
    source, library = tmp_path / "shim.c", tmp_path / "libnvidia-ml.so.1"
    source.write_text(SHIM)
    flags = (*flags, "-DINIT=0") if not any("INIT" in flag for flag in flags) else flags
    subprocess.run(["gcc", "-shared", "-fPIC", "-w", *flags, "-o", str(library), str(source)], check=True)
    environ = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    return subprocess.check_output([sys.executable, "-c", ASK], env=environ, text=True)


def test_cards_are_described_and_what_an_old_driver_lacks_is_none(tmp_path: Path) -> None:
    said = ask_with_shim(tmp_path)
    assert said.count("name='Shim GPU'") == 2
    assert f"memory_bytes={24 * 2**30}" in said
    assert "uuid=None" in said  # the shim has no such function, like an old driver
    assert "driver_version='550.1', cuda_version='12.4'" in said


def test_a_lost_card_keeps_its_place(tmp_path: Path) -> None:
    said = ask_with_shim(tmp_path, "-DLOST")
    assert "Gpu(number=1, name=None, uuid=None, memory_bytes=None)" in said
    assert "Gpu(number=0, name='Shim GPU'" in said


def test_a_driver_that_does_not_answer_is_an_error_not_a_crash(tmp_path: Path) -> None:
    said = ask_with_shim(tmp_path, "-DINIT=9")
    assert "devices=()" in said
    assert "does not answer" in said


def test_without_a_driver_nothing_is_loaded() -> None:
    if os.path.exists("/dev/nvidiactl"):
        pytest.skip("this machine has a driver")
    script = f"import sys; {ASK}; assert 'pynvml' not in sys.modules"
    assert "devices=()" in subprocess.check_output([sys.executable, "-c", script], text=True)


@pytest.mark.gpu
def test_a_real_card_has_a_name_and_memory() -> None:
    found = nvml.describe()
    if not found.devices:
        pytest.skip("no GPU here")
    assert all(device.name and device.memory_bytes for device in found.devices)
    assert found.driver_version


def test_the_host_is_what_the_standard_library_says() -> None:
    found = host.describe()
    assert found.hostname == os.uname().nodename
    assert found.cpu_count == len(os.sched_getaffinity(0))
    assert found.memory_bytes
    assert found.memory_bytes <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found.time_zone


def test_the_time_zone_of_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert host.describe().time_zone == "Asia/Tokyo"
