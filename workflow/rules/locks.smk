# Snakemake's locks stay behind when it is killed and would stop the next start. The kernel drops the lock below
# with the process, so whoever holds it knows that locks found in .snakemake belong to no running workflow.
import fcntl
from pathlib import Path


def remove_stale_locks():
    """Returns a handle to keep for the process's life, or None if another workflow runs here."""
    folder = Path(".snakemake")
    folder.mkdir(exist_ok=True)
    guard = open(folder / "running", "w")
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        guard.close()
        return None
    for lock in (folder / "locks").glob("*.lock"):
        lock.unlink(missing_ok=True)
    return guard


if workflow.is_main_process:
    running = remove_stale_locks()
