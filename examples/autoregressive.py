"""An autoregressive model as a diffusion model: section 4.3's reading of Eq. 16, on handwritten digits.

    python examples/autoregressive.py --figure autoregressive

trains for a quarter of a minute, prints two checks and writes autoregressive.png and .pdf, which
docs/autoregressive.md explains. An image is T = 64 coordinates, int64 [n, T]: each a level in 0..16, or BLANK
where it is masked. t runs in 1..T as in the paper, so that coordinate t stands at place t - 1.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from ddpm.data.digits import LARGEST_VALUE, load_digits
from ddpm.progress import Progress
from ddpm.study.datasets import DigitsSettings

SIDE, LEVELS, BLANK = 8, LARGEST_VALUE + 1, -1
T, COORDINATES = SIDE**2, torch.arange(1, SIDE**2 + 1)


def q_sample(x_0: Tensor, t: int) -> Tensor:
    """x_t of q(x_t | x_0), which has all its mass on x_0 with the first t coordinates masked."""
    return x_0.masked_fill(COORDINATES.le(t), BLANK)


def q_posterior(x_t: Tensor, x_0: Tensor, t: int) -> Tensor:
    """x_{t-1} of q(x_{t-1} | x_t, x_0), which has all its mass on x_t with coordinate t shown."""
    return torch.where(COORDINATES.eq(t), x_0, x_t)


class MaskedLinear(nn.Linear):
    """A linear layer whose output of coordinate t sees inputs of coordinates t+1..T, and t if `own`."""

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, *, own: bool) -> None:
        super().__init__(inputs * T, outputs * T)
        sees = torch.ones(T, T).triu(0 if own else 1)
        self.register_buffer("mask", sees.repeat_interleave(outputs, 0).repeat_interleave(inputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs [n, T * outputs] of inputs [n, T * inputs]."""
        return functional.linear(x, self.weight * self.mask, self.bias)


class Model(nn.Module):
    """Logits of every coordinate given those that follow it: a masked network (MADE, Germain et al. 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle = MaskedLinear(2, 8, own=True), MaskedLinear(8, 8, own=True)
        self.last, self.dropout = MaskedLinear(8, LEVELS, own=False), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, T, LEVELS] of images or masked images [n, T]."""
        shown = x != BLANK
        inputs = torch.stack([shown * (x / LARGEST_VALUE * 2 - 1), shown], dim=-1).to(self.first.weight.dtype)
        h = self.first(inputs.flatten(1))
        h = h + self.middle(self.dropout(functional.silu(h)))
        return self.last(self.dropout(functional.silu(h))).unflatten(1, (T, LEVELS))


def log2_p_theta(model: Model, x_previous: Tensor, x_t: Tensor, t: int) -> Tensor:
    """log2 p_theta(x_{t-1} | x_t), [n]: it copies coordinates t+1..T and predicts coordinate t."""
    log_p = model(x_t)[:, t - 1].log_softmax(-1) / math.log(2)
    predicted = log_p.gather(1, x_previous[:, t - 1 : t])[:, 0]
    is_copy = (x_previous == q_posterior(x_t, x_previous, t)).all(1)
    return predicted.where(is_copy, -torch.inf)


@torch.no_grad()
def diffusion_bound(model: Model, x_0: Tensor) -> Tensor:
    """The terms of the bound (Eq. 5) in bits, [n, 1 + T]: L_0, L_1, ..., L_T of each image.

    As q(x_{t-1} | x_t, x_0) has all its mass on one image, its KL divergence from p_theta(x_{t-1} | x_t)
    is -log p_theta of this image, the form that L_0 always has. L_T compares x_T with the blank image, on
    which p(x_T) has all its mass.
    """
    terms = torch.zeros(len(x_0), 1 + T, dtype=torch.float64)
    for t in range(1, T + 1):
        x_t = q_sample(x_0, t)
        terms[:, t - 1] = -log2_p_theta(model, q_posterior(x_t, x_0, t), x_t, t)
    terms[:, T] = torch.where((q_sample(x_0, T) == BLANK).all(1), 0.0, torch.inf)
    return terms


@torch.no_grad()
def code_lengths(model: Model, x_0: Tensor) -> Tensor:
    """-log2 p(coordinate t | coordinates t+1..T), [n, T], of whole images in one pass: no masking, no t."""
    return functional.cross_entropy(model(x_0).transpose(1, 2), x_0, reduction="none") / math.log(2)


