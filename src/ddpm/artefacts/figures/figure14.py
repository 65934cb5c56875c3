"""Figure 14: progressive generation, more chains."""

from __future__ import annotations

from matplotlib.figure import Figure

from ddpm.artefacts.figures import progressive
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from the predictions kept with one model's samples."""
    assert study.artefacts.figure14 is not None
    return progressive.draw(study, inputs, study.artefacts.figure14)
