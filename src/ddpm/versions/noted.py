"""Removes what training keeps of its results, once Snakemake has noted that their jobs have ended."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from ddpm.study import layout
from ddpm.versions.records import RECORDS, is_marked_unfinished, made_here, record

# The paper's study, and all others.
_HOMES = ("results", "results/*")


def remove_noted() -> None:
    """Removes what training keeps in the working folder, but for runs whose end Snakemake has not noted.

    Noted is what it has a record of that is no older than the results, and no mark as unfinished. The record
    of a failed job tells nothing: its outputs are gone, and what is kept stays. Results in place without a
    mark are as good as noted: a trainer that outlived its workflow put them there, and no job removes them.
    """
    for home in _HOMES:
        for kept in Path().glob(layout.FINISHED.format(home=home, model="*", seed="*")):
            if _is_noted(kept):
                shutil.rmtree(kept, ignore_errors=True)
                # Not if a state is there besides.
                with contextlib.suppress(OSError):
                    kept.parent.rmdir()


def _is_noted(kept: Path) -> bool:
    run = kept.parents[1]
    for pattern in (layout.WEIGHTS, layout.CURVE):
        name = Path(pattern).name
        output = (run / name).as_posix()
        if is_marked_unfinished(output):
            return False
        try:
            if os.path.samefile(kept / name, output):
                continue
            # Newer where a trainer that Snakemake knows nothing of is just about to put it in place.
            if (kept / name).stat().st_mtime_ns >= record(RECORDS, output).stat().st_mtime_ns:
                return False
        except FileNotFoundError:
            pass
        except OSError:
            return False
        if not made_here(output):
            return False
    return True
