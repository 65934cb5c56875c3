"""Whole updates of the paper's six models would pass on a GPU, and the host would not wait for one."""

import ghosts
import pytest

# Of the network of CIFAR-10.
NORMALISATIONS = 51


def test_an_update(training):
    with ghosts.ghosts() as counts:
        # Of a block of updates whose random numbers are yet to be drawn.
        training.update(training.batches[16])
    calls = training.settings.gradient_clip_shards
    assert counts["aten.native_group_norm.default"] == NORMALISATIONS * calls
    assert counts["aten.native_group_norm_backward.default"] == NORMALISATIONS * calls
    assert counts["aten._fused_adam_.default"] == 1
    assert training.updates == 1
    assert training.parameters.vector.is_meta


@pytest.mark.parametrize("model", ["epsilon_L_simple"])
@pytest.mark.parametrize("precision", ["tf32"])
def test_an_update_in_parts_with_activations_computed_again(training):
    """Not in bfloat16: torch knows no autocast on a device without data, so it cannot enter it again."""
    training.settings = training.settings.model_copy(update={"gradient_accumulation": 2})
    training.network.checkpointing = True
    with ghosts.ghosts() as counts:
        training.update(training.batches[16])
    assert counts["aten.native_group_norm.default"] == NORMALISATIONS * 2 * 2
    assert counts["aten.native_group_norm_backward.default"] == NORMALISATIONS * 2
    # No convolution that a part ends with is computed twice.
    once = counts["aten.convolution_backward.default"]
    assert once < counts["aten.convolution.default"] < 2 * once
