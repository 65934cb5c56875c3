"""Figure 8's left panel: why mixing latents stays near the images where mixing pixels does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ddpm.artefacts.figures.style import BLUE, FAINT, INK, LABEL_SIZE, SMALL_SIZE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_X0, _X0_OTHER, _MIXED, _LIFT = 0.12, 0.88, 0.32, 0.52
_ARROW = {
    "arrowstyle": "-|>",
    "color": FAINT,
    "linewidth": 0.8,
    "shrinkA": 3,
    "shrinkB": 3,
    "mutation_scale": 7,
}


def _manifold(x: Any) -> Any:
    """Height of the curve that stands for the set of images."""
    return 0.36 - 1.15 * (x - 0.5) ** 2


def draw_schematic(axes: Axes) -> None:
    """Draws the schematic into empty axes: both sources, their latents, and the two ways to mix them."""
    axes.set(xlim=(0, 1), ylim=(0.0, 1.0))
    axes.set_axis_off()
    curve = np.linspace(0.0, 1.0, 100)
    axes.plot(curve, _manifold(curve), color=INK, linewidth=1.2)
    axes.text(0.36, 0.42, "image manifold", ha="left", va="bottom", fontsize=SMALL_SIZE)
    low, mixed = _manifold(_X0), _manifold(_MIXED)
    high = low + _LIFT
    for height, color, style in ((low, BLUE, "--"), (high, VERMILION, "-")):
        axes.plot([_X0, _X0_OTHER], [height, height], color=color, linestyle=style, linewidth=1.0)
    small: dict[str, Any] = {"ha": "center", "fontsize": SMALL_SIZE}
    axes.text(0.5, low - 0.03, "pixel space", va="top", color=BLUE, **small)
    axes.text(0.62, high + 0.03, "latent space", va="bottom", color=VERMILION, **small)
    for x, start, end in ((_X0, low, high), (_X0_OTHER, low, high), (_MIXED, high, mixed)):
        axes.annotate("", (x, end), (x, start), arrowprops=_ARROW)
    _draw_points(axes, low, high, mixed)


def _draw_points(axes: Axes, low: float, high: float, mixed: float) -> None:
    points = [
        (_X0, low, r"$\mathbf{x}_0$", (9, -8), INK),
        (_X0_OTHER, low, r"$\mathbf{x}\prime_{\!\!0}$", (-7, -8), INK),
        (_X0, high, r"$\mathbf{x}_t$", (-3, 7), INK),
        (_X0_OTHER, high, r"$\mathbf{x}\prime_{\!\!t}$", (4, 7), INK),
        (_MIXED, high, r"$\bar{\mathbf{x}}_t$", (0, 8), VERMILION),
        (_MIXED, mixed, r"$\bar{\mathbf{x}}_0$", (-8, 6), VERMILION),
    ]
    centred: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": LABEL_SIZE}
    for x, y, label, offset, color in points:
        axes.plot([x], [y], marker="o", markersize=3.2, color=color)
        axes.annotate(label, (x, y), offset, textcoords="offset points", color=color, **centred)
