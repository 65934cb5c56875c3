"""A file that is fetched: where it goes, where it comes from, and what is known of its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RemoteFile:
    """What a download needs to know.

    Attributes:
        path: where the file goes.
        urls: where it comes from, tried in order.
        sha256: hash of its content, hexadecimal; None if unknown.
        size: bytes; None if unknown.
        headers: sent with each request, such as an authorisation.
        hint: advice after a refusal by all servers.
    """

    path: Path
    urls: tuple[str, ...]
    sha256: str | None = None
    size: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    hint: str = ""
