# The codes of Algorithms 3 and 4 (section 4.3) and of bits-back coding, fitted to a model on its training split.
rule schedule:
    input:
        weights=weights,
        errors=layout.RATE_DISTORTION.replace("{split}", "train"),
        data=model_data,
    output:
        layout.SCHEDULE,
    log:
        "{home}/logs/schedule/{model}.seed{seed}.{schedule}.log",
    benchmark:
        "{home}/benchmarks/schedule/{model}.seed{seed}.{schedule}.tsv"
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=lambda w: or_workflow_error(fingerprint.schedule_fingerprint, study(w), w.model, w.schedule),
    shell:
        "exec ddpm schedule {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--schedule {wildcards.schedule:q} --threads {threads:q} --log {log:q} --quiet"


rule coding:
    input:
        weights=weights,
        code=layout.SCHEDULE,
        data=model_data,
    output:
        rows=layout.CODING_ROWS,
        pictures=layout.PICTURES,
    log:
        "{home}/logs/coding/{model}.seed{seed}.{schedule}.log",
    benchmark:
        "{home}/benchmarks/coding/{model}.seed{seed}.{schedule}.tsv"
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=lambda w: or_workflow_error(fingerprint.coding_fingerprint, study(w), w.model, w.schedule),
    shell:
        "exec ddpm coding {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--schedule {wildcards.schedule:q} --threads {threads:q} --log {log:q} --quiet"
