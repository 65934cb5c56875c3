"""Files of published weights: kinds, wrappings, averaged or raw, and every way in which they can be wrong."""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from authors import NETWORKS, Case, relative_error
from authors import network as authors_network
from published_weights import (
    as_diffusers,
    as_pesser,
    as_tensorflow,
    import_published,
    import_tiny,
    tiny,
    write_study,
)
from safetensors.torch import save_file

from ddpm.commands import pretrained
from ddpm.errors import DivergedError, StudyError, WeightsError
from ddpm.graph.fingerprint import weights_fingerprint
from ddpm.network.published.importing import import_weights
from ddpm.network.unet import UNet
from ddpm.network.weights import load_weights, read_weights, save_weights, weights_hash
from ddpm.study import load_study

SLOTS = {
    "global_step": np.int64(790000),
    "beta1_power": np.float32(0.5),
    "beta2_power": np.float32(0.5),
    "model/conv_in/W/Adam": np.zeros((3, 3, 1, 8)),
    "model/conv_in/W/Adam_1": np.zeros((3, 3, 1, 8)),
    "_CHECKPOINTABLE_OBJECT_GRAPH": np.bytes_(b"graph"),
}
RAW, AVERAGE = tiny(1), tiny(2)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hash_of(network: torch.nn.Module) -> str:
    return weights_hash(network.state_dict())


def imported(path, **options):
    return import_weights(path, UNet(**NETWORKS["small"]) if "authors" in str(path) else tiny(), **options)


def test_the_authors_variables_give_the_authors_outputs(folder):
    """Averaged variables as TensorFlow names them, beside raw ones and the optimiser's, through the verb."""
    case = Case("eps_simple", "small")
    source = authors_network("small", learned=False)
    averaged = as_tensorflow(source, suffix="/ExponentialMovingAverage")
    raw = {name: array + 1 for name, array in as_tensorflow(source).items()}
    np.savez("authors.npz", **averaged, **raw, global_step=np.int64(790000))
    dataset = {"source": "image_folder", "train": "images/train", "test": "images/test", "image_size": 16}
    keys = ("channels", "residual_blocks", "channel_multipliers", "attention_resolutions")
    network = {k: list(v) if isinstance(v := NETWORKS["small"][k], tuple) else v for k in keys}
    path = import_published(write_study(folder, {"file": "authors.npz"}, dataset, network))
    unet = UNet(**NETWORKS["small"]).eval()
    provenance = load_weights(path, unet)
    assert (provenance["layout"], provenance["averaged"]) == ("TensorFlow", True)
    with torch.no_grad():
        assert relative_error(unet(case["xt"], case.index), case["output"]) < 1e-5


@pytest.mark.parametrize("scope", ["", "train/", "a/b/"])
def test_scopes_training_state_and_the_choice_between_raw_and_averaged(scope):
    averaged = as_tensorflow(AVERAGE, "/ExponentialMovingAverage", scope)
    np.savez("both.npz", **as_tensorflow(RAW, scope=scope), **averaged, **SLOTS)
    for stated, expected in [(None, AVERAGE), (True, AVERAGE), (False, RAW)]:
        weights = imported("both.npz", averaged=stated)
        assert weights_hash(weights.tensors) == hash_of(expected)
        assert weights.averaged is (expected is AVERAGE)


def test_variables_without_averages():
    np.savez("raw.npz", **as_tensorflow(RAW), **SLOTS)
    assert imported("raw.npz").averaged is None
    assert imported("raw.npz", averaged=False).averaged is False
    variables = as_tensorflow(AVERAGE, "/ExponentialMovingAverage")
    np.savez("averages.npz", **variables)
    with pytest.raises(WeightsError, match=r"averaged \(EMA\) weights only, but .* `averaged: false`"):
        imported("averages.npz", averaged=False)
    variables.pop("model/conv_in/b/ExponentialMovingAverage")
    np.savez("some.npz", **as_tensorflow(RAW), **variables)
    with pytest.raises(WeightsError, match=r"1 variables have no average.*\n  model/conv_in/b"):
        imported("some.npz")


def test_other_variables_are_left_over():
    np.savez("more.npz", **as_tensorflow(RAW), **{"model/head/W": np.zeros(3)})
    with pytest.raises(WeightsError, match=r"left over model/head/W"):
        imported("more.npz")
    np.savez("twice.npz", **as_tensorflow(RAW), **as_tensorflow(RAW, scope="copy/"))
    with pytest.raises(WeightsError, match=r"left over copy/model/"):
        imported("twice.npz")


