"""The figure of cost against size: a column for what is varied, time above memory, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timing.ratios import spread

from ddpm.files import atomic_path

_MARKERS = {"training": "o", "sampling": "s"}


def draw(record: Mapping[str, Any], series: Mapping[str, str], path: Path) -> None:
    """Draws a record of `scaling.py`.

    Args:
        record: with `rows`.
        series: what is varied: the name of the number in a row, and in words.
        path: a .png file, written atomically.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    figure, axes = plt.subplots(
        2, len(series), figsize=(3.4 * len(series), 5), sharex="col", layout="constrained", squeeze=False
    )
    for column, (name, words) in enumerate(series.items()):
        for step, marker in _MARKERS.items():
            rows = [row for row in record["rows"] if (row["series"], row["step"]) == (name, step)]
            if not rows:
                continue
            sizes = [row[name] for row in rows]
            clock = "wall" if name == "processes" else "cpu"
            axes[0, column].plot(
                sizes, [spread(row[clock]).median for row in rows], marker=marker, label=step
            )
            axes[1, column].plot(sizes, [row["peak"] / 2**20 for row in rows], marker=marker, label=step)
            for axis in axes[:, column]:
                axis.set(xscale="log", yscale="log")
                axis.set_xticks(sizes, [str(size) for size in sizes])
                axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
                axis.yaxis.set_major_formatter("{x:g}")
                axis.minorticks_off()
        axes[0, column].set_ylabel("s a step" if name == "processes" else "CPU s a step")
        axes[1, column].set(xlabel=words, ylabel="peak MiB")
    axes[0, 0].legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    plt.close(figure)
