"""Several datasets as one: published forms converted, rows checked, counted, and mixed by share.

The forms are TRL's: prompt, chosen and rejected as plain text or as messages; answers that repeat the conversation
before them; no prompt column, where the prompt is what both answers begin with (messages, or the turns `Human:`
and `Assistant:` of hh-rlhf). A row keeps the name of its dataset in the column `dataset`.
"""

import json
import math
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.problems.contamination import Benchmarks, Item, read_benchmarks
from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.run.folder import as_parquet, write_whole
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.training.checks import TrainingError
from pairsmith.pipeline.training.reading import KEPT
from pairsmith.schemas.config.training import MixedDatasetConfig
from pairsmith.schemas.problem import Problem

REPORT = "mixture.json"
Messages = list[dict[str, str]]
_TURN = re.compile(r"^(Human|Assistant):", re.MULTILINE)
_FENCE = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)
_SPAN = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64())]))
_TEXT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()), ("split", pa.string()),
        ("prompt", _TEXT), ("chosen", _TEXT), ("rejected", _TEXT),
        ("weight", pa.float64()), ("n_compared", pa.int64()), ("policy", pa.string()),
        ("chosen_model", pa.string()), ("rejected_model", pa.string()),
        ("chosen_spans", _SPAN), ("rejected_spans", _SPAN),
    ]
)  # fmt: skip


class FormError(Exception):
    """A row is no preference; its text is the reason under which it is counted."""


@dataclass(slots=True)
class MixedDataset:
    """What became of one dataset.

    Attributes:
        n_rows: rows it has; `n_taken` those that are trained on.
        forms: rows by the form that they came in.
        dropped: rows by the reason for which they were left out.
        n_short: rows that its share asks for and that it does not have.
    """

    name: str
    n_rows: int = 0
    n_taken: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    n_short: int = 0


def write_mixture(
    datasets: Sequence[tuple[MixedDatasetConfig, Path]],
    protected: Benchmarks,
    test_share: float,
    folder: Path,
    seed: int,
) -> list[MixedDataset]:
    """Write the rows of several datasets into one folder of pairs, with a file of what became of each dataset.

    An earlier dataset wins where two have a prompt in common; pairs that pairsmith made are compared as pairs,
    since a problem has several. Held-out pairs come from those alone.

    Args:
        datasets: each with its folder or file.
        protected: what must not be trained on: held-out problems, benchmarks.
        test_share: share of the problems that are held out, in [0, 1].
        folder: where `train-00000.parquet`, `test-00000.parquet` and `mixture.json` go.
        seed: decides which rows are picked.

    Raises:
        TrainingError: a dataset can't be read, lacks a column, or gives no rows.
    """
    found: list[tuple[MixedDataset, list[dict[str, Any]]]] = []
    held_out: list[dict[str, Any]] = []
    seen: set[str] = set()
    for config, path in datasets:
        report = MixedDataset(config.title())
        rows = list(_convert(config, path, report, protected, test_share))
        rows, prompts = _unseen(rows, seen, report)
        seen |= prompts
        held_out += [row for row in rows if row["split"] == "test"]
        found.append((report, [row for row in rows if row["split"] == "train"]))
    wanted = take_counts([config for config, _ in datasets], [len(rows) for _, rows in found])
    train: list[dict[str, Any]] = []
    for (report, rows), n in zip(found, wanted, strict=True):
        report.n_short = max(0, n - len(rows))
        picked = sorted(range(len(rows)), key=lambda place: digest(str(seed), report.name, str(place)))[:n]
        train += [rows[place] for place in sorted(picked)]
        report.n_taken = min(n, len(rows))
        report.dropped["not_picked"] = len(rows) - report.n_taken
        report.dropped = +report.dropped
    for name, part in (("train", train), ("test", held_out)):
        write_whole(folder / f"{name}-00000.parquet", as_parquet(pa.Table.from_pylist(part, _SCHEMA)))
    reports = [report for report, _ in found]
    write_whole(folder / REPORT, TypeAdapter(list[MixedDataset]).dump_json(reports, indent=1))
    return reports


