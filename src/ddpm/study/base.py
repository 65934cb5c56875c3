"""What all settings share: a strict base class, types of values, and how classes of overrides are made."""

from __future__ import annotations

import os
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

# A field marked with this decides how a job runs, not what it computes: fingerprints leave it out.
RUNTIME_ONLY: JsonDict = {"runtime_only": True}

# No number of images, steps or batches comes near it, and none is too large to count to.
MOST = 10**9
# Of what is fetched: names that mean the same to every shell, file system and server.
FETCHED_NAME = re.compile(r"(?!\.+(?:/|$))[\w.+][\w.+-]*")

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1, le=MOST)]
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


Item = TypeVar("Item")


def _each_once(items: list[Item] | None) -> list[Item] | None:
    for number, item in enumerate(items or []):
        if item in (items or [])[:number]:
            raise ValueError(f"{item} stands here twice; give each once")
    return items


# A list in which an item that is given again would be computed again, to the same.
EachOnce = AfterValidator(_each_once)


def _plain_path(path: str | None) -> str | None:
    if path is None:
        return None
    if any(ord(sign) < 32 for sign in path) or not path:
        raise ValueError("must be a path, without line breaks and tabs")
    parts = os.path.normpath(path).split("/")
    if parts[0] == "resources" and not all(map(FETCHED_NAME.fullmatch, parts)):
        raise ValueError("names below resources/ may hold letters, digits and . _ + - alone; rename it")
    return path


# A file or folder. What lies below resources/ may be fetched there, so its names are plain ones.
FilePath = Annotated[str, AfterValidator(_plain_path)]


class Settings(BaseModel):
    """Frozen settings: an unknown key, a value of another type or a number that is not finite is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def shown(value: object) -> str:
    """A value as it stands in a message: in one line, its middle left out where it is long."""
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:80]} ... {text[-20:]}"


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
