"""Publishing on a Hub on loopback: what is sent, what is not, what is refused, and what comes back."""

import io
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import polars as pl
import pytest
from huggingface_hub import HfApi
from rich.console import Console

from pairsmith.flows.publishing import show_publish
from pairsmith.pipeline.chain.table import find_stage, stage_folder, versions_of
from pairsmith.pipeline.pairing.export import CONFIGS
from pairsmith.pipeline.problems.records import LoadedProblems
from pairsmith.pipeline.publishing import publish as publish_module
from pairsmith.pipeline.publishing.card import gather_card, render_card
from pairsmith.pipeline.publishing.hub import HubDownError, PublishError, Pushed
from pairsmith.pipeline.publishing.hub import push as push_files
from pairsmith.pipeline.publishing.publish import PublishPlan, plan_publish
from pairsmith.pipeline.run.stores import RemoteFolder, mirrored
from pairsmith.schemas.config import RunConfig, load_config
from pairsmith.schemas.score import Gate, GateCheck, GateOutcome, Interval
from tests.cli_kit import assert_one_line, call_pairsmith, environment, run_pairsmith
from tests.hub_double import TOKEN, Hub, serve_hub
from tests.stores_kit import new_address
from tests.test_chain import SAMPLES, problems, run_chain
from tests.test_publishing_card import HOSTILE
from tests.training_kit import build_tiny_model

REPO = "tester/pairs"
# huggingface_hub uploads in a way that httpx calls old.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    with serve_hub() as hub:
        yield hub


