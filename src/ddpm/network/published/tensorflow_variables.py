"""The authors' TensorFlow variables: which belong to the network, and which of them are averaged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.published.averaging import Candidates
from ddpm.network.tensorflow_names import EMA_SUFFIX, from_tensorflow
from ddpm.network.unet import UNet

# A variable of the network, after whatever scope the graph was built in.
NETWORK_VARIABLE = re.compile(
    r"^(?P<scope>(?:.*/)?)model/(?:temb|conv_in|conv_out|norm_out|mid|down_\d+|up_\d+)/"
)
# What training keeps besides (authors' code: utils.make_optimizer, tpu_utils.run_training).
_TRAINING_STATE = re.compile(
    r"(?:^|/)global_step$"
    r"|(?:^|/)beta[12]_power$"  # Adam's running powers
    r"|/(?:Adam|RMSProp)(?:_1)?$"  # the optimiser's moments of each variable
    r"|^_CHECKPOINTABLE_OBJECT_GRAPH$"
)


def is_training_state(name: str) -> bool:
    """True for variables that training keeps besides the weights: step, optimiser's state, object graph."""
    return _TRAINING_STATE.search(name) is not None


def separate(path: Path, variables: Mapping[str, Tensor]) -> Candidates:
    """The raw and the averaged weights among the authors' variables, without training state.

    A scope that all of the network's variables share before `model/` is removed, and the suffix
    /ExponentialMovingAverage of averaged ones.

    Raises:
        WeightsError: some variables have an average and others none.
    """
    weights = _without_scope({n: v for n, v in variables.items() if not is_training_state(n)})
    averaged = {n.removesuffix(EMA_SUFFIX): v for n, v in weights.items() if n.endswith(EMA_SUFFIX)}
    raw = {n: v for n, v in weights.items() if not n.endswith(EMA_SUFFIX)}
    if not averaged:
        return {None: raw}
    if not raw:
        return {True: averaged}
    if alone := sorted(raw.keys() - averaged.keys()):
        shown = "".join(f"\n  {name}" for name in alone[:20])
        raise WeightsError(
            f"{path}: {len(alone)} variables have no average (name{EMA_SUFFIX}) while others have one; "
            f"write all variables of the checkpoint, or only the averaged ones:{shown}"
        )
    return {True: averaged, False: raw}


def from_variables(variables: Mapping[str, Tensor], network: UNet) -> dict[str, Tensor]:
    """`ddpm.network.tensorflow_names.from_tensorflow` for tensors."""
    return from_tensorflow({name: value.numpy() for name, value in variables.items()}, network)


def _without_scope(variables: Mapping[str, Tensor]) -> dict[str, Tensor]:
    matches = [NETWORK_VARIABLE.match(name) for name in variables]
    scopes = {match["scope"] for match in matches if match is not None}
    scope = scopes.pop() if len(scopes) == 1 else ""
    return {name.removeprefix(scope): value for name, value in variables.items()}
