# Training, and the weights that are evaluated: the last, chosen among checkpoints, or published ones.
# The resumable state ({home}/models/<model>/seed<n>/state) is no output: Snakemake deletes the
# outputs of a failed job, and the state is what an interrupted run continues from. For the same reason the
# checkpoints beside it are no outputs.
# Snakemake also deletes outputs that are finished, if it was killed before it noted the end of their job. So the state's
# folder keeps second names of them until then (--keep-finished), and a new training job puts them back. The flag
# `update` would not do: after an `update` job that failed, Snakemake puts old outputs back and records them as made
# with the settings of now; and it could not be told whether to train again was asked for (--forcerun).
from ddpm.versions.noted import remove_noted

# Not while another workflow runs here, which may be about to make such a file again.
if workflow.is_main_process:
    with workflow_lock.looking() as alone:
        if alone:
            remove_noted()


onsuccess:
    remove_noted()


onerror:
    remove_noted()


rule train:
    input:
        model_data,
    output:
        weights=layout.WEIGHTS,
        curve=layout.CURVE,
    log:
        "{home}/logs/train/{model}.seed{seed}.log",
    benchmark:
        "{home}/benchmarks/train/{model}.seed{seed}.tsv"
    priority: 50
    conda:
        "../../envs/ddpm.yaml"
    resources:
        processes=1,  # that train together, one a GPU; no matter of the result, and changing it reruns nothing
    params:
        study=study_file,
        settings=settings(fingerprint.training_job_fingerprint, "model"),
    shell:
        "exec ddpm train {params.study} --model {wildcards.model} --seed {wildcards.seed} "
        "--threads {threads} --processes {resources.processes} --keep-finished --log {log}"


rule checkpoint:
    input:
        weights=layout.WEIGHTS,
        features=features_file,
        data=model_data,
        reference=reference_first,
    output:
        layout.CHECKPOINT_ROWS,
    log:
        "{home}/logs/checkpoint/{model}.seed{seed}.step{step}.log",
    benchmark:
        "{home}/benchmarks/checkpoint/{model}.seed{seed}.step{step}.tsv"
    priority: 40
    conda:
        "../../envs/ddpm.yaml"
    params:
        study=study_file,
        settings=settings(fingerprint.checkpoint_fingerprint, "model"),
    shell:
        "exec ddpm checkpoint {params.study} --model {wildcards.model} --seed {wildcards.seed} "
        "--step {wildcards.step} --threads {threads} --log {log}"


rule choose:
    input:
        weights=layout.WEIGHTS,
        rows=lambda w: dependencies.choice_inputs(study(w), w.model, w.seed),
    output:
        layout.CHOSEN,
    log:
        "{home}/logs/choose/{model}.seed{seed}.log",
    conda:
        "../../envs/ddpm.yaml"
    params:
        study=study_file,
        settings=settings(fingerprint.weights_fingerprint, "model"),
    shell:
        "exec ddpm choose {params.study} --model {wildcards.model} --seed {wildcards.seed} --log {log}"


rule pretrained:
    input:
        lambda w: obtainable([dependencies.pretrained_file(study(w), w.model)]),
    output:
        layout.IMPORTED,
    log:
        "{home}/logs/pretrained/{model}.seed{seed}.log",
    conda:
        "../../envs/ddpm.yaml"
    params:
        study=study_file,
        settings=settings(fingerprint.weights_fingerprint, "model"),
    shell:
        "exec ddpm pretrained {params.study} --model {wildcards.model} --seed {wildcards.seed} --log {log}"
