"""`ddpm schedule`, `compress`, `decompress` and `show FILE`, on a model trained for a few steps."""

import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.cli import main
from ddpm.compression.file_format import read
from ddpm.compression.model import CodingModel
from ddpm.compression.schedule_file import read_code
from ddpm.data.store import read_images
from ddpm.graph import layout
from ddpm.network.weights import read_weights, save_weights
from ddpm.records.measurements import read_measurements
from ddpm.records.traced_files import read_arrays, read_provenance
from ddpm.study import load_study

TEXT = """
title: A study that codes
datasets:
  digits: {source: digits}
defaults:
  dataset: digits
  network: {channels: 8, channel_multipliers: [1, 2], attention_resolutions: [4], groups: 4}
  diffusion: {timesteps: 20, beta_start: 0.001, beta_end: 0.5}
  training: {steps: 60, batch_size: 16, log_every: 20, learning_rate: 0.01, warmup_steps: 1, ema_decay: 0.5}
models:
  simple: {}
  lost: {diffusion: {variance: learned, loss: kl}, training: {learning_rate: 1.0e+9, gradient_clip: null}}
  learned: {diffusion: {variance: learned, loss: kl}}
likelihood: {images: 30, batch_size: 30}
compression:
  training_images: 10
  batch_size: 4
  schedules:
    progressive: {mode: progressive, steps: 4}
    archive: {mode: archive, steps: 3}
    bound: {mode: archive, variance: model, last: x_1, steps: all}
    many: {mode: archive, steps: 21}
artefacts: {}
"""
STUDY = "config/coding.yaml"
RUN = [STUDY, "--model", "simple"]
RESULTS = "results/coding"
COUNT = 5


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder in which the verbs ran, with a file of each mode; tests must not change its files."""
    folder, before = tmp_path_factory.mktemp("coding"), Path.cwd()
    os.chdir(folder)
    try:
        Path("config").mkdir()
        Path(STUDY).write_text(TEXT)
        one = ["--threads", "1"]
        verbs = [["data", STUDY, "digits"], ["train", *RUN, *one]]
        verbs += [["bound", *RUN, *one, "--split", "train"], ["likelihood", *RUN, "--split", "train"]]
        verbs += [
            ["schedule", *RUN, *one, "--schedule", name] for name in ("progressive", "archive", "bound")
        ]
        for name in ("progressive", "archive"):
            sources = ["--schedule", name, "--output", f"{name}.ddpm", "test", "--images", str(COUNT)]
            verbs.append(["compress", *RUN, *one, *sources])
        assert [main(verb) for verb in verbs] == [0] * len(verbs)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def folder(built, tmp_path, monkeypatch):
    """A copy of the test's own, made the current folder."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(capsys):
    """What the verbs printed, on one line."""

    def text() -> str:
        captured = capsys.readouterr()
        return " ".join((captured.out + captured.err).split())

    return text


def originals(count: int = COUNT) -> np.ndarray:
    return read_images(load_study(STUDY), "digits", "test")[:count, 0]


def decompress(file: str, output: str, *options: str) -> int:
    return main(["decompress", file, "--output", output, "--threads", "1", *options])


def compress(output: str, *options: str) -> int:
    return main(["compress", *RUN, "--threads", "1", "--output", output, *options])


def written(output: str) -> dict[int, np.ndarray]:
    """Images by number."""
    return {int(path.stem): np.array(Image.open(path)) for path in Path(output).glob("*.png")}


def are_originals(found: dict[int, np.ndarray], wanted: list[int]) -> bool:
    return sorted(found) == wanted and all((found[i] == originals()[i]).all() for i in wanted)


@pytest.mark.parametrize("mode", ["progressive", "archive"])
def test_images_come_back(folder, said, mode):
    assert decompress(f"{mode}.ddpm", "out") == 0
    assert are_originals(written("out"), [*range(COUNT)])
    assert "out: 5 images as they were, 0 as far as the bits go" in said()


