"""The model card of an exported model: what it is, what it was made from, what was measured, its limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ddpm.data.store import read_manifest
from ddpm.errors import DataError
from ddpm.evaluation.model_job import ModelJob
from ddpm.graph import layout
from ddpm.graph.fingerprint import likelihood_fingerprint, quality_fingerprint
from ddpm.records.measurements import read_measurements
from ddpm.records.provenance import git_commit
from ddpm.study.carried import MODEL_SETTINGS, carried_settings

_SHOWN = ("FID", "IS", "KID", "precision", "recall", "NLL")
_FRONT = """---
library_name: diffusers
pipeline_tag: unconditional-image-generation
tags:
- ddpm
- unconditional-image-generation
---"""


def model_card(job: ModelJob, provenance: dict[str, Any], folder: str) -> str:
    """README.md of the exported model, Markdown.

    Args:
        job: which model, training seed and study.
        provenance: of its weights.
        folder: the folder's name, for the example.

    Raises:
        DataError: a file of measurements is damaged.
    """
    rows = measured(job, str(provenance["weights_hash"]))
    carried = carried_settings(job.study, job.model)[MODEL_SETTINGS]
    settings = yaml.safe_dump(carried, sort_keys=False, default_flow_style=None).rstrip()
    parts = {
        "Data": _data(job),
        "Measured": _measured(rows),
        "Made from": _origin(job, provenance),
        "Limits": _limits(job, rows),
        "Settings": ["```yaml", settings, "```"],
    }
    lines = [*_head(job, folder)]
    for title, part in parts.items():
        lines += ["", f"## {title}", "", *part]
    return "\n".join(lines) + "\n"


def _head(job: ModelJob, folder: str) -> list[str]:
    timesteps = job.study.model(job.model).diffusion.timesteps
    steps = job.study.sampling_of(job.model).reverse_steps(timesteps)
    measured = "and measured" if steps == timesteps else f"(its samples were measured in {steps:,})"
    return [
        _FRONT,
        f"# {job.model}, training seed {job.seed}",
        "",
        f'A model of the study "{job.study.title}": a diffusion model as in *Denoising Diffusion '
        "Probabilistic Models* (Ho, Jain, Abbeel 2020), which makes images without a condition.",
        "",
        "```python",
        "from diffusers import DDPMPipeline",
        "",
        f"pipeline = DDPMPipeline.from_pretrained({json.dumps(folder, ensure_ascii=False)})",
        f"images = pipeline(batch_size=16, num_inference_steps={timesteps}).images",
        "```",
        "",
        f"`num_inference_steps` is T = {timesteps:,}, with which the model was trained {measured}; "
        "fewer steps are another sampler, and more are refused.",
    ]


def measured(job: ModelJob, weights_hash: str) -> pd.DataFrame:
    """The measurements of these weights under the study's settings of now; empty if there are none."""
    study, model = job.study, job.model
    wanted = [
        (job.path(layout.LIKELIHOOD_ROWS, split=split), likelihood_fingerprint) for split in ("test", "train")
    ]
    wanted += [
        (
            layout.path(layout.QUALITY_ROWS, study.name, model=model, seed=job.seed, sampling=seed),
            quality_fingerprint,
        )
        for seed in study.sampling_seeds(model)
    ]
    frames = []
    for path, fingerprint in wanted:
        if path.exists():
            rows = read_measurements([path])
            current = (rows.settings == fingerprint(study, model)) & (rows.weights_hash == weights_hash)
            frames.append(rows[current & rows.metric.isin(_SHOWN) & rows.value.notna()])
    return pd.concat(frames) if frames else read_measurements([])


def _data(job: ModelJob) -> list[str]:
    channels, height, width = job.image_shape
    colour = "grey" if channels == 1 else "colour"
    lines = [
        f"`{job.dataset}`, {colour} images of {height}x{width} pixels; pixels are v / 127.5 - 1 to "
        "the network."
    ]
    try:
        manifest = read_manifest(job.study, job.dataset)
    except DataError:
        return lines
    counts = manifest["counts"]
    lines.append(
        f"{counts['train']:,} training and {counts['test']:,} test images, hash `{manifest['data_hash']}`."
    )
    return lines


def _measured(rows: pd.DataFrame) -> list[str]:
    if rows.empty:
        return ["Nothing: no measurement of these weights was there when they were exported."]
    lines = ["| metric | split | value | images | sampling seed |", "|---|---|---|---|---|"]
    ordered = rows.sort_values("metric", key=lambda names: names.map(_SHOWN.index), kind="stable")
    for row in ordered.to_dict("records"):
        spread = "" if pd.isna(row["spread"]) else f" ± {row['spread']:.2g}"
        bound, unit = ("<= ", " bits/dim") if row["metric"] == "NLL" else ("", "")
        seed = "" if pd.isna(row["sampling_seed"]) else row["sampling_seed"]
        cells = [
            row["metric"],
            _split(row),
            f"{bound}{row['value']:.4g}{spread}{unit}",
            f"{row['n']:,}",
            seed,
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    protocols = ordered.drop_duplicates(["metric", "split", "protocol"]).to_dict("records")
    said = [
        f"- {row['metric']} ({_split(row) or 'of samples alone'}): {row['protocol']}" for row in protocols
    ]
    return [*lines, "", "Protocols:", "", *said]


def _split(row: dict[Any, Any]) -> str:
    return row["split"] if isinstance(row["split"], str) else ""


def _origin(job: ModelJob, provenance: dict[str, Any]) -> list[str]:
    source, origin = job.study.model(job.model).pretrained, provenance.get("origin")
    if origin is not None and (source is None or source.repository is None):
        # Where a file lay is of this machine.
        origin = Path(str(origin)).name
    made = "trained" if origin is None else "imported"
    known = {
        "weights": provenance.get("weights_hash"),
        "status": provenance.get("status"),
        "updates": provenance.get("updates"),
        "chosen": provenance.get("chosen"),
        "imported from": origin,
        f"{made} with commit": provenance.get("git_commit"),
        "exported with commit": git_commit(*job.study.files),
        f"{made} on": provenance.get("hardware"),
        "training seed": provenance.get("training_seed"),
        "data": provenance.get("data_hash"),
        "fingerprint of the settings": provenance.get("settings"),
    }
    return [f"- {name}: {value}" for name, value in known.items() if value is not None]


def _limits(job: ModelJob, rows: pd.DataFrame) -> list[str]:
    study, of_samples = job.study, rows[rows.metric == "FID"]
    kind = "the averaged (EMA) ones" if study.model(job.model).pretrained is None else "as they were imported"
    lines = [
        f"- Weights are float32, {kind}. Images of other sizes are not what it was trained for.",
        "- diffusers draws other random numbers than the project that made this model: a seed gives other "
        "images, of the same distribution. The numbers above are of the project's own samples.",
        "- One training run. How far runs with other seeds differ is not measured here.",
        "- Whether the weights may be passed on depends on the images that they were trained on; this card "
        "gives no licence.",
    ]
    if not of_samples.empty and study.quality.features.kind != "inception":
        lines.append(
            "- FID, IS, KID, precision and recall are of a classifier's features, not of Inception's: they "
            "compare models of this study with each other and with no published number."
        )
    if not of_samples.empty and (n := int(of_samples.n.min())) < 50_000:
        lines.append(f"- FID of {n:,} samples is biased upwards beside that of the usual 50,000.")
    return lines
