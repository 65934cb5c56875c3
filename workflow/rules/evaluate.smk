# Measurements: quality (IS, FID, KID, precision, recall), also in fewer steps, the bound, references, neighbours.
rule quality:
    input:
        samples=lambda w: run_files.sample_shards(study(w), w.model, w.seed, w.sampling),
        features=features_file,
        data=model_data,
        reference=reference_first,
    output:
        layout.QUALITY_ROWS,
    log:
        "{home}/logs/quality/{model}.seed{seed}.sampling{sampling}.log",
    benchmark:
        "{home}/benchmarks/quality/{model}.seed{seed}.sampling{sampling}.tsv"
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.quality_fingerprint, "model"),
    shell:
        "exec ddpm quality {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--sampling {wildcards.sampling:q} --threads {threads:q} --log {log:q} --quiet"


rule progressive:
    input:
        samples=lambda w: run_files.sample_shards(study(w), w.model, w.seed, w.sampling),
        features=features_file,
        data=model_data,
        reference=reference_first,
    output:
        layout.PROGRESSIVE_ROWS,
    log:
        "{home}/logs/progressive/{model}.seed{seed}.sampling{sampling}.log",
    benchmark:
        "{home}/benchmarks/progressive/{model}.seed{seed}.sampling{sampling}.tsv"
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.quality_fingerprint, "model"),
    shell:
        "exec ddpm progressive {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--sampling {wildcards.sampling:q} --threads {threads:q} --log {log:q} --quiet"


rule respaced:
    input:
        weights=weights,
        features=features_file,
        data=model_data,
        reference=reference_first,
    output:
        layout.RESPACED_ROWS,
    log:
        "{home}/logs/respaced/{model}.seed{seed}.steps{steps}.{variance}.log",
    benchmark:
        "{home}/benchmarks/respaced/{model}.seed{seed}.steps{steps}.{variance}.tsv"
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.respaced_fingerprint, "model"),
    shell:
        "exec ddpm respaced {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--steps {wildcards.steps:q} --variance {wildcards.variance:q} --threads {threads:q} "
        "--log {log:q} --quiet"


rule reference:
    input:
        features=features_file,
        data=layout.MANIFEST,
    output:
        layout.REFERENCE_ROWS,
    log:
        "{home}/logs/reference/{dataset}.log",
    benchmark:
        "{home}/benchmarks/reference/{dataset}.tsv"
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.reference_fingerprint, "dataset"),
    shell:
        "exec ddpm reference {params.study:q} {wildcards.dataset:q} --threads {threads:q} "
        "--log {log:q} --quiet"


rule bound:
    input:
        weights=weights,
        data=model_data,
    output:
        layout.BOUND_TERMS,
    log:
        "{home}/logs/bound/{model}.seed{seed}.{split}.shard{shard}.log",
    benchmark:
        "{home}/benchmarks/bound/{model}.seed{seed}.{split}.shard{shard}.tsv"
    priority: 30
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.likelihood_fingerprint, "model"),
    shell:
        "exec ddpm bound {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--split {wildcards.split:q} --shard {wildcards.shard:q} --threads {threads:q} --log {log:q} --quiet"


rule likelihood:
    input:
        terms=lambda w: run_files.bound_shards(study(w), w.model, w.seed, w.split),
        data=model_data,
    output:
        rows=layout.LIKELIHOOD_ROWS,
        curve=layout.RATE_DISTORTION,
    log:
        "{home}/logs/likelihood/{model}.seed{seed}.{split}.log",
    params:
        study=study_file,
        settings=settings(fingerprint.likelihood_fingerprint, "model"),
    shell:
        "exec ddpm likelihood {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--split {wildcards.split:q} --log {log:q} --quiet"


rule neighbours:
    input:
        samples=lambda w: dependencies.neighbours_inputs(study(w), w.figure),
        features=features_file,
    output:
        layout.NEIGHBOURS,
    log:
        "{home}/logs/neighbours/{figure}.log",
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.neighbours_fingerprint, "figure"),
    shell:
        "exec ddpm neighbours {params.study:q} {wildcards.figure:q} --threads {threads:q} "
        "--log {log:q} --quiet"