def test_another_process_with_other_threads(folder):
    code = "import sys; from ddpm.cli import main; names = sys.argv[1:]; sys.exit(any(main(['decompress', "
    code += "f'{name}.ddpm', '--output', f'out_{name}', '--threads', '2']) for name in names))"
    verb = [sys.executable, "-c", code, "progressive", "archive"]
    run = subprocess.run(verb, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "2"})
    assert run.returncode == 0, run.stderr
    for mode in ("progressive", "archive"):
        assert are_originals(written(f"out_{mode}"), [*range(COUNT)])


def test_compress_prints_its_account(folder, said):
    assert compress("again.ddpm", "--schedule", "archive", "test", "--images", "5") == 0
    size = Path("again.ddpm").stat().st_size
    text = said()
    assert f"again.ddpm: 5 images, {size:,} bytes" in text
    assert f"{size:,} bytes together" in text
    assert "initial bits, which decoding gives back" in text
    assert Path("again.ddpm").read_bytes() == Path("archive.ddpm").read_bytes()
    assert compress("one.ddpm", "--schedule", "progressive", "test", "--images", "1") == 0
    assert "one.ddpm: 1 image, " in said()


def test_files_and_folders_of_images(folder):
    Path("in").mkdir()
    for i, image in enumerate(originals()):
        Image.fromarray(image).save(f"in/{i}.png")
    Path("in/notes.txt").write_text("no image")
    Image.fromarray(originals()[0]).save("a.bmp")
    options = ["--schedule", "progressive", "--batch", "2"]
    assert compress("b.ddpm", *options, "a.bmp", "in", "test", "--images", "7") == 0
    assert read(Path("b.ddpm").read_bytes(), "b").header.batch == 2
    assert decompress("b.ddpm", "out") == 0
    found = written("out")
    order = [0, 0, 1, 2, 3, 4, 0]
    assert sorted(found) == [*range(7)]
    assert all((found[i] == originals()[k]).all() for i, k in enumerate(order))


def test_existing_outputs_are_refused(folder, said):
    before = Path("archive.ddpm").read_bytes()
    assert compress("archive.ddpm", "--schedule", "archive", "test", "--images", "1") == 2
    assert "archive.ddpm: is there already and is not overwritten" in said()
    assert Path("archive.ddpm").read_bytes() == before
    Path("out").mkdir()
    Path("out/000003.png").write_text("mine")
    assert decompress("archive.ddpm", "out") == 2
    assert "out/000003.png" in said()
    assert [path.name for path in Path("out").iterdir()] == ["000003.png"]
    assert Path("out/000003.png").read_text() == "mine"


def test_images_that_are_none_of_the_models(folder, said):
    Image.new("L", (8, 9)).save("high.png")
    Image.new("RGB", (8, 8)).save("colour.png")
    Path("text.png").write_text("no image")
    Path("empty").mkdir()
    for source, message in (
        ("high.png", "high.png: is 8x9 of mode L, the model's images are 8x8, 8-bit grey (L)"),
        ("colour.png", "colour.png: is 8x8 of mode RGB"),
        ("text.png", "text.png: cannot be read as an image"),
        ("nowhere.png", "nowhere.png: cannot be read as an image"),
        ("empty", "empty: no images"),
    ):
        assert compress("new.ddpm", "--schedule", "archive", source) == 2
        assert message in said()
    assert compress("new.ddpm", "--schedule", "archive", "test", "--images", "0") == 2
    assert "--images 0: must be 1 or more" in said()
    assert not Path("new.ddpm").exists()


