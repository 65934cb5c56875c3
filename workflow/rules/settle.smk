# Results that `dvc pull` or `dvc checkout` put here have arbitrary times, and Snakemake has no records of them. Before
# the jobs are planned, the times of those that belong to the present settings are put in order, and the others are
# marked out of date. Not while another workflow runs here, whose files these may be. Without dvc.lock nothing is done;
# once all is in order, a start costs a look at file times.
from ddpm.errors import DDPMError
from ddpm.study import layout, load_study
from ddpm.versions.lock import LOCK


def settle_stored_results():
    """Puts stored results in order; says what it did. A failure leaves the times to Snakemake."""
    from ddpm.versions.settling import settle

    try:
        done = settle(lambda name: load_study(layout.study_file(name)))
    except DDPMError as error:
        logger.warning(f"Results stored by DVC are taken as their file times say: {error}")
        return
    if done.ordered:
        logger.info(f"Put the times of {len(done.ordered)} results stored by DVC in order.")
    if done.outdated:
        logger.info(
            f"{len(done.outdated)} results stored by DVC are of other settings: {done.outdated[0]}, ..."
        )


if workflow.is_main_process and LOCK.exists():
    with workflow_lock.looking() as alone, workflow_lock.in_turn("settling"):
        if alone:
            settle_stored_results()
