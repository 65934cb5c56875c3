# What stops a run before anything is made: a cluster's profile where there is no cluster; downloads where there is no
# network; and the paper's training on a machine without a GPU, which would take months, so that its plan is printed.
# Dry runs and the jobs of a run are let through.
import shutil

from ddpm.plan.guard import refusal
from ddpm.plan.jobs import Job
from ddpm.resources.network import require_network

# By executor the program that submits its jobs. Without it every job fails at each of its attempts.
SUBMIT_PROGRAMS = {"slurm": "sbatch"}


def require_submit_program():
    """Raises WorkflowError if the executor's jobs cannot be submitted from here."""
    executor = workflow.executor_plugin.name
    program = SUBMIT_PROGRAMS.get(executor)
    if program and shutil.which(program) is None:
        raise WorkflowError(
            f"The profile submits jobs to {executor.capitalize()}, and its program `{program}` is not found on this "
            "machine. Start it on the cluster's login node; without a cluster, leave `--profile` out (and "
            "SNAKEMAKE_PROFILE unset)."
        )


def require_time():
    """Raises WorkflowError, which ends with the plan, if this run's networks would take too long here."""
    if config.get("allow_cpu") or not workflow.local_exec:
        return
    jobs = [
        Job(job.rule.name, dict(job.wildcards.items()), tuple(job.input), tuple(job.output))
        for job in workflow.dag.needrun_jobs()
        if job.output
    ]
    for home in {job["home"] for job in jobs if "home" in job.wildcards}:
        of_study = [job for job in jobs if job.wildcards.get("home", home) == home]
        if (reason := refusal(study_in(home), of_study)) is not None:
            raise WorkflowError(reason)


def require_feasible():
    """Raises WorkflowError for a run that this machine cannot do."""
    if workflow.touch:
        return
    require_submit_program()
    require_time()
    fetched = [job.output for job in workflow.dag.needrun_jobs() if job.rule.name == "fetch"]
    or_workflow_error(require_network, [file for output in fetched for file in output])
