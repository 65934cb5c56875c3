"""Files of Hugging Face repositories, which need no entry in config/resources.yaml."""

from __future__ import annotations

import os
from pathlib import Path

from ddpm.resources.errors import ResourceError
from ddpm.resources.remote_file import RemoteFile

ENDPOINT = "https://huggingface.co"


def hugging_face_file(path: Path) -> RemoteFile:
    """The file behind `resources/huggingface/<owner>/<name>/<revision>/<file...>`.

    The environment variables HF_ENDPOINT (another server) and HF_TOKEN (for a repository that asks for a
    login) are heeded. Size and hash are unknown: whoever reads the file checks it.

    Raises:
        ResourceError: the path has too few parts.
    """
    parts = path.parts[path.parts.index("huggingface") + 1 :]
    if len(parts) < 4:
        raise ResourceError(
            f"{path}: must be resources/huggingface/<owner>/<name>/<revision>/<file>, "
            "for example resources/huggingface/google/ddpm-cifar10-32/main/config.json"
        )
    owner, name, revision, *file = parts
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or ENDPOINT
    token = os.environ.get("HF_TOKEN", "")
    return RemoteFile(
        path,
        (f"{endpoint}/{owner}/{name}/resolve/{revision}/{'/'.join(file)}",),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        hint="Check the repository's name, revision and file; one that asks for a login needs HF_TOKEN in "
        "the environment.",
    )
