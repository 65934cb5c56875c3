"""Weights of torch-fidelity's own Inception network, drawn at random, in the format of its file.

The weights keep the variance of what passes through them, so that different images have different features.
"""

from pathlib import Path

import torch

from ddpm.evaluation.torchvision_import import prepare_torchvision


def untrained_inception(path: Path):
    """torch-fidelity's network with torch's initial weights; writes an empty file to `path`."""
    prepare_torchvision()
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Untrained(FeatureExtractorInceptionV3):
        def load_state_dict(self, state_dict, *arguments, **options):
            """Takes no weights, so that none are needed."""

    torch.save({}, path)
    return Untrained("untrained", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path))


def write_random_weights(path: Path, seed: int = 0) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = untrained_inception(path)
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
                torch.nn.init.kaiming_normal_(module.weight)
    torch.save(network.state_dict(), path)
