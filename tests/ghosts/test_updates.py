"""Whole updates of the paper's six models would pass on a GPU, and the host would not wait for one."""

import ghosts

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