@pytest.mark.parametrize("mode", ["progressive", "archive"])
def test_show(folder, said, mode):
    assert main(["show", f"{mode}.ddpm"]) == 0
    text = said()
    assert f"mode {mode} images 5 image 1x8x8 study coding model simple" in text
    assert "body as written" in text
    assert main(["show", f"{mode}.ddpm", "--json"]) == 0
    content, code = json.loads(said()), read_code(schedule_path(mode))[0]
    assert content["schedule hash"] == code.hash
    _, about = read_weights(f"{RESULTS}/models/simple/seed0/weights.safetensors")
    assert content["weights"] == about["weights_hash"]
    assert content["batch"] == 4
    assert content["header bytes"] + content["body bytes"] == Path(f"{mode}.ddpm").stat().st_size


def schedule_path(name: str) -> Path:
    [path] = Path(RESULTS).rglob(f"{name}.json")
    return path


def damage(place: int, *, of_the_body: bool, mode: str = "progressive") -> bytearray:
    content = bytearray(Path(f"{mode}.ddpm").read_bytes())
    start = read(bytes(content), mode).header_bytes if of_the_body else 0
    content[start + place] ^= 0x55
    return content


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (lambda: b"GIF89a and more", 3, "bad.ddpm: not a file of `ddpm compress`"),
        (lambda: b"", 3, "bad.ddpm: not a file of `ddpm compress`"),
        (lambda: newer(), 4, "bad.ddpm: of version 2 of the format, and this program knows 1"),
        (lambda: damage(40, of_the_body=False), 5, "bad.ddpm: its header is cut off or altered"),
        (lambda: Path("archive.ddpm").read_bytes()[:90], 5, "bad.ddpm: its header is cut off or altered"),
    ],
)
def test_files_that_cannot_be_read(folder, said, content, status, message):
    Path("bad.ddpm").write_bytes(content())
    assert decompress("bad.ddpm", "out") == status
    assert message in said()
    assert not Path("out").exists()
    if status > 3:
        assert main(["show", "bad.ddpm"]) == status
        assert message in said()


def newer() -> bytes:
    content = bytearray(Path("archive.ddpm").read_bytes())
    content[8] = 2
    length = struct.unpack_from("<I", content, 9)[0]
    content[length - 4 : length] = struct.pack("<I", zlib.crc32(content[: length - 4]))
    return bytes(content)


def test_a_missing_file(folder, said):
    assert decompress("nowhere.ddpm", "out") == 2
    assert "nowhere.ddpm: no such file; name one of `ddpm compress`" in said()


def test_other_weights(folder, said):
    path = f"{RESULTS}/models/simple/seed0/weights.safetensors"
    tensors, about = read_weights(path)
    name = next(key for key, value in tensors.items() if value.is_floating_point())
    tensors[name] = tensors[name] + 0.01
    save_weights(path, tensors, about)
    assert decompress("archive.ddpm", "out") == 6
    assert "the file was made with other weights than config/coding.yaml has now for" in said()
    assert not written("out")
    # Nor does the schedule belong to them.
    assert compress("new.ddpm", "--schedule", "archive", "test", "--images", "1") == 2
    assert "was fitted to other weights or settings" in said()
    assert main(["schedule", *RUN, "--schedule", "archive"]) == 2
    assert "not the errors of these weights" in said()


def test_another_schedule(folder, said):
    path = schedule_path("archive")
    path.write_bytes(schedule_path("bound").read_bytes())
    assert decompress("archive.ddpm", "out") == 6
    assert f"made with other schedule ({path}) than" in said()
    path.write_text(path.read_text()[:-20])
    assert decompress("archive.ddpm", "out") == 2
    assert "not a readable schedule" in said()
    path.unlink()
    assert decompress("archive.ddpm", "out") == 2
    assert "no such schedule; make it with" in said()


def test_altered_body_of_a_progressive_file(folder, said):
    """The second image's first byte: that one is lost."""
    lengths = read(Path("progressive.ddpm").read_bytes(), "p").header.lengths
    Path("bad.ddpm").write_bytes(damage(lengths[0], of_the_body=True))
    assert decompress("bad.ddpm", "out") == 7
    assert "1 of its 5 images did not come out: 000001. Get the file again" in said()
    found = written("out")
    assert are_originals(found, [0, 2, 3, 4])
    assert main(["show", "bad.ddpm"]) == 0
    assert "cut off or altered (of" in said()


