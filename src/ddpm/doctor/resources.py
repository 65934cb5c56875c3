"""Fetched files: whether those that are there are whole, and whether the others can be had."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import requests

from ddpm.doctor.finding import Finding, failed, ok, unused, warning
from ddpm.plan.units import size
from ddpm.records.files import sha256
from ddpm.resources.locating import RemoteFile, remote_file
from ddpm.resources.registry import FOLDER, read_registry

# Seconds to connect, and for an answer.
_LIMIT = (3.0, 3.0)


def resources(files: Sequence[str] | None) -> Iterator[Finding]:
    """Whether fetched files have the registered content, and servers of missing ones answer.

    Args:
        files: those that a study needs; None for all registered ones that are there.
    """
    named = [str(FOLDER / name) for name in read_registry()] if files is None else files
    remotes = [remote_file(file) for file in named]
    there = [remote for remote in remotes if remote.path.exists()]
    yield from map(_content, there)
    missing = [] if files is None else [remote for remote in remotes if not remote.path.exists()]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield from pool.map(_obtainable, missing)
    if not there and not missing:
        text = "no downloads are needed" if files is not None else f"nothing was fetched into {FOLDER}/ yet"
        yield unused("resources", text)


def _content(remote: RemoteFile) -> Finding:
    if remote.sha256 is None:
        return ok("resources", f"{remote.path} is there; whoever reads it checks it")
    if (found := sha256(remote.path)) != remote.sha256:
        text = f"{remote.path} has other content than registered: SHA-256 {found}, not {remote.sha256}"
        return failed(
            "resources", text, f"ddpm fetch {remote.path}   (the file that is there is kept as .old)"
        )
    return ok("resources", f"{remote.path} has the registered content")


def _obtainable(remote: RemoteFile) -> Finding:
    """Whether a server of a missing file answers."""
    about = f"{remote.path} is not here yet" + (f" ({size(remote.size)})" if remote.size else "")
    refusals = []
    for url in remote.urls:
        host, reason = urlsplit(url).hostname, _refusal(url, remote)
        if not reason:
            text = f"{about}; {host} answers. The workflow fetches it, or: ddpm fetch {remote.path}"
            return ok("resources", text)
        refusals.append(f"{host}: {reason}")
    reasons = ", ".join(dict.fromkeys(refusals))
    known = f" (SHA-256 {remote.sha256})" if remote.sha256 else ""
    remedy = f"with a network: ddpm fetch {remote.path}; without one, bring the file there{known}"
    return failed("resources", f"{about}, and no server gives it ({reasons})", remedy)


def _refusal(url: str, remote: RemoteFile) -> str:
    """Why a server does not give the file; "" if it seems to. That one answers no HEAD does not count."""
    try:
        answer = requests.head(url, headers=dict(remote.headers), timeout=_LIMIT, allow_redirects=True)
    except requests.RequestException as error:
        return type(error).__name__
    gone = answer.status_code in (401, 404, 410) or answer.status_code >= 500
    return f"HTTP {answer.status_code}" if gone else ""


def own_files(told: Sequence[str]) -> Iterator[Finding]:
    """What a study cannot build because data, weights or samples of the user's own are missing.

    Args:
        told: a line for each reason, with the remedy.
    """
    for line in told:
        names, _, reason = line.partition(": ")
        remedy = "bring the files; or build the rest: snakemake ... --keep-going"
        yield warning("data", f"cannot be built here: {names} ({reason})", remedy)
    if not told:
        yield ok("data", "all data sets and weights of the study are there, or can be fetched")
