"""Commands that only look at a run in a store: they tell what it holds, and leave it as it is."""

import io
import os
import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from pairsmith.flows.cli.plans import show_plan
from pairsmith.flows.cli.status import show_status
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.chain.tools import fetched_candidates
from pairsmith.pipeline.report.tables import NoRunError
from pairsmith.pipeline.run.lock import locked
from pairsmith.pipeline.run.stores import RemoteFolder, mirrored
from pairsmith.pipeline.sampling import SampleStore
from pairsmith.pipeline.sampling.filling import remember_draws
from pairsmith.schemas.config import RunConfig
from tests.cli_kit import assert_one_line, call_pairsmith
from tests.refresh_kit import build_small, write_problems


@pytest.fixture(scope="module")
def made(prefect_here: None, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A run that was made without a store."""
    return build_small(tmp_path_factory.mktemp("made"))


@pytest.fixture
def config(made: RunConfig, address: str, tmp_path: Path) -> RunConfig:
    """The same, kept in each kind of store; nothing of it is on this machine."""
    shutil.copytree(made.run, tmp_path / "elsewhere")
    with mirrored(tmp_path / "elsewhere", address):
        pass
    return made.model_copy(update={"run": tmp_path / "run", "store": address})


def plan_of(config: RunConfig, cache: Path) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_plan(config, cache, console)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def status_of(target: str | Path, cache: Path) -> str:
    console = Console(file=io.StringIO(), width=200)
    show_status(str(target), (), cache, console)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def file_of(config: RunConfig, folder: Path) -> Path:
    """Write the TOML file of a run."""
    path, given = folder / "run.toml", folder / "input"
    given.mkdir(exist_ok=True)
    text = write_problems(given, 4, published=False).read_text(encoding="utf-8")
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("run = "))
    path.write_text(f'run = "{config.run}"\nstore = "{config.store}"\n{kept}\n', encoding="utf-8")
    return path


def rows_of(text: str) -> dict[str, list[str]]:
    lines = (line.strip("│ \n").split("│") for line in text.splitlines() if line.startswith("│"))
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_a_plan_tells_what_the_store_holds(config: RunConfig, tmp_path: Path) -> None:
    before = RemoteFolder(config.store).list()
    told = plan_of(config, tmp_path / "cache")
    assert rows_of(told)["candidates"][-1] == "20 rows"
    assert rows_of(told)["training"][-1] == "no"
    assert f"kept in {config.store}" in told
    assert not config.run.exists()
    assert RemoteFolder(config.store).list() == before


def test_status_judges_what_the_store_holds(config: RunConfig, tmp_path: Path) -> None:
    before = RemoteFolder(config.store).list()
    told = rows_of(status_of(file_of(config, tmp_path), tmp_path / "cache"))
    assert {told[stage][0] for stage in ("problems", "candidates", "executions", "verdicts", "pairs")} == {"done"}
    (tmp_path / "input" / "samples.jsonl").write_text("{}\n")
    told = rows_of(status_of(tmp_path / "run.toml", tmp_path / "cache"))
    assert told["candidates"][0] == "stale"
    assert not config.run.exists()
    assert RemoteFolder(config.store).list() == before


def test_what_is_gone_from_the_store_is_not_told(config: RunConfig, tmp_path: Path) -> None:
    cache, remote = tmp_path / "cache", RemoteFolder(config.store)
    assert rows_of(plan_of(config, cache))["verdicts"][-1] == "20 rows"
    remote.remove([name for name in remote.list() if name.startswith("verdicts/")])
    assert rows_of(plan_of(config, cache))["verdicts"][-1] == "no"
    assert rows_of(status_of(file_of(config, tmp_path), cache))["verdicts"][0] == "missing"
    remote.remove(list(remote.list()))
    assert rows_of(plan_of(config, cache))["candidates"][-1] == "no"
    with pytest.raises(NoRunError, match=f"{config.store}: nothing found"):
        status_of(tmp_path / "run.toml", cache)


def test_who_works_there_and_what_waits_here_are_told(config: RunConfig, tmp_path: Path) -> None:
    with mirrored(config.run, config.store):
        told = status_of(file_of(config, tmp_path), tmp_path / "cache")
        assert re.search(rf"process {os.getpid()} of \S+ is using it, seen \d+ s ago", told)
        assert "not in the store" not in told
    (config.run / "training").mkdir()
    (config.run / "training" / "summary.json").write_text("{}")
    (config.run / "training" / "weights").write_text("not looked at")
    told = plan_of(config, tmp_path / "cache")
    assert "is using it" not in told
    assert "1 files are not in the store; the next run uploads them" in told
    assert rows_of(told)["training"][-1] == "no"


def test_what_was_drawn_elsewhere_goes_into_the_sample_store(config: RunConfig, tmp_path: Path) -> None:
    with locked(config.run, store=config.store):
        first, torn = sorted(fetched_candidates(config.run))
        assert first == config.run / "candidates" / "part-00000.parquet"
        torn.write_bytes(b"torn")
        rows = stage_folder(config.run, "candidates").read(first.name)
        with closing(SampleStore(tmp_path / "samples.sqlite")) as store:
            assert remember_draws([torn, first], store) == len(store) == len(rows) == 10
            assert store.find([rows[3].candidate_id]) == {rows[3].candidate_id: rows[3]}
    with locked(config.run, store=config.store):
        assert fetched_candidates(config.run) == []


def test_the_command_looks_into_the_store(made: RunConfig, s3: dict[str, str], home: Path, tmp_path: Path) -> None:
    address = f"s3://tester/looked/{tmp_path.name}"
    config = made.model_copy(update={"run": tmp_path / "run", "store": address})
    path = file_of(config, tmp_path)
    assert_one_line(call_pairsmith("status", path, home=home), address, "nothing found")
    shutil.copytree(made.run, tmp_path / "elsewhere")
    with mirrored(tmp_path / "elsewhere", address):
        pass
    assert rows_of(call_pairsmith("status", path, home=home).stdout)["pairs"][0] == "done"
    assert rows_of(call_pairsmith("build", path, "--dry-run", home=home).stdout)["candidates"][-1] == "20 rows"
    assert not config.run.exists()