def test_progressive_file_that_is_cut_off(folder, said):
    content = Path("progressive.ddpm").read_bytes()
    Path("bad.ddpm").write_bytes(content[:-5])
    assert decompress("bad.ddpm", "out") == 7
    assert "1 of its 5 images did not come out: 000004" in said()
    found = written("out")
    rough = found.pop(4)
    assert are_originals(found, [0, 1, 2, 3])
    # Only x_0's end is missing: the picture is that of all latents.
    assert decompress("progressive.ddpm", "all", "--steps", "4") == 0
    assert (rough == written("all")[4]).all()


def test_altered_body_of_an_archive(folder, said):
    """Four stacks of which one is lost; its images are not written."""
    file = read(Path("archive.ddpm").read_bytes(), "a")
    Path("bad.ddpm").write_bytes(damage(4 * sum(file.header.lengths[:2]), of_the_body=True, mode="archive"))
    assert decompress("bad.ddpm", "out") == 7
    assert "1 of its 5 images did not come out: 000002" in said()
    assert are_originals(written("out"), [0, 1, 3, 4])


def test_first_bytes(folder, said):
    sizes = []
    for most in ("0", "6", "1000"):
        assert decompress("progressive.ddpm", f"out{most}", "--bytes", most) == 0
        found = written(f"out{most}")
        assert sorted(found) == ([] if most == "0" else [*range(COUNT)])
        if not found:
            continue
        sizes.append(np.mean([np.abs(found[i].astype(float) - originals()[i]).mean() for i in found]))
    assert sizes[0] > sizes[1] == 0
    assert "5 images as they were, 0 as far as the bits go" in said()


def test_first_steps(folder, said):
    errors = []
    for steps in ("1", "4", "9"):
        assert decompress("progressive.ddpm", f"out{steps}", "--steps", steps) == 0
        found = written(f"out{steps}")
        errors.append(np.mean([np.abs(found[i].astype(float) - originals()[i]).mean() for i in found]))
        assert "0 images as they were, 5 as far as the bits go" in said()
    assert errors[0] > errors[1] == errors[2] > 0


def test_less_than_all_is_of_progressive_files_alone(folder, said):
    for option in ("bytes", "steps"):
        assert decompress("archive.ddpm", "out", f"--{option}", "3") == 2
        assert f"--{option}: archive.ddpm is an archive, which is decoded whole or not at all" in said()
    assert decompress("progressive.ddpm", "out", "--steps", "0") == 2
    assert "--steps 0: must be 1 or more" in said()
    assert decompress("progressive.ddpm", "out", "--bytes", "-1") == 2
    assert "--bytes -1: must be 0 or more" in said()
    assert not Path("out").exists()


@pytest.mark.parametrize("mode", ["progressive", "archive"])
def test_other_arithmetic(folder, said, monkeypatch, mode):
    assert mode == "archive" or decompress("progressive.ddpm", "all", "--steps", "4") == 0
    predict = CodingModel.predict_x_0
    monkeypatch.setattr(CodingModel, "predict_x_0", lambda *given: predict(*given) + np.float32(1e-3))
    assert decompress(f"{mode}.ddpm", "out") == 8
    text, found, pictures = said(), written("out"), written("all")
    assert "images do not come out as they were" in text
    assert ("lossy pictures are written" if mode == "progressive" else "none is written") in text
    assert "the network's last bits are others here (torch " in text
    assert len(found) == (COUNT if mode == "progressive" else len(found))
    for i, image in found.items():
        if mode == "archive":
            assert (image == originals()[i]).all()
        elif (image != originals()[i]).any():
            assert np.abs(image.astype(int) - pictures[i]).max() <= 2


