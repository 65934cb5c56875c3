# What stops a run before anything is made: a cluster's profile where there is no cluster, requests that it would refuse,
# and jobs that an earlier run left there; downloads where there is no network; and the paper's training on a machine
# without a GPU, which would take months, so that its plan is printed.
# Dry runs and the jobs of a run are let through.
import shutil

from ddpm.plan.cost import Plan, speed_of_rate
from ddpm.plan.guard import ASSUMED_RATE, refusal
from ddpm.plan.jobs import Job
from ddpm.resources.network import require_network
from ddpm.slurm.earlier_jobs import require_no_jobs
from ddpm.slurm.requests import request_of, require_accepted

# By executor the program that submits its jobs. Without it every job fails at each of its attempts.
SUBMIT_PROGRAMS = {"slurm": "sbatch"}


def jobs_by_home():
    """The jobs of this run, with their ids in Snakemake's log, by results folder."""
    found = {}
    for job in workflow.dag.needrun_jobs():
        if job.output:
            wildcards, files = dict(job.wildcards.items()), (tuple(job.input), tuple(job.output))
            found[Job(job.rule.name, wildcards, *files)] = workflow.dag.jobid(job)
    homes = dict.fromkeys(job["home"] for job in found if "home" in job.wildcards)
    return {
        home: {job: number for job, number in found.items() if job.wildcards.get("home", home) == home}
        for home in homes
    }


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


def require_accepted_requests():
    """Raises WorkflowError if Slurm would refuse a job of this run, or let it wait for ever."""
    if workflow.executor_plugin.name == "slurm":
        jobs = {job.rule.name: job for job in workflow.dag.needrun_jobs() if job.output and not job.is_local}
        or_workflow_error(require_accepted, {request_of(job.resources): rule for rule, job in jobs.items()})


def require_no_earlier_jobs():
    """Raises WorkflowError if Slurm still has jobs of an earlier run in this folder; or cancels them, if told to."""
    if workflow.executor_plugin.name != "slurm" or workflow.touch:
        return
    for job in or_workflow_error(require_no_jobs, os.getcwd(), bool(config.get("cancel_jobs"))):
        logger.info(f"Cancelled Slurm's job {job.number}, {job.title}, of an earlier run.")


def require_time():
    """Raises WorkflowError, which ends with the plan, if this run's networks would take too long here."""
    if config.get("allow_cpu") or not workflow.local_exec:
        return
    for home, jobs in jobs_by_home().items():
        if (reason := refusal(study_in(home), list(jobs))) is not None:
            raise WorkflowError(reason)


def require_feasible():
    """Raises WorkflowError for a run that this machine cannot do."""
    if workflow.touch:
        return
    require_submit_program()
    require_accepted_requests()
    require_time()
    fetched = [job.output for job in workflow.dag.needrun_jobs() if job.rule.name == "fetch"]
    or_workflow_error(require_network, [file for output in fetched for file in output])


def tell_plan():
    """Logs rule and planned seconds of each job, by its id.

    src/snakemake_logger_plugin_ddpm shows the time left by them; another handler of the log shows nothing.
    """
    planned = {}
    for home, jobs in jobs_by_home().items():
        plan = Plan(study_in(home), list(jobs), speed_of_rate(study_in(home), ASSUMED_RATE, "", []))
        planned |= {number: (job.rule, plan.seconds([job])) for job, number in jobs.items()}
    logger.info(None, extra={"planned_jobs": planned})
