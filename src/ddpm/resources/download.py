"""The download of one file: mirrors in order, retries, and nothing under its final name that was not checked.

What has arrived lies in `<name>.part`, and a broken transfer goes on there (RFC 9110, section 14). The
SHA-256 of the whole tells whether the pieces belong together. Where none is known, If-Range does, and what an
earlier run left is not taken.
"""

from __future__ import annotations

import logging
import os
import re
import time
from urllib.parse import urljoin

import requests
import urllib3

from ddpm.errors import ResourceError
from ddpm.progress import Progress
from ddpm.records.files import sha256
from ddpm.resources.locating import RemoteFile
from ddpm.resources.registry import REGISTRY
from ddpm.resources.secrets import masked, refuse_downgrade

logger = logging.getLogger("ddpm")

ATTEMPTS = 3
"""Transfers from one mirror that may fail in succession without progress."""
PAUSE = 1.0
"""Seconds before the second attempt; doubled before each further one."""
CHUNK = 64 * 1024
"""Bytes that are read at once, and that count as progress."""
TIMEOUT = (10.0, 60.0)
"""Seconds to connect, and between two packets."""
MEGABYTE = 1_000_000


class _BrokenTransferError(Exception):
    """The transfer failed; the same server may do better when asked again."""


class _RefusedTransferError(Exception):
    """This server does not give the file."""


