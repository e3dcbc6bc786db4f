import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from pairsmith.pipeline.chain import table
from pairsmith.pipeline.chain.chain import Chain
from pairsmith.pipeline.chain.table import stage_folder, stored_stages, versions_of
from pairsmith.pipeline.chain.tools import Tools
from pairsmith.pipeline.problems.records import DroppedProblem, DropReason, LoadedProblems, PendingProblem
from pairsmith.pipeline.problems.stage import split_shards
from pairsmith.pipeline.run.folder import StageFolder, shard_name
from pairsmith.pipeline.sampling import Sampler, SampleStore, open_sampler
from pairsmith.pipeline.sampling.filling import draw
from pairsmith.pipeline.sampling.protocol import Failure, Trouble
from pairsmith.pipeline.sandbox import Answer, Bench, Ending, Job, SandboxPool
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig, SamplingConfig, load_config
from pairsmith.schemas.execution import Status
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.values import decode_value, encode_value
from pairsmith.schemas.verdict import Label
from tests.pairing_records import problem as make_problem

pytestmark = pytest.mark.slow

T = TypeVar("T")
NAME = shard_name(0)
CASES = tuple(Case(f"[{n}]", str(n + 1)) for n in range(4))
RIGHT, WRONG, PROSE = "def f(x):\n    return x + 1\n", "def f(x):\n    return x + 2\n", "I can't do that."
ALSO_RIGHT = "def f(number):\n    result = 1\n    result += number\n    return result\n"
SAMPLES = [RIGHT, WRONG, PROSE, ALSO_RIGHT]
STAGES = ("candidates", "programs", "executions", "verdicts", "syntax", "pairs")


class LocalSandbox:
    """Runs the programs of this file in this process: they are ours."""

    def run(self, job: Job) -> tuple[list[Answer], Ending]:
        space: dict[str, Any] = {}
        exec(job.setup + "\n" + job.code, space)
        answers = []
        for text in job.inputs:
            try:
                value = space[job.entry_point](*decode_value(text))
                answers.append(Answer(Status.OK, encode_value(value), "", 0.1))
            except Exception as error:
                answers.append(Answer(Status.EXCEPTION, "", type(error).__name__, 0.1))
        return answers, Ending(Status.OK, "", "", 0.1, 0.1, 1.0)


class LocalBench:
    candidate = LocalSandbox()

    def again(self, variation: int) -> LocalSandbox:
        return self.candidate


class LocalPool:
    name, n_threads, cpu_s, case_wall_s = "local", 1, 10.0, 5.0

    def note(self, waited_long: bool) -> None:
        assert not waited_long

    def run(self, work: Callable[[Bench], T], alone: bool = False) -> T:
        return work(cast(Bench, LocalBench()))


POOL = cast(SandboxPool, LocalPool())


