"""Figure 13: more samples, uncurated."""

from __future__ import annotations

from matplotlib.figure import Figure

from ddpm.artefacts.figures import sample_grid
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from one model's samples."""
    assert study.artefacts.figure13 is not None
    return sample_grid.draw(study, inputs, study.artefacts.figure13)
