# Files fetched from the network, the same for all studies: those of config/resources.yaml and of Hugging Face.
# A download that breaks off leaves `<name>.part` beside its output, which Snakemake leaves alone. The verb tries all mirrors
# several times. So the job has no `retries`, which a cluster's profile sets for faults of a machine; nor have
# the other jobs that run on the login node, as their errors are of settings or files and would come again.


# `update` keeps a file that is there until the verb has checked it: where there is no network it could not come back.
rule fetch:
    output:
        update(layout.RESOURCE),
    log:
        "resources/.logs/{file}.log",
    wildcard_constraints:
        file=or_workflow_error(locating.fetched_names),
    retries: 0
    params:
        sha256=lambda w: or_workflow_error(locating.expected_sha256, layout.RESOURCE.format(file=w.file)),
    shell:
        "exec ddpm fetch {output:q} --log {log:q} --quiet"
