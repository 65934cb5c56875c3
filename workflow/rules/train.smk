# Training, and the weights that are evaluated: the last, chosen among checkpoints, or published ones.
# A training job's only output is a receipt. Weights, curve, checkpoints and the resumable state beside it are no outputs,
# so Snakemake, which deletes outputs before a job and after one that failed, deletes none of them. A job that finds its
# run complete writes the receipt again and makes no step; one that finds a run of other settings sets that aside.


rule train:
    input:
        model_data,
    output:
        layout.RECEIPT,
    log:
        layout.TRAINING_LOG,
    benchmark:
        "{home}/benchmarks/train/{model}.seed{seed}.tsv"
    priority: 50
    resources:
        gpu=1,
        processes=1,  # that train together, one a GPU; no matter of the result, and changing it reruns nothing
    params:
        study=study_file,
        settings=lambda w: receipts.training_job_settings(study(w), w.model, w.seed),
    shell:
        "exec ddpm train {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--threads {threads:q} --processes {resources.processes:q} --log {log:q} --quiet"


rule checkpoint:
    input:
        run=layout.RECEIPT,
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
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.checkpoint_fingerprint, "model"),
    shell:
        "exec ddpm checkpoint {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--step {wildcards.step:q} --threads {threads:q} --log {log:q} --quiet"


rule choose:
    input:
        run=layout.RECEIPT,
        rows=lambda w: dependencies.choice_inputs(study(w), w.model, w.seed),
    output:
        layout.CHOSEN,
    log:
        "{home}/logs/choose/{model}.seed{seed}.log",
    retries: 0
    params:
        study=study_file,
        settings=settings(fingerprint.weights_fingerprint, "model"),
    shell:
        "exec ddpm choose {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--log {log:q} --quiet"


rule pretrained:
    input:
        pretrained_files,
    output:
        layout.IMPORTED,
    log:
        "{home}/logs/pretrained/{model}.seed{seed}.log",
    retries: 0
    params:
        study=study_file,
        settings=settings(fingerprint.weights_fingerprint, "model"),
        content=pretrained_content,
    shell:
        "exec ddpm pretrained {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--log {log:q} --quiet"