def protect(problems: Iterable[Problem], files: Sequence[Path]) -> Benchmarks:
    """Return what published rows must not hold: prompts and references of problems, and the items of files."""
    benchmarks = read_benchmarks(files)
    for problem in problems:
        benchmarks.add(Item(problem.problem_id, problem.prompt, problem.reference, problem.entry_point))
    return benchmarks


def take_counts(configs: Sequence[MixedDatasetConfig], available: Sequence[int]) -> list[int]:
    """Return how many rows of each dataset are trained on: as configured, whether it has so many or not.

    Datasets without a share give all their rows, or `rows` of them, and what has a share comes beside in that
    proportion. Where all have shares, the total is the largest that no dataset is too small for.
    """
    shares = sum(config.share or 0.0 for config in configs)
    fixed = [
        min(config.rows or n, n) if config.share is None else 0
        for config, n in zip(configs, available, strict=True)
    ]
    if all(config.share is not None for config in configs):
        total = min(n * shares / (config.share or 1.0) for config, n in zip(configs, available, strict=True))
        return [math.floor(total * (config.share or 0.0) / shares + 1e-9) for config in configs]
    if shares >= 1.0:
        raise TrainingError("training.datasets: the shares leave nothing for the datasets without one; lower them")
    total = sum(fixed) / (1.0 - shares)
    return [round(total * config.share) if config.share else n for config, n in zip(configs, fixed, strict=True)]


def to_preference(row: Mapping[str, Any]) -> tuple[str, Messages, Messages, Messages]:
    """Return form, prompt, chosen and rejected of a row, as messages; the answers are one message each.

    Raises:
        FormError: it is no preference.
    """
    chosen, rejected, prompt = row.get("chosen"), row.get("rejected"), row.get("prompt")
    form = "implicit" if prompt is None else "conversational"
    if prompt is None and isinstance(chosen, str) and isinstance(rejected, str):
        chosen, rejected = _turns(chosen), _turns(rejected)
    if isinstance(chosen, str) and isinstance(rejected, str):
        form, asked = "plain", _asked(prompt)
        answers = [[{"role": "assistant", "content": answer}] for answer in (chosen, rejected)]
    else:
        sides = [_messages(side) for side in (chosen, rejected)]
        if len(sides[0]) > 1 or len(sides[1]) > 1 or prompt is None:  # they begin with the conversation
            n = _n_common(*sides)
            if not n or [len(side) - n for side in sides] != [1, 1]:
                raise FormError("several_turns" if n else "no_prompt")
            form = form if prompt is None else "conversation_repeated"
            asked, answers = sides[0][:n], [side[n:] for side in sides]
        else:
            asked, answers = _asked(prompt), sides
    if not asked or asked[-1]["role"] != "user" or not "".join(message["content"] for message in asked).strip():
        raise FormError("no_prompt")
    if any(answer[0]["role"] != "assistant" or not answer[0]["content"].strip() for answer in answers):
        raise FormError("empty_answer")
    if answers[0] == answers[1]:
        raise FormError("same_answers")
    return form, asked, answers[0], answers[1]


def _asked(prompt: Any) -> Messages:
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else _messages(prompt)


def _messages(value: Any) -> Messages:
    if not isinstance(value, list) or not all(
        isinstance(row, Mapping) and isinstance(row.get("role"), str) and isinstance(row.get("content"), str)
        for row in value
    ):
        raise FormError("not_text")
    return [{"role": row["role"], "content": row["content"]} for row in value]


def _n_common(left: Messages, right: Messages) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )


