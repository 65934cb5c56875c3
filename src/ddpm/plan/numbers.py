"""The plan as numbers, for programs."""

from __future__ import annotations

from typing import Any

from ddpm.plan.cost import Plan


def plan_numbers(plan: Plan) -> dict[str, Any]:
    """Jobs of each rule, seconds and bytes by kind of work and of file, and what takes longest; for JSON."""
    rules = dict.fromkeys(job.rule for job in plan.jobs)
    jobs = {rule: [job for job in plan.jobs if job.rule == rule] for rule in rules}
    return {
        "study": plan.study.name,
        "machine": plan.speed.machine,
        "jobs": {
            rule: {"all": len(found), "to_run": sum(job.pending for job in found)}
            for rule, found in jobs.items()
        },
        "seconds": plan.seconds_by_kind,
        "total_seconds": plan.total_seconds,
        "longest_chain_seconds": plan.longest_chain.seconds,
        "bytes": plan.bytes_by_kind,
        "state_bytes": plan.state_bytes,
        "notes": list(plan.speed.notes),
    }
