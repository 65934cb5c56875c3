"""A tiny training run, in this process or as a script that can be killed."""

import sys
from pathlib import Path

import torch

from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.network.unet import UNet
from ddpm.study.models import TrainingSettings
from ddpm.training.loop import Training
from ddpm.training.ranks import ALONE, Ranks
from ddpm.training.state import StateFolder

SHAPE = (1, 8, 8)
STEPS = 60


def settings(**changes) -> TrainingSettings:
    values = {"steps": STEPS, "batch_size": 8, "learning_rate": 2e-3, "warmup_steps": 5, "ema_decay": 0.9}
    return TrainingSettings(**(values | {"log_every": 7, "save_every_minutes": 0.0} | changes))


def training(
    loss: str = "mse", variance: str = "fixed_large", seed: int = 0, ranks: Ranks = ALONE, **changes
) -> Training:
    images = torch.randint(0, 256, (50, *SHAPE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    multiple = 2 if variance == "learned" else 1
    network = UNet(SHAPE, 8, (1, 2), 1, (4,), dropout=0.2, groups=4, output_multiple=multiple, seed=seed)
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, 20), "epsilon", variance)
    return Training(network, process, loss, settings(**changes), images, seed, ranks)


if __name__ == "__main__":
    # tiny.py FOLDER UPDATE: says so as it comes to an update, and then waits for the end of its input.
    run = training()
    update = run.update

    def update_or_wait(batch):
        if run.updates == int(sys.argv[2]):
            print("waits", flush=True)
            sys.stdin.read()
        update(batch)

    run.update = update_or_wait
    torch.set_num_threads(1)
    outcome = run.run(StateFolder(Path(sys.argv[1]), "tiny"), "tiny")
    run.save(StateFolder(Path(sys.argv[1]), "tiny"))
    print(outcome.status, run.updates)
