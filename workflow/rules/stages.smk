# The paper's study in parts, for the stages of dvc.yaml: each names the files that its stage promises.
rule trained:
    input:
        lambda _: stage_files(stages.trained_files),
    localrule: True


rule measured:
    input:
        lambda _: stage_files(stages.measured_files),
    localrule: True