def test_the_study_is_found_by_name_or_named(folder, said):
    Path("elsewhere.yaml").write_text(Path(STUDY).read_text())
    shutil.copytree(RESULTS, "results/elsewhere")
    Path(STUDY).unlink()
    assert decompress("archive.ddpm", "out") == 2
    assert "config/coding.yaml" in said()
    assert decompress("archive.ddpm", "out", "--study", "elsewhere.yaml") == 0
    found = written("out")
    assert sorted(found) == [*range(COUNT)]


def test_schedules(folder, said):
    code, about = read_code(schedule_path("progressive"))
    assert (code.mode, len(code.schedule.times), len(code.codes)) == ("progressive", 4, 4)
    bound = read_code(schedule_path("bound"))[0]
    assert (len(bound.schedule.times), bound.schedule.times[-1]) == (20, 0)
    assert about["weights_hash"]
    before = schedule_path("archive").read_bytes()
    schedule_path("archive").unlink()
    assert main(["schedule", *RUN, "--threads", "1", "--schedule", "archive"]) == 0
    assert "3 latents down to t = " in said()
    assert read_code(schedule_path("archive"))[0].hash == json.loads(before)["hash"]
    assert main(["schedule", *RUN, "--schedule", "none"]) == 2
    assert "compression.schedules: no 'none' (known: progressive, archive, bound, many)" in said()
    assert main(["schedule", *RUN, "--schedule", "many"]) == 2
    assert "no path of 21 times from T = 20; choose fewer" in said()
    [curve] = Path(RESULTS).rglob("train/rate_distortion.parquet")
    curve.unlink()
    assert main(["schedule", *RUN, "--schedule", "archive"]) == 2
    assert "rate_distortion.parquet" in said()


def coding_rows(model: str, schedule: str) -> Path:
    return layout.path(layout.CODING_ROWS, "coding", model=model, seed=0, schedule=schedule)


@pytest.mark.parametrize("mode", ["progressive", "archive"])
def test_coding_measures_what_compress_writes(folder, said, mode):
    Path(STUDY).write_text(
        Path(STUDY).read_text().replace("  batch_size: 4", f"  batch_size: 4\n  images: {COUNT}")
    )
    assert main(["coding", *RUN, "--threads", "1", "--schedule", mode]) == 0
    assert f"bits/dim over {COUNT} images, all as they were" in said()
    rows = read_measurements([coding_rows("simple", mode)])
    assert rows["n"].unique().tolist() == [COUNT]
    bits = rows[rows["reverse_steps"].isna()].set_index("metric")["value"]
    parts = ["coded bits", "coded header"] + ["coded initial bits"] * (mode == "archive")
    # The file of `compress` has the same images.
    size = Path(f"{mode}.ddpm").stat().st_size
    assert bits[parts].sum() * COUNT * 64 == pytest.approx(8 * size)
    assert bits["PNG"] > 0
    pictures = read_arrays(layout.path(layout.PICTURES, "coding", model="simple", seed=0, schedule=mode))
    assert (pictures["originals"][:, 0] == originals()).all()
    assert len(pictures["pictures"]) == len(pictures["t"]) == (4 if mode == "progressive" else 0)


def test_a_model_that_diverged_has_no_code(folder, said):
    run = [STUDY, "--model", "lost"]
    for words in (["train"], ["bound", "--split", "train"], ["likelihood", "--split", "train"]):
        assert main([words[0], *run, *words[1:]]) == 0
    for mode in ("progressive", "archive"):
        for verb in ("schedule", "coding"):
            assert main([verb, *run, "--schedule", mode]) == 0
        rows = read_measurements([coding_rows("lost", mode)])
        assert rows["value"].isna().all()
        assert rows["n"].tolist() == [0]
        assert rows["status"].tolist()[0].startswith("diverged at step")
        path = layout.path(layout.PICTURES, "coding", model="lost", seed=0, schedule=mode)
        assert read_provenance(path)["status"].startswith("diverged at step")
    assert main(["compress", *run, "--output", "lost.ddpm", "test"]) == 2
    assert "holds no code: training diverged at step" in said()
