"""Published weights as weights of this network: every step from the path to a checked state_dict."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.published.config import check_config
from ddpm.network.published.formats import read_sets
from ddpm.network.published.names import DIFFUSERS, recognise
from ddpm.network.published.places import Place, find
from ddpm.network.published.sets import WeightSet, bare, choose, described
from ddpm.network.unet import UNet
from ddpm.network.weights import check_weights, listed


@dataclasses.dataclass(frozen=True)
class PublishedWeights:
    """Weights under the network's own names.

    Attributes:
        tensors: a state_dict of the network, float32 on the CPU, all finite.
        file: that they were read from.
        sha256: of the file (of shards: `Place.sha256`).
        taken: the name of the set within the file, and what lies beside it, where there is more than one.
        convention: of its names: "diffusers", "TensorFlow", "pesser" or "this project".
        averaged: whether they are averaged (EMA) weights; None: neither the file nor the study says.
        config: the config.json that was checked, if one lies beside the weights.
    """

    tensors: dict[str, Tensor]
    file: Path
    sha256: str
    convention: str
    averaged: bool | None
    taken: str
    config: Path | None

    @property
    def parameters(self) -> int:
        """Their number."""
        return sum(tensor.numel() for tensor in self.tensors.values())


def import_weights(
    path: str | Path, network: UNet, sha256: str | None = None, averaged: bool | None = None
) -> PublishedWeights:
    """Reads published weights for `network`, which stays as it is.

    Args:
        path: a file, or a folder as diffusers writes it.
        network: that the weights are for.
        sha256: that the file must have, in hexadecimal; None: any.
        averaged: what the study says of them; chooses where the file holds raw and averaged ones.

    Raises:
        WeightsError: no such file, another hash, a damaged file, unknown names, a config.json of another
            network, missing or left-over tensors, other shapes, or values that are not finite numbers.
    """
    place = find(path, averaged)
    digest = _check_sha256(place, sha256)
    sets = read_sets(place.parts)
    chosen = choose(place.file, sets, averaged if averaged is not None else place.averaged)
    tensors, file = bare(place.file, chosen, sets), place.file
    convention = recognise(file, tensors)
    config = place.config if convention is DIFFUSERS else None
    if config is not None:
        check_config(config, network)
    state = convention.convert(tensors, network)
    check_weights(file, state, network)
    _check_values(file, state)
    # A copy each: tensors of a checkpoint may share memory, which safetensors does not write.
    state = {name: state[name].to(torch.float32, copy=True).contiguous() for name in network.state_dict()}
    says = next((kind for kind in (chosen.averaged, place.averaged) if kind is not None), averaged)
    return PublishedWeights(state, file, digest, convention.name, says, _taken(place, chosen, sets), config)


def _taken(place: Place, chosen: WeightSet, sets: Sequence[WeightSet]) -> str:
    """Which of two sets was taken, in words; "" where there is one."""
    if len(sets) > 1:
        return f"of {described(sets)} in it, `{chosen.name}` is taken"
    return f"{place.other} lies beside it and is not taken" if place.other is not None else ""


def _check_sha256(place: Place, wanted: str | None) -> str:
    found = place.sha256
    if wanted is not None and found != wanted:
        raise WeightsError(
            f"{place.file}: its SHA-256 is {found}, the study file says {wanted}; fetch it again, or correct "
            "`pretrained: sha256` if these are the weights you mean"
        )
    return found


def _check_values(path: Path, state: Mapping[str, Tensor]) -> None:
    bad = [f"{n} is {t.dtype}" for n, t in state.items() if not t.is_floating_point()]
    bad += [
        f"{n}: {int((~t.float().isfinite()).sum())} of {t.numel()} values are not finite"
        for n, t in state.items()
        if t.is_floating_point() and not t.float().isfinite().all()
    ]
    if bad:
        raise WeightsError(
            f"{path}: {len(bad)} tensors are not of finite real numbers; the file is damaged or its run "
            f"diverged: use another:{listed(bad)}"
        )
