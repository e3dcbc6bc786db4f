"""Finds languages by name. A new language is a folder here and its name in `NAMES`."""

import functools
from collections.abc import Iterable
from importlib import import_module

from pairsmith.pipeline.languages.contract import Language, LanguageError
from pairsmith.pipeline.languages.grammar import Grammar

NAMES = ("javascript", "typescript", "java", "cpp", "c", "go", "rust", "bash")
"""All languages but Python, which needs no driver."""
LANGUAGES: dict[str, Language] = {
    name: import_module(f"pairsmith.pipeline.languages.{name}").LANGUAGE for name in NAMES
}
ALIASES = {
    "js": "javascript", "ts": "typescript", "c++": "cpp", "golang": "go", "rs": "rust", "sh": "bash",
    "shell": "bash",
}  # fmt: skip
"""Other names that data sets give to languages, in lower case."""


def find_language(name: str) -> Language:
    """Return the row of a language.

    Raises:
        LanguageError: if the table has none of this name.
    """
    row = LANGUAGES.get(name)
    if row is None:
        raise LanguageError(f"unknown language {name!r}; known are python, {', '.join(LANGUAGES)}")
    return row


def language_names() -> list[str]:
    """Return the names of all languages, sorted."""
    return sorted(("python", *NAMES))


@functools.cache
def find_grammar(name: str) -> Grammar:
    """Return the grammar of a language; it is loaded now.

    Raises:
        LanguageError: if the table has none of this name.
    """
    if name not in language_names():
        raise LanguageError(f"unknown language {name!r}; known are {', '.join(language_names())}")
    grammar: Grammar = import_module(f"pairsmith.pipeline.languages.{name}").GRAMMAR
    return grammar


def packages_of(names: Iterable[str]) -> list[str]:
    """Return the Debian packages of languages, each once; `all` stands for all languages.

    Raises:
        LanguageError: if the table lacks one.
    """
    rows = [row for name in names for row in (LANGUAGES.values() if name == "all" else [find_language(name)])]
    return list(dict.fromkeys(package for row in rows for package in row.packages))


def title_of(name: str) -> str:
    """Return a language's name for a person.

    Raises:
        LanguageError: if the table has none of this name, and it is not Python.
    """
    return "Python" if name == "python" else find_language(name).title
