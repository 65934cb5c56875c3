"""The entities of a crate: those of files by path, and all others by their id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from ddpm.crate.contents import Content
from ddpm.crate.profiles import RO_CRATE, TERMS

_NOT_HERE = "Not in this crate: its size and hash are given so that a copy can be told."


class Entities:
    """A crate and the entities in it.

    Args:
        files: that it holds or describes.
        hashes: their SHA-256, by path.

    Attributes:
        crate: the crate.
        copied: the paths of the files that it holds.
    """

    def __init__(self, files: Sequence[Content], hashes: Mapping[str, str]) -> None:
        self.crate = ROCrate(version=RO_CRATE)
        self.crate.metadata.extra_contexts.append(TERMS)
        self.copied = [file.path for file in files if file.is_copied]
        self._files: dict[str, Any] = {}
        for file in files:
            about = {
                "name": file.path,
                "encodingFormat": file.media_type,
                "contentSize": str(file.source.stat().st_size),
                "sha256": hashes[file.path],
            }
            self._files[file.path] = (
                self.crate.add_file(file.source, file.path, properties=about)
                if file.is_copied
                else self._described(file.path, about)
            )

    def file(self, path: str, digest: str = "") -> Any:
        """The entity of a file; one that is neither held nor described yet is described by its hash."""
        if path not in self._files:
            # A place on somebody's machine is nobody else's business.
            name = Path(path).name if Path(path).is_absolute() else path
            self._files[path] = self._described(name, {"name": name} | ({"sha256": digest} if digest else {}))
        return self._files[path]

    def _described(self, path: str, about: dict[str, str]) -> Any:
        # RO-Crate 1.1 asks that each File is there: this is none of the crate's.
        return self.add(
            {"@id": f"#file/{quote(path)}", "@type": "CreativeWork", **about, "description": _NOT_HERE}
        )

    def add(self, entity: Mapping[str, Any]) -> Any:
        """Adds an entity that is no file, or gives the one of this id."""
        if (known := self.crate.get(entity["@id"])) is not None:
            return known
        about = {key: value for key, value in entity.items() if key != "@id"}
        return self.crate.add(ContextEntity(self.crate, entity["@id"], properties=about))

    def reference(self, url: str, name: str, version: str) -> Any:
        """A specification elsewhere."""
        return self.add({"@id": url, "@type": "CreativeWork", "name": name, "version": version})

    def add_action(
        self, identity: str, name: str, description: str, start: float, end: float, agent: Any
    ) -> Any:
        """A CreateAction that the crate mentions.

        Args:
            identity: its @id.
            name, description: for people.
            start, end: seconds since 1970.
            agent: the entity of who ran it, or None.
        """
        action = self.add(
            {
                "@id": identity,
                "@type": "CreateAction",
                "name": name,
                "description": description,
                "startTime": _time(start),
                "endTime": _time(end),
                "actionStatus": "http://schema.org/CompletedActionStatus",
            }
        )
        if agent:
            action["agent"] = agent
        self.crate.root_dataset.append_to("mentions", action)
        return action


def one_or_all(values: Sequence[Any]) -> Any:
    """The list, or its only value: RO-Crate recommends no list of one."""
    return values[0] if len(values) == 1 else list(values)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
