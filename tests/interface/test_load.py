"""`ddpm.load` and its model: the workflow's bits, files that carry their settings, and what mistakes say."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import ddpm
from ddpm.data.store import read_images
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.errors import ResourceError
from ddpm.graph.fingerprint import training_fingerprint
from ddpm.network.weights import read_weights, save_weights
from ddpm.records.measurements import read_measurements
from ddpm.records.traced_files import read_arrays, read_provenance
from ddpm.study import load_study
from ddpm.study.carried import MODEL_SETTINGS
from ddpm.study.evaluation import SamplingSettings
from ddpm.training.run import training_run

RESULTS, STUDY = "results/leaving", "config/leaving.yaml"
WEIGHTS = f"{RESULTS}/models/simple/seed0/weights.safetensors"


def shards() -> np.ndarray:
    paths = [f"{RESULTS}/samples/simple/seed0/sampling0/shard{shard}.npz" for shard in (0, 1)]
    return np.concatenate([read_arrays(path, "images")["images"] for path in paths])


def write_with(change) -> None:
    """The weights once more, with another provenance."""
    tensors, provenance = read_weights(WEIGHTS)
    save_weights(WEIGHTS, *change(tensors, provenance))


def test_import_is_light_and_typed():
    code = "import sys, ddpm; assert {'load', 'Model'} <= set(dir(ddpm)); print(len({'torch', 'numpy', "
    code += "'pydantic'} & set(sys.modules)), hasattr(ddpm, 'nothing'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "0 False\n"
    code = "import sys, ddpm; ddpm.open_study; print({'torch', 'pandas', 'matplotlib'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
    assert all(getattr(ddpm, name) for name in ddpm.__all__)
    assert (Path(ddpm.__file__).parent / "py.typed").exists()


def test_five_lines_give_the_workflows_samples(folder, tmp_path_factory, monkeypatch):
    model = ddpm.load("results/leaving", "simple")
    images = model.sample(12, seed=0)
    assert (images.dtype, images.shape) == (np.uint8, (12, 1, 8, 8))
    assert (images == shards()).all()
    # Also where the size of a batch shows in the last bit: the workflow's, whatever the count.
    sizes: set[int] = set()
    hook = model._network.register_forward_pre_hook(lambda _, given: sizes.add(len(given[0])))
    assert (model.sample(3) == images[:3]).all()
    hook.remove()
    assert sizes == {8}
    # Other batches differ by rounding, another seed altogether.
    small = model.sample(3, batch_size=1).astype(int)
    assert np.abs(small - images[:3]).max() <= 1
    assert (model.sample(3, seed=1) != images[:3]).mean() > 0.5
    # Through the study file, and from elsewhere.
    assert (ddpm.load(STUDY, "simple", seed=0).sample(3) == images[:3]).all()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert (ddpm.load(folder / RESULTS, "simple").sample(3) == images[:3]).all()


@pytest.mark.usefixtures("folder")
def test_fewer_steps_and_the_other_variance():
    model = ddpm.load(RESULTS, "simple")  # T = 10
    whole = model.sample(4)
    assert (model.sample(4, steps=10, variance="fixed_large") == whole).all()
    assert (model.sample(4, steps=range(1, 11)) == whole).all()
    few = model.sample(4, steps=3)
    # Evenly spaced with both ends: the paper's t = 1, 5 (of 5.5) and 10.
    assert (model.sample(4, steps=np.array([1, 5, 10])) == few).all()
    assert (model.sample(2, steps=3) == few[:2]).all()
    small = model.sample(4, steps=3, variance="fixed_small")
    for one, other in [(few, whole), (small, few), (model.sample(4, variance="fixed_small"), whole)]:
        assert (one != other).mean() > 0.2
    # A study's own overrides hold where nothing else is asked for.
    own = ddpm.Model(
        model.name, model._network, model._diffusion, {}, SamplingSettings(batch_size=8, steps=3)
    )
    assert (own.sample(4) == few).all()
    assert (own.sample(4, steps=10) == whole).all()


def test_mistakes_of_steps_and_variances(folder):
    model = ddpm.load(RESULTS, "simple")
    learned = GaussianDiffusion(model._diffusion.beta.numpy(), "epsilon", "learned")
    other = ddpm.Model("tired", model._network, learned, {})
    for call, message in [
        (lambda: model.sample(1, steps=0), "steps: must be a whole number from 1 to 10, not 0"),
        (lambda: model.sample(1, steps=11), "steps: must be a whole number from 1 to 10, not 11"),
        (lambda: model.sample(1, steps=2.5), "steps: must be a whole number"),
        (lambda: model.sample(1, steps="3"), "steps: must be a whole number from 1 to 10, not '3'"),
        (lambda: model.sample(1, steps=[0, 10]), "steps: must be a whole number from 1 to 10, not 0"),
        (lambda: model.sample(1, steps=[10, 5]), "steps: the times must ascend, each once, not [10, 5]"),
        (lambda: model.sample(1, steps=[]), "steps: the times must ascend, each once, not []"),
        (
            lambda: model.sample(1, variance="learned"),
            'variance: must be "fixed_large" or "fixed_small", not',
        ),
        (lambda: other.sample(1, steps=3), "steps=3: tired learned its variance"),
        (lambda: other.sample(1, variance="fixed_small"), "variance='fixed_small': tired learned its"),
    ]:
        with pytest.raises(ddpm.DDPMError) as error:
            call()
        assert message in str(error.value)


@pytest.mark.usefixtures("folder")
def test_the_bound_is_the_workflows():
    model = ddpm.load(RESULTS, "simple")
    images = read_images(load_study(STUDY), "digits", "test")[:3]
    bound = model.bits_per_dim(images)
    assert (bound.dtype, bound.shape) == (np.float64, (3,))
    rows = read_measurements([f"{RESULTS}/measurements/likelihood/simple/seed0/test.parquet"])
    assert bound.mean() == pytest.approx(float(rows[rows.metric == "NLL"].value.iloc[0]), rel=1e-12)
    assert (model.bits_per_dim(torch.from_numpy(images), seed=6) != bound).all()


@pytest.mark.usefixtures("folder")
def test_noise_and_x0_hat():
    """Eq. 4 and Eq. 15, with the paper's t."""
    model = ddpm.load(RESULTS, "simple")
    alpha_bar = np.cumprod(1 - beta_schedule("linear", 0.01, 0.5, 10))
    images, t = shards()[:4], np.array([1, 3, 7, 10])
    x_0, abar = images / 127.5 - 1, alpha_bar[t - 1][:, None, None, None]
    x_t = model.noise(images, t, seed=3)
    epsilon = (x_t - np.sqrt(abar) * x_0) / np.sqrt(1 - abar)
    assert abs(epsilon.mean()) < 0.2
    assert epsilon.std() == pytest.approx(1, abs=0.2)
    at_10 = np.sqrt(alpha_bar[9]) * x_0 + np.sqrt(1 - alpha_bar[9]) * epsilon
    assert model.noise(images, 10, seed=3) == pytest.approx(at_10, abs=1e-5)
    with torch.no_grad():
        predicted = model._network(torch.from_numpy(x_t), torch.from_numpy(t - 1)).numpy()
    x_0_hat = (x_t - np.sqrt(1 - abar) * predicted) / np.sqrt(abar)
    assert model.denoise(x_t, t, clip=False) == pytest.approx(x_0_hat, rel=1e-4, abs=1e-4)
    assert model.denoise(x_t, t) == pytest.approx(np.clip(x_0_hat, -1, 1), abs=1e-4)
    assert model.denoise(x_t, t).dtype == x_t.dtype == np.float32