def _turns(text: str) -> Messages:
    """Return the turns of a text as messages; none where it does not begin with one."""
    before, *parts = _TURN.split(text)
    roles = {"Human": "user", "Assistant": "assistant"}
    turns = [
        {"role": roles[who], "content": said.strip()} for who, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    return [] if before.strip() else turns


def _convert(
    config: MixedDatasetConfig, path: Path, report: MixedDataset, protected: Benchmarks, test_share: float
) -> Iterator[dict[str, Any]]:
    for row in _read(config, path):
        report.n_rows += 1
        try:
            form, prompt, chosen, rejected = to_preference(row)
            is_ours = "pair_id" in row
            split = split_of(row["problem_id"], test_share) if is_ours else "train"
            if not is_ours:
                _check_clean(prompt, (chosen, rejected), protected)
        except FormError as error:
            report.dropped[str(error)] += 1
            continue
        report.forms[form] += 1
        kept = {name: row.get(name) for name in (*KEPT, "chosen_spans", "rejected_spans")}
        weight = 1.0 if kept["weight"] is None else kept["weight"]
        yield {
            **kept, "weight": weight, "dataset": report.name, "split": split, "prompt": prompt, "chosen": chosen,
            "rejected": rejected, "is_ours": is_ours,
        }  # fmt: skip


def _read(config: MixedDatasetConfig, path: Path) -> Iterator[Mapping[str, Any]]:
    import datasets

    datasets.disable_progress_bars()  # the command has bars of its own
    kinds = {".json": "json", ".jsonl": "json", ".parquet": "parquet"}
    with tempfile.TemporaryDirectory(prefix="pairsmith-mixture-") as cache:
        try:
            if path.is_file():
                kind = kinds.get(path.suffix)
                if kind is None:
                    raise TrainingError(f"{path}: give a folder, or a file of {', '.join(kinds)}")
                rows = datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=cache)
            else:
                parts = ["train", "test"] if _is_ours(path) else [config.split]
                there = datasets.load_dataset(str(path), config.config or None, cache_dir=cache)
                if config.split not in there:
                    raise TrainingError(f"{path}: no split {config.split!r}; the splits are {', '.join(there)}")
                rows = datasets.concatenate_datasets([there[part] for part in parts if part in there])
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise TrainingError(f"{path}: can't be read as a dataset ({line[:200]})") from None
        given = dict(config.columns)
        missing = [
            name for ours in ("chosen", "rejected") if (name := given.get(ours, ours)) not in rows.column_names
        ]
        missing += [given["prompt"]] if "prompt" in given and given["prompt"] not in rows.column_names else []
        if missing:
            raise TrainingError(
                f"{path}: no column {missing[0]!r}; the columns are {', '.join(rows.column_names)}: name them in "
                "training.datasets.columns"
            )
        for row in rows:
            yield {**row, **{ours: row[theirs] for ours, theirs in given.items()}}


def _is_ours(path: Path) -> bool:
    found = next(iter(sorted((path / "data").glob("*.parquet"))), None)
    return found is not None and "pair_id" in pq.read_schema(found).names


def _check_clean(prompt: Messages, answers: Sequence[Messages], protected: Benchmarks) -> None:
    if any(protected.find_prompt(message["content"]) for message in prompt):
        raise FormError("contaminated")
    for answer in answers:
        text = answer[0]["content"]
        for code in _FENCE.findall(text) or [text]:
            if protected.fingerprints and protected.find_code(analyse(code).fingerprints[2]):
                raise FormError("contaminated")


def _unseen(
    rows: Sequence[dict[str, Any]], seen: set[str], report: MixedDataset
) -> tuple[list[dict[str, Any]], set[str]]:
    """Return the rows whose prompt no dataset before has, and their prompts; of equal pairs one is kept."""
    kept, prompts, pairs = [], set[str](), set[str]()
    for row in rows:
        prompt = digest(json.dumps(row["prompt"]))
        pair = digest(prompt, json.dumps([row["chosen"], row["rejected"]]))
        if not row["is_ours"] and prompt in seen:
            report.dropped["same_prompt"] += 1
        elif pair in pairs or pair in seen:
            report.dropped["same_pair"] += 1
        else:
            kept.append(row)
            pairs.add(pair)
            prompts.add(prompt)
    return kept, prompts | pairs