def problems(n: int = 3) -> LoadedProblems:
    rows = (make_problem(f"p/{k}", prompt=f"Add one, {k}: `def f(x):`", cases=CASES) for k in range(n))
    return LoadedProblems(tuple(rows))


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    path = tmp_path / "samples.jsonl"
    rows = [{"task_id": f"p/{k}", "solution": text} for text in SAMPLES for k in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return load_config(
        None,
        ["sampling.backend=files", f"sampling.samples={path}", "sampling.n=3", "pairs.test_share=0.0"],
    )


def change(config: RunConfig, *overrides: str) -> RunConfig:
    """Return the configuration with `section.key=value` on top; values as TOML."""
    tree = config.model_dump()
    for override in overrides:
        key, value = override.split("=", 1)
        *sections, name = key.split(".")
        inner = tree
        for section in sections:
            inner = inner[section]
        inner[name] = json.loads(value)
    return RunConfig.model_validate(tree)


class LocalTools:
    """What the stages of this file open."""

    def __init__(
        self, store: SampleStore | None, opened: Callable[[SamplingConfig], Any], pool: SandboxPool | None
    ) -> None:
        self.store, self.open_model = lambda: store, opened
        self._pool = pool
        self.cache = Path()  # of measures, which nothing here writes

    def pool(self) -> SandboxPool:
        assert self._pool is not None, "opened"
        return self._pool

    beyond_pool = pool

    def log(self, line: str) -> None:
        """Lines for people go nowhere."""


def open_chain(
    run_dir: Path,
    config: RunConfig,
    loaded: LoadedProblems | None = None,
    *,
    store: SampleStore | None = None,
    opened: Callable[[SamplingConfig], Any] | None = None,
    pool: SandboxPool | None = POOL,
) -> Chain:
    chain = Chain(run_dir, config, cast(Tools, LocalTools(store, opened or open_model, pool)))
    chain.sources["problems"] = {NAME: loaded or problems()}
    return chain


def open_model(sampling: SamplingConfig) -> Sampler:
    return open_sampler(sampling, Path(), None, lambda line: None)


def sample(
    chain: Path,
    config: RunConfig,
    store: SampleStore | None = None,
    opened: Callable[[SamplingConfig], Any] | None = None,
) -> list[Candidate]:
    made = open_chain(chain, config, store=store, opened=opened)
    (made.folder("candidates").path / NAME).unlink(missing_ok=True)
    assert made.ensure("candidates", NAME)
    return cast(list[Candidate], made.folder("candidates").read(NAME))


def run_chain(chain: Path, config: RunConfig, loaded: LoadedProblems | None = None) -> None:
    made = open_chain(chain, config, loaded)
    for stage in table.shard_stages():
        made.ensure(stage.name, NAME)
    made.ensure_whole("pairs")


def keys_of(chain: Path, config: RunConfig) -> dict[str, str]:
    made = open_chain(chain, config)
    return {stage: made.key(stage, NAME) for stage in STAGES}


@pytest.fixture
def chain(tmp_path: Path, config: RunConfig) -> Path:
    """A whole chain over three problems, three samples each."""
    run_chain(tmp_path / "run", config)
    return tmp_path / "run"


def test_a_chain_gives_pairs(chain: Path, config: RunConfig) -> None:
    verdicts = stage_folder(chain, "verdicts").read(NAME)
    assert [row.label for row in verdicts] == [Label.PASSED, Label.FAILED, Label.FAILED] * 3
    pairs = stage_folder(chain, "pairs").read("train-00000.parquet")
    assert {row.problem_id for row in pairs} == {"p/0", "p/1", "p/2"}
    assert all("x + 1" in row.chosen_code for row in pairs)
    assert all("x + 1" not in row.rejected_code for row in pairs)
    assert stage_folder(chain, "pairs").shard_names() == ["train-00000.parquet"]  # a split without pairs has none


def test_every_shard_is_there_under_its_key(chain: Path, config: RunConfig) -> None:
    for stage, key in keys_of(chain, config).items():
        name = "train-00000.parquet" if stage == "pairs" else NAME
        assert stage_folder(chain, stage).has_shard(name, key), stage
    assert open_chain(chain, config).has("problems", NAME)


def test_the_same_again_gives_the_same_content(chain: Path, config: RunConfig, tmp_path: Path) -> None:
    run_chain(tmp_path / "again", config)
    for stage in stored_stages():
        one, other = stage_folder(chain, stage), stage_folder(tmp_path / "again", stage)
        assert one.shard_names() == other.shard_names()
        for name in one.shard_names():
            assert one.content(name) == other.content(name)
            assert (one.path / name).read_bytes() == (other.path / name).read_bytes(), stage


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        ("sampling.n=2", {"candidates"}),
        ("sampling.temperature=0.5", {"candidates"}),
        ("sampling.model=\"other\"", {"candidates"}),
        ("sampling.max_tokens=7", {"candidates"}),
        ("seed=1", {"candidates", "pairs"}),
        ("sandbox.cpu_s=3", {"executions"}),
        ("sandbox.backend=\"docker\"", {"executions"}),
        ("sandbox.memory_mib=300", {"executions"}),
        ("syntax.near_threshold=0.9", {"syntax"}),
        ("syntax.lint_rules=[\"E\"]", {"syntax"}),
        ("syntax.workers=3", set()),
        ("pairs.max_per_problem=1", {"pairs"}),
        ("sampling.batch_size=1", set()),
        ("sampling.concurrency=1", set()),
        ("sampling.n_per_request=3", set()),
        ("sampling.api_key_variable=\"MINE\"", set()),
        ("sandbox.workers=9", set()),
        ("execution.patience_s=9.0", set()),
        ("shard_problems=1", set()),
        ("training.beta=0.5", set()),
        ("scoring.n=2", set()),
        ("run=\"elsewhere\"", set()),
    ],
)  # fmt: skip
def test_a_key_changes_when_a_setting_matters_to_it(
    chain: Path, config: RunConfig, override: str, changed: set[str]
) -> None:
    before, after = keys_of(chain, config), keys_of(chain, change(config, override))
    assert {stage for stage in before if before[stage] != after[stage]} == changed


