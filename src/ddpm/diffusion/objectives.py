"""Training objectives: L_simple and the other unweighted errors, and terms of the bound (section 3)."""

from __future__ import annotations

from torch import Tensor

from ddpm.diffusion.bound import bound_term
from ddpm.diffusion.process import GaussianDiffusion, Network


def training_losses(
    diffusion: GaussianDiffusion, network: Network, loss: str, x_0: Tensor, t: Tensor, noise: Tensor
) -> Tensor:
    """The loss of each image at its timestep.

    Args:
        diffusion: the diffusion process.
        network: the U-Net.
        loss: "mse": mean squared error of the prediction (for epsilon: L_simple, Eq. 14), or
            "kl": that timestep's term of the bound in bits/dim (not multiplied by T).
        x_0: [B, C, H, W] in [-1, 1].
        t: int64 [B], in 0..T-1.
        noise: epsilon, standard normal [B, C, H, W].

    Returns:
        float32 [B].

    Raises:
        ValueError: an unknown loss, or mse with learned variance, which it gives no gradient.
    """
    if loss not in ("mse", "kl") or (loss == "mse" and diffusion.variance == "learned"):
        raise ValueError(f"loss {loss!r} does not train a {diffusion.variance} variance")
    x_t = diffusion.q_sample(x_0, t, noise)
    output = network(x_t, t)
    if loss == "kl":
        return bound_term(diffusion, x_0, x_t, t, diffusion.reverse_step(output, x_t, t, clip=False))
    return (diffusion.target(x_0, x_t, t, noise) - output).square().flatten(1).mean(dim=1)
