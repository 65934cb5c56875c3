"""Fetching a file: mirrors in order, retries, and nothing under its final name that was not checked."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import requests

from ddpm.records.files import sha256
from ddpm.resources.errors import ResourceError
from ddpm.resources.locating import remote_file
from ddpm.resources.part import PartFile
from ddpm.resources.registry import REGISTRY
from ddpm.resources.remote_file import RemoteFile
from ddpm.resources.transfer import MEGABYTE, BrokenTransferError, RefusedTransferError, transfer

logger = logging.getLogger("ddpm")

ATTEMPTS = 3
"""Transfers from one mirror that may fail in succession without progress."""
PAUSE = 1.0
"""Seconds before the second attempt; doubled before each further one."""
PROGRESS = 64 * 1024
"""Bytes that count as progress."""


def fetch(path: str | Path) -> bool:
    """Fetches a file to its path under resources/, unless it is there with the right content.

    A part that an earlier run left is continued. Proxies are taken from the environment as requests does.

    Returns:
        True if it was downloaded.

    Raises:
        ResourceError: the file is unknown, or no mirror gave it; the message lists what each one did.
        OutputError: the folder cannot be written or the disk is full; what arrived is kept for the next run.
    """
    remote = remote_file(path)
    if _is_there(remote):
        return False
    with PartFile(remote.path) as part:
        # Another process may have fetched it while this one waited for the part.
        if _is_there(remote):
            return False
        _from_mirrors(remote, part)
        part.finish()
    logger.info(f"{remote.path}: fetched" + (", SHA-256 as expected" if remote.sha256 else ""))
    return True


def _is_there(remote: RemoteFile) -> bool:
    if not remote.path.exists():
        return False
    found = sha256(remote.path) if remote.sha256 else None
    if found == remote.sha256:
        logger.info(f"{remote.path}: is there" + (", SHA-256 as expected" if found else ""))
        return True
    logger.warning(f"{remote.path}: its SHA-256 is {found}, not {remote.sha256}; fetching it anew")
    return False


def _from_mirrors(remote: RemoteFile, part: PartFile) -> None:
    failures = []
    with requests.Session() as session:
        for url in remote.urls:
            try:
                _from_mirror(session, remote, url, part)
                return
            except (BrokenTransferError, RefusedTransferError) as error:
                failures.append(f"  {url}: {error}")
                logger.warning(f"{url}: {error}")
    raise ResourceError(
        "\n".join([f"{remote.path}: could not be fetched:", *failures, *_advice(remote, part)])
    )


def _from_mirror(session: requests.Session, remote: RemoteFile, url: str, part: PartFile) -> None:
    """Completes the part from one mirror and checks it; a continued part may be begun anew once."""
    begun_anew = False
    while True:
        _persistently(session, remote, url, part)
        found = sha256(part.path) if remote.sha256 else None
        if found == remote.sha256:
            return
        continued = part.continued
        part.clear()
        failure = (
            f"sent other content: SHA-256 {found}, expected {remote.sha256}. If the file was rightly "
            f"replaced, put its new hash into {REGISTRY}; otherwise remove this mirror there"
        )
        if not continued or begun_anew:
            raise RefusedTransferError(failure)
        logger.warning(f"{url}: {failure}. The pieces may not belong together: once more from the start")
        begun_anew = True


def _persistently(session: requests.Session, remote: RemoteFile, url: str, part: PartFile) -> None:
    """Repeats a broken transfer, with longer and longer pauses while nothing arrives."""
    failed = 0
    while True:
        before = part.size
        try:
            transfer(session, remote, url, part)
            return
        except BrokenTransferError as error:
            failed = 1 if part.size - before >= PROGRESS else failed + 1
            if failed >= ATTEMPTS:
                raise
            pause = PAUSE * 2 ** (failed - 1)
            logger.warning(f"{url}: {error}; again in {pause:.0f} s")
            time.sleep(pause)


def _advice(remote: RemoteFile, part: PartFile) -> list[str]:
    kept = f" What arrived ({part.size / MEGABYTE:.1f} MB) is kept and continued." if part.size else ""
    known = f" (SHA-256 {remote.sha256})" if remote.sha256 else ""
    return [
        *([remote.hint] if remote.hint else [f"Mirrors stand in {REGISTRY}."]),
        f"With a network, run `ddpm fetch {remote.path}` again.{kept}",
        f"Without one, put the file there yourself{known}, or name a local path in the study: "
        "datasets.<name>.archive, quality.features.weights, or a model's pretrained.file",
    ]
