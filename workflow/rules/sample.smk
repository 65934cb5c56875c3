# Samples in shards, and the chains of figures 2, 7, 8 and 9.
rule sample:
    input:
        sampled_from,
    output:
        layout.SAMPLES,
    log:
        "{home}/logs/sample/{model}.seed{seed}.sampling{sampling}.shard{shard}.log",
    benchmark:
        "{home}/benchmarks/sample/{model}.seed{seed}.sampling{sampling}.shard{shard}.tsv"
    priority: 30
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.sampling_fingerprint, "model"),
    shell:
        "exec ddpm sample {params.study:q} --model {wildcards.model:q} --seed {wildcards.seed:q} "
        "--sampling {wildcards.sampling:q} --shard {wildcards.shard:q} --threads {threads:q} "
        "--log {log:q} --quiet"


rule chain:
    input:
        lambda w: dependencies.chain_inputs(study(w), w.figure),
    output:
        layout.CHAINS,
    log:
        "{home}/logs/chains/{figure}.log",
    resources:
        gpu=1,
    params:
        study=study_file,
        settings=settings(fingerprint.chain_fingerprint, "figure"),
    shell:
        "exec ddpm chain {params.study:q} {wildcards.figure:q} --threads {threads:q} --log {log:q} --quiet"
