"""What is the same in each crate: the profiles that it conforms to, its licence, and the paper."""

from __future__ import annotations

from typing import Any

# The version of RO-Crate that the profiles build on.
RO_CRATE = "1.1"
# Terms that RO-Crate itself lacks: sha256, resourceUsage, environment.
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
PARAMETER_PROFILE = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}

Entity = dict[str, Any]

LICENCE: Entity = {
    "@id": "https://spdx.org/licenses/MIT",
    "@type": "CreativeWork",
    "name": "MIT License",
    "description": "Of the workflow and what it computed. Data sets have licences of their own.",
    "identifier": "MIT",
}

PAPER: Entity = {
    "@id": "https://arxiv.org/abs/2006.11239",
    "@type": "ScholarlyArticle",
    "name": "Denoising Diffusion Probabilistic Models",
    "description": "The paper that was rebuilt, by Jonathan Ho, Ajay Jain and Pieter Abbeel, NeurIPS 2020.",
    "identifier": "arXiv:2006.11239",
    "datePublished": "2020-06-19",
    "url": "https://arxiv.org/abs/2006.11239",
}


README = """# {title}

The results of a study, computed by the workflow in `Snakefile`, which rebuilds *Denoising Diffusion
Probabilistic Models* (Ho, Jain, Abbeel 2020, https://arxiv.org/abs/2006.11239). This folder is a Provenance
Run Crate: `ro-crate-metadata.json` has the size and SHA-256 of each file, and of each job its command, its
start and end, what it read and wrote, its commit and its hardware.

- `{home}/`: tables, figures, measurements, logs.
- `config/`: the study's settings, and the numbers that the paper prints.
- What the metadata call "not in this crate" (weights, samples, images) is described by size and hash.
"""


def profiles() -> list[Entity]:
    """The profiles of the crate, most general first."""
    return [
        {"@id": url, "@type": "CreativeWork", "name": name, "version": version}
        for url, (name, version) in _PROFILES.items()
    ]