@torch.no_grad()
def empirical_kl(model: Model, x_0: Tensor) -> tuple[Tensor, float]:
    """E_q D_KL(q(x_{t-1} | x_t) || p_theta(x_{t-1} | x_t)) in bits, [T], and H(x_0), of Eq. 16.

    q(x_0) gives each of these n images the probability 1 / n. So q(x_{t-1} | x_t) is found by counting: the
    levels of coordinate t among the images that share coordinates t+1..T.
    """
    log_p, terms = model(x_0).log_softmax(-1) / math.log(2), torch.zeros(T, dtype=torch.float64)
    # Number of the group of images with the same x_t; all share the blank image x_T.
    group = torch.zeros(len(x_0), dtype=torch.int64)
    for t in range(T, 0, -1):
        counts = torch.zeros(int(group.max()) + 1, LEVELS, dtype=torch.float64)
        counts.index_put_((group, x_0[:, t - 1]), torch.tensor(1.0, dtype=torch.float64), accumulate=True)
        q = (counts / counts.sum(1, keepdim=True))[group]
        kl = torch.special.xlogy(q, q) / math.log(2) - q * log_p[:, t - 1]
        terms[t - 1] = kl.sum(1).mean()
        group = torch.unique(group * LEVELS + x_0[:, t - 1], return_inverse=True)[1]
    share = torch.bincount(group).double() / len(x_0)
    return terms, float(-(share * share.log2()).sum())


@torch.no_grad()
def complete(model: Model, x_t: Tensor, t: int) -> Tensor:
    """A sample of p_theta(x_0 | x_t), by t steps of the reverse process."""
    x = x_t.clone()
    for step in range(t, 0, -1):
        x[:, step - 1] = torch.distributions.Categorical(logits=model(x)[:, step - 1]).sample()
    return x


def train(images: Tensor, steps: int) -> Model:
    """Minimises the mean code length: all T terms of the bound of each image of a batch at once."""
    model = Model()
    # It begins as the model of independent coordinates.
    model.last.bias.data = (functional.one_hot(images, LEVELS).sum(0) + 1.0).log().flatten()
    optimiser = torch.optim.AdamW(model.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=5e-3, total_steps=steps)
    with Progress("train", steps, "steps") as progress:
        for _ in range(steps):
            x_0 = images[torch.randint(len(images), (128,))]
            loss = functional.cross_entropy(model(x_0).transpose(1, 2), x_0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rate.step()
            progress.advance(note=f"{loss.item() * T / math.log(2):.1f} bits an image")
    return model.double().eval()


def levels(images: Any) -> Tensor:
    """uint8 [n, 1, 8, 8] grey levels as int64 [n, T] in 0..16."""
    return torch.from_numpy(np.rint(images / 255 * LARGEST_VALUE).astype(np.int64)).reshape(-1, T)


def draw(model: Model, x_0: Tensor, bits: Tensor, path: str) -> None:
    """The bits of each coordinate as a map, and x_t with two completions; as PNG and PDF."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    [[left, right]] = figure.subfigures(1, 2, squeeze=False, width_ratios=[1, 2])
    axes = left.subplots()
    drawn = axes.imshow(bits.reshape(SIDE, SIDE), vmin=0)
    left.colorbar(drawn, ax=axes, shrink=0.8, label="bits, mean over test images")
    axes.set(title="$L_{t-1}$ by coordinate t", xticks=[], yticks=[])
    grid = right.subplots(3, 7)
    for t, column in zip((0, 16, 24, 32, 40, 48, 64), grid.T, strict=True):
        x_t = q_sample(x_0, t)
        for cell, image in zip(column, [x_t, *(complete(model, x_t, t) for _ in "ab")], strict=True):
            shown = np.ma.masked_equal(image.reshape(SIDE, SIDE).numpy(), BLANK)
            cell.imshow(shown, cmap="gray", vmin=0, vmax=LARGEST_VALUE)
            cell.set(xticks=[], yticks=[], facecolor="lightsteelblue")
        column[0].set_title(f"t = {t}", fontsize=9)
    for row, label in enumerate(["$x_t$", r"$x_0 \sim p_\theta$", r"$x_0 \sim p_\theta$"]):
        grid[row, 0].set_ylabel(label, fontsize=11)
    for suffix in (".png", ".pdf"):
        figure.savefig(path + suffix, dpi=110)


def main() -> None:
    """Trains, checks the two identities, and draws."""
    parser = argparse.ArgumentParser(description="Eq. 16: an autoregressive model as a diffusion model")
    parser.add_argument("--steps", type=int, default=600, help="of training (default 600)")
    parser.add_argument("--figure", help="where the figure goes, without .png and .pdf")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    splits = load_digits(DigitsSettings(source="digits"))
    train_images, test_images = levels(splits.train_images), levels(splits.test_images)
    model = train(train_images, arguments.steps)
    terms, direct = diffusion_bound(model, test_images), code_lengths(model, test_images)
    bound, length = terms.sum(1), direct.sum(1)
    print(f"test images: (a) bound {bound.mean():.6f} bits, (b) code length {length.mean():.6f} bits;")
    print(f"    of one image, they differ by {(bound - length).abs().max():.0e} bits at most")
    kl, entropy = empirical_kl(model, train_images)
    print(f"training images: KL {kl.sum():.6f} + H(x_0) {entropy:.6f} = {kl.sum() + entropy:.6f} bits;")
    print(f"    code length {code_lengths(model, train_images).sum(1).mean():.6f} bits")
    if arguments.figure:
        draw(model, test_images[6:7], direct.mean(0), arguments.figure)


if __name__ == "__main__":
    main()
