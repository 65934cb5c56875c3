# One executing workflow a folder; see ddpm.workflow_lock. Snakemake's locks are left behind when it is killed: those
# that belong to no running workflow are removed, so that the next start just goes on.
from contextlib import nullcontext

from snakemake.logging import logger

from ddpm import workflow_lock


def folder_lock(executor_plugin, **_):
    """Takes the lock for a start that makes or touches files; it ends with the returned context."""
    if executor_plugin.common_settings.dryrun_exec or not workflow.execution_settings.lock:  # -n, --nolock
        return nullcontext()
    try:
        lock = workflow_lock.take(logger.info)
    except workflow_lock.AnotherWorkflowError as error:
        raise WorkflowError(str(error)) from None
    except workflow_lock.NoLocksError as error:
        logger.warning(f"{error}. Start one workflow at a time here: a second one may not be refused.")
        return nullcontext()
    workflow_lock.remove_stale_locks()
    return lock


# Jobs that run in a Snakemake of their own, here or on a cluster's node, belong to the workflow that started them.
if workflow.is_main_process:
    # All starts that make or touch files go through `execute`, and no others but dry runs. An `onstart:` would be too
    # late: it follows Snakemake's own look at its locks, and --no-hooks leaves it out.
    workflow.execute = workflow_lock.within(folder_lock, workflow.execute)
    with workflow_lock.looking() as alone:
        if alone:
            workflow_lock.remove_stale_locks()