@pytest.mark.usefixtures("folder")
def test_weights_carry_their_settings():
    images = ddpm.load(RESULTS, "simple").sample(3)
    carried = read_weights(WEIGHTS)[1][MODEL_SETTINGS]
    assert carried["image_shape"] == [1, 8, 8]
    assert carried["training"]["steps"] == 4
    # Results have the fingerprint of the settings alone.
    assert MODEL_SETTINGS not in read_provenance(f"{RESULTS}/samples/simple/seed0/sampling0/shard0.npz")
    Path(STUDY).unlink()
    shutil.copy(WEIGHTS, "alone.safetensors")
    for model in (
        ddpm.load(RESULTS, "simple"),
        ddpm.load(RESULTS, seed=0),
        ddpm.load("alone.safetensors", device="cpu"),
    ):
        assert (model.sample(3, batch_size=8) == images).all()


@pytest.mark.usefixtures("folder")
def test_older_weights_load_through_their_study_and_are_not_made_again():
    study = load_study(STUDY)
    run, images = training_run(study, "simple", 0), ddpm.load(RESULTS, "simple").sample(3)
    write_with(lambda tensors, about: (tensors, {k: v for k, v in about.items() if k != MODEL_SETTINGS}))
    assert (ddpm.load(RESULTS, "simple").sample(3) == images).all()
    assert run.is_complete()
    with pytest.raises(ddpm.DDPMError, match=r'an earlier version .* ddpm\.load\("config/None\.yaml|leaving'):
        ddpm.load(WEIGHTS)
    settings = {"image_shape": [1, 8, 8], "network": {"channels": 8, "channel_multipliers": [1, 2]}}
    settings["network"] |= {"attention_resolutions": [4], "groups": 4}
    settings["diffusion"] = {"timesteps": 10, "beta_start": 0.01, "beta_end": 0.5}
    assert (ddpm.load(WEIGHTS, settings=settings).sample(3, batch_size=8) == images).all()
    with pytest.raises(ddpm.DDPMError, match=r"network\.chanels: Extra inputs"):
        ddpm.load(WEIGHTS, settings={"network": {"chanels": 8}})


