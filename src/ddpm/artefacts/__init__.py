"""Tables and figures: views over measurements, samples and chains, beside the paper's own numbers.

Each has a module with its settings, its inputs, its caption and what builds or draws it; `registry` lists
them. The modules import matplotlib and pandas where they build or draw, for the workflow needs the rest.
"""

# A study's settings are made from those of the artefacts: whichever is imported first, these come after.
import ddpm.study  # noqa: F401
