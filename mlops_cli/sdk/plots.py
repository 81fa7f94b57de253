"""Histograms and tables as the plotly dicts that the API stores, without any library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MAX_ROWS = 10_000


def histogram(name: str, values: Any, bins: int) -> dict[str, Any]:
    """A bar chart of at most `bins` equal bins over the finite values."""
    numbers = [number for number in _numbers(values) if math.isfinite(number)]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    count = max(1, int(bins)) if high > low else 1
    width = (high - low) / count or 1.0
    counts = [0] * count
    for number in numbers:
        counts[min(int((number - low) / width), count - 1)] += 1
    centres = [low + (index + 0.5) * width for index in range(count)] if high > low else [low]
    return {
        "data": [{"type": "bar", "x": centres, "y": counts, "name": name}],
        "layout": {"title": name, "bargap": 0},
    }


def _numbers(values: Any) -> list[float]:
    for step in ("detach", "cpu", "ravel", "tolist"):  # tensors and arrays of any framework, each as far as it goes
        values = getattr(values, step)() if hasattr(values, step) else values
    flat: list[float] = []
    for value in values if isinstance(values, (list, tuple)) else list(values):
        if isinstance(value, (list, tuple)):
            flat += _numbers(value)
        else:
            flat.append(float(value))
    return flat


def table(rows: Any, columns: Sequence[str] | None) -> dict[str, Any]:
    """A plotly table; at most `MAX_ROWS` rows are kept."""
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # a data frame
        rows = rows.to_dict("records")
    kept = list(rows)[:MAX_ROWS]
    if kept and isinstance(kept[0], Mapping):
        names = list(columns) if columns else list(dict.fromkeys(name for row in kept for name in row))
        cells = [[row.get(name) for row in kept] for name in names]
    else:
        width = max((len(row) for row in kept), default=len(columns or ()))
        names = list(columns) if columns else [str(index) for index in range(width)]
        cells = [[row[index] if index < len(row) else None for row in kept] for index in range(len(names))]
    return {
        "data": [{"type": "table", "header": {"values": [str(name) for name in names]}, "cells": {"values": cells}}],
        "layout": {},
    }


def figure_dict(figure: Any) -> dict[str, Any]:
    """The dict of a plotly figure."""
    found = figure if isinstance(figure, Mapping) else figure.to_plotly_json()
    return {"data": found.get("data") or [], "layout": found.get("layout") or {}}
