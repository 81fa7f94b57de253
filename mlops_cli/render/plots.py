"""Curves: in the terminal through plotext, as .svg or .png through Matplotlib (the extra `plot`)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InvalidInput, NotFound
from . import text

FILES = (".svg", ".png", ".pdf")
_COLORS = (12, 10, 9, 13, 14, 11)
_MARKERS = "ox+*#@%"


class Curve(NamedTuple):
    """One series of one experiment; `panel` names the metric, and curves of one panel share its axes."""

    panel: str
    label: str
    steps: Sequence[float]
    values: Sequence[float]


def terminal(curves: Sequence[Curve], *, width: int, height: int, color: bool) -> list[str]:
    """The panels one below the other, each at most `height` lines high."""
    lines: list[str] = []
    for panel, inside in _panels(curves).items():
        lines += ([""] if lines else []) + _panel(panel, inside, width=width, height=height, color=color)
    return lines


def save(curves: Sequence[Curve], path: Path) -> None:
    """The panels as one picture. Raises InvalidInput when Matplotlib is missing or the suffix is unknown."""
    if path.suffix not in FILES:
        raise InvalidInput(f"{path}: no picture ends in {path.suffix!r}", hint=f"choose one of {', '.join(FILES)}")
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
    except ImportError as exc:
        raise InvalidInput(
            f"writing {path} needs Matplotlib, which is not installed here", hint="pip install 'mlops_cli[plot]'"
        ) from exc
    mpl.use("agg")
    from matplotlib.figure import Figure  # noqa: PLC0415

    panels = _panels(curves)
    figure = Figure(figsize=(8, 4 * len(panels)), layout="constrained")
    for at, (panel, inside) in enumerate(panels.items()):
        axes = figure.add_subplot(len(panels), 1, at + 1)
        axes.set_title(panel, parse_math=False)
        axes.set_xlabel("step")
        for curve in inside:
            line = axes.plot(curve.steps, curve.values, marker="." if len(curve.steps) < 2 else "")[0]
            # A label that begins with an underscore would be left out of the legend, `$` would start a formula.
            line.set_label(("\u200b" if curve.label.startswith("_") else "") + curve.label.replace("$", r"\$"))
        axes.legend()
        axes.grid(visible=True, alpha=0.3)
    try:
        with warnings.catch_warnings():
            # A label in a script that the font lacks is drawn as boxes; a page of warnings helps nobody.
            warnings.simplefilter("ignore", UserWarning)
            figure.savefig(path)
    except OSError as exc:
        raise InvalidInput(f"cannot write {path}: {exc.strerror}", hint="name another file") from exc


def _panels(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """The curves by panel, finite points only. Raises NotFound when none is left."""
    panels: dict[str, list[Curve]] = {}
    for curve in curves:
        points = [(x, y) for x, y in zip(curve.steps, curve.values, strict=True) if math.isfinite(y)]
        if points:
            panels.setdefault(curve.panel, []).append(
                curve._replace(steps=[x for x, _ in points], values=[y for _, y in points])
            )
    if not panels:
        raise NotFound("there is no finite point to draw", hint="mlops metrics EXP")
    return panels


def _panel(title: str, curves: Sequence[Curve], *, width: int, height: int, color: bool) -> list[str]:
    import plotext  # type: ignore[import-untyped]  # noqa: PLC0415 - 30 ms that only plots need

    plotext.clear_figure()
    plotext.theme("clear")
    several = len(curves) > 1
    for at, curve in enumerate(curves):
        marker = _MARKERS[at % len(_MARKERS)] if several and not color else "braille"
        plotext.plot(curve.steps, curve.values, marker=marker, color=_COLORS[at % len(_COLORS)])
    steps = [step for curve in curves for step in curve.steps]
    plotext.xticks(*_ticks(min(steps), max(steps)))
    plotext.xlabel("step")
    plotext.plotsize(max(width, 20), max(height, 8))
    drawn = plotext.build() if color else plotext.uncolorize(plotext.build())
    # The legend is ours: plotext counts characters, not cells, so a wide one would break its frame.
    lines = [text.cut(text.clean(title), width)]
    lines += [_legend(at, curve.label, width=width, color=color, several=several) for at, curve in enumerate(curves)]
    return lines + [line.rstrip() for line in drawn.replace("\x1b[0m", "\x1b[m").rstrip("\n").split("\n")]


def _legend(at: int, label: str, *, width: int, color: bool, several: bool) -> str:
    words = text.cut(text.clean(label), width - 5)
    if color:
        return f"  \x1b[38;5;{_COLORS[at % len(_COLORS)]}m━━\x1b[m {words}"
    return f"  {_MARKERS[at % len(_MARKERS)] if several else '━'}  {words}"


def _ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Round steps of 1, 2 or 5 times a power of ten, about five of them."""
    if high <= low:
        return [low], [f"{low:g}"]
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    size = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = math.ceil(low / size)
    found = [size * count for count in range(first, math.floor(high / size) + 1)]
    return found, [f"{value:.10g}" for value in found]