def optimiser() -> dict:
    return {"state": {0: {"step": 3, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}


def wrapped(network: UNet, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in as_pesser(network).items()}


CHECKPOINTS = {
    "bare": (lambda: as_pesser(RAW), {None: (RAW, None), True: (RAW, True)}),
    "compiled": (lambda: wrapped(RAW, "_orig_mod.module."), {None: (RAW, None)}),
    "state_dict": (lambda: {"state_dict": wrapped(RAW, "module."), "epoch": 3}, {False: (RAW, False)}),
    "ema": (
        lambda: {"ema": as_pesser(AVERAGE), "model": as_pesser(RAW)},
        {None: (AVERAGE, True), False: (RAW, False)},
    ),
    "ema alone": (lambda: {"ema": as_pesser(AVERAGE)}, {None: (AVERAGE, True)}),
    "DDIM": (
        lambda: [wrapped(RAW, "module."), optimiser(), 2, 5000, as_pesser(AVERAGE)],
        {None: (AVERAGE, True), False: (RAW, False)},
    ),
    "DDIM without averages": (lambda: [wrapped(RAW, "module."), optimiser(), 2, 5000], {None: (RAW, False)}),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_torch_checkpoints(kind, zipped):
    """As torch writes them since 1.6, and as it did in 2020."""
    make, expected = CHECKPOINTS[kind]
    torch.save(make(), "model.ckpt", _use_new_zipfile_serialization=zipped)
    for stated, (network, averaged) in expected.items():
        weights = imported("model.ckpt", averaged=stated)
        assert (weights.convention, weights.averaged) == ("pesser", averaged)
        assert weights_hash(weights.tensors) == hash_of(network)


def test_raw_weights_are_not_taken_for_averaged():
    torch.save([as_pesser(RAW), optimiser(), 2, 5000], "ckpt.pth")
    with pytest.raises(WeightsError, match=r"ckpt\.pth: holds raw weights only, but .* `averaged: true`"):
        imported("ckpt.pth", averaged=True)


def averaged_model() -> dict[str, torch.Tensor]:
    return {"n_averaged": torch.tensor(9), **wrapped(AVERAGE, "module.")}


def lit_ema() -> dict[str, torch.Tensor]:
    """Names of the averages lose their dots there."""
    raw = wrapped(RAW, "model.")
    average = {f"model_ema.{name.replace('.', '')}": tensor for name, tensor in as_pesser(AVERAGE).items()}
    return {**raw, **average, "model_ema.decay": torch.tensor(0.9), "model_ema.num_updates": torch.tensor(3)}


# Raw and averaged weights side by side, as published files have them.
BESIDE = {
    "timm": lambda: {
        "model": as_pesser(RAW),
        "model_ema": as_pesser(AVERAGE),
        "epoch": 9,
        "scaler": {"a": 1},
    },
    "mmlab": lambda: {"state_dict": as_pesser(RAW), "state_dict_ema": as_pesser(AVERAGE)},
    "ema_model": lambda: {"ema_model": as_pesser(AVERAGE), "model": as_pesser(RAW)},
    "ema": lambda: {"model": as_pesser(RAW), "ema": as_pesser(AVERAGE), "optimizer": optimiser()},
    "BasicSR": lambda: {"params": as_pesser(RAW), "params_ema": as_pesser(AVERAGE)},
    "nested": lambda: {"model": {"module": as_pesser(RAW)}, "ema": {"state_dict": as_pesser(AVERAGE)}},
    "torch": lambda: {"model": wrapped(RAW, "module."), "swa_model": averaged_model()},
    "prefixes": lambda: wrapped(RAW, "model.") | wrapped(AVERAGE, "ema_model."),
    "prefixes within": lambda: {
        "state_dict": wrapped(RAW, "net.") | wrapped(AVERAGE, "net_ema."),
        "epoch": 3,
    },
    "LitEma": lit_ema,
}


@pytest.mark.parametrize("kind", BESIDE)
def test_of_two_sets_in_a_file_the_right_one_is_taken(kind):
    torch.save(BESIDE[kind](), "both.pt")
    for stated, expected in [(None, AVERAGE), (True, AVERAGE), (False, RAW)]:
        weights = imported("both.pt", averaged=stated)
        assert weights_hash(weights.tensors) == hash_of(expected)
        assert weights.averaged is (expected is AVERAGE)
        assert "is taken" in weights.taken


def test_prefixes_of_two_sets_in_safetensors():
    both = {**as_diffusers(RAW), **{f"ema.{name}": value for name, value in as_diffusers(AVERAGE).items()}}
    save_file({name: value.clone() for name, value in both.items()}, "both.safetensors")
    assert weights_hash(imported("both.safetensors").tensors) == hash_of(AVERAGE)
    assert weights_hash(imported("both.safetensors", averaged=False).tensors) == hash_of(RAW)


def test_an_average_that_cannot_be_read_by_name_is_not_replaced_by_the_raw_weights():
    average = {"decay": 0.9999, "num_updates": 3, "shadow_params": [torch.zeros(3)]}
    torch.save({"model": as_pesser(RAW), "ema": average}, "score.pt")
    for stated in (None, True):
        with pytest.raises(WeightsError, match=r"\(shadow_params\).* set `ema`; beside it: `model` \(raw\)"):
            imported("score.pt", averaged=stated)
    assert imported("score.pt", averaged=False).averaged is False


@pytest.mark.parametrize(
    ("content", "stated", "message"),
    [
        (lambda: {"model_ema": as_pesser(AVERAGE)}, False, r"averaged .* only.* `model_ema` \(averaged\)"),
        (lambda: [as_pesser(RAW), optimiser(), 2, 5000], True, r"raw weights only.* `entry 0` \(raw\)"),
        (lambda: {"g_ema": as_pesser(RAW), "d_ema": as_pesser(RAW)}, None, r"several .*`g_ema` .*`d_ema`"),
        (lambda: {"g": as_pesser(RAW), "d": as_pesser(RAW)}, True, r"several sets of weights"),
    ],
)
def test_the_other_set_is_listed(content, stated, message):
    torch.save(content(), "model.pt")
    with pytest.raises(WeightsError, match=message):
        imported("model.pt", averaged=stated)


def put(folder: str, network: UNet, name: str = "diffusion_pytorch_model.safetensors") -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    save_file(as_diffusers(network), Path(folder, name))


def test_of_two_folders_side_by_side_the_right_one_is_taken():
    put("checkpoint-9/unet", RAW)
    put("checkpoint-9/unet_ema", AVERAGE)
    for stated, expected in [(None, AVERAGE), (True, AVERAGE), (False, RAW)]:
        weights = imported("checkpoint-9", averaged=stated)
        assert weights_hash(weights.tensors) == hash_of(expected)
        assert weights.averaged is (expected is AVERAGE)
        assert "lies beside it and is not taken" in weights.taken
    # Named by itself, a folder is still one of the two.
    assert imported("checkpoint-9/unet").averaged is False
    with pytest.raises(
        WeightsError, match=r"raw weights only.*unet_ema/diff.* holds the averaged \(EMA\) ones"
    ):
        imported("checkpoint-9/unet/diffusion_pytorch_model.safetensors", averaged=True)
    shutil.rmtree("checkpoint-9/unet")
    with pytest.raises(WeightsError, match=r"averaged \(EMA\) weights only, but .* `averaged: false`"):
        imported("checkpoint-9", averaged=False)


@pytest.mark.parametrize(
    ("raw", "averaged"),
    [
        ("model.safetensors", "model_ema.safetensors"),
        ("x/w.safetensors", "ema_x/w.safetensors"),
        ("diffusion_pytorch_model.non_ema.safetensors", "diffusion_pytorch_model.safetensors"),
    ],
)
def test_of_two_files_side_by_side_each_is_what_it_is(raw, averaged):
    for path, network in ((raw, RAW), (averaged, AVERAGE)):
        put(str(Path(path).parent), network, Path(path).name)
    assert imported(raw).averaged is False
    assert imported(averaged).averaged is True
    with pytest.raises(WeightsError, match="raw weights only"):
        imported(raw, averaged=True)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_shards_are_joined(suffix):
    tensors, stem = as_diffusers(RAW), "diffusion_pytorch_model"
    names = [f"{stem}-0000{number}-of-00002{suffix}" for number in (1, 2)]
    Path("pipe").mkdir()
    for number, name in enumerate(names):
        shard = dict(list(tensors.items())[number::2])
        (save_file if suffix == ".safetensors" else torch.save)(shard, Path("pipe", name))
    for place in ("pipe", f"pipe/{names[0]}", f"pipe/{names[1]}"):
        assert weights_hash(imported(place).tensors) == hash_of(RAW)
    index = Path("pipe", f"{stem}{suffix}.index.json")
    index.write_text(
        json.dumps({"weight_map": dict.fromkeys(tensors, names[0]) | {"conv_in.bias": names[1]}})
    )
    digest = imported("pipe").sha256
    assert imported(index, sha256=digest).sha256 == digest
    Path("pipe", names[1]).unlink()
    with pytest.raises(WeightsError, match=rf"{names[1]}: this shard of .* is missing; fetch all 2"):
        imported("pipe")
    index.write_text(json.dumps({"weight_map": {"a": "../x"}}))
    with pytest.raises(WeightsError, match="cannot be read as the index of shards"):
        imported("pipe")


class Code:
    def __reduce__(self):
        return (print, ("this must not be printed",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: Code(), "not a checkpoint of tensors alone"),
        (lambda: torch.zeros(3), "holds a Tensor, not weights by name"),
        (lambda: [1, 2, 3], "holds a list, not weights by name"),
        (lambda: [1, {}, 0, 0], "holds a int where weights by name were expected"),
        (lambda: {"a.b": torch.zeros(3), "step": 3}, r"1 of 2 entries are no tensors \(step\)"),
        (lambda: {}, r"unknown names of weights: none"),
    ],
)
def test_checkpoints_of_other_things(content, message, capsys):
    torch.save(content(), "model.pt")
    with pytest.raises(WeightsError, match=rf"model\.pt: {message}"):
        imported("model.pt")
    assert not capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".pt", ".npz", ".safetensors"])
