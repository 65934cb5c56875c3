# On a machine without a GPU, the paper's training would take months: a run that asks for it prints its plan and stops
# before anything is made. Dry runs, runs through a cluster, and the jobs of a run are let through.
from ddpm.plan.cost import Plan, speed_of_rate
from ddpm.plan.guard import ASSUMED_RATE, refusal
from ddpm.plan.jobs import Job


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


def require_feasible():
    """Raises WorkflowError, which ends with the plan, if this run's networks would take too long here."""
    if config.get("allow_cpu") or not workflow.local_exec or workflow.touch:
        return
    for home, jobs in jobs_by_home().items():
        if (reason := refusal(study_in(home), list(jobs))) is not None:
            raise WorkflowError(reason)


def tell_plan():
    """Logs rule and planned seconds of each job, by its id.

    src/snakemake_logger_plugin_ddpm shows the time left by them; another handler of the log shows nothing.
    """
    planned = {}
    for home, jobs in jobs_by_home().items():
        plan = Plan(study_in(home), list(jobs), speed_of_rate(study_in(home), ASSUMED_RATE, "", []))
        planned |= {number: (job.rule, plan.seconds([job])) for job, number in jobs.items()}
    logger.info(None, extra={"planned_jobs": planned})
