"""A seed: a function of somebody's code, from which a problem may be made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seed:
    """One function with what it needs of its file.

    Attributes:
        seed_id: 32 hex digits over language and code.
        language: name of the table in `pipeline.languages`.
        name: the function's name.
        code: the function and what it needs, with its documentation; parses alone.
        path: the file, below the folder or as the dataset has it.
        line: line of the file where the function begins, from 1.
        license: SPDX name; empty where nobody says.
        is_typed: whether all parameters and the value have types.
        n_lines: lines of the function that hold code.
        n_tokens: tokens of `code`, comments left out.
    """

    seed_id: str
    language: str
    name: str
    code: str
    path: str
    line: int
    license: str
    is_typed: bool
    n_lines: int
    n_tokens: int