@pytest.mark.parametrize("size", [0, 20, -100])
def test_truncated_files(suffix, size, folder):
    path = folder / f"weights{suffix}"
    if suffix == ".npz":
        np.savez(path, **as_tensorflow(RAW))
    elif suffix == ".pt":
        torch.save(as_pesser(RAW), path)
    else:
        save_file(as_diffusers(RAW), path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(WeightsError, match=r"weights\.\w+: (truncated|not a checkpoint)"):
        imported(path)


def test_an_archive_that_would_fill_the_memory_is_not_unpacked(monkeypatch):
    monkeypatch.setattr("ddpm.network.published.formats.LARGEST_UNPACKED", 10**6)
    np.savez_compressed("bomb.npz", **as_tensorflow(RAW), zeros=np.zeros(10**6))
    with pytest.raises(WeightsError, match=r"bomb\.npz: truncated or not an \.npz .*unpacks to 0\.0 GB"):
        imported("bomb.npz")


def test_unknown_kinds_and_missing_files(folder):
    (folder / "model.ckpt-790000.index").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"a TensorFlow checkpoint is first written as \.npz"):
        imported("model.ckpt-790000.index")
    with pytest.raises(WeightsError, match=r"absent\.pt: no such file of weights; correct `pretrained`"):
        imported("absent.pt")
    (folder / "empty").mkdir()
    with pytest.raises(
        WeightsError, match=r"empty: a folder without diffusion_pytorch_model\.safetensors, .*unet/"
    ):
        imported("empty")
    np.savez("words.npz", a=np.array(["not", "numbers"]))
    with pytest.raises(WeightsError, match=r"words\.npz: truncated or not an \.npz archive of numbers"):
        imported("words.npz")


