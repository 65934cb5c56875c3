"""An lmdb of images, opened to be read: nothing beside it is written, and no lock is taken."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DataError
from ddpm.records.reading import require_readable

if TYPE_CHECKING:
    import lmdb

DATA = "data.mdb"
# Records at each end of an lmdb that its digest reads.
_DIGESTED = 100


@dataclasses.dataclass(frozen=True)
class Database:
    """An open lmdb.

    Attributes:
        entries: how many records it holds.
    """

    _environment: lmdb.Environment
    entries: int

    def records(self, after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in the order of the keys, from the first one, or the one that follows a key."""
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            there = cursor.first() if after is None else cursor.set_range(after)
            if there and cursor.key() == after:
                there = cursor.next()
            # From a cursor at no record, it would begin at the first.
            if there:
                yield from cursor.iternext()

    def digest(self) -> str:
        """A hash of size and number of entries, and of the first and last records: LSUN's keys are hashes.

        The whole would take minutes to read, each time that only the times of the file have changed.
        """
        pages = self._environment.info()["last_pgno"]
        found = hashlib.sha256(f"{pages} {self.entries}".encode())
        with self._environment.begin() as transaction, transaction.cursor() as cursor:
            for records in (cursor.iternext(), cursor.iterprev()):
                for key, value in itertools.islice(records, _DIGESTED):
                    found.update(key + hashlib.sha256(value).digest())
        return found.hexdigest()


@contextlib.contextmanager
def opened(folder: str | Path) -> Iterator[Database]:
    """The lmdb of a folder that holds data.mdb. A process may have it open once at a time.

    Raises:
        DataError: there is none, it is damaged, or it is not whole.
    """
    file = Path(folder, DATA)
    with _environment(folder) as environment:
        # Whoever reads past the end of a mapped file is killed without a message.
        whole = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if (size := file.stat().st_size) < whole:
            raise DataError(f"{file}: is truncated, {size:,} of {whole:,} bytes; unpack or fetch it again")
        yield Database(environment, environment.stat()["entries"])


def entries_of_head(folder: str | Path) -> int:
    """How many records the lmdb has of which a folder's data.mdb holds the first pages; errors as above."""
    with _environment(folder) as environment:
        return int(environment.stat()["entries"])


@contextlib.contextmanager
def _environment(folder: str | Path) -> Iterator[lmdb.Environment]:
    import lmdb

    file = Path(folder, DATA)
    require_readable(file, DataError, "no such file; give the folder that was unpacked from LSUN's .zip")
    try:
        with lmdb.open(str(folder), readonly=True, lock=False) as environment:
            yield environment
    except lmdb.Error as error:
        reason = str(error).removeprefix(f"{folder}: ")
        raise DataError(f"{file}: no readable lmdb ({reason}); unpack or fetch it again") from error
