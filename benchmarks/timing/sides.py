"""The sides of the comparison by name; the first is what the others are compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from timing import diffusers_peer, ours
from timing.setting import NetworkShape, Prepared, Setting

REFERENCE = "diffusers"


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of the comparison.

    Attributes:
        title: for tables.
        load: imports what it needs, so that memory can be measured from there.
        prepare: builds a step of `timing.setting.STEPS`.
        precision: of its numbers.
        compiled: as in `Setting`.
    """

    title: str
    load: Callable[[], None]
    prepare: Callable[[str, Setting], Prepared]
    precision: str
    compiled: bool = False

    def ready(self, step: str, shape: NetworkShape, batch: int, device: str) -> Prepared:
        """The step of this side under its own precision."""
        return self.prepare(step, Setting(shape, batch, device, self.precision, self.compiled))


def _sides() -> dict[str, Side]:
    found = {}
    for name, package, title, compiled in (
        ("diffusers", diffusers_peer, "diffusers UNet2DModel", False),
        ("ours", ours, "this project", False),
        ("ours", ours, "this project", True),
    ):
        for precision in ("float32", "tf32", "bfloat16"):
            key = "_".join([name, *[precision] * (precision != "float32"), *["compiled"] * compiled])
            words = f"{title}, {precision}{', compiled' * compiled}"
            found[key] = Side(words, package.load, package.prepare, precision, compiled)
    return found


SIDES = _sides()
# tf32 and compilation pay on a GPU only.
ON_CPU = ("diffusers", "diffusers_bfloat16", "ours", "ours_bfloat16")
ON_GPU = tuple(SIDES)


def chosen(names: Sequence[str]) -> tuple[dict[str, Side], dict[str, str]]:
    """Those of these names that load here, and for the others the reason why not."""
    available, left_out = {}, {}
    for name in names:
        try:
            SIDES[name].load()
        except ImportError as error:
            left_out[name] = str(error)
        else:
            available[name] = SIDES[name]
    return available, left_out
