# Numbers and curves as JSON and CSV, for `dvc metrics`, `dvc plots` and the page.
rule metrics:
    input:
        unpack(lambda w: dependencies.awaited_inputs(dependencies.metrics_inputs(study(w)))),
    output:
        metrics=layout.METRICS,
        headline=layout.HEADLINE,
        made_from=layout.MADE_FROM,
        training=layout.TRAINING_PLOT,
        progressive=layout.PROGRESSIVE_PLOT,
        checkpoints=layout.CHECKPOINTS_PLOT,
    log:
        "{home}/logs/metrics.log",
    retries: 0
    params:
        study=study_file,
    shell:
        "exec ddpm metrics {params.study:q} --log {log:q} --quiet"


localrules:
    metrics,
