"""The crate of a study: its files, the workflow, and an action for each job.

A Provenance Run Crate 0.5, and so a Workflow Run Crate too: Snakemake's records say of each job when it began
and ended, what it read and what it wrote, for which the simpler profiles have no place.
https://www.researchobject.org/workflow-run-crate/profiles/0.5/provenance_run_crate/
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rocrate.rocrate import ROCrate

import ddpm
from ddpm.crate.actions import add_jobs
from ddpm.crate.contents import Content, result_files, setting_files, workflow_files
from ddpm.crate.entities import Entities, one_or_all
from ddpm.crate.jobs import Job, read_jobs
from ddpm.crate.profiles import LICENCE, PAPER, PARAMETER_PROFILE, README, WORKFLOW_PROFILE, profiles
from ddpm.graph import layout
from ddpm.progress import Progress
from ddpm.records.files import sha256
from ddpm.records.provenance import commit_of
from ddpm.study import Study

# What the workflow gives, by the patterns of the files.
_OUTPUTS = {
    "tables": {layout.TABLE},
    "figures": {layout.FIGURE_PNG, layout.FIGURE_PDF},
    "measurements": layout.MEASUREMENTS,
    "metrics": {layout.METRICS, layout.HEADLINE},
}


def build_crate(study: Study, everything: bool, person: dict[str, str] | None) -> tuple[ROCrate, list[str]]:
    """The crate, which its `write` puts into a folder, and the results that are not as their job wrote them.

    Args:
        study: one whose workflow has run.
        everything: hold the large files too, not only describe them.
        person: who ran the workflow, as an entity of the crate; None where that is not to be told.

    Raises:
        DataError: nothing is known of how the results were made, or one is damaged.
    """
    snakefile, others = workflow_files()
    files = [*setting_files(study), *others, *result_files(study, everything)]
    hashes = _hashes(study, [snakefile, *files])
    jobs, changed = read_jobs(layout.home(study.name), hashes)
    entities = Entities(files, hashes)
    root = entities.crate.root_dataset
    root["name"] = study.title
    root["description"] = (
        f"Tables, figures and measurements of the study {study.name}, rebuilt by a Snakemake workflow after "
        "the paper that is cited, with the settings, the workflow, and an action for each job."
    )
    root["license"] = entities.add(LICENCE)
    root["citation"] = entities.add(PAPER)
    for profile in profiles():
        root.append_to("conformsTo", entities.add(profile))
    _readme(entities, study)
    agent = entities.add(person) if person else None
    if agent:
        root["author"] = agent
    workflow = _workflow(entities, snakefile, hashes[snakefile.path], jobs)
    run = _run(entities, study, jobs, agent)
    run["instrument"] = workflow
    _parameters(entities, study, workflow)
    add_jobs(entities, jobs, workflow, run, agent)
    return entities.crate, changed


def _readme(entities: Entities, study: Study) -> None:
    readme = entities.crate.add_file(
        io.StringIO(README.format(title=study.title, home=layout.home(study.name))),
        "README.md",
        properties={"name": "README.md", "encodingFormat": "text/markdown"},
    )
    readme["about"] = entities.crate.root_dataset


def _hashes(study: Study, files: Sequence[Content]) -> dict[str, str]:
    hashes = {}
    with Progress(
        f"hashes of {study.name}", sum(file.source.stat().st_size for file in files), "bytes"
    ) as shown:
        for file in files:
            hashes[file.path] = sha256(file.source)
            shown.advance(file.source.stat().st_size)
    return hashes


def _workflow(entities: Entities, snakefile: Content, digest: str, jobs: Sequence[Job]) -> Any:
    now = commit_of(Path(snakefile.source).absolute()) or "unknown"
    made = sorted({commit for job in jobs for commit in job.commits})
    workflow = entities.crate.add_workflow(
        snakefile.source,
        snakefile.path,
        main=True,
        lang="snakemake",
        lang_version=_installed("snakemake"),
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "Denoising Diffusion Probabilistic Models, rebuilt",
            "description": f"As in the working folder when the crate was written (commit {now}). The results "
            f"were computed at commit {', '.join(made) or 'unknown'}.",
            "version": ddpm.__version__,
            "encodingFormat": "text/plain",
            "contentSize": str(snakefile.source.stat().st_size),
            "sha256": digest,
        },
    )
    workflow["license"] = entities.add(LICENCE)
    workflow["conformsTo"] = entities.reference(
        WORKFLOW_PROFILE, "Bioschemas ComputationalWorkflow", "1.0-RELEASE"
    )
    return workflow


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _run(entities: Entities, study: Study, jobs: Sequence[Job], agent: Any) -> Any:
    """The action of the whole workflow."""
    made = {file for job in jobs for file in job.outputs}
    inputs = {**dict.fromkeys(file.path for file in setting_files(study)), **_external(jobs, made)}
    run = entities.add_action(
        "#run",
        f"The workflow of the study {study.name}",
        "From the start of the first job to the end of the last, of one call of snakemake or several.",
        min(job.start for job in jobs),
        max(job.end for job in jobs),
        agent,
    )
    run["object"] = [entities.file(path, digest or "") for path, digest in inputs.items()] + [
        entities.add(
            {
                "@id": f"#seeds/{model}",
                "@type": "PropertyValue",
                "name": f"seeds of {model}: training; sampling",
                "value": f"{_listed(study.model(model).seeds)}; {_listed(study.sampling_seeds(model))}",
            }
        )
        for model in study.models
    ]
    run["result"] = one_or_all([entities.file(path) for path in sorted(made)])
    return run


def _external(jobs: Sequence[Job], made: set[str]) -> dict[str, str]:
    """What jobs read that no job made: published numbers, fetched files, images; with their hashes."""
    return {file: digest for job in jobs for file, digest in job.inputs.items() if file not in made}


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _parameters(entities: Entities, study: Study, workflow: Any) -> None:
    """What goes into the workflow and what comes out, each with the files that it was here."""
    settings = [file.path for file in setting_files(study) if file.is_copied]
    workflow["input"] = _parameter(entities, "study", settings)
    outputs = {
        name: [path for path in entities.copied if layout.match(path)[0] in patterns]
        for name, patterns in _OUTPUTS.items()
    }
    if made := [_parameter(entities, name, paths) for name, paths in outputs.items() if paths]:
        workflow["output"] = one_or_all(made)


def _parameter(entities: Entities, name: str, paths: Sequence[str]) -> Any:
    parameter = entities.add(
        {
            "@id": f"#parameter/{name}",
            "@type": "FormalParameter",
            "name": name,
            "additionalType": "File",
            "multipleValues": "True",
        }
    )
    parameter["conformsTo"] = entities.reference(
        PARAMETER_PROFILE, "Bioschemas FormalParameter", "1.0-RELEASE"
    )
    parameter["workExample"] = one_or_all([entities.file(path) for path in paths])
    for path in paths:
        entities.file(path)["exampleOfWork"] = parameter
    return parameter
