"""Training has the same bits wherever its images are: on the device, in memory, or in a file."""

import itertools
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
KINDS = ("device", "array", "mapped")


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


@pytest.mark.parametrize("kind", KINDS)
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
        for number in itertools.count():
            asked.append(threading.current_thread())
            if number == BATCHES_AHEAD:
                enough.set()
            yield torch.tensor([number])

    stream = Images(ARRAY).stream(indices())
    next(stream)
    assert enough.wait(PATIENCE)
    stream.close()
    assert len(asked) == BATCHES_AHEAD + 1
    assert threading.current_thread() not in asked
    assert not any(thread.is_alive() for thread in asked)


def test_an_error_while_reading_ahead():
    stream = Images(ARRAY).stream(torch.tensor([place]) for place in (29, 30))
    np.testing.assert_array_equal(next(stream)[0], ARRAY[29])
    with pytest.raises(IndexError):
        next(stream)


def test_batches_of_any_order(images):
    one, other = training(images["device"]).batches, training(images["mapped"]).batches
    for update in (0, 1, 2, 9, 3, 3, 4, 100, 101):
        assert torch.equal(one[update].x_0, other[update].x_0)


def test_weights(images, tmp_path):
    """Of runs of each kind, and of one that goes on with images of another kind after interruptions."""
    runs = {kind: training(given) for kind, given in images.items()}
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
    first = runs["device"].state()
    for run in runs.values():
        names = ("weights.", "average.", "exp_avg")
        assert all(torch.equal(run.state()[name], first[name]) for name in first if name.startswith(names))
