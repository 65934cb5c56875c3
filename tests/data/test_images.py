"""Training has the same bits wherever its images are: on the device, in memory, or in a file."""

import threading

import numpy as np
import pytest
import torch
from waiting import PATIENCE

from ddpm.data import arrays
from ddpm.data.images import BATCHES_AHEAD, Images
from ddpm.data.splits import Splits
from ddpm.data.store import open_images, write_dataset
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.network.unet import UNet
from ddpm.study.models import TrainingSettings
from ddpm.training.loop import Training
from ddpm.training.state import StateFolder

SHAPE = (1, 8, 8)
STEPS = 12
ARRAY = np.random.default_rng(0).integers(0, 256, (30, *SHAPE), np.uint8)


@pytest.fixture
def images(study, monkeypatch):
    """The same images of each kind."""
    write_dataset(study, "digits", Splits(ARRAY, labels := np.zeros(30, np.int64), ARRAY, labels))
    small = open_images(study, "digits", "train", "cpu")
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", ARRAY.nbytes)
    mapped = open_images(study, "digits", "train", "cpu")
    return {"device": small, "array": Images(ARRAY), "mapped": mapped}


def training(images) -> Training:
    torch.set_num_threads(1)
    values = {"steps": STEPS, "batch_size": 8, "learning_rate": 2e-3, "warmup_steps": 5, "log_every": STEPS}
    network = UNet(SHAPE, 8, (1, 2), 1, (4,), dropout=0.2, groups=4, seed=0)
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, 20), "epsilon", "fixed_large")
    return Training(network, process, "mse", TrainingSettings(**values), images, seed=3)


@pytest.mark.parametrize("kind", ["device", "array", "mapped"])
def test_rows(images, kind):
    given = images[kind]
    assert (len(given), given.image_shape, given.device.type) == (30, SHAPE, "cpu")
    wanted = [torch.tensor([[3, 0, 29], [7, 7, 1]]), *(torch.arange(first, 30, 7) for first in range(5))]
    for index, streamed in zip(wanted, given.stream(wanted), strict=True):
        assert streamed.dtype == torch.uint8
        np.testing.assert_array_equal(streamed, ARRAY[index])
        np.testing.assert_array_equal(given.rows(index), ARRAY[index])


def test_the_next_batches_are_read_ahead():
    asked, enough = [], threading.Event()

    def indices():
        for place in (27, 28, 29, 30, 31):
            asked.append(threading.current_thread())
            if len(asked) > BATCHES_AHEAD:
                enough.set()
            yield torch.tensor([place])

    stream = Images(ARRAY).stream(indices())
    np.testing.assert_array_equal(next(stream)[0], ARRAY[27])
    assert enough.wait(PATIENCE)
    assert len(asked) == BATCHES_AHEAD + 1
    np.testing.assert_array_equal([next(stream)[0], next(stream)[0]], ARRAY[28:])
    with pytest.raises(IndexError):
        next(stream)
    assert threading.current_thread() not in asked
    assert not any(thread.is_alive() for thread in asked)


def test_weights(images, tmp_path):
    """Of runs of each kind, and of one that goes on with images of another kind after interruptions."""
    runs = {kind: training(given) for kind, given in images.items()}
    one, *others = runs.values()
    for update in (0, 1, 2, 9, 3, 3, 4, 100, 101):
        assert all(torch.equal(run.batches[update].x_0, one.batches[update].x_0) for run in others)
    for kind, run in runs.items():
        run.run(StateFolder(tmp_path / kind, "x"), kind)
    states = StateFolder(tmp_path / "interrupted", "x")
    for updates, kind in ((3, "mapped"), (5, "device"), (9, "mapped"), (STEPS, "array")):
        runs["interrupted"] = run = training(images[kind])
        if (saved := states.load()) is not None:
            run.load(saved)
        run.network.train()
        while run.updates < updates:
            run.update(run.batches[run.updates])
        run.save(states)
    first, *others = (run.state() for run in runs.values())
    names = [name for name in first if name.startswith(("weights.", "average.", "exp_avg"))]
    assert all(torch.equal(state[name], first[name]) for state in others for name in names)
