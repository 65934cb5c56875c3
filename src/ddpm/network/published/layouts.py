"""The layouts of published weights that are understood, recognised by their names."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.published.diffusers_names import from_diffusers
from ddpm.network.published.pesser_names import from_pesser
from ddpm.network.published.renaming import rename
from ddpm.network.published.tensorflow_variables import NETWORK_VARIABLE, from_variables
from ddpm.network.unet import UNet


@dataclasses.dataclass(frozen=True)
class Layout:
    """A way of naming and shaping the network's weights.

    Attributes:
        name: as it stands in provenance.
        sign: what names begin with that no other layout has.
        convert: tensors by their names to the keys of network.state_dict(); a missing key is left out
            and a left-over tensor kept, for `ddpm.network.weights.check_weights`.
    """

    name: str
    sign: re.Pattern[str]
    convert: Callable[[Mapping[str, Tensor], UNet], dict[str, Tensor]]


def _unchanged(tensors: Mapping[str, Tensor], network: UNet) -> dict[str, Tensor]:
    return rename(tensors, network.state_dict(), lambda key: (key,))


DIFFUSERS = Layout(
    "diffusers", re.compile(r"(?:time_embedding|down_blocks|mid_block|up_blocks)\."), from_diffusers
)
TENSORFLOW = Layout("TensorFlow", NETWORK_VARIABLE, from_variables)
PESSER = Layout("pesser", re.compile(r"temb\.dense\.\d\."), from_pesser)
OWN = Layout("this project", re.compile(r"temb\.dense\d\."), _unchanged)
LAYOUTS = (DIFFUSERS, TENSORFLOW, PESSER, OWN)


def recognise(path: Path, names: Iterable[str]) -> Layout:
    """The layout that a file's names belong to.

    Raises:
        WeightsError: to none that is understood; the message shows the first names.
    """
    names = list(names)
    for layout in LAYOUTS:
        if any(layout.sign.match(name) for name in names):
            return layout
    first = ", ".join(names[:5]) + (f", ... ({len(names)} in all)" if len(names) > 5 else "")
    raise WeightsError(
        f"{path}: unknown names of weights: {first or 'none'}. Understood are diffusers' UNet2DModel "
        "(down_blocks.0.resnets...), the authors' TensorFlow variables (model/down_0/block_0/...), pesser's "
        "and DDIM's checkpoints (temb.dense.0...) and this project's own (temb.dense0...)"
    )
