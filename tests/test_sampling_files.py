import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairsmith.pipeline.run import lines
from pairsmith.pipeline.sampling import files_backend, open_sampler, sample_problems
from pairsmith.pipeline.sampling.files_backend import FilesSampler, compare_ids, read_samples
from pairsmith.pipeline.sampling.protocol import SamplingError
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Interface
from tests.sampling_kit import make_problem

START = "def double(x):\n"
HUMAN_EVAL = [
    {"task_id": "p/double", "completion": "    return 2 * x\n"},
    {"task_id": "p/other", "completion": "    pass\n"},
    {"task_id": "p/double", "completion": ""},
]


def write(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def open_file(path: Path, said: list[str] | None = None) -> FilesSampler:
    return FilesSampler(SamplingConfig(samples=path), (said if said is not None else []).append)


def test_human_evals_form_continues_the_problems_prompt_in_order_of_appearance(tmp_path: Path) -> None:
    path = write(tmp_path / "codegen.t08.jsonl", HUMAN_EVAL)
    config = SamplingConfig(samples=path, n=5)
    with open_sampler(config, tmp_path, None, print) as sampler:
        drawn = sample_problems([make_problem(continuation=START)], sampler, config, seed=0)
    assert [(c.index, c.completion) for c in drawn] == [(0, "    return 2 * x\n"), (1, "")]
    first = drawn[0]
    assert (first.backend, first.model, first.template, first.prompt) == (
        "files", "codegen", "continuation", START,
    )  # fmt: skip
    assert (first.temperature, first.top_p, first.max_tokens, first.n_tokens, first.seed) == (
        -1.0,
        -1.0,
        -1,
        -1,
        -1,
    )
    assert first.mean_logprob is None


def test_evalplus_solutions_are_whole_programs(tmp_path: Path) -> None:
    code = "def double(x):\n    return 2 * x\n"
    path = write(tmp_path / "s.jsonl", [{"task_id": "p/double", "solution": code}])
    config = SamplingConfig(samples=path)
    (only,) = sample_problems([make_problem(continuation=START)], open_file(path), config, seed=0)
    assert (only.template, only.completion, only.prompt) == ("chat", code, make_problem().prompt)


def test_what_is_run_as_it_stands_holds_the_code_before_it(tmp_path: Path) -> None:
    rows = [*HUMAN_EVAL[:1], {"task_id": "p/double", "solution": "x = 1\n"}]
    config = SamplingConfig(samples=write(tmp_path / "a.jsonl", rows), n=2, as_is=True)
    with open_sampler(config, tmp_path, None, print) as sampler:
        drawn = sample_problems([make_problem(continuation=START)], sampler, config, seed=0)
    assert [(row.template, row.prompt) for row in drawn] == [("as_is", START), ("as_is", "")]


def test_a_list_of_samples_holds_the_prompt_that_was_given(tmp_path: Path) -> None:
    row = {"task_id": "p/double", "prompt": "def double(x):  # given\n", "samples": ["a", "b", "c"]}
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(row).encode()))
    config = SamplingConfig(samples=path, n=2, model="codegen-16b")
    drawn = sample_problems([make_problem(continuation=START)], FilesSampler(config, print), config, seed=0)
    assert [c.completion for c in drawn] == ["a", "b"]
    assert {(c.prompt, c.model) for c in drawn} == {("def double(x):  # given\n", "codegen-16b")}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not an object"),
        (b'{"completion": "x"}', "no task_id"),
        (b'{"task_id": true, "completion": "x"}', "no task_id"),
        (b'{"task_id": "p/double"}', "none of completion, solution, samples, code_list"),
        (b'{"task_id": "p/double", "completion": null}', "completion is not a string"),
        (b'{"task_id": "p/double", "completion": "\\ud800"}', "completion is not a string"),
        (b'{"task_id": "p/double", "samples": ["a", 1]}', "samples is not a list of strings"),
        (b'{"task_id": "p/double", "completion": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "not JSON"),
        (b'{"task_id": "p/double", "completion": "x", "n": 1' + b"0" * 5000 + b"}", "not JSON"),
        (b'{"task_id": "\\ud800", "completion": "x"}', "task_id contains half of a surrogate pair"),
        (
            b'{"task_id": "p/double", "prompt": "\\ud800", "completion": "x"}',
            "prompt contains half of a surrogate pair",
        ),
    ],
)
def test_a_bad_line_is_named_and_the_rest_kept(tmp_path: Path, line: bytes, reason: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'{"task_id": "p/double", "completion": "good"}\n\n' + line + b"\n")
    said: list[str] = []
    sampler = open_file(path, said)
    assert said == [f"s.jsonl: 1 lines left out: line 3: {reason}"]
    assert len(sampler.samples.samples["p/double"]) == 1


