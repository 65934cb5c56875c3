"""The counted cost of a network equals torch's counts of the network itself."""

import contextlib
import math
import weakref
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from ddpm.evaluation.classifier import Classifier
from ddpm.network import layers
from ddpm.network import unet as unet_module
from ddpm.network.dropout import DropoutKeys
from ddpm.network.execution import Execution
from ddpm.network.unet import UNet
from ddpm.plan import memory
from ddpm.plan.cost import training_flops
from ddpm.plan.jobs import REPOSITORY
from ddpm.plan.memory import Fitting, evaluation_bytes, fitting, training_bytes
from ddpm.plan.network_cost import WORKING_BYTES, classifier_flops, model_cost, unet_cost
from ddpm.study import load_study
from ddpm.study.models import NetworkSettings

SIMPLE = "epsilon_L_simple"


def flops(network, *inputs):
    """torch's count; it does not know the processor's fused attention, so that is kept out."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        network(*inputs)
    return counter.get_total_flops()


def test_the_papers_network():
    cost = unet_cost(NetworkSettings(), (3, 32, 32), 1)
    assert cost.parameters == 35_746_307
    # 12.4437e9 with doubling and convolution apart; together, 4 instead of 9 products an output pixel.
    saved = 2 * (9 - 4) * 256**2 * (32**2 + 16**2 + 8**2)
    assert cost.flops == pytest.approx(12.4437e9 - saved, rel=1e-5)
    assert unet_cost(NetworkSettings(), (3, 32, 32), 2).parameters == 35_749_766


def test_the_papers_network_for_256_pixels():
    """And the large one of LSUN Bedroom."""
    for channels, parameters in ((128, 113_673_219), (192, 255_677_955)):
        network = NetworkSettings(channels=channels, channel_multipliers=[1, 1, 2, 2, 4, 4], dropout=0.0)
        assert unet_cost(network, (3, 256, 256), 1).parameters == parameters


@settings(max_examples=12)
@given(
    channels=st.sampled_from([8, 12]),
    multipliers=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    blocks=st.integers(1, 2),
    attends=st.sets(st.sampled_from([16, 8, 4])),
    colours=st.sampled_from([1, 3]),
    outputs=st.sampled_from([1, 2]),
)
def test_any_network(channels, multipliers, blocks, attends, colours, outputs):
    resolutions = [16 >> level for level in range(len(multipliers))]
    network = NetworkSettings(
        channels=channels,
        channel_multipliers=multipliers,
        residual_blocks=blocks,
        attention_resolutions=[height for height in resolutions if height in attends],
        groups=4,
    )
    shape = (colours, 16, 16)
    unet = UNet(
        shape, channels, multipliers, blocks, network.attention_resolutions, groups=4, output_multiple=outputs
    )
    cost = unet_cost(network, shape, outputs)
    assert cost.parameters == sum(math.prod(weights.shape) for weights in unet.parameters())
    inputs = torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64)
    assert cost.flops == flops(unet.eval(), *inputs)


def test_the_classifier():
    classifier = Classifier((1, 8, 8), 10)
    assert classifier_flops((1, 8, 8)) == flops(classifier, torch.zeros(1, 1, 8, 8)) - 2 * 64 * 10


class Autocast(TorchFunctionMode):
    """torch.autocast to bfloat16 for tensors without data, which it does not know."""

    CAST = (functional.conv2d, functional.conv_transpose2d, functional.linear)

    entered = None

    def __init__(self, device, dtype, enabled):
        super().__init__()
        self.dtype = dtype if enabled else None

    def __enter__(self):
        Autocast.entered = self.dtype
        return super().__enter__()

    def __exit__(self, *error):
        Autocast.entered = None
        return super().__exit__(*error)

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if self.dtype and func in self.CAST:
            args = tree_map(lambda x: x.to(self.dtype) if isinstance(x, torch.Tensor) else x, args)
        return func(*args, **(kwargs or {}))


def checkpointed(part, *inputs, **options):
    """torch's, which enters torch's own autocast again, but not the one above."""
    dtype = Autocast.entered

    def contexts():
        return contextlib.nullcontext(), Autocast(None, dtype, True)

    return checkpoint(part, *inputs, context_fn=contexts, **options)


class FusedAttention(torch.autograd.Function):
    """Keeps what a GPU's fused attention does; on tensors without data torch takes the formula."""

    @staticmethod
    def forward(ctx, q, k, v):
        result = torch.empty_like(q, memory_format=torch.contiguous_format)
        ctx.save_for_backward(q, k, v, result)
        return result

    @staticmethod
    def backward(ctx, gradient):
        return tuple(torch.empty_like(x) for x in ctx.saved_tensors[:3])