def test_a_key_changes_with_what_is_read(chain: Path, config: RunConfig, tmp_path: Path) -> None:
    before = keys_of(chain, config)
    harder = tuple(Case(case.arguments, "0") for case in CASES)
    changed = tuple(make_problem(row.problem_id, prompt=row.prompt, cases=harder) for row in problems().problems)
    run_chain(tmp_path / "other", config, LoadedProblems(changed))
    after = keys_of(tmp_path / "other", config)
    assert {stage for stage in before if before[stage] != after[stage]} == set(before)


def test_candidates_hang_on_the_bytes_of_the_samples_not_on_their_place(
    chain: Path, config: RunConfig, tmp_path: Path
) -> None:
    key = open_chain(chain, config).key("candidates", NAME)
    samples = cast(Path, config.sampling.samples)
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes(samples.read_bytes())
    assert (
        open_chain(chain, change(config, f"sampling.samples={json.dumps(str(moved))}")).key("candidates", NAME)
        == key
    )
    samples.write_text(samples.read_text() + "\n")
    assert open_chain(chain, config).key("candidates", NAME) != key


def test_candidates_hang_on_the_adapter_and_on_a_model_folder(
    chain: Path, config: RunConfig, tmp_path: Path
) -> None:
    def key(*overrides: str) -> str:
        return open_chain(chain, change(config, *overrides)).key("candidates", NAME)

    adapter, model = tmp_path / "adapter", tmp_path / "model"
    for folder in (adapter, model):
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_bytes(b"weights")
    with_adapter = f"sampling.adapter={json.dumps(str(adapter))}"
    keys = [key(), key(with_adapter), key(f"sampling.model={json.dumps(str(model))}")]
    (adapter / "adapter_model.safetensors").write_bytes(b"other")
    keys.append(key(with_adapter))
    assert len(set(keys)) == 4


def test_problems_have_a_key_of_their_content() -> None:
    def key(part: LoadedProblems) -> str:
        return open_chain(Path(), RunConfig(), part).key("problems", NAME)

    base = key(problems())
    pending = PendingProblem(make_problem("p/9"), ("[1]",), 0.0)
    keys = {
        key(part)
        for part in (
            problems(2),
            LoadedProblems(problems().problems, (pending,)),
            LoadedProblems(problems().problems, (PendingProblem(make_problem("p/9"), ("[2]",), 0.0),)),
            LoadedProblems(problems().problems, (PendingProblem(make_problem("p/9"), ("[1]",), 0.1),)),
            LoadedProblems(problems().problems, (PendingProblem(make_problem("p/9"), ("[1]",), 0.0, "set"),)),
        )
    }
    assert len({base, *keys}) == 6
    assert key(problems()) == base