def test_a_byte_order_mark_and_windows_line_feeds_in_an_id_cost_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"task_id": "a\\r\\nb", "completion": "x"}\r\n')
    stored = read_samples(path)
    assert (list(stored.samples), stored.faults) == (["a\nb"], ())


def test_a_gzip_bomb_of_samples_costs_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lines, files_backend):
        monkeypatch.setattr(module, "MAX_LINE_BYTES", 1 << 20)
    path = tmp_path / "s.jsonl.gz"
    good = b'{"task_id": "a", "completion": "x"}\n'
    path.write_bytes(gzip.compress(good + b"{" + b" " * (64 << 20) + b"}\n" + good))
    stored = read_samples(path)
    assert (len(stored.samples["a"]), stored.faults) == (2, ("line 2: longer than 1 MiB",))
    monkeypatch.setattr(lines, "MAX_FILE_BYTES", 2 << 20)
    with pytest.raises(SamplingError, match="more than"):
        read_samples(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "the file is empty"), (b"\n \n", "the file is empty"), (b"task,code\n1,2\n", "line 1: not JSON")],
)
def test_a_file_without_samples_is_an_error(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_bytes(content)
    with pytest.raises(SamplingError, match=rf"s\.jsonl: no samples \({reason}\)"):
        read_samples(path)


@pytest.mark.parametrize("content", [None, gzip.compress(b"x" * 1000, mtime=0)[:-20], b"\x1f\x8bnot gzip at all"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "s.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SamplingError, match=r"s\.jsonl: can't be read"):
        read_samples(path)


def test_files_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(SamplingError, match=r"needs sampling\.samples"):
        open_sampler(SamplingConfig(backend="files"), tmp_path, None, print)


def test_the_revision_follows_the_bytes(tmp_path: Path) -> None:
    one = open_file(write(tmp_path / "a.jsonl", HUMAN_EVAL))
    same = open_file(write(tmp_path / "b.jsonl", HUMAN_EVAL))
    other = open_file(write(tmp_path / "c.jsonl", HUMAN_EVAL[:2]))
    assert one.revision == same.revision != other.revision


@given(st.dictionaries(st.text(min_size=1), st.lists(st.text(), min_size=1), min_size=1))
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, samples: dict[str, list[str]]
) -> None:
    rows = [{"task_id": name, "completion": text} for name, texts in samples.items() for text in texts]
    stored = read_samples(write(tmp_path_factory.mktemp("any") / "s.jsonl", rows))
    wanted: dict[str, list[str]] = {}
    for name, texts in samples.items():  # ids have the line ends of the problems' ids
        wanted.setdefault(name.replace("\r\n", "\n"), []).extend(texts)
    assert {name: [one.text for one in found] for name, found in stored.samples.items()} == wanted


def test_the_real_codegen_samples_are_read_whole(real_data: Path) -> None:
    stored = read_samples(real_data / "humaneval_codegen16b_100_samples.jsonl.gz")
    assert len(stored.samples) == 164
    assert {len(found) for found in stored.samples.values()} == {100}
    assert stored.faults == ()


def test_chat_answers_of_a_problem_that_begins_no_code_are_whole_answers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "s.jsonl", [{"task_id": "p/a", "completion": "```python\ndef f(x):\n    return x\n```"}]
    )
    problem = make_problem("a", prompt="Give x back.", reference="")
    opening = read_samples(path).samples["p/a"][0].opening(problem, as_is=False)
    assert (opening.template, opening.text) == ("chat", "Give x back.")


@pytest.mark.parametrize("language", ["python", "cpp", "go"])
def test_a_completion_for_stdin_without_a_prompt_is_a_whole_answer(tmp_path: Path, language: str) -> None:
    path = write(tmp_path / "s.jsonl", [{"task_id": "p/a", "completion": "Here:\n```\nx\n```"}])
    problem = make_problem("a", prompt="Add.", interface=Interface.STDIN, entry_point="", language=language)
    opening = read_samples(path).samples["p/a"][0].opening(problem, as_is=False)
    assert (opening.template, opening.text) == ("chat", "Add.")


def test_problems_and_samples_without_each_other_are_named(tmp_path: Path) -> None:
    rows = [{"task_id": name, "completion": "x"} for name in ("a", "a", "z", "z")]
    stored = read_samples(write(tmp_path / "s.jsonl", rows))
    assert compare_ids(["a"], stored) == ["2 samples are of unknown problems: z"]
    assert compare_ids([*"abcdefgh", "z"], stored) == [
        "7 of 9 problems have no sample and are not counted: b, c, d, e, f and 2 more"
    ]