class Download:
    """The download of one file; what arrives is kept in `part` until it is whole."""

    def __init__(self, remote: RemoteFile) -> None:
        self.remote = remote
        self.part = remote.path.with_name(f"{remote.path.name}.part")
        # Of the version that a file without a known hash is a part of; "" if the server names none.
        self._etag = ""

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.part.stat().st_size if self.part.exists() else 0

    def from_mirrors(self) -> None:
        """Completes and checks the part from the first mirror that gives the file."""
        failures = []
        with requests.Session() as session:
            for url in self.remote.urls:
                try:
                    self._from_mirror(session, url)
                    return
                except (_BrokenTransferError, _RefusedTransferError) as error:
                    failures.append(f"  {masked(url)}: {error}")
                    logger.warning(f"{masked(url)}: {error}")
        raise ResourceError(
            "\n".join([f"{self.remote.path}: could not be fetched:", *failures, *self._advice()])
        )

    def _advice(self) -> list[str]:
        kept = f" What arrived ({self.size / MEGABYTE:.1f} MB) is kept and continued." if self.size else ""
        known = f" (SHA-256 {self.remote.sha256})" if self.remote.sha256 else ""
        return [
            self.remote.hint,
            f"With a network, run `ddpm fetch {self.remote.path}` again.{kept if known else ''}",
            f"Without one, put the file there yourself{known}, or name a local path in the study: "
            "datasets.<name>.archive, quality.features.weights, or a model's pretrained.file",
        ]

    def _from_mirror(self, session: requests.Session, url: str) -> None:
        """Completes the part from one mirror and checks it; a part from elsewhere may be begun anew once."""
        while True:
            begun_elsewhere = self.size > 0
            self._persistently(session, url)
            found = sha256(self.part) if self.remote.sha256 else None
            if found == self.remote.sha256:
                return
            self.part.unlink()
            failure = (
                f"sent other content: SHA-256 {found}, expected {self.remote.sha256}. If the file was "
                f"rightly replaced, put its new hash into {REGISTRY}; otherwise remove this mirror there"
            )
            if not begun_elsewhere:
                raise _RefusedTransferError(failure)
            logger.warning(
                f"{masked(url)}: {failure}. The pieces may not belong together: once more from the start"
            )

    def _persistently(self, session: requests.Session, url: str) -> None:
        """Repeats a broken transfer, with longer and longer pauses while nothing arrives."""
        failed = 0
        while True:
            before = self.size
            try:
                self._transfer(session, url)
                return
            except _BrokenTransferError as error:
                failed = 1 if self.size - before >= CHUNK else failed + 1
                if failed >= ATTEMPTS:
                    raise
                pause = PAUSE * 2 ** (failed - 1)
                logger.warning(f"{masked(url)}: {error}; again in {pause:.0f} s")
                time.sleep(pause)

    def _transfer(self, session: requests.Session, url: str) -> None:
        """Asks `url` once for what the part lacks and appends it."""
        if self.size and (self.size > self.remote.size if self.remote.size else not self._etag):
            self.part.unlink()
        if self.size and self.size == self.remote.size:
            return
        # Compressed on the way, a file would have another length and no ranges.
        headers = {"Accept-Encoding": "identity", **self.remote.headers}
        if self.size:
            headers["Range"] = f"bytes={self.size}-"
            if self.remote.sha256 is None:
                headers["If-Range"] = self._etag
        try:
            response = session.get(
                url, headers=headers, stream=True, timeout=TIMEOUT, hooks={"response": self._check_redirect}
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            raise _BrokenTransferError(_reason(error)) from error
        except requests.RequestException as error:
            raise _RefusedTransferError(masked(str(error))) from error
        with response:
            self._receive(response, self._begin(response))

    def _check_redirect(self, response: requests.Response, **_: object) -> None:
        """Called with each answer, before a redirect in it is followed."""
        if self.remote.sha256 is None and response.is_redirect:
            target = urljoin(response.url, response.headers["Location"])
            if reason := refuse_downgrade(response.url, target):
                response.close()
                raise _RefusedTransferError(reason)

    def _begin(self, response: requests.Response) -> int | None:
        """Makes the part fit the answer's header; the size of the whole file, if known."""
        etag = response.headers.get("ETag", "")
        if response.status_code == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
            other = self.remote.sha256 is None and etag != self._etag
            if span is None or int(span[1]) != self.size or other:
                self.part.unlink()
                raise _BrokenTransferError("sent another part of the file than was asked for")
            length = span[2]
        elif response.status_code == 200:
            length = response.headers.get("Content-Length", "")
        elif response.status_code == 416:
            self.part.unlink()
            raise _BrokenTransferError("its file ends before what had arrived")
        else:
            failure = f"HTTP {response.status_code} {response.reason}"
            again = response.status_code in (408, 425, 429) or response.status_code >= 500
            raise (_BrokenTransferError if again else _RefusedTransferError)(failure)
        total = int(length) if length.isdigit() else None
        if self.remote.size is not None and total not in (None, self.remote.size):
            raise _RefusedTransferError(f"offers {total:,} bytes, not {self.remote.size:,}")
        if response.status_code == 200:
            self.part.unlink(missing_ok=True)
            # A weak one does not tell versions apart byte by byte.
            self._etag = etag if etag.startswith('"') else ""
        return total if self.remote.size is None else self.remote.size

    def _receive(self, response: requests.Response, total: int | None) -> None:
        size = self.size
        title, megabytes = f"fetch {self.remote.path.name}", -(-(total or 0) // MEGABYTE)
        with (
            open(self.part, "ab") as file,
            Progress(title, megabytes, "MB", done=size // MEGABYTE) as progress,
        ):
            try:
                for chunk in response.raw.stream(CHUNK, decode_content=False):
                    size += len(chunk)
                    if total is not None and size > total:
                        self.part.unlink()
                        raise _RefusedTransferError(f"sends more than {total:,} bytes")
                    file.write(chunk)
                    progress.advance(size // MEGABYTE - progress.done)
            except (urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
                reason = error.args[0] if error.args else error
                raise _BrokenTransferError(f"broke off after {size:,} bytes ({reason})") from error
            if total is not None and size < total:
                raise _BrokenTransferError(f"broke off after {size:,} of {total:,} bytes")
            progress.total = -(-size // MEGABYTE)
            progress.advance(progress.total - progress.done)

    def finish(self) -> None:
        """Renames the part to its final name; a file of that name is kept as `<name>.old`."""
        final = self.remote.path
        with open(self.part, "rb") as file:
            os.fsync(file.fileno())
        if final.exists():
            old = final.with_name(f"{final.name}.old")
            os.replace(final, old)
            logger.warning(f"{final}: the file that was there is now {old}")
        os.replace(self.part, final)


def _reason(error: requests.RequestException) -> str:
    """The cause without the connection pool around it."""
    inner = error.args[0] if error.args else error
    return masked(str(getattr(inner, "reason", None) or inner))
