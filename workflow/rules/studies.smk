# What the rules ask a study: its settings by results folder, its files, and fingerprints; and whether what it
# needs from elsewhere can be had.
import functools

from snakemake.exceptions import WorkflowError

from ddpm.errors import DDPMError
from ddpm.resources import locating
from ddpm.graph import available, dependencies, fingerprint, layout, receipts, run_files, sources, stages
from ddpm.study import load_study
from ddpm.study.names import require_names


@functools.cache
def study_in(home):
    """The study whose results lie in `home`, without the tables and figures that cannot be built here."""
    return selection_in(home).study


@functools.cache
def selection_in(home):
    """What of the study can be built here, and why the rest cannot."""
    study = or_workflow_error(load_study, layout.study_file(layout.study_of(home)))
    if workflow.is_main_process:
        for warning in study.warnings:
            logger.warning(f"warning: {warning}")
    if config.get("plan"):
        return available.Selection(study, {})
    return or_workflow_error(available.select, study)


def study(wildcards):
    return study_in(wildcards.home)


def study_file(wildcards):
    return layout.study_file(layout.study_of(wildcards.home))


def targets(home):
    """All tables and figures of a study, its numbers for DVC, and its report; errors as `require_sources`."""
    require_sources(home)
    others = [layout.METRICS, layout.REPORT]
    return dependencies.artefact_files(study_in(home)) + [file.format(home=home) for file in others]


def require_sources(home):
    """Raises WorkflowError if some tables or figures of a study cannot be built; not with --keep-going, which builds
    the others."""
    if selection_in(home).missing:
        lines = "\n".join(selection_in(home).told)
        # The profile keeps going after jobs that failed; what is known to be missing is left out when asked for.
        if not {"--keep-going", "-k"} & set(sys.argv) and workflow.is_main_process:
            raise WorkflowError(f"Not everything can be built here; --keep-going builds the rest.\n{lines}")
        if workflow.is_main_process:
            logger.warning(f"warning: left out:\n{lines}")


def stage_files(of):
    """Those files of the paper's study that can be built here; errors as `require_sources`."""
    require_sources("results")
    return or_workflow_error(of, study_in("results"))


def studies_of_ones_own():
    """The names of the studies in config/ besides the demo and the paper's, which have rules by names of their own."""
    names = [path.stem for path in sorted(Path("config").glob("*.yaml"))]
    return [name for name in names if layout.is_study_name(name) and name not in ("demo", "paper")]


def is_rule(name):
    """Whether a rule of this name is defined."""
    try:
        return getattr(rules, name) is not None
    except WorkflowError:
        return False


def model_data(wildcards):
    """The manifest of the data set that a model is trained on."""
    dataset = study(wildcards).model(wildcards.model).dataset
    return layout.MANIFEST.format(home=wildcards.home, dataset=dataset)


def weights(wildcards):
    """The weights of a training run that are evaluated, or its receipt."""
    return dependencies.awaited(run_files.weights_file(study(wildcards), wildcards.model, wildcards.seed))


def sampled_from(wildcards):
    """What a model's samples are drawn from: its weights; or others' samples, which stand in their place."""
    if study(wildcards).model(wildcards.model).samples is None:
        return weights(wildcards)
    return or_workflow_error(available.samples_of, study(wildcards), wildcards.model)


def data_files(wildcards):
    """The fetched files that a data set is packed from; all its files must be there, but for `ddpm plan`."""
    try:
        return sources.fetched_files(study(wildcards), wildcards.dataset)
    except DDPMError as error:
        if config.get("plan"):
            return []
        raise WorkflowError(str(error)) from None


def artefact_inputs(wildcards, artefact):
    """What a table or figure is made of, by role."""
    if reason := selection_in(wildcards.home).missing.get(artefact):
        raise WorkflowError(reason)
    return dependencies.awaited_inputs(dependencies.artefact_inputs(study(wildcards), artefact))


def features_file(wildcards):
    """The weights of the feature extractor: the classifier's, or Inception's, which must be obtainable."""
    file = dependencies.features_file(study(wildcards))
    return obtainable([file]) if study(wildcards).quality.features.kind == "inception" else file


def reference_first(wildcards):
    """Inception's features of real images are costly: the first job computes them for all others."""
    if study(wildcards).quality.features.kind != "inception":
        return []
    dataset = study(wildcards).model(wildcards.model).dataset
    return layout.REFERENCE_ROWS.format(home=wildcards.home, dataset=dataset)


def or_workflow_error(function, *arguments):
    """The function's result; its error as one that Snakemake prints without a traceback."""
    try:
        return function(*arguments)
    except DDPMError as error:
        raise WorkflowError(str(error)) from None


def require_target(target):
    """Raises WorkflowError for a file whose model, data set, table or figure its study does not have."""
    names = layout.wildcards(target)
    if "home" in names:
        or_workflow_error(require_names, study_in(names["home"]), names)


# Before Snakemake looks for rules: its own words for such a file show none of what the study has.
for word in sys.argv[1:]:
    require_target(os.path.normpath(word))


@functools.cache
def require_obtainable(file):
    """Raises WorkflowError if a file neither exists nor can be fetched; once a file, as many jobs ask for the same."""
    or_workflow_error(locating.require_obtainable, [file])


def obtainable(files):
    """The files, after checking that each exists or can be fetched."""
    for file in files:
        require_obtainable(file)
    return files


def pretrained_files(wildcards):
    """The files of weights that a model imports, which must be obtainable; of a folder those that are taken."""
    files = obtainable([run_files.pretrained_file(study(wildcards), wildcards.model)])
    place = or_workflow_error(run_files.pretrained_place, study(wildcards), wildcards.model)
    return files if place is None else [str(part) for part in place.parts]


def pretrained_content(wildcards):
    """The hash of those files, as new ones may be older than what was made of the last; "" of fetched ones."""
    place = or_workflow_error(run_files.pretrained_place, study(wildcards), wildcards.model)
    return "" if place is None else place.sha256


def classifier_data(wildcards):
    """The data set that the classifier is trained on."""
    dataset = study(wildcards).quality.features.dataset
    return layout.MANIFEST.format(home=wildcards.home, dataset=dataset)


def settings(of, *names):
    """A `params` function: the fingerprint `of` the study and these wildcards, which many jobs share."""
    of_home = functools.cache(lambda home, *values: of(study_in(home), *values))
    return lambda wildcards: of_home(wildcards.home, *(wildcards[name] for name in names))
