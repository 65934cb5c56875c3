"""The JSON schema of study files, for editors; config/study.schema.json is kept in step by a test."""

from __future__ import annotations

import json

from ddpm.study.settings import Study


def study_schema() -> str:
    """The schema as JSON text (draft 2020-12)."""
    schema = Study.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    # A file that extends another may leave out what the other gives.
    schema["if"] = {"not": {"required": ["extends"]}}
    schema["then"] = {"required": schema.pop("required")}
    schema["title"] = "A study of Denoising Diffusion Probabilistic Models"
    return json.dumps(schema, indent=2) + "\n"
