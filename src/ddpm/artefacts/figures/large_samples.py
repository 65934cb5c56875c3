"""Figures 3, 4 and 16 to 19: samples in several sizes, uncurated."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.blocks import draw_blocks, in_sizes
from ddpm.artefacts.figures.reading import first_samples
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import first_shards

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

# Of each grid: rows, columns, and how much smaller its cells are than the largest.
Part = tuple[int, int, int]


class SizesSettings(artefact.ModelArtefactSettings):
    """Samples of one model in several sizes."""

    # The grids of the paper's figure, by bands from above.
    bands: ClassVar[tuple[tuple[Part, ...], ...]]

    @property
    def shown_samples(self) -> dict[str, int]:
        """All cells."""
        return {self.model: sum(rows * columns for band in self.bands for rows, columns, _ in band)}


class ThreeSizesSettings(SizesSettings):
    """4 large samples, 4 of half the size, 16 of a quarter of it, beside each other."""

    bands = (((2, 2, 1), (4, 1, 2), (8, 2, 4)),)


class TwoSizesSettings(SizesSettings):
    """2 rows of 5 large samples above 9 rows of 10 small ones."""

    bands = (((2, 5, 1),), ((9, 10, 2),))


def _inputs(study: Study, settings: SizesSettings) -> Inputs:
    return {"samples": first_shards(study, settings.model, settings.shown_samples[settings.model])}


def _draw(study: Study, settings: SizesSettings, inputs: Inputs, heading: str) -> Figure:
    images = first_samples(inputs["samples"], settings.shown_samples[settings.model])
    blocks = iter(in_sizes(images, [part for band in settings.bands for part in band]))
    return draw_blocks([[next(blocks) for _ in band] for band in settings.bands], heading)


def _figure(name: str, settings: type[SizesSettings], paper: str, here: str) -> artefact.Figure:
    return artefact.Figure(
        name=name,
        settings=settings,
        inputs=_inputs,
        subject="Samples",
        paper=f"{paper}, not chosen" if settings is TwoSizesSettings else paper,
        here=f"{here} of {{model}}, the first drawn, not chosen",
        of_images=True,
        draw=_draw,
    )


_THREE, _TWO = "24 samples in three sizes", "100 samples in two sizes"
FIGURE3 = _figure("figure3", ThreeSizesSettings, "LSUN Church samples, FID 7.89", _THREE)
FIGURE4 = _figure("figure4", ThreeSizesSettings, "LSUN Bedroom samples of the large model, FID 4.90", _THREE)
FIGURE16 = _figure("figure16", TwoSizesSettings, "LSUN Church samples, FID 7.89", _TWO)
FIGURE17 = _figure("figure17", TwoSizesSettings, "LSUN Bedroom samples of the large model, FID 4.90", _TWO)
FIGURE18 = _figure("figure18", TwoSizesSettings, "LSUN Bedroom samples of the small model, FID 6.36", _TWO)
FIGURE19 = _figure("figure19", TwoSizesSettings, "LSUN Cat samples, FID 19.75", _TWO)
