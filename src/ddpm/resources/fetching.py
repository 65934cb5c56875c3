"""Fetching a file to its path under resources/, by one process at a time, unless it is there already."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ddpm.errors import ResourceError
from ddpm.records.files import output_error, sha256
from ddpm.records.locks import NoLocksError, SignedLock
from ddpm.records.reading import unreadable
from ddpm.resources.download import Download
from ddpm.resources.locating import RemoteFile, remote_file

logger = logging.getLogger("ddpm")


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
    download = Download(remote)
    try:
        remote.path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(remote.path):
            # Another process may have fetched it meanwhile.
            if _is_there(remote):
                return False
            download.from_mirrors()
            download.finish()
    except OSError as error:
        raise output_error(download.part, error) from error
    logger.info(f"{remote.path}: fetched" + (", SHA-256 as expected" if remote.sha256 else ""))
    return True


def _is_there(remote: RemoteFile) -> bool:
    if not os.path.exists(remote.path):
        return False
    if reason := unreadable(remote.path):
        raise ResourceError(f"{remote.path}: {reason}")
    found = sha256(remote.path) if remote.sha256 else None
    if found == remote.sha256:
        logger.info(f"{remote.path}: is there" + (", SHA-256 as expected" if found else ""))
        return True
    logger.warning(f"{remote.path}: its SHA-256 is {found}, not {remote.sha256}; fetching it anew")
    return False


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Entered by one process at a time for a path; others wait."""
    lock, waits = SignedLock(path.with_name(f".{path.name}.lock"), "fetching"), False
    try:
        while not lock.take():
            if not waits:
                logger.info(f"{path}: another process is fetching it ({lock.holder()}); waiting for that")
            waits = True
            time.sleep(0.2)
    except NoLocksError as error:
        logger.warning(f"{error}; do not fetch the file twice at once")
    try:
        yield
    finally:
        lock.release()
