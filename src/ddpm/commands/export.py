"""Write a trained model as a folder that diffusers' DDPMPipeline loads, with a model card."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from ddpm.commands.arguments import add_model_arguments, model_job
from ddpm.errors import StudyError
from ddpm.graph.fingerprint import weights_fingerprint
from ddpm.graph.run_files import weights_file
from ddpm.study import Study

logger = logging.getLogger("ddpm")
GROUP = "sample"
EXAMPLES = ("ddpm export config/demo.yaml --model epsilon_L_simple --to my_model",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument("--to", type=Path, required=True, help="a new or empty folder")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes model_index.json, unet/, scheduler/ and README.md."""
    from ddpm.export.folder import new_folder, require_new
    from ddpm.export.pipeline import (
        MODEL_INDEX,
        inexpressible,
        scheduler_config,
        unet_config,
        unet_weights,
    )

    job, folder = model_job(study, arguments, weights_fingerprint), arguments.to
    settings = study.model(job.model)
    if reason := inexpressible(settings.network, settings.diffusion):
        raise StudyError(f"{study.file}: models.{job.model} cannot be exported: {reason}")
    require_new(folder)
    from safetensors.torch import save_file

    from ddpm.export.card import model_card
    from ddpm.model import load_model
    from ddpm.network.execution import Execution

    path = weights_file(study, job.model, job.seed)
    trained = load_model(study, job.model, path, job.settings, "cpu", Execution())
    job.require_data(trained.provenance, f"weights of {job.title}")
    network = trained.network.network
    card = model_card(job, trained.provenance, folder.name)
    with new_folder(folder) as new:
        configs = {
            "model_index.json": MODEL_INDEX,
            "unet/config.json": unet_config(network, settings.network.dropout),
            "scheduler/scheduler_config.json": scheduler_config(settings.diffusion),
        }
        for name, config in configs.items():
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        (new / "README.md").write_text(card, encoding="utf-8")
        weights = new / "unet" / "diffusion_pytorch_model.safetensors"
        save_file(unet_weights(network), weights, metadata={"format": "pt"})
    logger.info(f"export {job.title}: wrote {folder}, which diffusers' DDPMPipeline.from_pretrained loads")
