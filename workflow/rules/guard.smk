# On a machine without a GPU, the paper's training would take months: a run that asks for it prints its plan and stops
# before anything is made. Dry runs, runs through a cluster, and the jobs of a run are let through.
from ddpm.plan.guard import refusal
from ddpm.plan.jobs import Job


def require_feasible():
    """Raises WorkflowError, which ends with the plan, if this run's networks would take too long here."""
    if config.get("allow_cpu") or not workflow.local_exec or workflow.touch:
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
