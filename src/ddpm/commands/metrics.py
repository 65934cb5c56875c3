"""Write the numbers and curves of the study that DVC compares and the page shows (JSON and CSV)."""

from __future__ import annotations

import argparse
import json
import logging

from ddpm.graph import layout
from ddpm.graph.available import select
from ddpm.graph.dependencies import metrics_inputs
from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "tables and figures"
EXAMPLES = ("ddpm metrics config/demo.yaml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: metrics and plots follow from the study."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes metrics.json, headline.json, made_from.json and plots/*.csv of the study."""
    from ddpm.artefacts.current import require_current
    from ddpm.evaluation import metrics
    from ddpm.evaluation.made_from import made_from
    from ddpm.records.files import write_text

    inputs = metrics_inputs(study := select(study).study)
    require_current(study, (file for files in inputs.values() for file in files))
    numbers = metrics.metrics(inputs["rows"])
    contents = {
        layout.TRAINING_PLOT: metrics.training_plot(inputs["curves"]).to_csv(index=False),
        layout.PROGRESSIVE_PLOT: metrics.progressive_plot(inputs["progressive"]).to_csv(index=False),
        layout.CHECKPOINTS_PLOT: metrics.checkpoints_plot(inputs["checkpoints"]).to_csv(index=False),
        layout.METRICS: _json(numbers),
        layout.HEADLINE: _json(metrics.headline(numbers)),
        layout.MADE_FROM: _json(made_from([file for files in inputs.values() for file in files])),
    }
    for pattern, content in contents.items():
        path = layout.path(pattern, study.name)
        write_text(path, content)
        logger.info("wrote %s", path)


def _json(content: object) -> str:
    return json.dumps(content, indent=2, sort_keys=True) + "\n"
