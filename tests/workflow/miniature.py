"""config/cifar10.yaml itself in miniature: a small local layer, a tiny archive and random Inception weights.

Everything that is fetched comes from a local server; the settings that make the study small lie in
config/cifar10.local.yaml, as a user's own would.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import yaml
from cifar_archive import write_archive
from http_server import Answers, FaultyServer
from inception_weights import write_random_weights
from studies import ROOT

from ddpm.network.normalised_swish import FRUGAL_FROM
from ddpm.network.unet import CHANNELS_LAST_FROM

ARCHIVE = "cifar-10-python.tar.gz"
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
TRAIN_IMAGES, TEST_IMAGES = 25, 10
# In the smallest of such batches the first level is not left to autograd.
BATCH = FRUGAL_FROM // (CHANNELS_LAST_FROM * 32 * 32)
CHECKPOINTS = {"steps": [6], "evaluate": "minimum_fid", "images": 6}
LOCAL: dict[str, Any] = {
    "datasets": {"cifar10": {"train_images": TRAIN_IMAGES, "test_images": TEST_IMAGES}},
    "defaults": {
        # As wide as it takes for the layout, and for the frugal backward pass, of the paper's network.
        "network": {"channels": CHANNELS_LAST_FROM, "channel_multipliers": [1, 2], "residual_blocks": 1},
        "diffusion": {"timesteps": 10, "beta_start": 0.01, "beta_end": 0.6},
        "training": {"steps": 12, "batch_size": BATCH, "warmup_steps": 2, "log_every": 3},
        # Each checkpoint costs an Inception network's time: two of the models choose among theirs.
        "checkpoints": {"steps": [], "evaluate": "last", "images": 6},
    },
    "models": {
        "mu_tilde_L_learned": {"checkpoints": CHECKPOINTS},
        "epsilon_L_simple": {"checkpoints": CHECKPOINTS, "sampling_seeds": [0, 1]},
    },
    "sampling": {"images": 12, "batch_size": 4, "batches_per_shard": 3, "progressive_columns": 3},
    "likelihood": {"batch_size": 40, "images_per_shard": 15},
    "quality": {"batch_size": 20, "kid_subsets": 2, "kid_subset_size": 6},
    "compression": {"images": 4, "training_images": 4},
    "artefacts": {
        # Of a network that has learned nothing, a stream of 3,072 pixels would take minutes.
        "compression": {"schedules": ["bound"]},
        "progressive_coding": None,
        "checkpoints": {"models": ["mu_tilde_L_learned", "epsilon_L_simple"]},
        "fewer_steps": {"steps": [10, 3]},
        "figure1": {"rows": 3, "columns": 4},
        "figure2": {"t": 4},
        "figure6": {"rows": 2},
        "figure7": {"t": [10, 5, 0]},
        "figure8": {"pairs": [[6, 9]], "steps": [5]},
        "figure9": {"steps": [10, 5, 0]},
        "figure13": {"rows": 3, "columns": 4},
        "figure14": {"rows": 4},
        "figure15": {"samples": 2, "neighbours": 3},
    },
}


def write_miniature(folder: Path, server: FaultyServer) -> None:
    """Makes a working folder of the study, whose files the server serves."""
    config = folder / "config"
    config.mkdir()
    for name in ("cifar10.yaml", "published.csv"):
        shutil.copy(ROOT / "config" / name, config / name)
    (config / "cifar10.local.yaml").write_text(yaml.safe_dump(LOCAL))
    served = folder / "served"
    served.mkdir()
    write_archive(served / ARCHIVE, images_per_batch=TRAIN_IMAGES // 5, test_images=TEST_IMAGES)
    write_random_weights(served / INCEPTION)
    registry = {}
    for name in (ARCHIVE, INCEPTION):
        content = (served / name).read_bytes()
        server.answers[f"/{name}"] = Answers(content, etag='"1"')
        registry[name] = {
            "about": "served by the test",
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "mirrors": [f"{server.url}/{name}"],
        }
    (config / "resources.yaml").write_text(yaml.safe_dump(registry))