def raise_version(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    raised = [replace(one, version=one.version + 1) if one.name == name else one for one in table.STAGES]
    monkeypatch.setattr(table, "STAGES", tuple(raised))


def test_a_raised_version_makes_a_stage_again(
    chain: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stage, key in keys_of(chain, config).items():
        raise_version(monkeypatch, stage)
        assert keys_of(chain, config)[stage] != key


class Counting:
    """A sampler that notes what it is asked for."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.asked = inner, []  # type: tuple[Any, list[Any]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.inner.close()

    def sample(self, requests: Any) -> Any:
        def noted() -> Any:
            for request in requests:
                self.asked.append(request)
                yield request

        return self.inner.sample(noted())


def test_more_samples_keep_those_that_are_there(chain: Path, config: RunConfig, tmp_path: Path) -> None:
    store = SampleStore(tmp_path / "samples.sqlite")
    old = sample(chain, config, store)
    more = change(config, "sampling.n=4")
    sampler = Counting(open_model(more.sampling))
    new = sample(chain, more, store, cast(Any, lambda sampling: sampler))
    assert [(request.problem_id, request.index) for request in sampler.asked] == [
        ("p/0", 3),
        ("p/1", 3),
        ("p/2", 3),
    ]
    assert [row for row in new if row.index < 3] == old
    assert [(row.problem_id, row.index) for row in new] == [(f"p/{k}", n) for k in range(3) for n in range(4)]
    assert stage_folder(chain, "candidates").has_shard(NAME, open_chain(chain, more).key("candidates", NAME))
    store.close()


def test_nobody_knows_who_wrote_a_file(chain: Path, config: RunConfig) -> None:
    assert {row.is_on_policy for row in sample(chain, config)} == {False}


def test_what_could_not_be_drawn_is_counted_and_asked_for_again(chain: Path, config: RunConfig) -> None:
    first, *others = draw(chain, [NAME], config, open_model, None)
    request = cast(Any, None)
    failures = (Failure(request, Trouble.TIMEOUT, ""), Failure(request, Trouble.TOO_LONG, ""))
    first = replace(first, failures=failures, candidates=first.candidates[2:])
    made = open_chain(chain, config)

    def write(filled: list[Any]) -> None:
        (made.folder("candidates").path / NAME).unlink(missing_ok=True)
        made.ensure("candidates", NAME, source=filled)

    write([first, *others])
    folder = stage_folder(chain, "candidates")
    manifest = folder.finish([NAME], "print", {})
    assert manifest.dropped == {"timeout": 1, "too_long": 1}
    assert (manifest.n_in, manifest.n_out, manifest.counts["to_ask_again"]) == (9, 7, 1)
    made.forget_faults()
    assert not (folder.path / NAME).is_file()
    write([replace(first, failures=failures[1:]), *others])
    made.forget_faults()
    assert (folder.path / NAME).is_file(), "a prompt that is too long stays so"


def execute(chain: Path, config: RunConfig) -> None:
    for stage in ("programs", "executions"):
        open_chain(chain, config).ensure(stage, NAME)


def test_programs_that_ran_do_not_run_again_when_samples_are_added(
    chain: Path, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    run = LocalSandbox.run

    def noted(self: LocalSandbox, job: Job) -> tuple[list[Answer], Ending]:
        ran.append(job.code)
        return run(self, job)

    monkeypatch.setattr(LocalSandbox, "run", noted)
    before = stage_folder(chain, "executions").read(NAME)
    more = change(config, "sampling.n=4")
    sample(chain, more)
    execute(chain, more)
    after = stage_folder(chain, "executions").read(NAME)
    assert len(after) == 12
    assert [row for row in after if row.candidate_id in {old.candidate_id for old in before}] == before
    assert len(ran) == 3 * 2, "the added ones, all right"
    ran.clear()
    execute(chain, change(more, "sandbox.cpu_s=3"))
    assert len(ran) == 6 * 2 + 3, "other limits, so all again; what gave a wrong value runs once"


def test_fewer_samples_drop_the_last(chain: Path, config: RunConfig) -> None:
    fewer = sample(chain, change(config, "sampling.n=1"))
    assert [(row.problem_id, row.index) for row in fewer] == [("p/0", 0), ("p/1", 0), ("p/2", 0)]


def test_samples_that_a_file_lacks_are_fewer(tmp_path: Path, config: RunConfig) -> None:
    open_chain(tmp_path / "run", config, problems(4)).ensure("problems", NAME)
    rows = sample(tmp_path / "run", change(config, "sampling.n=9"))
    assert [row.problem_id for row in rows] == [f"p/{k}" for k in range(3) for _ in SAMPLES]


def test_shards_hold_problems_by_id() -> None:
    rows = problems(5).problems
    pending = PendingProblem(make_problem("p/11"), ("[1]",), 0.0)
    drop = DroppedProblem("x", DropReason.NOT_JSON, "said")
    shards = split_shards(LoadedProblems(rows[::-1], (pending,), (drop,)), 2)
    assert list(shards) == [shard_name(index) for index in range(3)]
    ids = [
        [*(row.problem_id for row in part.problems), *(row.problem.problem_id for row in part.pending)]
        for part in shards.values()
    ]
    assert ids == [["p/0", "p/1"], ["p/2", "p/11"], ["p/3", "p/4"]]
    assert [part.dropped for part in shards.values()] == [(drop,), (), ()]


def test_pending_problems_get_the_answers_of_their_reference(tmp_path: Path) -> None:
    good = PendingProblem(make_problem("p/1", reference="def f(x): return 6 // x"), ("[2]", "[0]", "[3]"), 0.0)
    bad = PendingProblem(make_problem("p/2", reference="def f(x): raise KeyError"), ("[2]",), 0.0)
    part = LoadedProblems(problems(1).problems, (good, bad), (DroppedProblem("x", DropReason.NOT_JSON, "said"),))
    open_chain(tmp_path, RunConfig(), part).ensure("problems", NAME)
    folder: StageFolder = stage_folder(tmp_path, "problems")
    rows: list[Problem] = folder.read(NAME)
    assert [row.problem_id for row in rows] == ["p/0", "p/1"]
    assert [(case.arguments, case.expected) for case in rows[1].cases] == [("[2]", "3"), ("[3]", "2")]
    manifest = folder.finish([NAME], "print", {})
    assert manifest.dropped == {"not_json": 1, "reference_gave_no_answer": 1}
    assert (manifest.n_in, manifest.n_out) == (4, 2)
    assert manifest.counts == {"judged_by.cases": 2, "cases": 6, "lost_inputs": 2, "reference.passed": 1}


def test_no_sandbox_is_opened_where_nothing_is_pending(tmp_path: Path) -> None:
    assert open_chain(tmp_path, RunConfig(), pool=None).ensure("problems", NAME)


def test_counts_are_in_the_manifest(chain: Path, config: RunConfig) -> None:
    def counts(stage: str) -> dict[str, int]:
        return stage_folder(chain, stage).finish([NAME], "print", {}).counts

    assert counts("programs")["extraction.ok"] == 6
    assert counts("programs")["extraction.no_code"] == 3
    assert counts("executions") == {"status.ok": 6, "status.not_run": 3, "distinct": 6, "calls": 24}
    assert counts("verdicts") == {
        "label.passed": 3, "label.failed": 6, "cause.wrong_value": 3, "cause.no_code": 3, "program.bare": 6
    }  # fmt: skip


@pytest.mark.parametrize("stage", stored_stages())
def test_versions_name_what_shapes_the_rows(stage: str) -> None:
    versions = versions_of(table.find_stage(stage))
    assert {"pairsmith", "stage", "pyarrow"} <= set(versions)
    assert ("tree-sitter-python" in versions) is (stage == "syntax")
    assert versions["stage"] == str(table.find_stage(stage).version)
    assert "vllm" not in versions or stage == "candidates"
