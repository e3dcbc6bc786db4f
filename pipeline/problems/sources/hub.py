"""Problems of a Hub dataset, or of local files through one of `datasets`' builders, with a column mapping."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pairsmith.pipeline.problems.conversion import TestSyntaxError
from pairsmith.pipeline.problems.records import DropReason, Found, ProblemsError
from pairsmith.pipeline.problems.rows import (
    Row,
    RowError,
    convert_or_refuse,
    found_in,
    make_problem,
    missing,
    name,
    text,
)
from pairsmith.pipeline.problems.sources.jsonl import joined_tests
from pairsmith.pipeline.problems.wording import (
    breaks_off_in,
    chat_prompt,
    code_before,
    completion_prompt,
    find_entry_point,
    signature_of,
)
from pairsmith.schemas.config import ColumnsConfig, ProblemsConfig
from pairsmith.schemas.problem import Problem


def load_hub(config: ProblemsConfig, cache: Path | None = None) -> list[Found]:
    """Return the problems of the dataset that the configuration names.

    A prompt that is code and breaks off after a docstring is taken as HumanEval's are: the model completes
    it, and what stands before the function is the setup. Without a column for the entry point, the function
    of the reference that the tests call is taken.

    Args:
        cache: folder for what `datasets` downloads and converts; None takes its own.

    Raises:
        ProblemsError: if the dataset can't be loaded, lacks a mapped column or is empty.
    """
    rows = _load_dataset(config, cache)
    columns = config.columns
    for key, column in columns.model_dump().items():
        if column and column not in rows.column_names:
            raise ProblemsError(
                f"{config.dataset}: no column {column!r} (problems.columns.{key}); "
                f"the columns are {', '.join(rows.column_names)}; an empty name means none"
            )
    return found_in(_numbered(rows, config.dataset), lambda row: _build(row, columns))


def dataset_rows(config: ProblemsConfig, cache: Path | None = None) -> Iterator[tuple[str, Row]]:
    """Give each row of the dataset that the configuration names, with its place.

    Raises:
        ProblemsError: if the dataset can't be loaded or is empty.
    """
    return _numbered(_load_dataset(config, cache), config.dataset)


def _load_dataset(config: ProblemsConfig, cache: Path | None) -> Any:
    if not config.dataset:
        raise ProblemsError(
            "problems.dataset is empty; set it to a Hub dataset's name, such as openai/openai_humaneval"
        )
    import datasets  # half a second: only where it is used

    try:
        rows = datasets.load_dataset(
            config.dataset,
            config.dataset_config or None,
            data_files=config.data_files or None,
            split=config.split,
            revision=config.revision or None,
            cache_dir=str(cache) if cache else None,
        )
    except Exception as error:  # the library raises some twenty types, of four packages
        message = (str(error).splitlines() or [""])[0]
        raise ProblemsError(
            f"{config.dataset}: {type(error).__name__}: {message}; "
            "check problems.dataset, dataset_config, split, data_files and the network"
        ) from error
    if len(rows) == 0:
        raise ProblemsError(f"{config.dataset}: no problems in split {config.split!r}")
    return rows


def _numbered(rows: Any, dataset: str) -> Iterator[tuple[str, Row]]:
    for index, row in enumerate(rows):
        yield f"{dataset}[{index}]", row


def _build(row: Row, columns: ColumnsConfig) -> tuple[Problem, str]:
    task, tests = text(row, columns.prompt), joined_tests(row, columns.tests)
    given = text(row, columns.reference, "") if columns.reference else ""
    setup = text(row, columns.setup, "") if columns.setup else ""
    entry_point = name(row, columns.entry_point) if columns.entry_point else find_entry_point([tests], given)
    if not entry_point:
        raise RowError("no test calls a function that the reference defines", DropReason.BAD_TESTS)
    is_code = breaks_off_in(task) == entry_point
    if is_code:
        setup = setup or code_before(task, entry_point)
    reference, signature = _whole(given, task, entry_point)
    problem_id = row.get(columns.problem_id)
    if problem_id is None or problem_id == "":
        raise missing(columns.problem_id, row)
    conversion = convert_or_refuse(tests, entry_point, setup, signature=signature)
    problem = make_problem(
        problem_id=str(problem_id),
        source="hub",
        entry_point=entry_point,
        prompt=completion_prompt(task, entry_point) if is_code else chat_prompt(task, signature or entry_point),
        continuation=task if is_code else "",
        conversion=conversion,
        setup=setup,
        reference=reference,
    )
    return problem, conversion.reason


def _whole(reference: str, task: str, entry_point: str) -> tuple[str, str]:
    """Return a reference as a whole program and its signature; two empty texts where it is none.

    HumanEval's references are the rest of the prompt.
    """
    for program in (reference, task + reference) if reference else ():
        try:
            signature = signature_of(program, entry_point)
        except TestSyntaxError:
            continue
        if signature:
            return program, signature
    return "", ""
