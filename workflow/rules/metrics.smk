# Numbers and curves as JSON and CSV, for `dvc metrics diff` and `dvc plots`.
from ddpm.versions import metrics_files


rule metrics:
    input:
        unpack(lambda w: metrics_files.metrics_inputs(study(w))),
    output:
        metrics=metrics_files.METRICS,
        training=metrics_files.TRAINING_PLOT,
        progressive=metrics_files.PROGRESSIVE_PLOT,
        checkpoints=metrics_files.CHECKPOINTS_PLOT,
    log:
        "{home}/logs/metrics.log",
    conda:
        "../../envs/ddpm.yaml"
    params:
        study=study_file,
    shell:
        "exec ddpm metrics {params.study} --log {log}"


localrules:
    metrics,
