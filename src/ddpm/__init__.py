"""Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel, NeurIPS 2020), rebuilt from data to figures.

The rooms follow the flow of data: study (settings) -> data -> network, diffusion -> training
-> evaluation (measurements) -> artefacts (tables and figures). A later room never reaches back.
"""

__version__ = "0.1.0"
