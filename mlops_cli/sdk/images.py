"""Images of any kind as files of the run: copied, saved by their own library, or written as PNG from numbers."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

from .files import keep

_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}


def lay(image: Any, files: Path) -> str:
    """The path, in the run's `files`, of this image as it is now."""
    if isinstance(image, (str, os.PathLike)):
        return keep(image, files)[0]
    number = 1
    while True:
        target = files / f"image-{os.getpid()}-{number}.png"
        try:
            file = target.open("xb")
        except FileExistsError:
            number += 1
            continue
        break
    with file:
        if hasattr(image, "savefig"):
            image.savefig(file, format="png")
        elif hasattr(image, "save") and hasattr(image, "getbands"):
            image.save(file, format="PNG")
        else:
            file.write(png_of_array(image))
    return str(target)


def png_of_array(array: Any) -> bytes:
    """A PNG of an array or nested list: height x width (x channels), or channels first."""
    for step in ("detach", "cpu", "numpy"):
        array = getattr(array, step)() if hasattr(array, step) else array
    rows = array.tolist() if hasattr(array, "tolist") else array
    rows = _channels_last(rows)
    flat = [value for row in rows for pixel in row for value in pixel]
    if any(isinstance(value, float) for value in flat):
        scale = 255.0
        flat = [0 if value != value else min(max(int(value * scale + 0.5), 0), 255) for value in map(_bounded, flat)]
    else:
        flat = [min(max(int(value), 0), 255) for value in flat]
    height, width, channels = len(rows), len(rows[0]), len(rows[0][0])
    return png(bytes(flat), width, height, channels)


def _bounded(value: float) -> float:
    return value if value != value else min(max(float(value), 0.0), 1.0)


def _channels_last(rows: Any) -> Any:
    if not rows or not rows[0]:
        raise ValueError("an image without pixels")
    if not isinstance(rows[0][0], (list, tuple)):
        return [[[value] for value in row] for row in rows]
    if len(rows[0][0]) in _COLOURS:
        return rows
    if len(rows) in _COLOURS:  # channels first
        return [[list(pixel) for pixel in zip(*lines, strict=True)] for lines in zip(*rows, strict=True)]
    raise ValueError(f"an image has 1 to 4 channels, not {len(rows[0][0])}")


def png(pixels: bytes, width: int, height: int, channels: int) -> bytes:
    """The PNG file of 8-bit samples, row by row."""
    stride = width * channels
    lines = b"".join(b"\0" + pixels[at : at + stride] for at in range(0, stride * height, stride))
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 6)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
