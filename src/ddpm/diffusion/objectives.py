"""Training objectives: L_simple and the other unweighted errors, and terms of the bound (section 3)."""

from __future__ import annotations

from torch import Tensor

from ddpm.diffusion.bound import bound_term
from ddpm.diffusion.process import GaussianDiffusion, Network


def training_losses(
    process: GaussianDiffusion, network: Network, loss: str, x_0: Tensor, index: Tensor, noise: Tensor
) -> Tensor:
    """The loss of each image at its timestep.

    Args:
        process: the diffusion process.
        network: the U-Net.
        loss: "mse": mean squared error of the prediction (for epsilon: L_simple, Eq. 14), or
            "kl": that timestep's term of the bound in bits/dim (not multiplied by T).
        x_0: [B, C, H, W] in [-1, 1].
        index: int64 [B], t - 1.
        noise: epsilon, standard normal [B, C, H, W].

    Returns:
        float32 [B].

    Raises:
        ValueError: an unknown loss, or mse with learned variance, which it gives no gradient.
    """
    if loss not in ("mse", "kl") or (loss == "mse" and process.variance == "learned"):
        raise ValueError(f"loss {loss!r} does not train a {process.variance} variance")
    x_t = process.q_sample(x_0, index, noise)
    output = network(x_t, index)
    if loss == "kl":
        return bound_term(process, x_0, x_t, index, process.reverse_step(output, x_t, index, clip=False))
    return (process.target(x_0, x_t, index, noise) - output).square().flatten(1).mean(dim=1)