@pytest.fixture
def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.url, token=TOKEN)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A small run, its programs run in this process."""
    folder = tmp_path_factory.mktemp("small")
    rows = [{"task_id": f"p/{k}", "solution": text} for text in SAMPLES for k in range(8)]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    overrides = [
        f"sampling.samples={folder / 'samples.jsonl'}",
        "sampling.backend=files",
        "sampling.n=3",
        "pairs.test_share=0.0",
    ]
    settings = load_config(None, [*overrides, f"run={folder / 'run'}", f"publish.dataset={REPO}"])
    loaded = problems(8).problems
    run_chain(settings.run, settings, LoadedProblems(tuple(replace(row, license="Apache-2.0") for row in loaded)))
    for stage in ("problems", "candidates", "programs", "executions", "verdicts", "syntax", "pairs"):
        made = stage_folder(settings.run, stage)
        made.finish(made.shard_names(), "0" * 32, versions_of(find_stage(stage)))
    return settings


def send(api: HfApi, plan: PublishPlan, private: bool) -> Pushed:
    return push_files(api, plan.remote, plan.local, plan.ours, plan.tag, private)


def push(settings: RunConfig, api: HfApi, tag: str) -> Pushed:
    (plan,) = plan_publish(settings, api, tag)
    return send(api, plan, settings.publish.private)


def hub_environment(hub: Hub, home: Path) -> dict[str, str]:
    return {**environment(home), "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}


def test_pushes_one_private_commit_with_a_tag_and_nothing_the_second_time(
    hub: Hub, api: HfApi, settings: RunConfig
) -> None:
    first = push(settings, api, "v1")
    repo = hub.repo(REPO)
    assert repo.private
    assert [title for _, title, _ in repo.commits] == ["initial commit", "v1"]
    assert repo.tags == {"v1": repo.head} == {"v1": first.commit}
    files = repo.files(repo.head)
    for path in (settings.run / "dataset").glob("*/*.parquet"):
        assert files[path.relative_to(settings.run / "dataset").as_posix()].data == path.read_bytes()
    assert hub.take_sent()
    again = push(settings, api, "v1")
    assert again.changes.is_empty
    assert hub.take_sent() == []
    assert push(settings, api, "v2").changes.changed == ("README.md",)  # it names the version


def test_a_dry_run_shows_the_difference_and_makes_nothing(hub: Hub, api: HfApi, settings: RunConfig) -> None:
    (plan,) = plan_publish(settings, api, "v1")
    assert "README.md" in plan.changes.added
    assert hub.repos == {}
    assert not any(line.startswith(("POST", "PUT")) for line in hub.seen)


def test_a_dry_run_without_the_hub_lists_the_files(
    hub: Hub, api: HfApi, settings: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    push(settings, api, "v1")
    shown = []
    for endpoint in (hub.url, "http://127.0.0.1:9"):
        monkeypatch.setattr("huggingface_hub.HfApi", lambda endpoint=endpoint: HfApi(endpoint, TOKEN))
        console = Console(file=io.StringIO(), width=200)
        show_publish(settings, "v1", (), console, tmp_path)
        shown.append(console.file.getvalue().splitlines())  # type: ignore[attr-defined]
    answered, silent = shown
    assert answered[0].startswith(f"dataset {REPO}, at ")
    assert silent[0] == f"dataset {REPO}, not compared, because the Hub does not answer; tag v1"
    assert "  data/train-00000.parquet" in silent
    assert re.fullmatch(r"  \d+ files; at most [\d.]+ MB to send", silent[-1])
    assert not any(line.lstrip().startswith(("+", "~", "-")) for line in silent)


def test_a_push_after_growth_sends_what_differs_and_removes_what_is_gone(
    hub: Hub, api: HfApi, settings: RunConfig, tmp_path: Path
) -> None:
    push(settings, api, "v1")
    hub.take_sent()
    (plan,) = plan_publish(settings, api, "v2")
    local = {path: content for path, content in plan.local.items() if not path.startswith("sft/")}
    grown = tmp_path / "more.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(grown)
    local["data/train-00001.parquet"] = grown
    plan = type(plan)(plan.remote, local, plan.ours, "v2", plan.changes)
    done = send(api, plan, True)
    assert done.changes.added == ("data/train-00001.parquet",)
    assert done.changes.changed == ("README.md",)
    assert all(path.startswith("sft/") for path in done.changes.removed)
    assert len(hub.take_sent()) == 2
    repo = hub.repo(REPO)
    assert not any(path.startswith("sft/") for path in repo.files(repo.tags["v2"]))
    assert any(path.startswith("sft/") for path in repo.files(repo.tags["v1"]))


def test_a_cut_connection_loses_nothing(
    hub: Hub, api: HfApi, settings: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # huggingface_hub waits between its own tries
    largest = max(path.stat().st_size for path in (settings.run / "dataset").glob("*/*.parquet"))
    hub.cut_after = largest - 1  # the others arrive
    with pytest.raises(HubDownError, match="run the same command again"):
        push(settings, api, "v1")
    arrived = hub.take_sent()
    assert arrived
    assert hub.repo(REPO).tags == {}
    hub.cut_after = None
    push(settings, api, "v1")
    sent = hub.take_sent()
    assert not set(arrived) & set(sent), "sent twice"
    assert hub.repo(REPO).tags == {"v1": hub.repo(REPO).head}
    assert push(settings, api, "v1").changes.is_empty


def test_a_commit_that_lacks_its_tag_gets_it(hub: Hub, api: HfApi, settings: RunConfig) -> None:
    push(settings, api, "v1")
    hub.repo(REPO).tags.clear()  # as if the connection was cut between the two
    hub.take_sent()
    push(settings, api, "v1")
    assert hub.repo(REPO).tags == {"v1": hub.repo(REPO).head}
    assert hub.take_sent() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"token": "hf_wrong"}, "HF_TOKEN"),
        ({"endpoint": "http://127.0.0.1:9"}, "no connection to the Hub"),
    ],
)
def test_a_hub_that_refuses_or_is_away_is_told_in_one_line(
    hub: Hub, settings: RunConfig, given: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with pytest.raises(PublishError, match=words) as caught:
        push(settings, HfApi(given.get("endpoint", hub.url), given.get("token", TOKEN)), "v1")
    assert TOKEN not in str(caught.value)


def test_a_tag_is_never_moved(hub: Hub, api: HfApi, settings: RunConfig) -> None:
    push(settings, api, "v1")
    (plan,) = plan_publish(settings, api, "v1")
    with pytest.raises(PublishError, match="--tag"):
        send(api, type(plan)(plan.remote, {**plan.local, "a": b"b"}, plan.ours, "v1", plan.changes), True)


def test_a_commit_of_somebody_else_in_between_is_not_overwritten(
    hub: Hub, api: HfApi, settings: RunConfig
) -> None:
    push(settings, api, "v1")
    (plan,) = plan_publish(settings, api, "v2")
    hub.repo(REPO).commit("meanwhile", dict(hub.repo(REPO).files(hub.repo(REPO).head)))
    with pytest.raises(PublishError, match="another commit was made"):
        send(api, plan, True)


def test_what_the_gate_marked_is_held_back_unless_told_by_name(
    hub: Hub, api: HfApi, settings: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fell = GateCheck("diversity", GateOutcome.FELL, Interval(-0.4, -0.5, -0.3), 0.2, "distinct syntax fell: -0.4")
    monkeypatch.setattr(publish_module, "read_gate", lambda run: Gate("", (fell,)))
    with pytest.raises(PublishError, match=r'distinct syntax fell.*--despite "diversity"'):
        plan_publish(settings, api, "v1")
    assert plan_publish(settings, api, "v1", despite=["diversity"])


@pytest.mark.nightly
def test_the_command_loads_back_by_tag_and_prints_no_token(
    hub: Hub, config: Path, built: Path, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in hub_environment(hub, home).items():
        monkeypatch.setenv(name, value)
    options = ("--set", f"publish.dataset={REPO}")
    dry = run_pairsmith("publish", config, *options, "--dry-run", home=home)
    assert dry.returncode == 0, dry.stderr
    assert "+ README.md" in dry.stdout
    done = run_pairsmith("publish", config, *options, home=home)
    assert done.returncode == 0, done.stderr
    assert "dataset tester/pairs v1" in done.stdout
    assert not any(TOKEN in text for text in (dry.stdout, dry.stderr, done.stdout, done.stderr))
    nowhere = call_pairsmith("publish", config, home=home)
    assert_one_line(nowhere, "publish.dataset")
    script = tmp_path / "load.py"
    script.write_text(
        "import sys\nfrom datasets import load_dataset\n"
        "for name in ('pairs', 'unpaired', 'sft', 'candidates'):\n"
        f"    loaded = load_dataset('{REPO}', name, revision='v1')\n"
        "    for split, rows in loaded.items():\n"
        "        rows.to_parquet(f'{sys.argv[1]}/{name}-{split}.parquet')\n"
    )
    caches = {"HF_HOME": str(tmp_path / "hf")}
    load = [sys.executable, str(script), str(tmp_path)]
    subprocess.run(load, env=hub_environment(hub, home) | caches, check=True, capture_output=True, timeout=200)
    folders = {
        "pairs": "data",
        "unpaired": "unpaired",
        "sft": "sft",
        "candidates": "candidates",
    }
    for name, folder in folders.items():
        for split in ("train", "test"):
            files = sorted((built / "dataset" / folder).glob(f"{split}-*.parquet"))
            if files:
                back = pl.read_parquet(tmp_path / f"{name}-{split}.parquet")
                assert back.equals(pl.read_parquet(files)), (name, split)


def test_what_would_change_is_told_of_a_run_in_a_store(
    hub: Hub, api: HfApi, settings: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = new_address("file", tmp_path)
    shutil.copytree(settings.run, tmp_path / "elsewhere")
    with mirrored(tmp_path / "elsewhere", address):
        pass
    before = RemoteFolder(address).list()
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: api)
    console = Console(file=io.StringIO(), width=200)
    mine = settings.model_copy(update={"run": tmp_path / "none", "store": address})
    show_publish(mine, "", (), console, tmp_path / "cache")
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "+ README.md" in told
    assert "+ data/train-00000.parquet" in told
    assert not mine.run.exists()
    assert RemoteFolder(address).list() == before


def test_what_is_no_adapter_of_the_start_is_not_published_as_one(tmp_path: Path) -> None:
    """Its card would name the start as its base, which is what SFT made of it, or nothing."""
    (tmp_path / "training").mkdir()
    result = tmp_path / "training" / "result.json"
    for base, adapter in (("sft/model", "adapter"), ("model", "")):
        result.write_text(json.dumps({"base": base, "adapter": adapter}))
        with pytest.raises(PublishError, match=f"not an adapter of the start.*upload {base} by"):
            publish_module.model_files(RunConfig(run=tmp_path), "v1")


@pytest.mark.nightly
@pytest.mark.model
def test_the_snippets_of_the_card_run(
    hub: Hub, api: HfApi, settings: RunConfig, home: Path, tmp_path: Path
) -> None:
    model = build_tiny_model(tmp_path / "tiny")
    hub.add_model("tester/tiny", {path.name: path.read_bytes() for path in model.iterdir()})
    changes = {"training": settings.training.model_copy(update={"start": "tester/tiny"})}
    push(settings.model_copy(update=changes), api, "v1")
    card = hub.repo(REPO).files(hub.repo(REPO).head)["README.md"].data.decode()
    snippets = [text for text in re.findall(r"^```python\n(.*?)^```", card, re.S | re.M) if "import" in text]
    assert len(snippets) == 2
    for snippet in snippets:
        done = subprocess.run(
            [sys.executable, "-c", snippet],
            env=hub_environment(hub, home) | {"HF_HOME": str(tmp_path / "hf")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]


def test_the_card_says_what_it_is_made_of(hub: Hub, api: HfApi, settings: RunConfig) -> None:
    push(settings, api, "v7")
    text = hub.repo(REPO).files(hub.repo(REPO).head)["README.md"].data.decode()
    _, head, body = text.split("---\n", 2)
    tree = json.loads(head)
    assert {"preference", "dpo", "code"} <= set(tree["tags"])
    assert tree["license"] == "apache-2.0"
    assert tree["size_categories"] == ["n<1K"]
    assert {one["config_name"] for one in tree["configs"]} == set(CONFIGS)
    assert str(settings.run.parent) not in text, "no path of this machine"
    assert "## One pair" in body
    for words in ('revision="v7"', "What a label means", "private"):
        assert words in body


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_of_candidates_stays_text_on_the_card(settings: RunConfig, text: str) -> None:
    facts = gather_card(settings.run, settings)
    assert facts.run.pairs is not None
    example = {**facts.run.pairs.examples[0], "chosen_code": text, "rejected_code": text, "rejected_detail": text}
    example["prompt"] = [{"role": "user", "content": text}]
    pairs = replace(facts.run.pairs, examples=(example,))
    hostile = replace(facts, run=replace(facts.run, pairs=pairs))
    card = render_card(hostile, REPO, "v1", text[:100], True)
    assert len(card) < 100_000
    _, head, body = card.split("---\n", 2)
    assert set(json.loads(head)) >= {"configs", "dataset_info"}
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", body)
    outside = re.sub(r"^(`{3,}).*?^\1$", "", body, flags=re.S | re.M)
    assert "<script" not in outside
    assert "<img" not in outside
    assert "javascript:" not in outside
    assert outside.count("## What a label means") == 1, "a fence was left open"
