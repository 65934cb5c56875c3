"""What all settings share: a strict base class, types of values, and how classes of overrides are made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

# A field marked with this decides how a job runs, not what it computes: fingerprints leave it out.
RUNTIME_ONLY: JsonDict = {"runtime_only": True}

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Precision = Annotated[
    Literal["float32", "tf32", "bfloat16"],
    Field(
        description="Of the network's body: float32, tf32 (a GPU's tensor cores; on a CPU the same as "
        "float32) or bfloat16 (docs/speed.md says what it changes)."
    ),
]
Compiled = Annotated[
    bool,
    Field(
        description="Compile the network with torch.compile; pays on a GPU only. Changes rounding, no more.",
        json_schema_extra=RUNTIME_ONLY,
    ),
]


class Settings(BaseModel):
    """Frozen settings: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def is_runtime_only(field: FieldInfo) -> bool:
    """True for a field declared with `json_schema_extra=RUNTIME_ONLY`."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("runtime_only"))


def partial(settings: type[Settings]) -> type[Settings]:
    """The same settings with every key optional, at every depth: the type of an override.

    Values are checked for type and range here; rules that span several keys are checked on the
    merged whole (`ddpm.study.loading`).
    """
    fields: dict[str, Any] = {}
    for name, field in settings.model_fields.items():
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Settings):
            annotation = partial(annotation)
        fields[name] = (annotation | None, FieldInfo.merge_field_infos(field, default=None))
    return create_model(f"Partial{settings.__name__}", __base__=Settings, __doc__=settings.__doc__, **fields)