@pytest.mark.usefixtures("folder")
def test_changed_settings_and_diverged_training_are_told():
    before = Path(STUDY).read_text()
    Path(STUDY).write_text(before.replace("learning_rate: 0.01", "learning_rate: 0.02"))
    with pytest.raises(ddpm.DDPMError, match="made with other settings than"):
        ddpm.load(RESULTS, "simple")
    Path(STUDY).write_text(before)
    assert read_weights(WEIGHTS)[1]["settings"] == training_fingerprint(load_study(STUDY), "simple")
    write_with(lambda tensors, about: ({}, about | {"status": "diverged at step 3"}))
    with pytest.raises(ddpm.DDPMError, match=r"diverged at step 3; load seed 1 \(`seeds`"):
        ddpm.load(RESULTS, "simple")
    with pytest.raises(ddpm.DDPMError, match="diverged at step 3; load another seed's file"):
        ddpm.load(WEIGHTS)


MISTAKES = [
    ((RESULTS, "simpel"), {}, "no model is named 'simpel' (did you mean 'simple'?)"),
    ((RESULTS,), {}, "which model? Name it as the second argument (models: simple, mu_tilde, learned, wide)"),
    ((RESULTS, "learned"), {}, "learned seed 0 is not trained yet; in the project's folder run `snakemake"),
    ((RESULTS, "simple"), {"seed": 7}, "the study's seeds of simple are 0, 1"),
    (("results/leaveing",), {}, "no such folder, and no study"),
    (("config/nope.yaml", "simple"), {}, "no such study file"),
    ((WEIGHTS, "simple"), {}, "is no study; leave out `model='simple'`"),
    ((WEIGHTS,), {"settings": {}}, "holds its settings itself; leave out `settings`"),
    (("nope.safetensors",), {}, "no such file. Give a study"),
    ((RESULTS, "simple"), {"device": "gpu"}, "device: 'gpu' cannot be used here"),
    ((RESULTS, "simple"), {"averaged": True}, "is a study; leave out `averaged=True`"),
]


