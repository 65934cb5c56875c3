"""How all figures look: fonts that embed as vectors, colours that colour-blind readers tell apart."""

from __future__ import annotations

import contextlib
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ddpm.artefacts.figures.fonts import OWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, in the order in which series take it.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
INK, FAINT = "#222222", "#8A8A8A"
SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
LINES = ("-", "--", ":", "-.")

# Ours and the paper's, alike in every figure; they differ in shape too, for print without colour.
OURS: dict[str, Any] = {"color": BLUE, "linewidth": 1.4}
PAPER: dict[str, Any] = {
    "color": VERMILION,
    "linestyle": "none",
    "marker": "o",
    "markersize": 4,
    "markerfacecolor": "white",
    "markeredgewidth": 1.1,
}

PAGE_WIDTH = 6.75  # inches: the text width of a journal page
HEADING_SIZE, LABEL_SIZE, SMALL_SIZE = 9.5, 8.5, 7.5  # points

HEADING_LINE = 1.25  # line height of headings, in font sizes
_LETTER, _WIDE_LETTER = 0.47, 1.0  # mean width of a letter of a heading, in font sizes

_STYLE: dict[Any, Any] = {
    "font.family": [*OWN],
    "mathtext.fontset": "stix",
    "font.size": LABEL_SIZE,
    "figure.titlesize": HEADING_SIZE,
    "axes.titlesize": LABEL_SIZE,
    "axes.labelsize": LABEL_SIZE,
    "xtick.labelsize": SMALL_SIZE,
    "ytick.labelsize": SMALL_SIZE,
    "legend.fontsize": SMALL_SIZE,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "lines.solid_capstyle": "round",
    "pdf.fonttype": 42,  # TrueType outlines: text stays text
    "pdf.use14corefonts": False,
    "figure.dpi": 200,
    "savefig.dpi": "figure",
    "path.simplify": True,
}


@contextlib.contextmanager
def applied(families: Sequence[str] = OWN) -> Iterator[None]:
    """Matplotlib's defaults with the project's style on top, whatever the user's own settings are.

    `families` are those of the fonts, in the order in which a sign is looked for.
    """
    import matplotlib

    # The backend is left alone: setting it would load pyplot.
    defaults: dict[Any, Any] = {
        key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key
    }
    with matplotlib.rc_context({**defaults, **_STYLE, "font.family": [*families]}):
        yield


def wrapped(heading: str, width: float) -> list[str]:
    """A heading in lines that fit a width in inches."""
    letters = [_WIDE_LETTER if unicodedata.east_asian_width(sign) in "WF" else _LETTER for sign in heading]
    mean = sum(letters) / max(1, len(letters))
    return textwrap.wrap(heading, max(1, int(width * 72 / (HEADING_SIZE * mean))))


def chart(width: float, height: float, heading: str) -> Figure:
    """An empty figure for charts, in inches, with its heading at the top left."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    lines = "\n".join(wrapped(heading, width))
    figure.suptitle(lines, x=0.01, ha="left", linespacing=HEADING_LINE, parse_math=False)
    return figure


def label_steps(axes: Axes) -> None:
    """Training steps in plain numbers along the horizontal axis: 200k, 400k."""
    from matplotlib.ticker import EngFormatter

    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def label_decades(axes: Axes, subs: tuple[int, ...]) -> None:
    """Plain numbers along a logarithmic vertical axis, at the multiples `subs` of each decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
