"""The verbs `table`, `show` and `index`."""

from __future__ import annotations

import argparse
import base64
import dataclasses
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import made_up_cifar10
import made_up_study
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ddpm.artefacts import verification
from ddpm.artefacts.artefact import Figure
from ddpm.artefacts.expected import read_expected
from ddpm.artefacts.figures import checkpoints
from ddpm.artefacts.figures.drawing import build_figure
from ddpm.artefacts.registry import ARTEFACTS
from ddpm.artefacts.report.images import embedded
from ddpm.artefacts.report.page import report_page
from ddpm.artefacts.tables.text import width
from ddpm.commands import expect, metrics, report, show, table, verify
from ddpm.errors import DataError
from ddpm.evaluation import metrics as evaluated
from ddpm.graph.fingerprint import report_fingerprint
from ddpm.graph.run_files import first_shards, likelihood_rows, quality_rows
from ddpm.records.files import sha256
from ddpm.records.measurements import Measurement, read_measurements, write_measurements
from ddpm.records.traced_files import write_arrays
from ddpm.study import Study, load_study
from ddpm.study.artefacts import ArtefactSettings

HOME = Path("results/made_up")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    study = made_up_study.make(tmp_path)
    made_up_study.measure(study)
    return study


def build(study: Study, *names: str) -> None:
    for name in names:
        table.run(study, argparse.Namespace(table=name))


def shown(study: Study, capsys: pytest.CaptureFixture[str]) -> str:
    show.run(argparse.Namespace(study=Path(study.file), json=False))
    return capsys.readouterr().out


@pytest.mark.parametrize("verb", [table, show, report])
def test_verbs_have_a_line_of_help(verb: object) -> None:
    assert re.fullmatch(r"[A-Z][^\n]+\.", str(verb.__doc__))


def test_table_writes_four_files(study: Study) -> None:
    parser = argparse.ArgumentParser()
    table.add_arguments(parser)
    table.run(study, parser.parse_args(["table2"]))
    files = {str(path.relative_to(HOME)) for path in HOME.rglob("*table2*")}
    assert files == {"table2.csv", "tables/table2.md", "tables/table2.html", "tables/table2.trace.csv"}


def test_a_failed_table_leaves_the_old_one(study: Study) -> None:
    build(study, "table2")
    before = (HOME / "table2.csv").read_bytes()
    (HOME / "measurements/quality/eps_fixed/seed0/sampling0.parquet").write_text("torn")
    with pytest.raises(DataError, match="sampling0"):
        build(study, "table2")
    assert (HOME / "table2.csv").read_bytes() == before


