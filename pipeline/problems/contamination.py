"""Overlap of problems and programs with benchmarks, so that what is trained on is not what is measured with.

Prompts are compared by word n-grams: one of 13 words in common is an overlap (Brown et al. 2020, "Language Models
are Few-Shot Learners", arXiv:2005.14165, appendix C). A prompt of fewer words is compared whole. Code is compared
by its renamed fingerprint: whole, and cut down to what the entry point needs.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pairsmith.pipeline.extraction.needs import select_needed
from pairsmith.pipeline.extraction.readers import PYTHON, join
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.lines import LinesError, read_lines
from pairsmith.pipeline.syntax.analysing import analyse

N_WORDS = 13
_NAMES = ("task_id", "problem_id", "question_id", "id", "name")
_PROMPTS = ("prompt", "text", "question_content", "question", "content", "description")
_SOLUTIONS = ("canonical_solution", "code", "reference", "solution")
_WORD = re.compile(r"\w+")


class DecontaminationError(PairsmithError):
    """A benchmark's file can't be read."""


class Item(NamedTuple):
    """One problem of a benchmark; `code` is a whole program, empty where none is known."""

    name: str
    prompt: str
    code: str
    entry_point: str


@dataclass(slots=True)
class Benchmarks:
    """What is looked up: word n-grams and fingerprints of all items, each with the item's name."""

    grams: dict[tuple[str, ...], str] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)

    def add(self, item: Item) -> None:
        """Take one item in."""
        for gram in _grams(item.prompt):
            self.grams.setdefault(gram, item.name)
        for fingerprint in _fingerprints(item.code, item.entry_point):
            self.fingerprints.setdefault(fingerprint, item.name)

    def find_prompt(self, text: str) -> str:
        """Return the name of an item with a prompt that shares consecutive words with a text; empty for none."""
        return next((self.grams[gram] for gram in _grams(text) if gram in self.grams), "")

    def find_code(self, renamed: str) -> str:
        """Return the name of an item with the same program up to local names; empty for none."""
        return self.fingerprints.get(renamed, "") if renamed else ""


def read_benchmarks(paths: Sequence[Path]) -> Benchmarks:
    """Return the items of files, ready to be looked up.

    Args:
        paths: JSONL (.gz too) or Parquet as HumanEval, MBPP, EvalPlus, EvoEval and LiveCodeBench publish it, or
            any with a prompt or a solution in a column of one of the usual names.

    Raises:
        DecontaminationError: for a file that isn't there, can't be read or holds neither prompts nor solutions.
    """
    benchmarks = Benchmarks()
    for path in paths:
        n_known = 0
        for number, row in enumerate(_read_rows(path)):
            item = _to_item(row, f"{path.name.split('.')[0]}/{number}")
            n_known += bool(item.prompt or item.code)
            benchmarks.add(item)
        if not n_known:
            raise DecontaminationError(
                f"{path}: neither prompts nor solutions; known names are {_PROMPTS + _SOLUTIONS}"
            )
    return benchmarks


def _read_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if path.suffix == ".parquet":
            yield from pq.read_table(path).to_pylist()
            return
        for line in read_lines(path):
            if line is None:
                raise ValueError("a line is too long")
            if line.strip() and isinstance(row := json.loads(line), dict):
                yield row
    except (OSError, ValueError, RecursionError, LinesError, pa.ArrowException) as error:
        raise DecontaminationError(f"{path}: {error}") from None


def _to_item(row: Mapping[str, Any], fallback: str) -> Item:
    name, prompt, solution = (_first(row, names) for names in (_NAMES, _PROMPTS, _SOLUTIONS))
    # HumanEval's and EvalPlus's solutions go on from the prompt; others are whole programs.
    is_rest = "canonical_solution" in row and not re.search(
        r"^(?:def|class|import|from)\b", solution, re.MULTILINE
    )
    code = prompt + solution if is_rest else solution
    if name.isdigit() or not name:
        name = f"{fallback.split('/')[0]}/{name or fallback.split('/')[1]}"
    last = (re.findall(r"^def\s+(\w+)", code, re.MULTILINE) or [""])[-1]
    return Item(name, prompt, code, str(row.get("entry_point") or last))


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        value = row.get(name)
        if value not in (None, "") and isinstance(value, str | int):
            return str(value)
    return ""


def _grams(text: str) -> Iterator[tuple[str, ...]]:
    words = [word.lower() for word in _WORD.findall(text)]
    for start in range(max(len(words) - N_WORDS, 0) + bool(words)):
        yield tuple(words[start : start + N_WORDS])


def _fingerprints(code: str, entry_point: str) -> set[str]:
    """Return the renamed fingerprints of a solution, whole and cut down to what its entry point needs."""
    if not code:
        return set()
    texts = [code]
    if entry_point and (needed := select_needed(PYTHON.cut(code, False).statements, entry_point)):
        texts.append(PYTHON.finish(join(needed)))
    return {analyse(text).fingerprints[2] for text in texts} - {""}
