# Data sets as 8-bit arrays with a manifest that holds their hashes.
rule data:
    input:
        lambda w: obtainable(study(w).datasets[w.dataset].inputs),
    output:
        train=layout.TRAIN_IMAGES,
        test=layout.TEST_IMAGES,
        train_labels=layout.TRAIN_LABELS,
        test_labels=layout.TEST_LABELS,
        manifest=layout.MANIFEST,
    log:
        "{home}/logs/data/{dataset}.log",
    conda:
        "../../envs/ddpm.yaml"
    params:
        study=study_file,
        settings=settings(fingerprint.dataset_fingerprint, "dataset"),
    shell:
        "exec ddpm data {params.study:q} {wildcards.dataset:q} --log {log:q}"
