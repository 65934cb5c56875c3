"""The jobs of a workflow as actions, with the tools that they ran and the steps that they were."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

import ddpm
from ddpm.crate.entities import Entities, one_or_all
from ddpm.crate.jobs import BENCHMARKED, Job


def add_jobs(entities: Entities, jobs: Sequence[Job], workflow: Any, run: Any, agent: Any) -> None:
    """Adds the tools, the steps, an action for each job, and what Snakemake controlled.

    Args:
        entities: the crate's.
        jobs: in the order in which they began.
        workflow, run: the entities of the workflow and of its action.
        agent: the entity of who ran it, or None.
    """
    controls, steps = [], []
    tools: dict[str, Any] = {}
    rules = list(dict.fromkeys(job.rule for job in jobs))
    for position, rule in enumerate(rules, start=1):
        of_rule = [job for job in jobs if job.rule == rule]
        tool = tools[of_rule[0].verb] = _tool(entities, of_rule[0].verb)
        step = entities.add(
            {"@id": f"#step/{rule}", "@type": "HowToStep", "name": f"rule {rule}", "position": str(position)}
        )
        step["workExample"] = tool
        steps.append(step)
        for job in of_rule:
            action = _action(entities, job, agent)
            action["instrument"] = tool
            control = entities.add(
                {"@id": f"#control/{job.name}", "@type": "ControlAction", "name": f"start {job.name}"}
            )
            control["instrument"], control["object"] = step, action
            controls.append(control)
    workflow["hasPart"], workflow["step"] = one_or_all(list(tools.values())), one_or_all(steps)
    organised = entities.add(
        {"@id": "#snakemake-run", "@type": "OrganizeAction", "name": "Snakemake's run of the jobs"}
    )
    organised["instrument"], organised["result"] = _snakemake(entities), run
    organised["object"] = one_or_all(controls)
    if agent:
        organised["agent"] = agent


def _tool(entities: Entities, verb: str) -> Any:
    return entities.add(
        {
            "@id": f"#ddpm-{verb}",
            "@type": "SoftwareApplication",
            "name": f"ddpm {verb}",
            "description": _summary(verb),
            "softwareVersion": ddpm.__version__,
        }
    )


def _summary(verb: str) -> str:
    """The first line of what the verb says of itself."""
    if importlib.util.find_spec(f"ddpm.commands.{verb}") is None:
        return "A rule of one's own."
    return (importlib.import_module(f"ddpm.commands.{verb}").__doc__ or "").partition("\n")[0]


def _snakemake(entities: Entities) -> Any:
    about = {
        "@id": "https://snakemake.github.io",
        "@type": "SoftwareApplication",
        "name": "Snakemake",
        "url": "https://snakemake.github.io",
    }
    try:
        about["softwareVersion"] = version("snakemake")
        about["description"] = "The version that was installed when the crate was written."
    except PackageNotFoundError:
        pass
    return entities.add(about)


def _action(entities: Entities, job: Job, agent: Any) -> Any:
    action = entities.add_action(f"#job/{job.name}", job.name, job.command, job.start, job.end, agent)
    inputs = [entities.file(path, digest) for path, digest in job.inputs.items()]
    outputs = [entities.file(path) for path in job.outputs]
    said = [("commit", commit) for commit in job.commits] + [("hardware", name) for name in job.hardware]
    environment = [
        entities.add(
            {"@id": f"#{kind}/{quote(value)}", "@type": "PropertyValue", "name": kind, "value": value}
        )
        for kind, value in said
    ]
    usage = [
        entities.add(
            {
                "@id": f"#usage/{job.name}/{column}",
                "@type": "PropertyValue",
                "name": BENCHMARKED[column][0],
                "propertyID": column,
                "value": str(number),
                "unitCode": BENCHMARKED[column][1],
            }
        )
        for column, number in job.usage.items()
    ]
    # An empty list would be a value of its own.
    lists = {"object": inputs, "result": outputs, "environment": environment, "resourceUsage": usage}
    for key, values in lists.items():
        if values:
            action[key] = one_or_all(values)
    return action