@pytest.mark.usefixtures("folder")
def test_mistakes_of_loading():
    for words, named, message in MISTAKES:
        with pytest.raises(ddpm.DDPMError) as error:
            ddpm.load(*words, **named)
        assert message in str(error.value)
    shutil.copytree(RESULTS, "results/moved")
    for model, seed, message in (("x", None, "no weights of a model 'x'"), ("simple", 3, r"(seeds: [0])")):
        with pytest.raises(ddpm.DDPMError) as error:
            ddpm.load("results/moved", model, seed=seed)
        assert message in str(error.value)


@pytest.mark.usefixtures("folder")
def test_mistakes_of_arrays():
    model, images = ddpm.load(RESULTS, "simple"), shards()
    noisy = images.astype(np.float32)
    for call, message in [
        (lambda: model.bits_per_dim(images.transpose(0, 2, 3, 1)), "give images.transpose(0, 3, 1, 2)"),
        (lambda: model.bits_per_dim(images / 255), "must be uint8 in 0..255, not float64"),
        (lambda: model.bits_per_dim(images[0]), "of one image give images[None]"),
        (lambda: model.bits_per_dim(images[:, 0]), "of grey images give images[:, None]"),
        (lambda: model.bits_per_dim(images[:0]), "N at least 1, not [0, 1, 8, 8]"),
        (lambda: model.noise(images, 0), "t: must be whole numbers from 1 to T = 10, not 0"),
        (lambda: model.noise(images, [1, 2]), "t: must be one number or 12"),
        (lambda: model.denoise(images, 1), "x_t: must be floating point"),
        (lambda: model.denoise(noisy * np.nan, 1), "x_t: holds values that are not finite"),
        (lambda: model.denoise(noisy, 1.5), "t: must be whole numbers"),
        (lambda: model.sample(0), "count: must be a whole number from 1 to"),
        (lambda: model.sample(4, seed=-1), "seed: must be a whole number from 0 to"),
        (lambda: model.sample(4, batch_size=0), "batch_size: must be"),
    ]:
        with pytest.raises(ddpm.DDPMError) as error:
            call()
        assert message in str(error.value)


@pytest.mark.usefixtures("folder")
def test_a_repository_and_published_files(monkeypatch):
    """Fetched once with the config files that there are; without any, `settings` say what the network is."""
    tensors, asked = load_file(WEIGHTS), []

    def fetch(path: Path) -> bool:
        asked.append(path.name)
        if path.suffix != ".safetensors":
            raise ResourceError(f"{path}: could not be fetched")
        path.parent.mkdir(parents=True)
        save_file(tensors, path)
        return True

    monkeypatch.setattr("ddpm.interface.repositories.fetch", fetch)
    settings = read_weights(WEIGHTS)[1][MODEL_SETTINGS]
    settings = {key: settings[key] for key in ("image_shape", "network", "diffusion")}
    model = ddpm.load("owner/name", settings=settings, revision="abc")
    configs = ["config.json", "scheduler_config.json", "scheduler_config.json"]
    assert asked == ["diffusion_pytorch_model.safetensors", *configs]
    assert model.provenance["origin"] == "owner/name"
    assert (model.sample(3, batch_size=8) == ddpm.load(RESULTS, "simple").sample(3)).all()
    file = Path("resources/huggingface/owner/name/abc/diffusion_pytorch_model.safetensors")
    with pytest.raises(ddpm.DDPMError, match="weights of another network"):
        ddpm.load(file, settings=settings | {"network": settings["network"] | {"residual_blocks": 1}})
    file.with_name("scheduler_config.json").write_text('{"prediction_type": "v_prediction"}')
    with pytest.raises(ddpm.DDPMError, match="prediction_type is 'v_prediction', for which there is no"):
        ddpm.load(file, settings={"network": settings["network"]})
