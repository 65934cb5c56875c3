"""One request for a file, or for the rest of it (RFC 9110, section 14: Range, If-Range, 206, 416)."""

from __future__ import annotations

import re

import requests
import urllib3

from ddpm.progress import Progress
from ddpm.resources.part import PartFile, Version
from ddpm.resources.remote_file import RemoteFile

CHUNK = 64 * 1024
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two packets."""

MEGABYTE = 1_000_000


class BrokenTransferError(Exception):
    """The transfer failed; the same server may do better when asked again."""


class RefusedTransferError(Exception):
    """This server does not give the file."""


def transfer(session: requests.Session, remote: RemoteFile, url: str, part: PartFile) -> None:
    """Asks `url` for what `part` lacks and appends it until the file is complete.

    Raises:
        BrokenTransferError, RefusedTransferError: it did not become complete; what arrived stays in `part`.
        OutputError: the part cannot be written.
    """
    if remote.size is not None and part.size > remote.size:
        part.clear()
    if part.size and part.size == remote.size:
        return
    # Compressed on the way, a file would have another length and no ranges.
    headers = {"Accept-Encoding": "identity", **remote.headers, **_range(remote, url, part)}
    try:
        response = session.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    except (requests.ConnectionError, requests.Timeout) as error:
        raise BrokenTransferError(_reason(error)) from error
    except requests.RequestException as error:
        raise RefusedTransferError(str(error)) from error
    with response:
        if response.status_code == 416:
            _compare_with_all(response, part)
            return
        total = _begin(response, remote, url, part)
        _receive(response, total, part, f"fetch {remote.path.name}")


def _range(remote: RemoteFile, url: str, part: PartFile) -> dict[str, str]:
    """The headers that ask for the rest, if the part can be continued from this server."""
    if part.size and not (part.version.url == url and part.version.validator) and remote.sha256 is None:
        # Nothing would tell that the server has another version by now.
        part.clear()
    if not part.size:
        return {}
    headers = {"Range": f"bytes={part.size}-"}
    if part.version.url == url and part.version.validator:
        headers["If-Range"] = part.version.validator
    return headers


def _begin(response: requests.Response, remote: RemoteFile, url: str, part: PartFile) -> int | None:
    """Checks the answer's header, makes the part fit it, and returns the size of the whole file if told."""
    version = Version(url, _validator(response))
    if response.status_code == 206:
        total = _continued(response, version, part)
    elif response.status_code == 200:
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
    else:
        failure = f"HTTP {response.status_code} {response.reason}"
        if response.status_code in (408, 425, 429) or response.status_code >= 500:
            raise BrokenTransferError(failure)
        raise RefusedTransferError(failure)
    if remote.size is not None and total not in (None, remote.size):
        raise RefusedTransferError(f"offers {total:,} bytes, not {remote.size:,}")
    if response.status_code == 200:
        part.clear()
    part.start(version)
    return total if remote.size is None else remote.size


def _continued(response: requests.Response, version: Version, part: PartFile) -> int | None:
    """The whole size that a 206 tells, after checking that it continues the part."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    other_version = version.url == part.version.url and version.validator != part.version.validator
    if span is None or int(span[1]) != part.size or other_version:
        part.clear()
        raise BrokenTransferError("sent another part of the file than was asked for")
    part.continued = True
    return None if span[2] == "*" else int(span[2])


def _compare_with_all(response: requests.Response, part: PartFile) -> None:
    """After 416 (nothing follows the part): fine if the server's file ends there."""
    if response.headers.get("Content-Range") != f"bytes */{part.size}":
        part.clear()
        raise BrokenTransferError("its file ends before what had arrived")


def _receive(response: requests.Response, total: int | None, part: PartFile, title: str) -> None:
    before = part.size // MEGABYTE
    with Progress(title, -(-(total or 0) // MEGABYTE), "MB", done=before) as progress:
        try:
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                part.append(chunk)
                if total is not None and part.size > total:
                    part.clear()
                    raise RefusedTransferError(f"sends more than {total:,} bytes")
                progress.advance(part.size // MEGABYTE - progress.done)
        except (urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
            reason = error.args[0] if error.args else error
            raise BrokenTransferError(f"broke off after {part.size:,} bytes ({reason})") from error
        if total is not None and part.size < total:
            raise BrokenTransferError(f"broke off after {part.size:,} of {total:,} bytes")
        progress.total = -(-part.size // MEGABYTE)
        progress.advance(progress.total - progress.done)


def _validator(response: requests.Response) -> str:
    """A strong ETag, or else the time of the last change: what If-Range may carry."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _reason(error: requests.RequestException) -> str:
    """The cause without the connection pool around it."""
    inner = error.args[0] if error.args else error
    return str(getattr(inner, "reason", None) or inner)
