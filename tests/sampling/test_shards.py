"""Samples depend on (seed, index) alone: any shard layout gives the same bits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddpm.data.scaling import to_model
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.network.unet import UNet
from ddpm.random_numbers import Stream, normal
from ddpm.sampling.chains import interpolations, shared_latents, trajectory
from ddpm.sampling.shards import (
    draw_batch,
    draw_shard,
    initial_noise,
    progressive_steps,
    shard_indices,
    step_noise,
)
from ddpm.study.evaluation import SamplingSettings

SHAPE, TIMESTEPS = (1, 8, 8), 12


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    network = UNet(SHAPE, 8, (1, 2), 1, (4,), groups=4, seed=1)
    with torch.no_grad():  # an untrained network answers nearly 0: give it something to say
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
            parameter.add_(0.1 * noise)
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, TIMESTEPS), "epsilon", "fixed_large")
    return process, network.eval().requires_grad_(False)


def draw(model, images, batch_size, per_shard, seed=0, keep=()):
    settings = SamplingSettings(images=images, batch_size=batch_size, batches_per_shard=per_shard)
    shards = [
        draw_shard(*model, SHAPE, shard, settings, seed, list(keep), "test")
        for shard in range(settings.shards)
    ]
    x0_hat = [s.x0_hat for s in shards]
    return np.concatenate([s.images for s in shards]), np.concatenate(x0_hat, axis=1) if keep else None


@pytest.mark.parametrize("per_shard", [1, 2, 3, 5, 9])
def test_shard_layouts_agree_bit_for_bit(model, per_shard):
    """19 samples in batches of 4: one job, five jobs, or anything between."""
    whole, columns = draw(model, 19, 4, 5, keep=(3, 12))
    images, some = draw(model, 19, 4, per_shard, keep=(3, 12))
    assert images.shape == (19, *SHAPE)
    np.testing.assert_array_equal(images, whole)
    np.testing.assert_array_equal(some, columns)


def test_fewer_images_are_the_first_ones(model):
    np.testing.assert_array_equal(draw(model, 9, 4, 2)[0], draw(model, 19, 4, 2)[0][:9])


def test_other_batch_sizes_agree_to_rounding(model):
    """Across batch sizes the noise is the same and samples differ by rounding, below 1e-4 of the range."""
    process, network = model
    index = torch.arange(12)
    assert torch.equal(initial_noise(0, index, 12, SHAPE)[5:7], initial_noise(0, index[5:7], 12, SHAPE))
    whole, _ = draw_batch(process, network, SHAPE, index, 0, [])
    for size in (1, 5):
        parts = [draw_batch(process, network, SHAPE, part, 0, [])[0] for part in torch.split(index, size)]
        torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=2e-4)


def test_seeds_give_other_samples(model):
    assert (draw(model, 4, 4, 1, seed=0)[0] != draw(model, 4, 4, 1, seed=1)[0]).mean() > 0.5


def test_the_last_x_0_hat_is_the_sample(model):
    images, columns = draw(model, 6, 3, 1, keep=progressive_steps(TIMESTEPS, 4))
    assert columns.shape == (4, 6, *SHAPE)
    np.testing.assert_array_equal(columns[-1], images)


def test_progressive_steps():
    assert progressive_steps(1000, 20) == list(range(50, 1001, 50))
    assert progressive_steps(100, 20)[-1] == 100


@given(images=st.integers(1, 500), batch_size=st.integers(1, 60), per_shard=st.integers(1, 9))
def test_shards_cover_every_image_once(images, batch_size, per_shard):
    settings = SamplingSettings(images=images, batch_size=batch_size, batches_per_shard=per_shard)
    batches = [batch for shard in range(settings.shards) for batch in shard_indices(shard, settings)]
    assert {len(batch) for batch in batches} == {batch_size}
    covered = torch.cat(batches)
    assert covered.tolist() == list(range(len(covered)))
    assert images <= len(covered) < images + batch_size


def test_a_network_that_gives_nan_is_counted(model):
    process, _ = model
    nan = lambda x, i: torch.where(torch.arange(len(x)).reshape(-1, 1, 1, 1) == 1, torch.nan, x)  # noqa: E731
    samples = draw_shard(process, nan, SHAPE, 0, SamplingSettings(images=4, batch_size=4), 0, [], "test")
    assert samples.non_finite == 1
    assert (samples.images[1] == 128).all()


def test_trajectory_follows_sample_0(model):
    frames = trajectory(*model, SHAPE, 5, seed=0)
    first, _ = draw(model, 1, 1, 1)
    np.testing.assert_array_equal(frames["x_0"], first[0])
    assert len({frames[name].tobytes() for name in ("x_T", "x_t", "x_t_minus_1", "x_0")}) == 4


def test_shared_latents(model):
    arrays = shared_latents(*model, SHAPE, [TIMESTEPS, 6, 0], 3, seed=0)
    assert arrays["samples"].shape == (3, 3, *SHAPE)
    for panel in (0, 1):  # independent noise: the samples of a panel differ
        assert len({sample.tobytes() for sample in arrays["samples"][panel]}) == 3
    assert all((sample == arrays["latents"][2]).all() for sample in arrays["samples"][2])
    spread = arrays["samples"].astype(float).std(axis=1).mean(axis=(1, 2, 3))
    assert spread[0] > spread[1] > spread[2] == 0


def test_interpolations(model):
    sources = torch.randint(0, 256, (2, 2, *SHAPE), generator=torch.Generator().manual_seed(0)).to(
        torch.uint8
    )
    arrays = interpolations(*model, sources, [0, 6, TIMESTEPS], True, 0, "test")
    mixed = arrays["interpolations"]
    assert mixed.shape == (2, 3, 11, *SHAPE)
    # 0 steps mix pixels: the ends are the sources, the middle their mean.
    np.testing.assert_array_equal(mixed[:, 0, 0], sources[:, 0].numpy())
    np.testing.assert_array_equal(mixed[:, 0, 10], sources[:, 1].numpy())
    middle = sources.numpy().astype(float).mean(axis=1)
    assert np.abs(mixed[:, 0, 5] - middle).max() <= 1


def test_no_two_samples_are_equal(model):
    """More samples than a batch or a shard holds."""
    images, _ = draw(model, 50, 5, 4)
    assert len({image.tobytes() for image in images}) == 50


@pytest.mark.parametrize("count", [1, 6, TIMESTEPS])
def test_sources_are_diffused_by_as_many_steps_as_are_undone(model, count):
    """The first reverse step of lambda 0 and 1 is at t = count, from x_t of the two sources."""
    process, network = model
    sources = torch.randint(0, 256, (1, 2, *SHAPE), generator=torch.Generator().manual_seed(3)).to(
        torch.uint8
    )
    seen = []

    def watched(x, index):
        seen.append((x.clone(), index.clone()))
        return network(x, index)

    interpolations(process, watched, sources, [count], True, 4, "test")
    noise = normal(4, Stream.DIFFUSED_SOURCES, torch.tensor([0, 1]), 0, SHAPE)
    wanted = process.q_sample(to_model(sources[0]), torch.full((2,), count - 1), noise)
    assert [int(index[0]) for _, index in seen] == list(range(count - 1, -1, -1))
    torch.testing.assert_close(seen[0][0][[0, -1]], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_rows_share_the_noise_of_their_sources_if_so_asked(model, shared):
    process, network = model
    generator = torch.Generator().manual_seed(3)
    sources = torch.randint(0, 256, (1, 2, *SHAPE), generator=generator).to(torch.uint8)
    starts = []

    def watched(x, index):
        if int(index[0]) == 5:
            starts.append(x[[0, -1]].clone())
        return network(x, index)

    interpolations(process, watched, sources, [6, 6], shared, 4, "test")
    assert len(starts) == 2
    for row, start in enumerate(starts):
        noise = normal(4, Stream.DIFFUSED_SOURCES, torch.tensor([0, 1]), 0 if shared else row, SHAPE)
        wanted = process.q_sample(to_model(sources[0]), torch.full((2,), 5), noise)
        torch.testing.assert_close(start, wanted, rtol=1e-5, atol=1e-6)


def test_the_noise_of_a_seed_is_that_of_earlier_versions():
    """Samples that people keep can be drawn again by later versions; cos and log may round otherwise."""
    image = torch.tensor([0, 49_999])
    x_T = [[0.58062017, -0.21973285], [-0.76868546, -1.84038687]]
    z = [[0.69539529, 1.23466694], [-0.42899558, -1.02468514]]
    torch.testing.assert_close(initial_noise(7, image, 1000, (2,)), torch.tensor(x_T), rtol=0, atol=1e-6)
    torch.testing.assert_close(step_noise(7, image, 999, (2,)), torch.tensor(z), rtol=0, atol=1e-6)