def test_show_prints_what_exists_within_100_columns(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    build(study, "table1", "table2")
    text = shown(study, capsys)
    assert all(width(line) <= 100 for line in text.split("\n"))
    assert "Ours (L, fixed" in text
    assert "diverged" in text
    assert "table4 is not built yet: run `snakemake results/made_up/table4.csv`" in text
    assert "results/made_up/figures/ (0 of 2 built)" in text
    assert "results/made_up/report.html (not built yet)" in text


@pytest.mark.parametrize("columns", [70, 80, 120])
def test_show_fits_a_terminal_and_ends_with_the_models_numbers(
    columns: int, study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is too wide goes on below; the last screen of 24 lines has all models, the page and the time."""
    build(study, "table1", "table2")
    path = HOME / "benchmarks/train/eps_fixed.seed0.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("s\th:m:s\n120.0\t0:02:00\n")
    (path.parent / "torn.tsv").write_text("s\n-\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    text = shown(study, capsys)
    assert all(width(line) <= columns for line in text.split("\n"))
    for column in ("KID", "Precision", "Recall"):
        assert column in text
    last = text.split("\n")[-24:]
    assert "report   results/made_up/report.html (not built yet)" in last
    assert "time     2 min: the jobs that compute, one after another" in last
    (row,) = (line for line in last if line.startswith("eps_fixed "))
    numbers = metrics_of(study)["eps_fixed"]
    assert row.split()[1:4] == [f"{numbers[key]:.2f}" for key in ("FID_train", "FID_test", "IS")]
    assert f"<= {numbers['NLL_test']:.2f}" in row


def metrics_of(study: Study) -> evaluated.Metrics:
    return evaluated.metrics([*quality_rows(study, study.models), *likelihood_rows(study, study.models)])


def test_show_as_json(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    build(study, "table2")
    show.run(argparse.Namespace(study=Path(study.file), json=True))
    found = json.loads(capsys.readouterr().out)
    assert found["models"] == metrics_of(study)
    assert found["tables"]["table1"] is None
    assert {row["row"] for row in found["tables"]["table2"]} >= {"epsilon_L_fixed"}
    assert (found["study"], found["report"], found["figures"]) == ("made_up", None, {})


def test_show_needs_no_measurements(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    build(study, "table4")
    for path in HOME.rglob("*.parquet"):
        path.unlink()
    assert "1.77581" in shown(study, capsys)


def test_show_names_a_damaged_table(study: Study) -> None:
    (HOME / "tables").mkdir()
    (HOME / "tables/table1.md").write_text("notes of mine")
    with pytest.raises(DataError, match=r"table1\.md: not a table that this project wrote"):
        show.run(argparse.Namespace(study=Path(study.file), json=False))


def page(study: Study) -> str:
    report.run(study, argparse.Namespace())
    return (HOME / "report.html").read_text(encoding="utf-8")


def test_report_shows_tables_and_figures_with_relative_links(study: Study) -> None:
    build(study, "table1", "table2", "table4")
    (HOME / "figures").mkdir()
    for ending in ("png", "pdf"):
        (HOME / f"figures/figure13.{ending}").write_bytes(b"content")
    origin = {"git_commit": "abc123", "settings": "def456", "inputs": [{"path": "a.npz", "sha256": "9" * 64}]}
    (HOME / "figures/figure13.json").write_text(json.dumps(origin))
    html = page(study)
    assert html.count("<h2>Table ") == 3
    assert "Drawn with commit abc123, settings def456, from:" in html
    assert f'<th scope="row">a.npz</th><td>{"9" * 12}</td>' in html
    assert "<h2>Figure 13. Samples</h2>" in html
    assert "3 x 4 samples of eps_simple" in html
    links = [link for link in re.findall(r'href="([^"]+)"', html) if not link.startswith("#")]
    assert {"figures/figure13.pdf", "table1.csv", "tables/table1.trace.csv"} <= set(links)
    assert all((HOME / link).exists() for link in links)
    # Images are in the page, and nothing that it needs lies elsewhere.
    [image] = re.findall(r'src="([^"]+)"', html)
    assert image == f"data:image/png;base64,{base64.b64encode(b'content').decode()}"
    # Notes are folded, and colours follow the reader's choice.
    assert html.count('<summary>Notes</summary><ul class="notes">') == 3
    assert "@media (prefers-color-scheme: dark)" in html


def test_report_is_headed_by_the_best_numbers_and_their_origin(study: Study) -> None:
    assert "Made from" not in page(study)
    metrics.run(study, argparse.Namespace())
    html = page(study)
    best = json.loads((HOME / "headline.json").read_text())
    shown = (
        f"<dt>Best FID</dt><dd>{best['best_FID']:.2f} <small>against the training images: eps_simple</small>"
    )
    assert shown in html
    assert f"<dt>Best NLL</dt><dd>≤ {best['best_NLL']:.2f} <small>bits/dim" in html
    # Results of two commits, one of them not clean; the date is that of the commit, and no other is there.
    commit = "0123456789abcdef"
    about = json.loads((HOME / "made_from.json").read_text())
    about["commits"] = {f"{commit} (uncommitted changes)": "2020-06-19", "<b>": ""}
    (HOME / "made_from.json").write_text(json.dumps(about))
    words = f"Made from: code {commit[:12]} of 2020-06-19 (uncommitted changes), &lt;b&gt;; hardware a laptop"
    assert words in page(study)
    (HOME / "made_from.json").write_text("{")
    with pytest.raises(DataError, match=r"made_from\.json: damaged.*delete it and run"):
        page(study)


def test_report_follows_the_paper_and_says_what_it_leaves_out(study: Study) -> None:
    html = page(study)
    order = ["table1", "table2", "figure5", "table4", "figure13"]
    places = [html.index(f'id="{name}"') for name in order]
    assert places == sorted(places)
    [left_out] = re.findall(r'<p class="small" id="left-out">(.*?)</p>', html)
    assert "Figure 1, Figure 2, " in left_out.replace("Table 3, ", "").replace("Numbers in the text, ", "")
    assert "Table 1" not in left_out
    assert "Built: 0 of 3 tables and 0 of 2 figures that the study asks for." in html


def test_every_measurement_of_a_table_is_one_click_away(study: Study) -> None:
    build(study, "table2")
    html = page(study)
    trace = pd.read_csv(HOME / "tables/table2.trace.csv")
    assert f"<summary>Where these numbers come from: {len(trace)} measurements</summary>" in html
    row = trace.iloc[0]
    assert f'<th scope="row">{row.cell_row}: {row.cell_column}</th><td>{row.value:.6g}</td>' in html
    for hash_ in {*trace["weights_hash"].dropna(), *trace["data_hash"].dropna()}:
        assert f"<td>{hash_[:12]}</td>" in html
    (HOME / "tables/table2.trace.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"table2\.trace\.csv: damaged"):
        page(study)


def test_report_says_whether_the_numbers_are_as_expected(study: Study) -> None:
    build(study, "table1", "table2")
    assert "Expected numbers" not in page(study)
    expected = Path("config/expected/made_up.csv")
    arguments = argparse.Namespace(runs=[HOME] * 3, output=expected)
    expect.run(study, arguments)
    count = len(read_expected(expected).numbers)
    words = f'✓ <a href="#expected">Reproduced: {count} of {count} numbers within tolerance</a>'
    html = page(study)
    assert words in html
    assert f"<details><summary>{count} numbers</summary>" in html
    text = expected.read_text().splitlines()
    first = next(n for n, line in enumerate(text) if not line.startswith(("#", "table,")))
    cells = text[first].rsplit(",", 3)
    text[first] = ",".join([cells[0], "1e9", *cells[2:]])
    expected.write_text("\n".join(text) + "\n")
    html = page(study)
    assert f'✗ <a href="#expected">Reproduced: {count - 1} of {count} numbers' in html
    assert html.index("These differ:") < html.index(">1e+09<")


def test_times_are_those_of_the_run_and_no_part_of_what_is_verified(study: Study) -> None:
    assert "Time and cost" not in page(study)
    path = HOME / "benchmarks/train/eps_fixed.seed0.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("s\tmax_rss\tcpu_time\n120.0\t512.0\t60\n")
    (path.parent / "eps_simple.seed0.tsv").write_text("s\tmax_rss\tcpu_time\n60.0\t1024.0\t-\n")
    (path.parent / "torn.tsv").write_text("s\n-\n")
    html = page(study)
    assert '<th scope="row">train</th><td>2</td><td>3 min</td><td></td><td>1.0 GB</td>' in html
    assert failed(study) == set()
    path.unlink()
    assert failed(study) == set()


def test_samples_head_the_report(study: Study) -> None:
    for shard in first_shards(study, "eps_simple", 12):
        images = np.arange(20 * 64, dtype=np.uint8).reshape(20, 1, 8, 8)
        write_arrays(Path(shard), {"images": images, "index": np.arange(20)}, {"status": "trained"})
    html = page(study)
    assert "The first 12 samples of eps_simple, not chosen." in html
    [url] = re.findall(r'class="samples" src="data:image/png;base64,([^"]+)"', html)
    with Image.open(io.BytesIO(base64.b64decode(url))) as image:
        assert image.size == (12 * 48 + 11 * 4, 48)
        assert image.getpixel((0, 47)) == (56, 56, 56, 255)
        assert image.getpixel((50, 0))[3] == 0


def test_a_large_figure_is_made_smaller(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 2000, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.png")
    url = embedded(tmp_path / "x.png")
    assert url.startswith("data:image/webp;base64,")
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        assert image.size == (1600, 720)


def test_report_leads_to_every_artefact_and_says_how_to_build_what_is_missing(study: Study) -> None:
    html = page(study)
    for name in ("table1", "table2", "table4", "figure5", "figure13"):
        assert f'href="#{name}"' in html
        assert html.count(f'id="{name}"') == 1
    assert "snakemake results/made_up/figures/figure5.png" in html
    assert "snakemake results/made_up/table1.csv" in html


def test_report_is_escaped_and_self_contained(study: Study) -> None:
    build(study, "table1")
    html = page(study)
    assert "<tiny>" not in html
    assert "<h1>Made up: &lt;tiny&gt; &amp; grey</h1>" in html
    assert not re.search(r"https?:|<script|<link|@import|url\(", html)
    assert html.count("<body>") == html.count("</html>") == 1


def test_the_tables_of_the_papers_scale_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    study = made_up_cifar10.make(tmp_path)
    made_up_cifar10.measure(study)
    assert "comparison is not built yet: run `snakemake results/made_up/comparison.csv`" in shown(
        study, capsys
    )
    html = page(study)
    assert ">Numbers in the text</a>" in html
    assert "<h2>Comparison with the paper</h2>" in html
    build(study, "text_numbers", "comparison")
    text = shown(study, capsys)
    assert all(width(line) <= 100 for line in text.split("\n"))
    assert "within published spread" in text
    assert 'href="comparison.csv"' in page(study)
    words = checkpoints.FIGURE.caption(study)
    assert "FID of the averaged weights over training, for mu_mse, eps_fixed and eps_simple" in words


def test_every_figure_of_the_demo_has_a_caption() -> None:
    demo = load_study(made_up_study.PROJECT / "config" / "demo.yaml")
    for figure in (found for found in demo.artefacts.definitions if isinstance(found, Figure)):
        words = figure.caption(demo)
        assert words.startswith("The paper: ")
        assert f"Here ({demo.title}): " in words
        assert "{" not in words
        assert figure.titled(demo).startswith(figure.heading)
    curves = next(found for found in demo.artefacts.definitions if found.name == "training_curves")
    assert isinstance(curves, Figure)
    assert curves.titled(demo) == "Training curves"
    assert "norm" not in curves.caption(demo)


def test_every_artefact_that_a_study_may_build_has_a_heading() -> None:
    headings = {artefact.name: artefact.heading for artefact in ARTEFACTS}
    assert list(headings) == list(ArtefactSettings.model_fields)
    assert headings["figure13"] == "Figure 13"
    assert headings["table1"] == "Table 1"
    assert headings["text_numbers"] == "Numbers in the text"
    assert headings["training_curves"] == "Training curves"
    assert len(set(headings.values())) == len(headings)


def test_a_study_is_read_without_what_draws_and_builds() -> None:
    code = "import sys, ddpm.study; print({'torch', 'pandas', 'matplotlib', 'pyarrow'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_each_module_may_be_imported_first() -> None:
    """Each in a process of its own that has loaded nothing of the package: no circle of imports breaks."""
    modules = sorted(
        {module for one in ARTEFACTS for module in (one.settings.__module__, one.inputs.__module__)}
    )
    code = f"""
import importlib, os, matplotlib.pyplot, pandas, pydantic, torch
for module in {modules}:
    if (child := os.fork()) == 0:
        importlib.import_module(module)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, module
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_report_names_local_changes_and_changes_with_them(study: Study) -> None:
    before = report_fingerprint(study)
    assert "<code>config/made_up.yaml</code>. Numbers" in report_page(study)
    Path("config/made_up.local.yaml").write_text("defaults: {training: {steps: 2000}}\n")
    changed = load_study("config/made_up.yaml")
    over = "<code>config/made_up.local.yaml</code> over <code>config/made_up.yaml</code>"
    assert over in report_page(changed)
    assert report_fingerprint(changed) != before
    assert list(changed.files) == ["config/made_up.local.yaml", "config/made_up.yaml"]
    assert changed.files["config/made_up.local.yaml"] == sha256("config/made_up.local.yaml")


def alter(path: Path) -> None:
    """Changes one bit."""
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])


