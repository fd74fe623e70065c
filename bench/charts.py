"""The charts of docs/benchmarks.md, as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

INK, ACCENT, GREY = "#333333", "#1f5a8a", "#9aa5b1"


def draw_subjects(subjects: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the CPU seconds of each subject of the comparison."""
    import matplotlib.pyplot as plt

    names = [*subjects][::-1]
    figure, axes = plt.subplots(figsize=(8, 0.35 * len(names) + 1))
    colors = [ACCENT if name.startswith("platform") else GREY for name in names]
    bars = axes.barh(names, [subjects[name]["cpu_seconds"] for name in names], 0.6, color=colors)
    axes.bar_label(bars, fmt="%.1f", padding=3, fontsize=8, color=INK)
    axes.set_xlabel("CPU seconds for April 2016, 3,096,313 rows")
    _save(figure, axes, path)


def draw_rows(sizes: list[dict[str, Any]], path: Path) -> None:
    """Draw the CPU seconds against the rows of a delivery, for the limit and the command."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    rows = [size["rows"] for size in sizes]
    for key, color, label in (("command", ACCENT, "i94 run, to the fact"), ("limit", GREY, "limit: DuckDB")):
        axes.plot(rows, [size[key]["cpu_seconds"] for size in sizes], "o-", color=color, label=label)
    axes.set(xscale="log", yscale="log", xlabel="rows of the delivery", ylabel="CPU seconds")
    axes.legend(frameon=False)
    axes.grid(color="#e5e5e5")
    _save(figure, axes, path)


def _save(figure: Any, axes: Any, path: Path) -> None:
    """Save a chart as an SVG that is the same for the same figures."""
    import matplotlib.pyplot as plt

    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context({"svg.hashsalt": "i94", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
