"""Write the JSON schema of study files beside a study, for editors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ddpm.records.files import write_text
from ddpm.study import Study

GROUP = "the study"
EXAMPLES = ("ddpm schema config/demo.yaml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes study.schema.json into the study's folder."""
    write_text(Path(study.file).with_name("study.schema.json"), study_schema())


def study_schema() -> str:
    """The schema as JSON text (draft 2020-12); a test keeps config/study.schema.json in step."""
    schema = Study.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    # A file that extends another may leave out what the other gives.
    schema["if"] = {"not": {"required": ["extends"]}}
    schema["then"] = {"required": schema.pop("required")}
    schema["title"] = "A study of Denoising Diffusion Probabilistic Models"
    return json.dumps(schema, indent=2) + "\n"
