"""Problems for RL: each form's own columns, and a judge's whole problem in each row."""

import importlib
import json
import threading
import time
from pathlib import Path
from typing import Any, get_args

import httpx
import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.api.problems import as_problem
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.problems.records import ProblemsError
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.publishing.rl import FORMS, ExportError, Form, export_problems
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.problem import Problem


@pytest.fixture
def run(tmp_path: Path) -> Path:
    problems = [item.problem for item in load_starter(starter_folder())][:16]
    folder = stage_folder(tmp_path / "run", "problems")
    folder.write_shard("part-00000.parquet", "k", Shard(problems, len(problems)))
    return tmp_path / "run"


def read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


@pytest.mark.parametrize(
    ("form", "columns", "truth"),
    [
        (
            "verl",
            {"data_source", "prompt", "ability", "reward_model", "extra_info"},
            ("reward_model", "ground_truth"),
        ),
        ("trl-grpo", {"prompt", "problem", "problem_id"}, ("problem",)),
        ("openenv", {"prompt", "problem", "problem_id"}, ("problem",)),
        ("verifiers", {"prompt", "answer", "info", "task", "example_id"}, ("info",)),
    ],
)  # fmt: skip
def test_each_form_has_its_columns_and_the_whole_problem(
    run: Path, tmp_path: Path, form: Form, columns: set[str], truth: tuple[str, ...]
) -> None:
    counts = export_problems(run, form, tmp_path / "out")
    rows = {split: read(tmp_path / "out" / f"{split}.parquet") for split in ("train", "test")}
    assert {split: len(part) for split, part in rows.items()} == counts
    known = {row.problem_id: row for row in stage_folder(run, "problems").read_all()}
    for split, part in rows.items():
        for row in part:
            assert columns <= set(row)
            value: Any = row
            for key in truth:
                value = value[key]
            problem = as_problem(json.loads(value))
            assert problem == known[problem.problem_id]
            assert split_of(problem.problem_id, 0.25) == split
            assert row["prompt"][0]["role"] == "user"
            assert problem.entry_point in row["prompt"][0]["content"]


def test_the_command_has_every_form() -> None:
    from pairsmith.flows.cli import looking  # which does not import the forms: its help must come at once

    assert get_args(looking.Form) == get_args(Form) == tuple(FORMS)


def test_a_folder_without_problems_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no problems with tests"):
        export_problems(tmp_path, "verl", tmp_path / "out")
    with pytest.raises(ProblemsError, match="p/1: "):
        as_problem({"problem_id": "p/1", "judged_by": "cases"})


