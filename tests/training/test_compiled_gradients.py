"""A compiler that gives wrong gradients is found before it trains anything."""

import math

import pytest
import torch
from tiny import training

from ddpm.errors import CompilationError
from ddpm.network.unet import UNet
from ddpm.training.compiled_gradients import differing, require_compiled_gradients
from ddpm.training.state import StateFolder

pytestmark = pytest.mark.slow


def with_backend(monkeypatch, backend) -> None:
    compile_network = UNet.compile
    monkeypatch.setattr(
        UNet, "compile", lambda unet, mode, **options: compile_network(unet, backend=backend, **options)
    )
    torch._dynamo.reset()


def wrong_gradients_of_norms(graph, inputs):
    """Compiles to the same outputs, with GroupNorm's gradients doubled."""

    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(context, weights):
            return weights.clone()

        @staticmethod
        def backward(context, gradient):
            return 2 * gradient

    def run(*arguments):
        return graph(*(Doubled.apply(a) if is_norm(a) else a for a in arguments))

    def is_norm(argument) -> bool:
        # The weights of norms are the only vectors of ones.
        return (
            isinstance(argument, torch.nn.Parameter) and argument.dim() == 1 and bool((argument == 1).all())
        )

    return run


def test_a_right_compiler_trains_to_the_same_weights(monkeypatch, tmp_path):
    """Also in parts, with activations that are computed again; the network is compiled once."""
    eager = training(steps=5)
    eager.run(StateFolder(tmp_path / "eager", "tiny"), "eager")
    with_backend(monkeypatch, "aot_eager")
    less = {"gradient_accumulation": 2, "activation_checkpointing": True}
    compiled = training(steps=5, compiled=True, **less)
    compiled.run(StateFolder(tmp_path / "compiled", "tiny"), "compiled")
    torch.testing.assert_close(compiled.parameters.vector, eager.parameters.vector, rtol=1e-4, atol=1e-6)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_wrong_gradients_stop_the_run_before_its_first_update(monkeypatch, tmp_path):
    with_backend(monkeypatch, wrong_gradients_of_norms)
    run = training(compiled=True)
    before = run.parameters.vector.detach().clone()
    with pytest.raises(
        CompilationError, match=r"gradients are wrong for \d+ tensors, most for .*norm.*weight"
    ):
        run.run(StateFolder(tmp_path, "tiny"), "tiny")
    assert torch.equal(run.parameters.vector, before)


def test_the_check_leaves_no_gradient(monkeypatch):
    with_backend(monkeypatch, "aot_eager")
    run = training(compiled=True)
    run.network.train()
    require_compiled_gradients(run.parameters, run.mean_loss, run.batches[0])
    assert not run.parameters.gradient.any()


def test_differences_are_relative_to_each_tensor():
    wanted = {"large": torch.full((4,), 100.0), "small": torch.full((4,), 0.1), "zero": torch.zeros(4)}
    rounded = {name: tensor * 1.01 + 1e-9 for name, tensor in wanted.items()}
    assert differing(rounded, wanted) == {}
    assert differing(rounded | {"small": -wanted["small"]}, wanted) == {"small": pytest.approx(2)}
    assert list(differing(rounded | {"large": torch.full((4,), math.nan)}, wanted)) == ["large"]
