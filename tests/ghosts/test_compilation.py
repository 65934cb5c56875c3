"""torch.compile meets no break in the branches that a GPU takes and a processor does not."""

import contextlib

import torch
from paper_models import STUDY

from ddpm.model import build_network
from ddpm.network.dropout import DropoutKeys

IMAGES = 2


def test_the_graph_of_training_is_whole(monkeypatch):
    """With activations computed again; without, there is less to trace."""
    # Of float32 and tf32, where autocast does nothing.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    network = build_network(STUDY, "epsilon_L_simple", 0).to("meta").train()
    network.checkpointing = True
    DropoutKeys(network, seed=0).fill(0, 0, IMAGES, torch.device("meta"))
    # Traced as for a GPU, then run as it is.
    network.compile(fullgraph=True, dynamic=False, backend="eager")
    x = torch.empty(IMAGES, 3, 32, 32, device="meta")
    index = torch.empty(IMAGES, dtype=torch.int64, device="meta")
    try:
        network(x, index).sum().backward()
    finally:
        torch.compiler.reset()
    assert all(parameter.grad is not None for parameter in network.parameters())
