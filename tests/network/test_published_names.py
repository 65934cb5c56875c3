"""Names and shapes of published weights: against lists of the published networks, and there and back."""

import csv
import functools
from pathlib import Path

import pytest
import torch
from authors import NETWORKS
from hypothesis import given, settings
from hypothesis import strategies as st
from published_weights import as_diffusers, as_pesser, as_tensorflow, randomised

from ddpm.network.published.names import (
    DIFFUSERS,
    OWN,
    PESSER,
    TENSORFLOW,
    diffusers_name,
    legacy_name,
    pesser_name,
    recognise,
    tensorflow_name,
)
from ddpm.network.unet import UNet
from ddpm.network.weights import check_weights, weights_hash

PUBLISHED = {
    "cifar10": NETWORKS["cifar"],
    "celebahq": {
        "image_shape": (3, 256, 256),
        "channels": 128,
        "channel_multipliers": (1, 1, 2, 2, 4, 4),
        "residual_blocks": 2,
        "attention_resolutions": (16,),
    },
}


@functools.cache
def key_map(name: str) -> list[dict[str, str]]:
    path = Path(__file__).parent / "key_maps" / f"{name}.tsv"
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def shape_of(row: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(size) for size in row["shape"].split("x"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_names_of_the_published_networks(name):
    """Each key has its counterpart in each convention, of the same shape, and no tensor is left over."""
    rows = {row["name"]: row for row in key_map(name)}
    network = UNet(**PUBLISHED[name])
    levels = len(network.down)
    ours = {diffusers_name(key, levels): (key, t.shape) for key, t in network.state_dict().items()}
    assert ours.keys() == rows.keys()
    for theirs, (key, shape) in ours.items():
        row = rows[theirs]
        assert shape_of(row) == shape, key
        assert legacy_name(theirs) == (row["legacy_name"] or theirs)
        assert tensorflow_name(key) == row["tensorflow_variable"]
        # The port keeps the authors' scopes with dots, and the indices of lists apart.
        scope = row["tensorflow_variable"].removeprefix("model/").rsplit("/", 1)[0].replace("/", ".")
        for kind in ("down", "up", "block", "attn"):
            scope = scope if scope.startswith("mid.") else scope.replace(f"{kind}_", f"{kind}.")
        assert pesser_name(key).rsplit(".", 1)[0] == scope.replace("temb.dense", "temb.dense.")


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_tensors_become_the_networks(name):
    """The other direction: tensors under the listed names, with names of both ages, fill the network."""
    rows = key_map(name)
    network = UNet(**PUBLISHED[name])
    tensors = {}
    for index, row in enumerate(rows):
        theirs = row["legacy_name"] if row["legacy_name"] and index % 2 else row["name"]
        tensors[theirs] = torch.tensor(float(index)).expand(shape_of(row))
    state = DIFFUSERS.convert(tensors, network)
    check_weights("published", state, network)
    variables = {key: int(tensor.flatten()[0]) for key, tensor in state.items()}
    assert {tensorflow_name(key): i for key, i in variables.items()} == {
        row["tensorflow_variable"]: index for index, row in enumerate(rows)
    }


@settings(max_examples=25)
@given(
    channels=st.sampled_from([4, 8]),
    multipliers=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    blocks=st.integers(1, 3),
    attention=st.sets(st.sampled_from([2, 4, 8, 16])),
    multiple=st.integers(1, 2),
    seed=st.integers(0, 99),
)
def test_there_and_back(channels, multipliers, blocks, attention, multiple, seed):
    network = UNet(
        (3, 16, 16), channels, multipliers, blocks, sorted(attention), groups=2, output_multiple=multiple
    )
    randomised(network, seed)
    variables = {name: torch.from_numpy(array.copy()) for name, array in as_tensorflow(network).items()}
    conventions = [
        (DIFFUSERS, as_diffusers(network)),
        (DIFFUSERS, as_diffusers(network, legacy=True)),
        (PESSER, as_pesser(network)),
        (TENSORFLOW, variables),
        (OWN, dict(network.state_dict())),
    ]
    for convention, tensors in conventions:
        assert len(tensors) == len(network.state_dict())
        assert recognise("file", tensors) is convention
        state = convention.convert(tensors, network)
        check_weights("file", state, network)
        assert weights_hash(state) == weights_hash(network.state_dict()), convention.name
