"""One sentence on what the paper's figure shows, and one on what this study's shows."""

from __future__ import annotations

import re

from ddpm.study.settings import Study

_CELEBA = "CelebA-HQ 256x256"

# What each of the paper's figures shows, and this study's; {t}, {rows}, ... are the figure's settings.
_FIGURES: dict[str, tuple[str, str]] = {
    "figure1": (
        f"samples of {_CELEBA} and of CIFAR-10",
        "{rows} x {columns} samples of {model}, the first drawn, not chosen",
    ),
    "figure2": (
        f"the graphical model, with {_CELEBA} images at its nodes",
        "the graphical model, with x_T, x_t, x_t-1 and x_0 of one chain of {model}, t = {t}",
    ),
    "figure5": (
        "distortion and rate over the reverse process, and one against the other, on the CIFAR-10 test split",
        "the same three panels for {model} on this study's test split, beside the points of Table 4",
    ),
    "figure6": (
        "progressive generation on CIFAR-10: the prediction x0-hat over the reverse process, left to right",
        "the same for the first {rows} chains of {model}",
    ),
    "figure7": (
        f"{_CELEBA} samples that share a latent x_t, for t of 1000, 750, 500, 250 and 0",
        "{samples} samples of {model} that share each x_t, for t of {t}",
    ),
    "figure8": (
        f"interpolations of {_CELEBA} images after 500 steps of diffusion",
        "interpolations of test images with {model} after {steps} steps of diffusion",
    ),
    "figure9": (
        f"coarse to fine interpolations of one pair of {_CELEBA} images, over the number of diffusion steps",
        "the same for test images with {model}, after {steps} steps",
    ),
    "figure10": (
        "Inception score and FID of the prediction x0-hat over the reverse process on CIFAR-10",
        "the same for {model}, by this study's features, beside the paper's points as read off its figure",
    ),
    "figure13": (
        "20 x 20 CIFAR-10 samples, not chosen",
        "{rows} x {columns} samples of {model}, the first drawn, not chosen",
    ),
    "figure14": (
        "progressive generation on CIFAR-10, one chain a row",
        "the same for the first {rows} chains of {model}",
    ),
    "figure15": (
        "CIFAR-10 samples with their nearest training images, in pixel space and in Inception features",
        "{samples} samples of {model} with their {neighbours} nearest training images, in pixel space and in "
        "the feature space of this study",
    ),
    "training_curves": ("no such figure", "loss and gradient norm over training, for {models}"),
    "checkpoints": (
        "no such figure; its numbers are those of the checkpoint of minimum FID",
        "FID of the averaged weights over training, for {models}, of fewer samples than the final numbers",
    ),
}
_HEADINGS = {"text_numbers": "Numbers in the text", "comparison": "Comparison with the paper"}


def heading(artefact: str) -> str:
    """A table's or figure's name as a heading: figure13 is "Figure 13"."""
    if artefact in _HEADINGS:
        return _HEADINGS[artefact]
    numbered = re.fullmatch(r"(table|figure)(\d+)", artefact)
    return " ".join(numbered.groups() if numbered else artefact.split("_")).capitalize()


def caption(study: Study, figure: str) -> str:
    """What the paper's figure shows and what this one shows, a sentence each, as plain text.

    Raises:
        KeyError: the study does not build this figure, or no caption is known.
    """
    paper, here = _FIGURES[figure]
    settings = study.artefacts.chosen[figure]
    values = {name: _words(getattr(settings, name)) for name in type(settings).model_fields}
    return f"The paper: {paper}. Here ({study.title}): {here.format(**values)}."


def _words(value: object) -> str:
    """A setting as it stands in a sentence: lists as "a, b and c"."""
    if not isinstance(value, list):
        return str(value)
    words = [str(item) for item in value]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
