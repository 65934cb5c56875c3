# On a machine without a GPU, the paper's training would take months: a run that asks for it prints its plan and stops
# before anything is made. Dry runs, runs through a cluster, and the jobs of a run are let through.
from collections import defaultdict

from snakemake.logging import logger

from ddpm.plan.guard import refusal


def require_feasible():
    """Raises WorkflowError, after printing the plan, if this run's networks would take too long here."""
    if config.get("allow_cpu") or not workflow.local_exec or workflow.touch:
        return
    shared, of_study = [], defaultdict(list)
    for job in workflow.dag.needrun_jobs():
        files = of_study[job.wildcards.home] if "home" in job.wildcards.keys() else shared
        files += map(str, job.output)
    for home, files in of_study.items():
        refused = refusal(study_in(home), files + shared)
        if refused is not None:
            logger.error(refused.plan)
            raise WorkflowError(refused.reason)
