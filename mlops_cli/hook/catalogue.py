"""Every tap there is: the modules that wake it and what it notes. Plain values, since each child's start reads this."""

from __future__ import annotations

import os

TAPS: dict[str, tuple[tuple[str, ...], str]] = {
    "argparse": (("argparse",), "the effective options of argparse programs"),
    "click": (("click.core", "typer._click.core"), "the effective options of click and typer programs"),
    "hydra": (("hydra._internal.callbacks",), "the resolved configuration of each Hydra job"),
    "omegaconf": (("omegaconf.omegaconf",), "configuration merged with OmegaConf.from_cli()"),
    "tensorboard": (
        ("tensorboard.summary.writer.event_file_writer", "tensorflow.python.ops.gen_summary_ops"),
        "TensorBoard writers that open their files outside Python",
    ),
    "safetensors": (("safetensors",), "files written by safetensors"),
    "h5py": (("h5py._hl.files",), "HDF5 files"),
    "torch": (
        ("torch.serialization", "torch.jit._script", "torch.export"),
        "torch.save, TorchScript and exported programs",
    ),
    "tensorflow": (
        (
            "tensorflow.python.saved_model.save",
            "tensorflow.python.checkpoint.checkpoint",
            "keras.src.saving.saving_api",
        ),
        "models saved by TensorFlow and Keras",
    ),
    "xgboost": (("xgboost.core",), "boosters saved by XGBoost"),
    "lightgbm": (("lightgbm.basic",), "boosters saved by LightGBM"),
    "joblib": (("joblib.numpy_pickle",), "objects dumped by joblib, as scikit-learn advises"),
    "onnx": (("onnx",), "models saved by onnx"),
}

FILES = "files"
"""The tap that needs no target: an audit hook on `open`."""


def switched_off(switches: str) -> frozenset[str]:
    """The tap names that `MLOPS_HOOK` takes out, as in `-argparse,-files`; `off` takes out all."""
    if switches.strip().lower() == "off":
        return frozenset(TAPS) | {FILES}
    return frozenset(word.strip()[1:] for word in switches.split(",") if word.strip().startswith("-"))


def plug_ins(places: str, off: frozenset[str] = frozenset()) -> list[str]:
    """The tap files of plug-ins, from the files and folders that `MLOPS_TAPS` lists; each is named by its file."""
    found = []
    for place in places.split(os.pathsep):
        if place.endswith(".py"):
            found.append(place)
        elif place and os.path.isdir(place):
            found += [os.path.join(place, name) for name in sorted(os.listdir(place)) if name.endswith(".py")]
    return [path for path in found if _stem(path) not in off]


def describe(switches: str = "", places: str = "") -> list[dict[str, object]]:
    """One row a tap, for `mlops doctor`: `name`, `targets`, `notes` and whether it is `on`.

    Given the values of `MLOPS_HOOK` and `MLOPS_TAPS`. A plug-in's file is named, never run here, so its targets are
    unknown.
    """
    off = switched_off(switches)
    is_off = switches.strip().lower() == "off"
    rows: list[dict[str, object]] = [
        {"name": FILES, "targets": [], "notes": "files opened for reading or writing", "on": FILES not in off}
    ]
    for name, (targets, words) in TAPS.items():
        rows.append({"name": name, "targets": list(targets), "notes": words, "on": name not in off})
    for path in plug_ins(places):
        rows.append({"name": _stem(path), "targets": [], "notes": path, "on": not is_off and _stem(path) not in off})
    return rows


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]
