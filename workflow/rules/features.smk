# The feature extractor that samples are evaluated by: a classifier of the training images.
rule features:
    input:
        classifier_data,
    output:
        layout.FEATURES,
    log:
        "{home}/logs/features.log",
    benchmark:
        "{home}/benchmarks/features.tsv"
    # Before training: a classifier that is not good enough is told at once.
    priority: 60
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.features_fingerprint),
    shell:
        "exec ddpm features {params.study:q} --threads {threads:q} --log {log:q} --quiet"
