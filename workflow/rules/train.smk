# Training. The resumable state ({home}/models/<model>/seed<n>/state) is no output: Snakemake deletes the
# outputs of a failed job, and the state is what an interrupted run continues from.
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
    params:
        study=study_file,
        settings=settings(fingerprint.training_fingerprint, "model"),
    shell:
        "exec ddpm train {params.study} --model {wildcards.model} --seed {wildcards.seed} "
        "--threads {threads} --log {log}"
