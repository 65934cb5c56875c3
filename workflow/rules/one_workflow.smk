# One executing workflow a folder, and Snakemake's records beside the results. The profiles turn Snakemake's own locks off
# (`nolock`): they stay behind when it is killed, whereas the kernel drops this one with the process.
import shlex

from ddpm.records import snakemake_records
from ddpm.records.locks import SignedLock

FOLDER_LOCK = SignedLock("results/.workflow.lock", note=shlex.join(sys.argv))


def require_alone():
    """Raises WorkflowError if another workflow runs in this folder."""
    try:
        taken = FOLDER_LOCK.take()
    except DDPMError as error:
        logger.warning(f"{error}. Start one workflow at a time here: a second one may not be refused.")
        return
    if not taken:
        raise WorkflowError(
            f"Another workflow runs in this folder: {FOLDER_LOCK.holder()}\n"
            "Nothing was changed. Wait until it has ended, or stop it: with Ctrl-C where it was started, or on\n"
            "its host with `kill` and the number of that process, upon which it lets the jobs that run now end.\n"
            "Then start again. Dry runs (-n) are possible meanwhile."
        )


def homes():
    """The results folders of all studies that have one."""
    found = [layout.home(path.stem) for path in Path("config").glob("*.yaml")]
    return [home for home in found if Path(home).is_dir()]


def end_alone():
    """Keeps the records of all studies beside their results, and lets the next workflow begin."""
    for home in homes():
        or_workflow_error(snakemake_records.keep_records, home)
    FOLDER_LOCK.release()


# Jobs that run in a Snakemake of their own, here or on a cluster's node, belong to the workflow that started them.
if workflow.is_main_process:
    for home in homes():
        if count := or_workflow_error(snakemake_records.take_over_records, home):
            logger.info(f"Took over Snakemake's records of {count} files of {home}.")