class Live(TorchDispatchMode):
    """Counts the bytes of all tensors that exist at once."""

    def __init__(self):
        super().__init__()
        self.now, self.peak, self.known = 0, 0, weakref.WeakSet()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        storages = (x.untyped_storage() for x in tree_leaves(result) if isinstance(x, torch.Tensor))
        for storage in storages:
            if storage not in self.known:
                self.known.add(storage)
                self.now += storage.nbytes()
                weakref.finalize(storage, self.free, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return result

    def free(self, count):
        self.now -= count


def activations(network, shape, precision, batch):
    """Bytes of what the backward pass keeps, and of all at once in training, evaluation, checkpointing."""
    kept = {}

    def keep(x):
        kept[x.untyped_storage()._cdata] = x.untyped_storage()
        return x

    unet = UNet(shape, **network.model_dump()).to("meta")
    Execution(precision).apply(unet)
    x, index = torch.empty(batch, *shape, device="meta"), torch.empty(batch, dtype=torch.int64, device="meta")
    DropoutKeys(unet, 0).fill(0, 0, batch, x.device)
    with Live() as training:
        unet.train()(x, index).mean().backward()
    with saved_tensors_hooks(keep, lambda x: x):
        unet(x, index)
    unet.checkpointing = True
    with Live() as recomputing:
        unet(x, index).mean().backward()
    unet.eval().requires_grad_(False)
    with Live() as evaluation, torch.no_grad():
        unet(x, index)
    peaks = (counted.peak for counted in (training, evaluation, recomputing))
    return sum(storage.nbytes() for storage in kept.values()), *peaks


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"channels": 32, "channel_multipliers": [1, 1, 3, 4], "dropout": 0.0, "residual_blocks": 1},
    ],
)
def test_activations(monkeypatch, precision, change):
    monkeypatch.setattr(torch, "autocast", Autocast)
    monkeypatch.setattr(unet_module, "checkpoint", checkpointed)
    monkeypatch.setattr(layers, "attend", FusedAttention.apply)
    # Tensors without data do not take on the layout of a convolution's weights, by which a GPU goes this way.
    monkeypatch.setattr(
        layers, "pointwise", lambda x, weight, bias: functional.conv2d(x, weight[..., None, None], bias)
    )
    network, shape = NetworkSettings(**change), (3, 32, 32)
    # Of an image, without what does not depend on the batch: gradients of weights, far less than the rest.
    small, large = (activations(network, shape, precision, batch) for batch in (512, 1024))
    kept, training, evaluation, recomputing = (
        (more - less) / 512 for less, more in zip(small, large, strict=True)
    )
    cost = unet_cost(network, shape, 1, WORKING_BYTES[precision])
    assert cost.kept == pytest.approx(kept, rel=0.01)
    assert cost.live == pytest.approx(evaluation, rel=0.02)
    assert kept <= training < 1.06 * kept
    assert cost.inputs + cost.part == pytest.approx(recomputing, rel=0.06)


def test_memory_of_the_papers_jobs():
    study = load_study(REPOSITORY / "config" / "cifar10.yaml")
    vector, images = 4 * 35_746_307, 50_000 * 3 * 32 * 32
    cost = model_cost(study, SIMPLE)
    assert training_bytes(study, SIMPLE) == 5 * vector + 128 * cost.kept + images
    assert evaluation_bytes(study, SIMPLE, 500, "tf32") == vector + 500 * cost.live
    clipped = study.model("epsilon_L_learned")
    assert clipped.training.gradient_clip_shards == 8
    vector = 4 * model_cost(study, "epsilon_L_learned").parameters
    assert training_bytes(study, "epsilon_L_learned") == 6 * vector + 16 * cost.kept + images
    parts = clipped.training.model_copy(
        update={"gradient_accumulation": 4, "activation_checkpointing": True, "precision": "bfloat16"}
    )
    cost = model_cost(study, "epsilon_L_learned", "bfloat16")
    assert training_bytes(study, "epsilon_L_learned", parts) == pytest.approx(
        6.5 * vector + 4 * (cost.inputs + cost.part) + images
    )
    assert training_flops(study, "epsilon_L_simple") == 3 * 128 * model_cost(study, SIMPLE).flops


LARGE = """
extends: paper.yaml
title: 256 x 256 pixels
datasets:
  large: {source: image_folder, train: "?", test_images: 1, image_size: 256}
models:
  large:
    dataset: large
    network: {channel_multipliers: [1, 1, 2, 2, 4, 4], dropout: 0.0}
    training: {batch_size: 64, precision: float32}
"""


@pytest.fixture
def large(project, monkeypatch):
    """The paper's study with a model of its network for 256 x 256 pixels, batch 64."""
    monkeypatch.setattr(memory, "split_sizes", lambda study, dataset: {"train": 30_000})
    Path("config/large.yaml").write_text(LARGE)
    return load_study("config/large.yaml")


def test_what_lets_the_papers_large_batch_fit_24_gb(large):
    """Its 30,000 images, 5.9 GB, are read as they are needed."""
    assert training_bytes(large, "large") == pytest.approx(134.3e9, rel=1e-3)
    plain, recomputing = fitting(large, "large", 23e9)
    assert (plain.accumulation, plain.checkpointing) == (8, False)
    assert (recomputing.accumulation, recomputing.checkpointing) == (4, True)
    assert plain.bytes == pytest.approx(18.8e9, rel=0.01)
    assert recomputing.bytes == pytest.approx(14.7e9, rel=0.01)
    assert fitting(large, "large", 3.2e9) == [Fitting(64, True, training_bytes_of_one(large))]
    assert fitting(large, "large", 2e9) == []


def training_bytes_of_one(study):
    change = {"gradient_accumulation": 64, "activation_checkpointing": True}
    return training_bytes(study, "large", study.model("large").training.model_copy(update=change))
