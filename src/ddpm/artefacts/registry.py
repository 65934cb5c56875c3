"""All tables and figures that a study may build; a new one is added here."""

from __future__ import annotations

from ddpm.artefacts.artefact import Artefact
from ddpm.artefacts.figures import (
    checkpoints,
    figure2,
    figure5,
    figure7,
    figure10,
    figure15,
    interpolation,
    progressive,
    progressive_coding,
    samples,
    training_curves,
)
from ddpm.artefacts.tables import (
    comparison,
    compression,
    fewer_steps,
    models,
    table1,
    table2,
    table4,
    text_numbers,
)

ARTEFACTS: tuple[Artefact, ...] = (
    models.TABLE,
    table1.TABLE,
    table2.TABLE,
    table4.TABLE,
    text_numbers.TABLE,
    fewer_steps.TABLE,
    compression.TABLE,
    comparison.TABLE,
    samples.FIGURE1,
    figure2.FIGURE,
    figure5.FIGURE,
    progressive.FIGURE6,
    figure7.FIGURE,
    interpolation.FIGURE8,
    interpolation.FIGURE9,
    figure10.FIGURE,
    samples.FIGURE13,
    progressive.FIGURE14,
    figure15.FIGURE,
    training_curves.FIGURE,
    checkpoints.FIGURE,
    progressive_coding.FIGURE,
)
