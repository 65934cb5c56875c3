# The paper's study in parts, for the stages of dvc.yaml: each names the files that its stage promises.
rule trained:
    input:
        lambda _: stage_files(stages.trained_files),
    localrule: True


rule measured:
    input:
        lambda _: stage_files(stages.measured_files),
    localrule: True


def stage_files(of):
    """Those files of the paper's study that can be built here; errors as `require_sources`."""
    require_sources("results")
    return or_workflow_error(of, study_in("results"))
