"""Model files: which new ones a run left, whose they are, and what their headers say.

Never unpickles, never executes.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from . import protobuf as pb

FRAMEWORKS = {
    ".pt": "PyTorch", ".pth": "PyTorch", ".ckpt": "PyTorch", ".safetensors": "safetensors", ".onnx": "ONNX",
    ".h5": "Keras", ".hdf5": "Keras", ".keras": "Keras", ".pb": "TensorFlow", ".tflite": "TensorFlow",
    ".joblib": "ScikitLearn", ".pkl": "pickle", ".pickle": "pickle", ".gguf": "GGUF", ".ggml": "GGUF",
    ".ubj": "XGBoost", ".xgb": "XGBoost", ".bst": "XGBoost", ".cbm": "CatBoost", ".lgb": "LightGBM",
    ".mlmodel": "CoreML", ".msgpack": "Flax", ".npz": "NumPy", ".bin": "weights", ".engine": "TensorRT",
}  # fmt: skip

SURE = frozenset(FRAMEWORKS) - {".pkl", ".pickle", ".pb", ".npz", ".bin", ".msgpack", ".h5", ".hdf5"}
"""Suffixes that mean a model. The others hold data as often: they count only when a writer's tap named them."""

_HDF5 = frozenset({".h5", ".hdf5"})
_KERAS_MARKS = (b"keras_version", b"model_weights")
_KERAS_HEAD_BYTES = 1 << 16

MAX_HEADER_BYTES = 16 * 2**20
SKIPPED_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "node_modules",
        "__pycache__",
        ".venv",
        "venv",
        ".tox",
        ".mypy_cache",
        ".cache",
        "site-packages",
    }
)


class Found(NamedTuple):
    path: Path
    size_bytes: int
    modified_at: float


def look(folder: Path, *, since: float, max_entries: int = 20_000, max_depth: int = 6) -> list[Found]:
    """The files with a model's suffix under `folder` that changed after `since` (seconds since the epoch).

    A bounded look: at most `max_entries` names are read, shallow folders first; symbolic links are not followed.
    """
    found = [
        Found(Path(entry.path), stat.st_size, stat.st_mtime)
        for entry, stat in _walk(folder, max_entries, max_depth)
        if stat.st_mtime >= since and is_model(Path(entry.path))
    ]
    return sorted(found, key=lambda item: (item.modified_at, str(item.path)))


def is_model(path: Path) -> bool:
    """Whether a file is surely a model: by its suffix, an HDF5 file by the names that Keras gives its parts."""
    suffix = path.suffix.lower()
    if suffix in _HDF5:
        head = _head(path, _KERAS_HEAD_BYTES) if path.is_file() else b""
        return any(mark in head for mark in _KERAS_MARKS)
    return suffix in SURE


def framework_of(path: Path) -> str:
    """The framework that a file's name and first bytes suggest; empty when nothing does."""
    suffix = path.suffix.lower()
    guess = FRAMEWORKS.get(suffix, "")
    head = _head(path, 16)
    if head.startswith(b"GGUF"):
        return "GGUF"
    if suffix == ".bin" and head.startswith(b"PK\3\4"):
        return "PyTorch"
    return guess


def peek(path: Path) -> dict[str, Any]:
    """What the header says, safely: tensors, dtypes, parameters, producer. Empty when there is nothing to say."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".safetensors":
            return _safetensors(path)
        if suffix == ".onnx":
            return _onnx(path)
        if suffix in (".pt", ".pth", ".ckpt", ".keras", ".npz", ".bin"):
            return _zip(path)
    except (OSError, ValueError, KeyError, TypeError, struct.error, RecursionError):
        return {}
    return {}


def _safetensors(path: Path) -> dict[str, Any]:
    """Header: u64 length, then JSON of tensor name > dtype, shape, offsets (the format's published specification)."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > MAX_HEADER_BYTES:
            return {}
        header = json.loads(file.read(length))
    metadata = header.pop("__metadata__", None) or {}
    parameters, dtypes = 0, set()
    for tensor in header.values():
        size = 1
        for side in tensor["shape"]:
            size *= int(side)
        parameters += size
        dtypes.add(str(tensor["dtype"]))
    found: dict[str, Any] = {"tensors": len(header), "parameters": parameters, "dtypes": sorted(dtypes)}
    if metadata:
        found["metadata"] = {str(key): str(value)[:1024] for key, value in list(metadata.items())[:50]}
    return found


def _onnx(path: Path) -> dict[str, Any]:
    """The top level of a ModelProto: everything but the graph, whose weights are stepped over."""
    found: dict[str, Any] = {}
    names = {1: "ir_version", 2: "producer", 3: "producer_version", 4: "domain", 5: "model_version"}
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        while file.tell() < end:
            key = _read_varint(file)
            number, kind = key >> 3, key & 7
            if kind == 0:
                value: pb.Value = _read_varint(file)
            elif kind == 2:
                size = _read_varint(file)
                if (number not in names and number != 8) or size > 2**16:
                    file.seek(size, os.SEEK_CUR)
                    continue
                value = file.read(size)
            else:
                return found
            if number in names:
                found[names[number]] = value if isinstance(value, int) else value.decode("utf-8", "replace")
            elif number == 8:
                opset = pb.collect(value)
                domain = pb.as_text(opset[1][-1]) if 1 in opset else ""
                found.setdefault("opsets", {})[domain or "ai.onnx"] = opset.get(2, [0])[-1]
    return found


def _read_varint(file: BinaryIO) -> int:
    result = shift = 0
    while shift < 64:
        byte = file.read(1)
        if not byte:
            raise ValueError("a number that does not end")
        result |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return result
        shift += 7
    raise ValueError("a number that does not end")


def _zip(path: Path) -> dict[str, Any]:
    """The table of contents of an archive (torch, Keras, NumPy): entry count and bytes; nothing is unpacked."""
    if _head(path, 4) != b"PK\3\4":
        return {"format": "pickle"} if path.suffix.lower() in (".pt", ".pth", ".ckpt") else {}
    import zipfile  # noqa: PLC0415 - it brings every compression there is, and most runs leave no such file

    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as exc:
        raise ValueError("a damaged archive") from exc
    tensors = sum(1 for entry in entries if "/data/" in entry.filename)
    found: dict[str, Any] = {"format": "zip", "entries": len(entries)}
    if tensors:
        found["tensors"] = tensors
    return found


def _head(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _walk(folder: Path, max_entries: int, max_depth: int) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    """Regular files, breadth first, bounded."""
    level, seen = [str(folder)], 0
    for _ in range(max_depth):
        deeper: list[str] = []
        for name in level:
            try:
                entries = os.scandir(name)
            except OSError:
                continue
            with entries:
                for entry in entries:
                    seen += 1
                    if seen > max_entries:
                        return
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            if entry.name not in SKIPPED_FOLDERS:
                                deeper.append(entry.path)
                        elif entry.is_file(follow_symlinks=False):
                            yield entry, entry.stat(follow_symlinks=False)
                    except OSError:  # gone since it was listed
                        continue
        level = sorted(deeper)


def event_files(folder: Path, *, since: float, max_entries: int = 5_000, max_depth: int = 5) -> list[Path]:
    """TensorBoard event files under `folder` that changed after `since`: for writers that no hook can see."""
    return sorted(
        Path(entry.path)
        for entry, stat in _walk(folder, max_entries, max_depth)
        if "tfevents" in entry.name and stat.st_mtime >= since
    )
