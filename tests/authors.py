"""Reads the outputs of the authors' code (tests/oracle) and rebuilds the weights they were made with."""

import dataclasses
import functools
import zlib
from pathlib import Path

import numpy as np
import torch

from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.network.published.names import TENSORFLOW, tensorflow_name
from ddpm.network.unet import UNet
from ddpm.network.weights import check_weights

FOLDER = Path(__file__).parent / "oracle"
BETAS = beta_schedule("linear", 1e-4, 0.02, 1000)

# name: prediction, variance, loss
CASES = {
    "mu_L_learned": ("mu_tilde", "learned", "kl"),
    "mu_L_fixed": ("mu_tilde", "fixed_large", "kl"),
    "mu_mse": ("mu_tilde", "fixed_large", "mse"),
    "eps_L_learned": ("epsilon", "learned", "kl"),
    "eps_L_fixed": ("epsilon", "fixed_large", "kl"),
    "eps_simple": ("epsilon", "fixed_large", "mse"),
    "eps_simple_fixedsmall": ("epsilon", "fixed_small", "mse"),
    "x0_mse": ("x0", "fixed_large", "mse"),
}
NETWORKS = {
    "small": {
        "image_shape": (3, 16, 16),
        "channels": 32,
        "channel_multipliers": (1, 2),
        "residual_blocks": 1,
        "attention_resolutions": (8,),
    },
    "cifar": {
        "image_shape": (3, 32, 32),
        "channels": 128,
        "channel_multipliers": (1, 2, 2, 2),
        "residual_blocks": 2,
        "attention_resolutions": (16,),
    },
}


@functools.cache
def archive(size: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"authors_{size}.npz") as file:
        return {name: file[name] for name in file.files}


def nchw(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(array, -1, 1)))


def variable(name: str, shape: tuple[int, ...], size: str) -> np.ndarray:
    """The recipe of the fixed weights."""
    z = np.random.default_rng(zlib.crc32(f"{size}/{name}".encode())).standard_normal(shape)
    if name.endswith("gamma"):
        z = 1 + 0.1 * z
    elif name.endswith(("beta", "/b")):
        z = 0.1 * z
    else:
        z = z / np.sqrt(np.prod(shape[:-1]))
    return z.astype(np.float32)


def tensorflow_shape(name: str, tensor: torch.Tensor) -> tuple[int, ...]:
    shape = tuple(tensor.shape)
    if len(shape) == 4 and "nin_shortcut" in name:
        return shape[1::-1]
    return shape[2:] + shape[1::-1] if len(shape) == 4 else shape[::-1]


@functools.cache
def network(size: str, learned: bool, layout: torch.memory_format | None = None) -> UNet:
    """The network with the recipe's weights, in its own layout or another; do not change it, it is shared."""
    unet = UNet(**NETWORKS[size], output_multiple=2 if learned else 1)
    if layout is not None:
        unet.layout = layout
        unet.to(memory_format=layout)
    variables = {}
    for key, tensor in unet.state_dict().items():
        name = tensorflow_name(key)
        variables[name] = torch.from_numpy(variable(name, tensorflow_shape(name, tensor), size))
    state = TENSORFLOW.convert(variables, unet)
    check_weights("recipe", state, unet)
    unet.load_state_dict(state)
    return unet


@dataclasses.dataclass(frozen=True)
class Case:
    """One of CASES with one of NETWORKS, in its own layout or another."""

    name: str
    size: str
    layout: torch.memory_format | None = None

    @property
    def loss(self) -> str:
        return CASES[self.name][2]

    @property
    def process(self) -> GaussianDiffusion:
        prediction, variance, _ = CASES[self.name]
        return GaussianDiffusion(BETAS, prediction, variance)

    @property
    def network(self) -> UNet:
        return network(self.size, CASES[self.name][1] == "learned", self.layout)

    def __getitem__(self, key: str) -> torch.Tensor:
        array = archive(self.size)[f"{self.name}/{key}"]
        return nchw(array) if array.ndim == 4 else torch.from_numpy(np.array(array))

    @property
    def x_0(self) -> torch.Tensor:
        return nchw(archive(self.size)["x0_uint8"].astype(np.float32) / np.float32(127.5) - 1)

    @property
    def noise(self) -> torch.Tensor:
        return nchw(archive(self.size)["noise"])

    @property
    def sample_noise(self) -> torch.Tensor:
        return nchw(archive(self.size)["sample_noise"])

    @property
    def index(self) -> torch.Tensor:
        return torch.from_numpy(archive(self.size)["t"]).long()


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest error over largest value."""
    return float((ours.detach() - theirs).abs().max() / theirs.abs().max())
