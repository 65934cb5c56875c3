"""A study of images of one's own: its text, with sizes that fit the images."""

from __future__ import annotations

import dataclasses
import json

SIZES = (8, 16, 32, 64)
# By image size: channels, multipliers of the levels, and the heights at which blocks attend.
_NETWORKS = {
    8: (16, [1, 2], [4]),
    16: (16, [1, 2, 2], [8]),
    32: (32, [1, 2, 2], [8]),
    64: (32, [1, 2, 2, 2], [8]),
}
_UPDATES_OF_CLASSIFIER, _CLASSIFIER_BATCH = 1000, 64


@dataclasses.dataclass(frozen=True)
class OwnImages:
    """What a new study must know of the images.

    Attributes:
        train: folder of the training images, or of all.
        test: folder of the test images; None if they are held out of `train`.
        train_images, test_images: how many images each split has.
        size: height and width of the model's images, one of SIZES.
        crop: whether images are cut and resized to that size.
        channels: 1 for grey images, 3 for colour.
        judge: "classifier", "inception" or "none".
    """

    train: str
    test: str | None
    train_images: int
    test_images: int
    size: int
    crop: bool
    channels: int
    judge: str


def study_text(title: str, images: OwnImages) -> str:
    """The text of a study file with one model."""
    channels, multipliers, attention = _NETWORKS[images.size]
    return f"""# yaml-language-server: $schema=study.schema.json
# A study of images of one's own; docs/own-images.md explains it.
title: {_quoted(title)}
datasets:
  own:
    source: image_folder
    train: {_quoted(images.train)}
    {_test(images)}
    image_size: {images.size}
    channels: {images.channels} # 1 for grey, 3 for colour
    fit: {"crop # the middle of each image, resized" if images.crop else "exact"}
defaults:
  dataset: own
  network: {{channels: {channels}, channel_multipliers: {multipliers}, residual_blocks: 1, \
attention_resolutions: {attention}, dropout: 0.0, groups: 8}}
  # A tenth of the paper's steps with ten times the variance, as in the demo. The paper: 1000, 0.0001, 0.02.
  diffusion: {{timesteps: 100, beta_start: 0.001, beta_end: 0.2}}
  training: {{steps: 1500, batch_size: 64, learning_rate: 0.002, warmup_steps: 100, ema_decay: 0.995, \
ema_ramp: true, flip: true, log_every: 20, save_every_minutes: 1}}
models:
  epsilon_L_simple: {{}} # others beside it: settings that differ from `defaults`
sampling: {{images: {_samples(images)}, batch_size: 100}}
likelihood: {{images: {min(200, images.test_images)}}} # of each split
quality: {{features: {_features(images)}, kid_subset_size: {max(2, min(100, images.test_images // 2))}}}
artefacts: # besides the table `models`, which has a row for each model
  figure13: {{model: epsilon_L_simple, rows: 10, columns: 10}} # samples
  figure14: {{model: epsilon_L_simple, rows: 10}} # how samples come about
{_neighbours(images)}  training_curves: {{models: [epsilon_L_simple]}}
"""


def _test(images: OwnImages) -> str:
    if images.test is not None:
        return f"test: {_quoted(images.test)}"
    return f"test_images: {images.test_images} # held out of them by lot, of each class its share"


def _samples(images: OwnImages) -> int:
    return 500 if images.judge != "none" else 100


def _features(images: OwnImages) -> str:
    if images.judge != "classifier":
        return f"{{kind: {images.judge}}}"
    epochs = max(30, -(-_UPDATES_OF_CLASSIFIER * _CLASSIFIER_BATCH // images.train_images))
    return f"{{kind: classifier, dataset: own, epochs: {epochs}, required_accuracy: 0.8}}"


def _neighbours(images: OwnImages) -> str:
    """Figure 15 needs features; it shows up to 9 training images beside each sample."""
    if images.judge == "none":
        return ""
    neighbours = min(9, images.train_images)
    settings = f"model: epsilon_L_simple, samples: 10, neighbours: {neighbours}"
    return f"  figure15: {{{settings}}} # samples and their nearest training images\n"


def _quoted(text: str) -> str:
    """A YAML text in double quotes; those of JSON are such."""
    return json.dumps(text, ensure_ascii=False)
