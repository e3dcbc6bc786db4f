"""The pages hold what is true: the tutorial's commands run in their order, and every link leads somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli_kit import environment, help_of

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
RUN = [
    line
    for block in re.findall(r"```sh\n(.*?)```", TUTORIAL, re.DOTALL)
    for line in block.replace("\\\n", " ").splitlines()
]
SHOWN = [line[2:] for line in TUTORIAL.splitlines() if line.startswith("$ pairsmith ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tutorial")


@pytest.fixture(scope="module")
def outputs(folder: Path, samples: Path, home: Path) -> dict[str, str]:
    """What the tutorial's commands print, one after the other, with the model's samples from a file."""
    given = f"--set sampling.backend=files --set sampling.samples={samples}"
    outputs: dict[str, str] = {}
    for command in RUN:
        words = shlex.split(command.replace("pairsmith init", f"pairsmith init {given}"))
        start = [sys.executable, "-m"] if words[0] == "pairsmith" else []
        done = subprocess.run(
            [*start, *words], cwd=folder, capture_output=True, text=True, check=False,
            env={**environment(home), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        outputs[f"{len(outputs)} {command}"] = done.stdout
    return outputs


@pytest.mark.nightly
def test_the_tutorial_goes_through_as_written(outputs: dict[str, str]) -> None:
    dry, build, status, inspect, _, changed, again = list(outputs.values())[1:]
    assert "24 problems of starter" in dry
    assert " pairs " in build
    assert " done " in status
    assert "-- chosen, passes" in inspect
    assert "pairs.max_per_problem: 8 -> 3" in changed
    assert re.search(r"executions +\d+ rows reused", again)
    assert re.search(r"pairs +\d+ pairs +\d", again)


@pytest.mark.nightly
def test_the_tutorials_snippet_loads_the_pairs(folder: Path, outputs: dict[str, str], tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", TUTORIAL, re.DOTALL)
    variables = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", snippet], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("starter/")


@pytest.mark.parametrize("command", SHOWN)
def test_each_shown_command_is_known(command: str) -> None:
    words = shlex.split(command)[1:]
    shown = help_of(words[0])
    assert [word for word in words if word.startswith("--") and word not in shown] == []


HOW_TOS = [page for page in PAGES if page.parent.name == "how-to" and "```sh" in page.read_text(encoding="utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize("page", HOW_TOS, ids=lambda page: page.stem)
def test_a_how_to_goes_through_as_written(page: Path, tmp_path: Path, home: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    shim = f'pairsmith() {{ "{sys.executable}" -m pairsmith "$@"; }}\nset -eu\n'
    done = subprocess.run(
        ["bash", "-c", shim + "".join(blocks)], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**environment(home), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    if page.stem == "judge-samples":
        rows = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(row)["passed"] for row in rows] == [True, False]
        (snippet,) = re.findall(
            r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
        variables = {**environment(home), "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", snippet], cwd=tmp_path, capture_output=True, text=True,
            check=False, env=variables,
        )  # fmt: skip
        assert "return list(accumulate(xs))" in done.stdout, done.stderr


def test_every_page_is_in_the_site() -> None:
    named = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(str(page.relative_to(ROOT / "docs")) for page in PAGES if "docs" in page.parts)


def links(page: Path) -> set[Path]:
    """Return the files that a page links to."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    return {(page.parent / one).resolve() for one in targets if not one.startswith(("http://", "https://"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [str(target) for target in links(page) if not target.exists()] == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Python-Markdown and GitHub make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_anchor_is_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"\]\(([\w./-]*\.md)?#([\w-]+)\)", text)
    wrong = [f"{path}#{name}" for path, name in found if name not in anchors(page.parent / path if path else page)]
    assert wrong == []


def test_the_site_is_built_with_all_warnings() -> None:
    assert "mkdocs build --quiet" not in (ROOT / "Makefile").read_text(
        encoding="utf-8"
    )  # it hides them from `strict`


def test_every_page_is_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        new = {target for page in new for target in links(page) if target.suffix == ".md"} - reached
    assert [
        str(page.relative_to(ROOT)) for page in PAGES if page not in reached and page.name != "CONTRIBUTING.md"
    ] == []
