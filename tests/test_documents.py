"""The documents name what exists: files, headings, verbs, studies, functions, tables and figures."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ddpm.cli import verbs

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
# Files that the texts tell a reader to write.
WRITTEN_BY_READERS = {"mine", "released", "shapes", "tiny"}

FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`[^`\n]+`")
INDENTED = re.compile(r"^ {4,}.*$", re.MULTILINE)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """The text without blocks of code."""
    return FENCE.sub("", page.read_text())


def code(page: Path) -> str:
    """Blocks of code, and what stands between backticks."""
    blocks = [match.group() for match in FENCE.finditer(page.read_text())]
    return "\n".join([*blocks, *SPAN.findall(prose(page)), *INDENTED.findall(prose(page))])


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+?) *$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", SPAN.sub("", prose(page))):
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        if re.match(r"\w+:", target):
            continue
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


def defined(body: Iterable[ast.stmt]) -> dict[str, ast.stmt]:
    """What a module or class defines or imports, by name."""
    found: dict[str, ast.stmt] = {}
    for statement in body:
        if isinstance(statement, ast.If):
            found |= defined([*statement.body, *statement.orelse])
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            found[statement.name] = statement
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name: statement for alias in statement.names}
        elif isinstance(statement, ast.AnnAssign):
            found[ast.unparse(statement.target)] = statement
        elif isinstance(statement, ast.Assign):
            found |= {ast.unparse(target): statement for target in statement.targets}
    return found


def exists(dotted: str) -> bool:
    """Whether a path such as ddpm.diffusion.bound.prior_term names a module, or something in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        place = SOURCE.joinpath(*parts[:length])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.exists():
            body = ast.parse(file.read_text()).body
            for name in parts[length:]:
                found = defined(body).get(name)
                if found is None:
                    return False
                body = found.body if isinstance(found, ast.ClassDef) else []
            return True
    return False


@each_page
def test_links_lead_somewhere(page):
    assert list(broken_links(page)) == []


@each_page
def test_named_verbs_exist(page):
    named = set(re.findall(r"(?<![./\w-])ddpm ([a-z]+)\b", code(page)))
    assert sorted(named - verbs().keys()) == []


@each_page
def test_named_studies_exist(page):
    named = set(re.findall(r"\bconfig/([\w-]+)\.yaml", page.read_text()))
    shipped = {path.stem for path in (ROOT / "config").glob("*.yaml")}
    assert sorted(named - shipped - WRITTEN_BY_READERS) == []


@each_page
def test_named_code_exists(page):
    """Paths as in `ddpm.diffusion.bound`, `src/ddpm/cli.py`, `tests/oracle/`."""
    dotted = set(re.findall(r"\bddpm(?:\.\w+)+", code(page)))
    files = set(re.findall(r"`((?:src|tests|benchmarks|examples|workflow)/[\w./-]*)`", prose(page)))
    of_files = {name for name in dotted if name.endswith((".yaml", ".sif"))}
    assert sorted(name for name in dotted - of_files if not exists(name)) == []
    assert sorted(name for name in files if not (ROOT / name).exists()) == []


def test_paths_of_code_are_told_from_others():
    assert exists("ddpm.diffusion.bound.prior_term")
    assert exists("ddpm.diffusion.process.GaussianDiffusion.q_sample")
    assert exists("ddpm.load")
    assert not exists("ddpm.diffusion.bound.no_such_term")
    assert not exists("ddpm.diffusion.process.GaussianDiffusion.no_such_method")
    assert not exists("ddpm.no_such_module")


def test_links_to_nothing_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `b`: c?\n[1](page.md#a-b-c) [2](#a-b-c) [3](no.md) [4](#no)\n```\n[5](no.md)\n```\n")
    assert list(broken_links(page)) == ["no.md", "#no"]


def test_the_table_of_equations_has_them_all():
    page = (ROOT / "docs" / "equations.md").read_text()
    rows = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    equations = {int(number) for number in re.findall(r"\bEq\. (\d+)", rows)}
    for first, last in re.findall(r"\bEqs\. (\d+)-(\d+)", rows):
        equations |= set(range(int(first), int(last) + 1))
    assert sorted(set(range(1, 17)) - equations) == []
    assert all(f"Algorithm {number}" in rows for number in range(1, 5))


def test_the_list_of_what_is_reproduced_has_every_table_and_figure():
    schema = json.loads((ROOT / "config" / "study.schema.json").read_text())
    artefacts = schema["$defs"]["ArtefactSettings"]["properties"].keys()
    page = (ROOT / "docs" / "reproduced.md").read_text()
    assert sorted(name for name in artefacts if f"`{name}`" not in page) == []


def test_the_index_links_every_page():
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs" / "README.md").read_text()))
    assert sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name not in linked) == [
        "README.md"
    ]