def failed(study: Study) -> set[str]:
    """The files with which something is wrong, by `ddpm verify`."""
    return {str(Path(path).relative_to(HOME)) for path, reason in verification.verify(study) if reason}


def test_verify_finds_what_was_altered(study: Study) -> None:
    build(study, "table1", "table2")
    build_figure(study, "figure5")
    report.run(study, argparse.Namespace())
    files_alone = argparse.Namespace(numbers=False, no_rerun=True, against=None)
    verify.run(study, files_alone)
    tables = ["table1.csv", "tables/table2.md", "tables/table2.trace.csv"]
    altered = [*tables, "figures/figure5.png", "report.html"]
    contents = {HOME / name: (HOME / name).read_bytes() for name in altered}
    for path in contents:
        alter(path)
    assert failed(study) == set(altered)
    for path, content in contents.items():
        path.write_bytes(content)
    path = HOME / "measurements/quality/mu_fixed/seed0/sampling7.parquet"
    content = path.read_bytes()
    alter(path)
    with pytest.raises(DataError, match="checks failed"):
        verify.run(study, files_alone)
    assert "measurements/quality/mu_fixed/seed0/sampling7.parquet" in failed(study)
    path.write_bytes(content)
    # A measurement of which a table was made is another one now, and whole.
    rows = read_measurements([path])
    changed = [Measurement(**row) for row in rows.astype(object).where(rows.notna(), None).to_dict("records")]
    write_measurements(path, [dataclasses.replace(row, value=99.0) for row in changed])
    assert "tables/table2.trace.csv" in failed(study)
