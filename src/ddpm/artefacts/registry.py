"""All tables and figures that a study may build; a new one is added here."""

from __future__ import annotations

from ddpm.artefacts.artefact import Artefact
from ddpm.artefacts.figures import (
    checkpoints,
    figure2,
    figure5,
    figure7,
    figure10,
    interpolation,
    large_samples,
    neighbours,
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
    table3,
    table4,
    text_numbers,
)

ARTEFACTS: tuple[Artefact, ...] = (
    models.TABLE,
    table1.TABLE,
    table2.TABLE,
    table3.TABLE,
    table4.TABLE,
    text_numbers.TABLE,
    fewer_steps.TABLE,
    compression.TABLE,
    comparison.TABLE,
    samples.FIGURE1,
    figure2.FIGURE,
    large_samples.FIGURE3,
    large_samples.FIGURE4,
    figure5.FIGURE,
    progressive.FIGURE6,
    figure7.FIGURE,
    interpolation.FIGURE8,
    interpolation.FIGURE9,
    figure10.FIGURE,
    samples.FIGURE11,
    neighbours.FIGURE12,
    samples.FIGURE13,
    progressive.FIGURE14,
    neighbours.FIGURE15,
    large_samples.FIGURE16,
    large_samples.FIGURE17,
    large_samples.FIGURE18,
    large_samples.FIGURE19,
    training_curves.FIGURE,
    checkpoints.FIGURE,
    progressive_coding.FIGURE,
)
