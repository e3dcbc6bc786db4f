"""The table of languages: one file each.

To add a language:

1. Add its grammar, a wheel that works offline, to `pyproject.toml` (`tree-sitter-<name>`).
2. Write `pipeline/syntax/languages/<name>.py`, which holds one `LANGUAGE = Language(...)`. The file's name is the
   language's. The grammar's `node-types.json` has the names of kinds and fields; `Language`'s docstring says what
   each table means. Begin with a copy of `go.py`, the shortest one.
3. Fill `names`, `comments`, `strings`, `numbers`: now programs parse and get their exact fingerprint.
4. Fill `functions`, `scopes`, `binders`, `patterns`: now local names are replaced. What a name means where must
   never be guessed: a name that the tables don't explain keeps its own, so leave out what you are unsure of, and
   put kinds where names mean something else into `members` (attributes, labels) or `pins`.
5. Fill `entries`, `imports`, `types`, `kept_whole`: now code is found in completions.
6. Fill `blocks`, `loops`, `ifs` and what follows, `tag_kinds`, `tag_calls`: now there are tags and measures.
7. Write `tests/golden/<name>.toml`: 25 programs or more with the tags that they must get, and pairs with what
   makes them equal; `tests/test_syntax_golden.py` reads every file. Read each tag before you believe it.
"""

import functools
import importlib
import pkgutil

from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.syntax.language import Language


class SyntaxToolsError(PairsmithError):
    """A language that the table doesn't have was asked for."""


def language_names() -> list[str]:
    """Return the names of all languages, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


@functools.cache
def find_language(name: str) -> Language:
    """Return the row of a language; its grammar is loaded now.

    Raises:
        SyntaxToolsError: if the table has none of this name.
    """
    if name not in language_names():
        raise SyntaxToolsError(f"no language {name!r}; known are {', '.join(language_names())}")
    language: Language = importlib.import_module(f"{__name__}.{name}").LANGUAGE
    return language
