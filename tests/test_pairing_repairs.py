"""Repairs make pairs where they are proven: the first that passes, over the program that it mends."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.pairing.beside import broken_programs, still_broken, with_repairs
from pairsmith.pipeline.pairing.pairs import make_pairs
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.pairing.tables import diff_spans
from pairsmith.pipeline.report.history import RunReader
from pairsmith.pipeline.run.folder import Shard
from pairsmith.schemas.config import PairsConfig, PolicyConfig, load_config
from pairsmith.schemas.execution import CaseRun, Execution, Status
from pairsmith.schemas.pair import Pair
from pairsmith.schemas.problem import Case, Problem
from pairsmith.schemas.verdict import CandidateCrosscheck, CrosscheckResult, Label
from tests.openai_server import completion, serving
from tests.pairing_records import Judged, judged, problem, tables_of
from tests.rounds_kit import leave_prefect_out, starter_answers, write_rounds_config

TRAIN = next(f"p/{n}" for n in range(50) if split_of(f"p/{n}", 0.25) == "train")
HELD_OUT = next(f"p/{n}" for n in range(50) if split_of(f"p/{n}", 0.25) == "test")
CASES = tuple(Case(f"[{n}]", str(n * n)) for n in range(4))
POLICY = PolicyConfig(name="repaired", max_share=1.0)


def standing(key: str, result: CrosscheckResult, problem_id: str) -> CandidateCrosscheck:
    return CandidateCrosscheck(key, problem_id, result, "reference", 8, 8, "g", 1.0)


def write_step(run: Path, number: int, rows: list[Judged], results: dict[str, CrosscheckResult]) -> None:
    standings = [
        standing(row.candidate.candidate_id, results[row.candidate.candidate_id], row.candidate.problem_id)
        for row in rows
        if row.candidate.candidate_id in results
    ]
    stages: dict[str, list[Any]] = {
        "candidates": [row.candidate for row in rows],
        "programs": [row.program for row in rows],
        "verdicts": [row.verdict for row in rows],
        "syntax": [row.syntax for row in rows],
        "standings": standings,
    }
    for stage, records in stages.items():
        folder = stage_folder(run / "repairs" / f"step-{number}", stage)
        folder.write_shard("part-00000.parquet", "k", Shard(records, len(records)))
        folder.finish(["part-00000.parquet"], "k", {})


def repair(name: str, label: Label, root: str, index: int = 0) -> Judged:
    made = judged(name, label, problem_id=f"{TRAIN}#repair-{root}", index=index)
    return replace(made, candidate=replace(made.candidate, prompt="Mend it."))


def pairs_of(
    run: Path, rows: list[Judged], policies: tuple[PolicyConfig, ...] = (POLICY,)
) -> tuple[pl.DataFrame, dict[str, int]]:
    tables = with_repairs(tables_of([problem(TRAIN)], rows), run)
    config = PairsConfig(policies=policies, max_length_auc=1.0, max_style_auc=1.0)
    made = make_pairs(tables, config, 0)
    return made.pairs, {str(reason): n for reason, n in made.dropped.items()}


CONFIRMED, UNCHECKED, REFUTED = CrosscheckResult.CONFIRMED, CrosscheckResult.UNCHECKED, CrosscheckResult.REFUTED


def test_the_first_repair_that_is_proven_is_chosen_over_what_it_mends(tmp_path: Path) -> None:
    wrong = judged("w", Label.FAILED, problem_id=TRAIN)
    rows = [
        repair("r0", Label.FAILED, "w", 0),
        repair("r1", Label.PASSED, "w", 1),
        repair("r2", Label.PASSED, "w", 2),
    ]
    write_step(tmp_path, 1, rows, {"r1": CONFIRMED, "r2": CONFIRMED})
    pairs, _ = pairs_of(tmp_path, [wrong])
    (row,) = pairs.iter_rows(named=True)
    assert (row["chosen_id"], row["rejected_id"], row["policy"], row["repair_step"]) == ("r1", "w", "repaired", 1)
    assert row["prompt"] == [{"role": "user", "content": "Write f."}]
    assert row["chosen"][0]["content"] == "```python\ndef f(x):\n    return r1\n```"
    assert row["rejected"][0]["content"] == "```python\ndef f(x):\n    return w\n```"
    assert (row["chosen_template"], row["pass_rate"]) == ("repair", 0.0)
    text = row["chosen"][0]["content"]
    assert [text[span["start"] : span["end"]] for span in row["chosen_spans"]] == ["r1"]


@pytest.mark.parametrize("result", [UNCHECKED, REFUTED, CrosscheckResult.DOUBTFUL, None])
def test_a_repair_that_passes_but_is_not_proven_makes_no_pair(
    tmp_path: Path, result: CrosscheckResult | None
) -> None:
    wrong = judged("w", Label.FAILED, problem_id=TRAIN)
    write_step(tmp_path, 1, [repair("r1", Label.PASSED, "w")], {"r1": result} if result else {})
    pairs, dropped = pairs_of(tmp_path, [wrong])
    assert pairs.is_empty()
    assert dropped.get("unproven_repair", 0) + dropped.get("doubtful", 0) == 1


def test_a_later_step_counts_where_the_first_did_not_pass(tmp_path: Path) -> None:
    wrong = judged("w", Label.FAILED, problem_id=TRAIN)
    write_step(tmp_path, 1, [repair("r0", Label.FAILED, "w")], {})
    write_step(tmp_path, 2, [repair("s0", Label.PASSED, "w")], {"s0": CONFIRMED})
    pairs, _ = pairs_of(tmp_path, [wrong])
    assert [(row["chosen_id"], row["repair_step"]) for row in pairs.iter_rows(named=True)] == [("s0", 2)]


def test_a_pair_of_a_repair_is_explained_with_both_candidates(tmp_path: Path) -> None:
    own = judged("w", Label.FAILED, problem_id=TRAIN)
    stages: dict[str, list[Any]] = {
        "problems": [problem(TRAIN)],
        "candidates": [own.candidate],
        "programs": [own.program],
    }
    for stage, records in stages.items():
        stage_folder(tmp_path, stage).write_shard("part-00000.parquet", "k", Shard(records, len(records)))
    mended = repair("r1", Label.PASSED, "w")
    write_step(tmp_path, 1, [mended], {"r1": CONFIRMED})
    nested = [problem(mended.candidate.problem_id)]
    stage_folder(tmp_path / "repairs" / "step-1", "problems").write_shard(
        "part-00000.parquet", "k", Shard(nested, 1)
    )
    history = RunReader(tmp_path).history(TRAIN)
    assert [known.candidate.candidate_id for known in history.candidates] == ["w"]
    assert history.find("r1").code == "def f(x):\n    return r1"


def test_other_policies_and_rates_never_see_a_repair(tmp_path: Path) -> None:
    rows = [
        judged("w", Label.FAILED, problem_id=TRAIN),
        judged("v", Label.FAILED, problem_id=TRAIN),
        judged("p", problem_id=TRAIN),
    ]
    others = (PolicyConfig(), PolicyConfig(name="partial_credit"))
    before, _ = pairs_of(tmp_path, rows, others)
    write_step(tmp_path, 1, [repair("r1", Label.PASSED, "w"), repair("r2", Label.FAILED, "w")], {"r1": CONFIRMED})
    after, _ = pairs_of(tmp_path, rows, others)
    assert after.equals(before)
    assert set(after["pass_rate"]) == {1 / 3}


def test_the_share_of_repairs_is_bounded(tmp_path: Path) -> None:
    rows = [judged(f"w{n}", Label.FAILED, problem_id=TRAIN) for n in range(4)]
    rows += [judged(f"p{n}", problem_id=TRAIN) for n in range(2)]
    mended = [repair(f"r{n}", Label.PASSED, f"w{n}") for n in range(4)]
    write_step(tmp_path, 1, mended, {f"r{n}": CONFIRMED for n in range(4)})
    policies = (PolicyConfig(), PolicyConfig(name="repaired", max_share=0.25))
    pairs, dropped = pairs_of(tmp_path, rows, policies)
    n = pairs.filter(policy="repaired").height
    assert 0 < n <= 0.25 * pairs.height
    assert dropped["over_repair_share"] > 0


def execution(key: str, problem_id: str) -> Execution:
    runs = [CaseRun(Status.OK, value, "d", "", 0.0) for value in ("0", "1", "5", "6")]
    made: dict[str, Any] = dict.fromkeys(Execution.__dataclass_fields__, "")
    return Execution(**{**made, "candidate_id": key, "problem_id": problem_id, "runs": tuple(runs), "tests": ()})


def stage_rows(problems: list[Problem], rows: list[Judged]) -> dict[str, list[Any]]:
    return {
        "problems": problems,
        "programs": [row.program for row in rows],
        "verdicts": [
            replace(row.verdict, passed_cases=(True, True, row.verdict.label is Label.PASSED, False))
            for row in rows
        ],
        "syntax": [row.syntax for row in rows],
        "executions": [execution(row.candidate.candidate_id, row.candidate.problem_id) for row in rows],
    }  # fmt: skip


def test_train_programs_are_shown_with_one_case_that_they_fail_and_held_out_ones_never(tmp_path: Path) -> None:
    problems = [problem(TRAIN, cases=CASES), problem(HELD_OUT, cases=CASES)]
    rows = [
        judged("a", Label.FAILED, problem_id=TRAIN, code="def f(x):\n    return x + 3"),
        judged("b", Label.FAILED, problem_id=TRAIN, code="def f(x):\n    return x + 3"),
        judged("c", Label.FAILED, problem_id=TRAIN),
        judged("d", Label.FAILED, problem_id=TRAIN),
        judged("e", problem_id=TRAIN),
        judged("h", Label.FAILED, problem_id=HELD_OUT),
    ]
    found = broken_programs(stage_rows(problems, rows), 0.25, None)
    assert [row.problem_id for row in found] == [f"{TRAIN}#repair-a", f"{TRAIN}#repair-c"]
    assert "return x + 3" in found[0].prompt
    assert "For f(2) the answer must be 4, but it gives 5." in found[0].prompt
    assert found[0].cases == CASES
    assert "9" not in found[0].prompt.replace(TRAIN, "")  # the other failing case is not shown


def test_the_next_step_takes_what_no_repair_of_the_first_solved(tmp_path: Path) -> None:
    first = problem(TRAIN, cases=CASES)
    nested = [replace(first, problem_id=f"{TRAIN}#repair-{key}") for key in ("a", "b")]
    rows = [
        judged("r0", Label.FAILED, problem_id=nested[0].problem_id),
        judged("r1", Label.PASSED, problem_id=nested[1].problem_id),
    ]
    (left,) = still_broken(stage_rows(nested, rows), {TRAIN: first}, None)
    assert left.problem_id == f"{TRAIN}#repair-a"
    assert "return r0" in left.prompt


@pytest.mark.parametrize(
    ("left", "right", "parts"),
    [
        ("a + b", "a - b", (["+"], ["-"])),
        ("a", "a", ([], [])),
        ("if x:\n    y", "y", (["if x:\n    "], [])),
        ("", "a b", ([], ["a b"])),
    ],
)
def test_spans_are_what_differs(left: str, right: str, parts: tuple[list[str], list[str]]) -> None:
    spans = diff_spans(left, right)
    assert (
        tuple([text[start:end] for start, end in side] for text, side in zip((left, right), spans, strict=True))
        == parts
    )


@pytest.mark.slow
def test_a_scripted_model_makes_exactly_the_right_repair_pairs_and_cheating_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It first answers wrongly everywhere. Asked to mend, it is right on some problems, and cheats on others.

    The cheat answers the case that it was shown from an `if`, and is the wrong program otherwise.
    """
    from pairsmith.flows.build import build
    from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder

    items = {item.problem.entry_point: item for item in load_starter(starter_folder())}
    path = write_rounds_config(tmp_path, "URL", "run", n_train=6, n_test=1)
    ids = json.loads(path.read_text().split("ids = ")[1].split("\n")[0])
    names = [key.partition("/")[2] for key in ids]
    cheats = set(names[:3])

    def pick(model: str, name: str, seed: int) -> int:
        return 1

    plain = starter_answers(pick)
    with serving() as server:
        path.write_text(path.read_text().replace("URL", server.url))

        def answer(body: dict[str, Any], n: int) -> Any:
            asked = body["messages"][-1]["content"]
            if "Find the mistake" not in asked:
                return plain(body, n)
            name = max((name for name in items if f"`{name}`" in asked), key=len)
            item = items[name]
            if name not in cheats:
                return starter_answers(lambda *_: 0)(body, n)
            # Every case of the tests from a table: it passes all of them, whichever was shown.
            table = [(case.arguments, case.expected) for case in item.problem.cases]
            wrong = item.wrong[0].code.replace(f"def {name}(", "def _other(")
            cheat = f"{wrong}\n\ndef {name}(*given):\n    for args, value in {table!r}:\n"
            cheat += "        if repr(list(given)) == repr(eval(args)):\n            return eval(value)\n"
            cheat += "    return _other(*given)\n"
            return completion(f"```python\n{cheat}```")

        server.script = answer
        policy = 'pairs.policies=[{name = "repaired", draws = 2, max_share = 1.0}]'
        monkeypatch.setattr("pairsmith.pipeline.pairing.beside._N_MENDED", 1)
        leave_prefect_out(monkeypatch)
        build.fn(load_config(path, [policy, "crosscheck.n_inputs=24"]), tmp_path / "cache")
    rows = pl.read_parquet(sorted((tmp_path / "run" / "pairs").glob("train-*.parquet")))
    got = {key.partition("/")[2] for key in rows["problem_id"]}
    train = {key.partition("/")[2] for key in ids if split_of(key, 0.25) == "train"}
    assert got == train - cheats
    assert rows.height == len(got), "one failing program of each problem, one repair of it"
    for row in rows.iter_rows(named=True):
        item = items[row["problem_id"].partition("/")[2]]
        mended = (item.problem.reference.strip(), item.wrong[0].code.strip())
        assert (row["chosen_code"].strip(), row["rejected_code"].strip()) == mended
    assert set(rows["policy"]) == {"repaired"}
    assert set(rows["chosen_standing"]) == {"confirmed"}
    assert set(Pair.__dataclass_fields__) == set(rows.columns)
