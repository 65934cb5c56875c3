"""Settings of published weights from diffusers' config files beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ddpm.errors import WeightsError
from ddpm.network.published.config import DEFAULTS, read_config
from ddpm.network.published.places import find
from ddpm.study.carried import CarriedSettings, read_settings

SCHEDULER_CONFIG = "scheduler_config.json"
# Beside the weights, or in the folder of a pipeline.
_SCHEDULERS = (SCHEDULER_CONFIG, f"../scheduler/{SCHEDULER_CONFIG}")
PREDICTIONS = {"epsilon": "epsilon", "x0": "sample"}
# Diffusers' default is fixed_small; the "log" forms have the same variances.
VARIANCES = {"fixed_small": "fixed_small", "fixed_large": "fixed_large"}
SCHEDULES = {"linear": "linear", "quadratic": "scaled_linear"}


def settings_beside(path: Path, averaged: bool | None, given: dict[str, Any]) -> CarriedSettings:
    """Settings of published weights: those given, or of the config files, or the paper's for CIFAR-10.

    Args:
        path: the file or folder of weights.
        averaged: what is said of them, which of two sets is taken.
        given: any of `image_shape`, `network`, `diffusion`.

    Raises:
        WeightsError: there are no weights; a config file is unreadable, or says what this project has not.
    """
    place = find(path, averaged)
    found: dict[str, Any] = {}
    if place.config is not None and not given.keys() >= {"image_shape", "network"}:
        found |= _of_network(place.config)
    schedulers = (place.file.parent / name for name in _SCHEDULERS)
    scheduler = next((file for file in schedulers if file.is_file()), None)
    if scheduler is not None and "diffusion" not in given:
        found["diffusion"] = _of_scheduler(scheduler)
    return read_settings(f"{place.file}: settings", found | given)


def _of_network(path: Path) -> dict[str, Any]:
    """Of a UNet2DModel's config.json; `import_weights` checks what else it says against the network."""
    config = {**DEFAULTS, **read_config(path)}
    size, widths = config["sample_size"], config.get("block_out_channels", [224, 448, 672, 896])
    try:
        if isinstance(size, int):
            size = [size, size]
        kinds = config.get("down_block_types", [])
        attends = ["Attn" in kind for kind in kinds]
        resolutions = [size[0] // 2**level for level, attention in enumerate(attends) if attention]
        return {
            "image_shape": [config["in_channels"], *size],
            "network": {
                "channels": widths[0],
                "channel_multipliers": [width // widths[0] for width in widths],
                "residual_blocks": config["layers_per_block"],
                "attention_resolutions": resolutions,
                "groups": config["norm_num_groups"],
            },
        }
    except (TypeError, IndexError, ZeroDivisionError) as error:
        raise WeightsError(
            f"{path}: does not say what network it is of ({error}); give `settings` with `image_shape` and "
            "`network`"
        ) from error


def _of_scheduler(path: Path) -> dict[str, Any]:
    """Of a DDPMScheduler's scheduler_config.json.

    Raises:
        WeightsError: a schedule, prediction or variance that the project has not.
    """
    config = read_config(path)
    theirs = {
        "prediction": ("prediction_type", "epsilon", PREDICTIONS),
        "variance": ("variance_type", "fixed_small", VARIANCES),
        "schedule": ("beta_schedule", "linear", SCHEDULES),
    }
    found: dict[str, Any] = {}
    for key, (name, default, words) in theirs.items():
        value = config.get(name, default)
        known = {word: own for own, word in words.items()}
        if value not in known or config.get("trained_betas") is not None:
            name, value = ("trained_betas", "...") if value in known else (name, value)
            raise WeightsError(
                f"{path}: {name} is {value!r}, for which there is no setting here; give `settings` with "
                "`diffusion` if one means the same"
            )
        found[key] = known[value]
    numbers = {
        "timesteps": ("num_train_timesteps", 1000),
        "beta_start": ("beta_start", 1e-4),
        "beta_end": ("beta_end", 0.02),
    }
    return found | {key: config.get(name, default) for key, (name, default) in numbers.items()}
