"""How completions are read, by language: Python by its own compiler, the others by their grammar alone."""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from pairsmith.pipeline.extraction.declarations import cut_declarations, function_names
from pairsmith.pipeline.extraction.statements import BUILTINS, Pieces, Statement, compiles, cut_pieces
from pairsmith.pipeline.languages.grammar import Grammar as Language
from pairsmith.pipeline.languages.table import find_grammar as find_language
from pairsmith.pipeline.syntax.parsing import MAX_BYTES, parse_source, to_source

MAX_STARTS = 16  # lines of bare text tried as the first one of the code
MAX_STRETCH = 1 << 15  # characters; a longer text is read once, not from each of its lines
MAX_STOPS = 24  # and as its last one
MAX_TRIES = 400  # stretches of one text that are read
_IS_CODE = re.compile(r"[(){}\[\]=;]|^\s*(?:#|(?:import|use|package|fi|done|esac)\b)")  # in languages but Python
_COULD_BEGIN = re.compile(r"[#@\w].*[{(;<>\"=]|[#@]\w|import\b|use\b|package\b|\w+\(\)|[;!]?\(|['\"]use ")
_HEADING = re.compile(r"#{1,6} (?!\s*(?:include|define|undef|if|ifdef|ifndef|pragma)\b)")
_FENCE_LINE = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.MULTILINE)
# `Answer` above a blank line, or `Solution:`; no label of a loop.
_TITLE = re.compile(r"\s*[A-Z][a-z]+(?::[ \t]*\n|[ \t]*\n[ \t]*\n)\s*(?!for\b|while\b|do\b|\{)")
_DATA = re.compile(r"string|heredoc|comment|text_block|template|raw")  # kinds of nodes that hold text
# Words are commands in Bash, so prose parses: a program begins and ends like one.
_BASH_BEGIN = re.compile(
    r"\s*(?:#|[\w:-]+\s*\(\)|function\s|\w+(?:\[[^]]*\])?\+?=|\(\(|\[\[|(?:declare|local|readonly|export|set|shopt|"
    r"source|typeset|alias|unset|eval|read|mapfile|readarray|printf|echo|while|for|until|if|case|trap|exec|cat|awk|"
    r"sed|sort|tr|wc|head|tail|cut|uniq|bc|let)\b)"
)
_SENTENCE = re.compile(r"^([A-Z][\w']*(?:[ \t]+[\w',()`.:;!?-]+){2,})[ \t]*$", re.MULTILINE)
_OTHER_WORDS = re.compile(r"^([^\W\d_a-zA-Z][^\n(){}\[\]=;]*)$", re.MULTILINE)  # prose in another script is a name
# Tags of fences, by language; a block with another language's tag is not looked at where a better one is there.
_TAGS = {
    "python": ("python", "py", "python3", "py3", "python2", "ipython", "pycon", "sage"),
    "javascript": ("javascript", "js", "node", "nodejs", "jsx", "mjs", "cjs", "es6"),
    "typescript": ("typescript", "ts", "tsx"),
    "java": ("java",),
    "cpp": ("cpp", "c++", "cxx", "cc", "hpp"),
    "c": ("c", "h"),
    "go": ("go", "golang"),
    "rust": ("rust", "rs"),
    "bash": ("bash", "sh", "shell", "zsh", "console", "shellscript"),
}
_OF_OTHERS = frozenset(tag for tags in _TAGS.values() for tag in tags) | {
    "json", "text", "txt", "plaintext", "output", "yaml", "toml", "html", "css", "sql", "xml", "csharp", "c#",
    "cs",
    "ruby", "rb", "php", "kotlin", "swift", "scala", "haskell", "perl", "lua", "r", "julia", "diff", "log", "ini",
    "mermaid", "latex", "math", "csv", "powershell", "makefile", "dockerfile",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading an answer asks of a language.

    Attributes:
        name: of the language.
        cut: returns the statements of a text; the second argument allows prose in it.
        compiles: whether a text is a program. True for all languages but Python: their compilers judge.
        builtins: names that need no definition.
        comment: how a comment at the margin begins.
        language: the row of the table; None for Python.
    """

    name: str
    cut: Callable[[str, bool], Pieces]
    compiles: Callable[[str], bool]
    builtins: frozenset[str]
    comment: str
    language: Language | None

    def is_program(self, text: str) -> bool:
        """Return whether a text reads as a program from its first to its last character."""
        if self.language is None:
            return compiles(text)
        source = to_source(text)
        return len(source) <= MAX_BYTES and not parse_source(source, self.language).has_error

    def is_bare_program(self, text: str) -> bool:
        """Return whether a text without Markdown is a program, its lines that look like fences being data."""
        if not self.is_program(text) or (self.comment != "#" and _HEADING.match(text.lstrip())):
            return False
        if self.language is None:
            return True
        if _TITLE.match(text):
            return False
        source = to_source(text)
        root = parse_source(source, self.language)
        marks = [
            *_FENCE_LINE.finditer(text),
            *_OTHER_WORDS.finditer(text),
            *(_SENTENCE.finditer(text) if self.name == "bash" else ()),
        ]
        places = [(len(to_source(text[: mark.start(1)])), len(to_source(mark[1]))) for mark in marks]
        if not all(_DATA.search(_node_at(root, start, start + size)) for start, size in places):
            return False
        return self.name != "bash" or bool(_BASH_BEGIN.match(text.lstrip("\n")))

    def could_begin(self, line: str) -> bool:
        """Return whether a line could be the first of a program in another language than Python."""
        pattern = _BASH_BEGIN if self.name == "bash" else _COULD_BEGIN
        return bool(pattern.match(line)) and not line[:1].isspace()

    def tag_rank(self, tag: str) -> int:
        """Return how well the tag of a fence fits: 2 this language, 1 any, 0 another one."""
        if tag in _TAGS.get(self.name, ()):
            return 2
        near = {"typescript": "javascript", "javascript": "typescript", "c": "cpp", "cpp": "c"}.get(self.name)
        is_near = near is not None and tag in _TAGS[near]
        return 0 if tag in _OF_OTHERS and not is_near else 1

    def finish(self, code: str) -> str:
        """Return code without blank lines at its ends and without comments at the margin behind it."""
        lines = code.split("\n")
        while lines and (not lines[-1].strip() or lines[-1].startswith(self.comment)):
            lines.pop()
        while lines and not lines[0].strip():
            lines.pop(0)
        return "\n".join(lines) + "\n" if lines else ""


PYTHON = Reader("python", lambda text, prose: cut_pieces(text), compiles, BUILTINS, "#", None)


@functools.cache
def find_reader(name: str) -> Reader:
    """Return the reader of a language.

    Raises:
        SyntaxToolsError: if the table has none of this name.
    """
    if name == "python":
        return PYTHON
    language = find_language(name)
    return Reader(
        name=name,
        cut=lambda text, prose: cut_declarations(text, language, prose=prose),
        compiles=lambda text: True,
        builtins=frozenset(),
        comment=language.comment_marks[0].decode(),
        language=language,
    )


def find_stretches(text: str, reader: Reader) -> list[tuple[int, int]]:
    """Return the stretches of lines between prose that read as programs, each as long as can be, in order.

    A stretch begins with a line that could begin code, and ends where a paragraph does. Numbers of lines.
    """
    if len(text) > MAX_STRETCH:
        return []
    lines = text.split("\n")
    is_blank = [not line.strip() for line in (*lines, "")]
    stops = [n for n in range(1, len(lines) + 1) if is_blank[n] and not is_blank[n - 1]]
    found: list[tuple[int, int]] = []
    place = n_tried = 0
    while place < len(lines) and n_tried < MAX_TRIES:
        end = place + 1
        if reader.could_begin(lines[place]) and (reader.comment == "#" or not _HEADING.match(lines[place])):
            for stop in [stop for stop in stops if stop > place][: -MAX_STOPS - 1 : -1]:
                n_tried += 1
                last = lines[max((n for n in range(place, stop) if is_blank[n]), default=place - 1) + 1 : stop]
                if any(map(_IS_CODE.search, last)) and reader.is_bare_program("\n".join([*lines[place:stop], ""])):
                    found.append((place, stop))
                    end = stop
                    break
        place = end
    return found


def find_stretch(text: str, entry_point: str, reader: Reader) -> str:
    """Return the longest stretch of lines that reads as a program and defines the entry point; empty for none."""
    if len(text) > MAX_STRETCH:
        return ""
    lines = text.split("\n")
    may_head = reader.comment == "#"  # a heading of Markdown is a comment there
    starts = [
        n for n, line in enumerate(lines) if reader.could_begin(line) and (may_head or not _HEADING.match(line))
    ]
    is_blank = [not line.strip() for line in (*lines, "")]
    paragraphs = [n for n in range(1, len(lines) + 1) if is_blank[n] and not is_blank[n - 1]]
    longest = ""
    for start in starts[:MAX_STARTS]:
        for stop in paragraphs[: -MAX_STOPS - 1 : -1]:
            code = "\n".join(lines[start:stop])
            if stop <= start or len(code) <= len(longest):
                break
            if entry_point in code and reader.is_bare_program(code) and _defines(code, entry_point, reader):
                longest = code
                break
    return longest


def _defines(code: str, entry_point: str, reader: Reader) -> bool:
    statements = reader.cut(code, False).statements
    if any(entry_point in row.binds and row.kind != "guard" for row in statements):
        return True
    return reader.language is not None and entry_point in function_names(code, reader.language)


def as_written(code: str) -> str:
    """Return code with one line end behind it and no blank lines around it, else unchanged."""
    lines = code.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    while lines and not lines[0].strip():
        lines.pop(0)
    return "\n".join(lines) + "\n" if lines else ""


def join(statements: Sequence[Statement]) -> str:
    """Return the text of statements, one below the other."""
    texts = (statement.text for statement in statements)
    return "".join(text if text.endswith("\n") else text + "\n" for text in texts).strip("\n")


def _node_at(root: Node, start: int, end: int) -> str:
    """Return the kind of the smallest node that covers some bytes."""
    found = root.descendant_for_byte_range(start, end)
    return found.type if found is not None else ""