def test_unknown_layouts_show_what_was_seen():
    save_file({f"encoder.{i}.weight": torch.zeros(1) for i in range(9)}, "other.safetensors")
    with pytest.raises(WeightsError) as error:
        imported("other.safetensors")
    message = str(error.value)
    assert "encoder.0.weight" in message
    assert "encoder.4.weight, ... (9 in all)" in message
    for layout in ("UNet2DModel", "TensorFlow", "pesser", "this project"):
        assert layout in message


def faulty(change) -> dict[str, torch.Tensor]:
    tensors = {name: tensor.clone() for name, tensor in as_diffusers(RAW).items()}
    change(tensors)
    return tensors


@pytest.mark.parametrize(
    ("change", "listed"),
    [
        (lambda t: t.pop("mid_block.attentions.0.to_k.bias"), r"missing mid\.attn_1\.k\.bias \(16,\)"),
        (lambda t: t.update({"class_embedding.weight": torch.zeros(1)}), "left over class_embedding.weight"),
        (
            lambda t: t.update({"conv_in.weight": torch.zeros(8, 3, 3, 3)}),
            r"conv_in\.weight has shape \(8, 3, 3, 3\), the network \(8, 1, 3, 3\)",
        ),
        (lambda t: t["conv_out.bias"].fill_(float("nan")), r"conv_out\.bias: 1 of 1 values are not finite"),
        (lambda t: t["conv_in.bias"][:3].fill_(float("inf")), r"conv_in\.bias: 3 of 8 values are not finite"),
        (
            lambda t: t.update({"conv_in.bias": torch.zeros(8, dtype=torch.int32)}),
            r"conv_in\.bias is torch\.int32",
        ),
    ],
)
def test_faulty_tensors_are_listed_and_nothing_is_written(change, listed, folder):
    save_file(faulty(change), "weights.safetensors")
    with pytest.raises(WeightsError, match=r"weights\.safetensors") as error:
        import_tiny(folder, {"file": "weights.safetensors"})
    assert error.match(listed)
    assert not list(folder.glob("results/**/*.safetensors"))


