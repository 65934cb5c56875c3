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
        checkpointing: as in `Setting`.
    """

    title: str
    load: Callable[[], None]
    prepare: Callable[[str, Setting], Prepared]
    precision: str
    compiled: bool = False
    checkpointing: bool = False

    def ready(self, step: str, shape: NetworkShape, batch: int, device: str) -> Prepared:
        """The step of this side under its own precision."""
        setting = Setting(shape, batch, device, self.precision, self.compiled, self.checkpointing)
        return self.prepare(step, setting)


def _sides() -> dict[str, Side]:
    found = {}
    for name, package, title, how in (
        ("diffusers", diffusers_peer, "diffusers UNet2DModel", ""),
        ("ours", ours, "this project", ""),
        ("ours", ours, "this project", "compiled"),
        ("ours", ours, "this project", "checkpointing"),
    ):
        for precision in ("float32", "tf32", "bfloat16"):
            key = "_".join(filter(None, (name, precision if precision != "float32" else "", how)))
            words = ", ".join(filter(None, (title, precision, how)))
            flags = how == "compiled", how == "checkpointing"
            found[key] = Side(words, package.load, package.prepare, precision, *flags)
    return found


SIDES = _sides()
# tf32 and compilation pay on a GPU only.
ON_CPU = ("diffusers", "diffusers_bfloat16", "ours", "ours_bfloat16")
# Checkpointing is for networks that need it.
ON_GPU = tuple(name for name, side in SIDES.items() if not side.checkpointing)


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
