"""The masking process of examples/autoregressive.py on digits: two identities, and what a step does."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "examples/autoregressive.py"


@pytest.fixture(scope="module")
def autoregressive():
    """The functions of the script, a model of few steps, and some images."""
    script = runpy.run_path(str(SCRIPT))
    splits = script["load_digits"](script["DigitsSettings"](source="digits"))
    images = script["levels"](splits.train_images[:150])
    torch.manual_seed(0)
    return script, script["train"](images, 3), images


def test_the_bound_is_the_autoregressive_code_length(autoregressive):
    script, model, images = autoregressive
    terms, lengths = script["diffusion_bound"](model, images[:20]), script["code_lengths"](model, images[:20])
    assert terms[:, 64].eq(0).all()
    torch.testing.assert_close(terms[:, :64], lengths, rtol=1e-12, atol=1e-12)
    # Trained: below 17 equally likely levels.
    assert 0 < lengths.sum(1).mean() < 64 * np.log2(17)
    # An output that sees its own coordinate is no autoregressive model, and the two forms tell.
    model.last.mask.fill_(1)
    try:
        seen = script["code_lengths"](model, images[:20])
        assert (script["diffusion_bound"](model, images[:20])[:, :64] - seen).abs().max() > 0.01
    finally:
        model.last.mask.copy_(script["MaskedLinear"](8, 17, own=False).mask)


def test_eq_16_on_the_training_images(autoregressive):
    script, model, images = autoregressive
    kl, entropy = script["empirical_kl"](model, images)
    assert entropy == pytest.approx(np.log2(150))
    assert (kl > 0).sum() > 50
    assert float(kl.sum()) + entropy == pytest.approx(
        float(script["code_lengths"](model, images).sum(1).mean()), rel=1e-12
    )
    # Images that are there twice have the probability 2 / n.
    twice, entropy = script["empirical_kl"](model, torch.cat([images, images]))
    assert entropy == pytest.approx(np.log2(150))
    torch.testing.assert_close(twice, kl)


def test_reverse_steps_of_the_masking_process(autoregressive, tmp_path):
    script, model, images = autoregressive
    x_t = script["q_sample"](images[:1], 40)
    assert (x_t[0] == script["BLANK"]).tolist() == [True] * 40 + [False] * 24
    x_0 = script["complete"](model, x_t, 40)
    assert (x_0[0, 40:] == images[0, 40:]).all()
    assert (x_0 >= 0).all()
    # All mass on x_{t-1} that copies the other coordinates.
    other = script["q_posterior"](x_t, images[:1], 40)
    other[0, 50] = (other[0, 50] + 1) % 17
    assert script["log2_p_theta"](model, other, x_t, 40).tolist() == [-np.inf]
    script["draw"](model, images[:1], torch.ones(64), str(tmp_path / "figure"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.pdf", "figure.png"]