def test_half_precision_becomes_single(folder):
    save_file({n: t.to(torch.bfloat16) for n, t in as_diffusers(RAW).items()}, "half.safetensors")
    state, _ = read_weights(import_tiny(folder, {"file": "half.safetensors"}))
    for name, tensor in RAW.state_dict().items():
        assert torch.equal(state[name], tensor.to(torch.bfloat16).float())


def test_tensors_that_share_memory(folder):
    shared = torch.zeros(16)
    tensors = {n: shared if t.shape == (16,) else t for n, t in as_pesser(RAW).items()}
    torch.save(tensors, "shared.pt")
    state, _ = read_weights(import_tiny(folder, {"file": "shared.pt"}))
    assert not state["mid.attn_1.q.bias"].any()


def test_sha256(folder):
    save_file(as_diffusers(RAW), "weights.safetensors")
    right = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    path = import_tiny(folder, {"file": "weights.safetensors", "sha256": right})
    assert read_weights(path)[1]["origin_sha256"] == right
    with pytest.raises(WeightsError, match=rf"its SHA-256 is {right}, the study file says {'0' * 64}"):
        import_tiny(folder, {"file": "weights.safetensors", "sha256": "0" * 64})
    assert read_weights(path)[1]["origin_sha256"] == right


def test_weights_of_another_study(folder):
    save_weights("trained.safetensors", RAW.state_dict(), {"status": "trained", "model": "x"})
    path = import_tiny(folder, {"file": "trained.safetensors"})
    state, provenance = read_weights(path)
    assert weights_hash(state) == hash_of(RAW) == provenance["weights_hash"]
    study = load_study("published.yaml")
    expected = {
        "study": "published",
        "model": "m",
        "training_seed": 0,
        "settings": weights_fingerprint(study, "m"),
        "data_hash": None,
        "status": "trained",
        "origin": "trained.safetensors",
        "layout": "this project",
        "averaged": True,
    }
    assert provenance.items() >= expected.items()
    assert {"git_commit", "hardware", "origin_sha256"} <= provenance.keys()
    save_weights("diverged.safetensors", {}, {"status": "diverged at step 7"})
    with pytest.raises(
        DivergedError, match=r"diverged\.safetensors: holds no weights: training diverged at step 7"
    ):
        import_tiny(folder, {"file": "diverged.safetensors"})


def test_imported_weights_stay_what_they_were(folder):
    """Raw weights imported once are still raw for the next study."""
    torch.save(as_pesser(RAW), "raw.pt")
    path = import_tiny(folder, {"file": "raw.pt", "averaged": False})
    again = imported(path)
    assert (again.convention, again.averaged) == ("this project", False)


def test_models_without_published_weights(folder):
    study = write_study(folder, {"file": "x.pt"}, {"source": "digits"}, {"attention_resolutions": [8]})
    text = study.read_text()
    lines = [line for line in text.splitlines() if "pretrained" not in line and "x.pt" not in line]
    study.write_text("\n".join(lines) + "\n")
    with pytest.raises(StudyError, match=r"models\.m has no `pretrained` weights; train it"):
        pretrained.run(load_study(study), argparse.Namespace(model="m", seed=0))
