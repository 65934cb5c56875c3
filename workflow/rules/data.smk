# Data sets as 8-bit arrays with a manifest that holds their hashes. Archives and folders of the user's own are no
# inputs: what was packed from them stays usable without them, and their state is part of the settings.
rule data:
    input:
        data_files,
    output:
        train=layout.TRAIN_IMAGES,
        test=layout.TEST_IMAGES,
        train_labels=layout.TRAIN_LABELS,
        test_labels=layout.TEST_LABELS,
        manifest=layout.MANIFEST,
    log:
        "{home}/logs/data/{dataset}.log",
    retries: 0
    params:
        study=study_file,
        settings=lambda w: or_workflow_error(sources.data_settings, study(w), w.dataset),
    shell:
        "exec ddpm data {params.study:q} {wildcards.dataset:q} --log {log:q} --quiet"
