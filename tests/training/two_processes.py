"""Run by torchrun in each of two processes: two_processes.py FOLDER, where they write what they saw."""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tiny import training

from ddpm.errors import StateError
from ddpm.training.checkpoints import Checkpoints
from ddpm.training.joining import joined
from ddpm.training.ranks import Ranks
from ddpm.training.state import StateFolder

# Names of runs, and the objective and settings of each. Small limits, so that clipping does something.
RUNS = {
    "whole": (("mse", "fixed_large"), {"gradient_clip": 0.5}),
    "shards": (("mse", "fixed_large"), {"gradient_clip": 0.5, "gradient_clip_shards": 4}),
    "less memory": (
        ("mse", "fixed_large"),
        {"gradient_clip": 0.5, "gradient_accumulation": 2, "activation_checkpointing": True},
    ),
    "learned": (("kl", "learned"), {"gradient_clip": 5.0}),
}
STEPS = 20


def run(name: str, ranks: Ranks, folder: Path) -> tuple[dict[str, torch.Tensor], list[int]]:
    """The state at the end, and the steps at which a checkpoint was kept by this process."""
    objective, settings = RUNS[name]
    kept: list[int] = []
    checkpoints = Checkpoints([5, 15], lambda step, average: kept.append(step))
    one = training(*objective, ranks=ranks, steps=STEPS, save_every_minutes=10.0, **settings)
    one.run(StateFolder(folder / name, "tiny"), name, checkpoints)
    return {key: tensor.clone() for key, tensor in one.state().items()}, kept


def diverging(ranks: Ranks, folder: Path) -> str:
    """How a run ends whose loss is not a number in the last process alone, at the fourth update."""
    one = training(ranks=ranks, steps=STEPS, log_every=5)
    mean_loss = one.mean_loss

    def spoilt(batch):
        spoil = one.updates == 3 and ranks.rank == ranks.count - 1
        return mean_loss(batch) * (float("nan") if spoil else 1.0)

    one.mean_loss = spoilt
    return one.run(StateFolder(folder / "diverging", "tiny"), "diverging").status


def refused(ranks: Ranks, folder: Path) -> str:
    """The error where the processes have different initial weights."""
    try:
        training(seed=ranks.rank, ranks=ranks).run(StateFolder(folder / "no", "tiny"), "no")
    except StateError as error:
        return str(error)
    return "no error"


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    with joined("cpu") as group:
        lines = [
            f"largest {group.largest(group.rank, -group.rank)}",
            f"of first {group.of_first(group.rank)}",
        ]
        for title in RUNS:
            state, steps = run(title, group, target)
            lines.append(f"{title} kept {steps}")
            if group.first:
                save_file(state, target / f"{title}.safetensors")
        lines += [f"diverging {diverging(group, target)}", f"refused {refused(group, target)}"]
        (target / f"rank{group.rank}.txt").write_text("\n".join(lines))