@pytest.mark.slow
def test_rewards_judge_what_was_exported(run: Path, tmp_path: Path) -> None:
    """Verl's and verifiers' way: the row's own column goes into `pairsmith.rewards` as it is."""
    import asyncio

    from pairsmith import Judge, rewards

    export_problems(run, "verl", tmp_path / "verl")
    export_problems(run, "verifiers", tmp_path / "verifiers")
    row = read(tmp_path / "verl" / "train.parquet")[0]
    same = read(tmp_path / "verifiers" / "train.parquet")[0]
    truth = row["reward_model"]["ground_truth"]
    problem: Problem = as_problem(json.loads(truth))
    with Judge(sandbox="bubblewrap") as judge:
        rewards.configure(judge)
        right = f"```python\n{problem.reference}\n```"
        wrong = f"```python\ndef {problem.entry_point}(*given):\n    return None\n```"
        assert [rewards.compute_score("x", answer, truth) for answer in (right, wrong)] == [1.0, 0.0]
        info = json.loads(same["info"])
        assert asyncio.run(rewards.rubric([{"role": "assistant", "content": right}], "", info)) == 1.0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_trl_trains_two_steps_of_grpo_on_it(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    import datasets
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    from pairsmith.pipeline.training.trainer import quiet
    from tests.training_kit import build_tiny_model

    export_problems(run, "trl-grpo", tmp_path / "out")
    rows = datasets.load_dataset("parquet", data_files=str(tmp_path / "out" / "train.parquet"), split="train")
    seen: list[str] = []

    def reward(completions: list[Any], problem: list[str], **_: Any) -> list[float]:
        seen.extend(as_problem(json.loads(one)).problem_id for one in problem)
        return [float(place % 2) for place in range(len(completions))]

    model = build_tiny_model(tmp_path / "tiny")
    arguments = GRPOConfig(
        output_dir=str(tmp_path / "grpo"), max_steps=2, per_device_train_batch_size=2, num_generations=2,
        max_completion_length=4, use_cpu=True, report_to="none", bf16=False, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    with quiet():
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(model), reward_funcs=reward, args=arguments,
            train_dataset=rows, processing_class=AutoTokenizer.from_pretrained(model),
        )  # fmt: skip
        trainer.train()
    assert trainer.state.global_step == 2
    assert set(seen) <= set(rows["problem_id"])
    assert seen


@pytest.mark.parametrize("package", ["verl", "verifiers"])
def test_the_package_itself_loads_it(run: Path, tmp_path: Path, package: str) -> None:
    """Skips where the package is not installed; docs/how-to/judge-in-rl.md says with which versions it passes."""
    installed = pytest.importorskip(package)
    import datasets

    assert package in FORMS
    export_problems(run, package, tmp_path)  # type: ignore[arg-type]
    rows = datasets.load_dataset("parquet", data_files=str(tmp_path / "train.parquet"), split="train")
    if package == "verifiers":
        from pairsmith import rewards

        installed.SingleTurnEnv(dataset=rows, rubric=installed.Rubric(funcs=[rewards.rubric]))
        return
    from transformers import AutoTokenizer

    from tests.training_kit import build_tiny_model

    settings = importlib.import_module("omegaconf").OmegaConf
    dataset = importlib.import_module("verl.utils.dataset.rl_dataset").RLHFDataset

    tokenizer = AutoTokenizer.from_pretrained(build_tiny_model(tmp_path / "tiny"))
    config = settings.create({"max_prompt_length": 512, "prompt_key": "prompt", "cache_dir": str(tmp_path / "c")})
    assert len(dataset([str(tmp_path / "train.parquet")], tokenizer, config)) == len(rows)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_openenv_serves_it_and_judges_by_it(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through OpenEnv's own manifest parser, server and client; skips where the package is not installed."""
    pytest.importorskip("openenv")
    import uvicorn

    from pairsmith import Judge, rewards

    counts = export_problems(run, "openenv", tmp_path)
    manifest = importlib.import_module("openenv.validation.parsers.openenv_yaml").OpenEnvYamlParser()
    assert manifest.parse(tmp_path).name == "pairsmith"
    monkeypatch.syspath_prepend(tmp_path)
    server = uvicorn.Server(uvicorn.Config(importlib.import_module("server.app").app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        client = importlib.import_module("openenv.core.generic_client").GenericEnvClient
        with Judge(sandbox="bubblewrap") as judge, client(base_url=f"http://127.0.0.1:{port}").sync() as env:
            rewards.configure(judge)
            asked = httpx.post(f"http://127.0.0.1:{port}/pairsmith/task", json={"split": "train", "index": 1})
            task = asked.json()["task"]
            known = {row.problem_id: row for row in stage_folder(run, "problems").read_all()}
            problem = known[task["id"]]
            assert "problem" not in task
            answers = {f"```python\n{problem.reference}\n```": 1.0, "no program": 0.0}
            for answer, reward in answers.items():
                begun = env.reset(split="train", index=1)
                assert begun.observation["problem_id"] == problem.problem_id
                assert begun.observation["prompt"] == task["prompt"]
                ended = env.step({"completion": answer})
                assert (ended.reward, ended.done) == (reward, True)
            with pytest.raises(Exception, match="reset first"):
                env.step({"completion": "again"})
        counted = httpx.post(f"http://127.0.0.1:{port}/pairsmith/num_tasks", json={"split": "test"})
        assert counted.json() == {"num_tasks": counts["test"]}
    finally:
        server.should_exit = True
        thread.join()
