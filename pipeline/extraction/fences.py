"""Fenced code blocks in Markdown, as models write it, and which of them a model takes back.

CommonMark's rules: a fence is closed by one of the same character that is at least as long and carries no tag. A
fence line inside of a string or a comment of the program closes nothing, though CommonMark can't know: of all
lines that could close a block, the first that leaves a readable program does. Where none does, CommonMark's own
rule decides, and a fence with a tag opens another block, since its closing one was forgotten.
"""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

MAX_BLOCKS = 64  # fenced blocks that are looked at
MAX_ENDS = 12  # lines tried as the end of one block
_FENCE = re.compile(
    r"^(?P<quote>(?:[ \t]*>[ \t]?)*)(?P<indent>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)"
    r"(?P<fence>`{3,}|~{3,})(?P<info>[^`\n]*)$"
)
# No fence of CommonMark, but plain: `Here it is: ```python`.
_BEHIND_PROSE = re.compile(r"^(?P<quote>)(?P<indent>)[^`\n]*\S[ \t](?P<fence>`{3,})(?P<info>[\w+#-]+)[ \t]*$")
_IN_HTML = "&"  # the tag of a fence that stands for HTML's tags
_HTML = re.compile(r"<pre[^<>\n]*>(?:\s*<code[^<>\n]*>)?|(?:</code>\s*)?</pre>", re.IGNORECASE)
_GLUED = re.compile(r"^(?P<last>.*\S)[ \t]*(?:`{3,}|~{3,})[ \t]*$")
_MARKDOWN = frozenset({"", "markdown", "md", "text", "txt", "plaintext"})
_TAG = re.compile(r"[\w+#.-]*")
MAX_FENCES = 2000  # fence lines that are looked at
MAX_SEEN = 64  # fences behind one that are looked at for its end
_Fence: TypeAlias = tuple[int, re.Match[str]]  # number of its line, and its parts
_CLOSING_INDENT = 3  # CommonMark: a closing fence is indented by at most three more characters


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        code: what is between the fences, as it was written.
        tag: first word behind the opening fence, in lower case; empty for none.
        start: first character in the text of what is between the fences. end: the one behind its last.
        opening: first character of the line of the opening fence. closing: the one behind the closing line.
        is_closed: whether there is a closing fence.
        is_program: whether the code can be read as a program.
    """

    code: str
    tag: str
    start: int
    end: int
    opening: int
    closing: int
    is_closed: bool
    is_program: bool


def find_blocks(text: str, is_program: Callable[[str], bool], depth: int = 0) -> list[Block]:
    """Return the fenced blocks of a text that hold anything, in order; of a block of Markdown those in it.

    Args:
        is_program: whether a text can be read as a program of the language that was asked for.
        depth: of blocks of Markdown around it.
    """
    source = _Source(text)
    blocks: list[Block] = []
    number = 0
    for place, (opening, match) in enumerate(source.fences[:MAX_FENCES]):
        if opening < number or len(blocks) >= MAX_BLOCKS:
            continue
        ends = [row for row in source.fences[place + 1 : place + 1 + MAX_SEEN] if _may_end(row[1], match)]
        block, number = _read_block(source, (opening, match), ends, is_program)
        if not block.code.strip():
            continue
        inner = []
        if not block.is_program and block.tag in _MARKDOWN and depth < 2 and len(match["indent"]) == 0:
            inner = find_blocks(block.code, is_program, depth + 1)
        blocks += [_moved(part, block.start) for part in inner] or [block]
    return blocks


def html_as_fences(text: str) -> str:
    """Return a text with HTML's tags around code as fences, each character in its place."""

    def fence(match: re.Match[str]) -> str:
        rest = " " * (len(match[0]) - 5)
        return f"\n``` {rest}" if match[0].startswith("</") else f"```{_IN_HTML}{rest}\n"

    return _HTML.sub(fence, text)


def outside_blocks(text: str) -> str:
    """Return the text with its fence lines taken out, the contents of the blocks kept."""
    return "\n".join("" if _FENCE.match(line) else line for line in text.split("\n"))


def starts_with_fence(text: str) -> bool:
    """Return whether the first line that isn't blank is a fence."""
    return bool(_FENCE.match(text.lstrip("\n").split("\n")[0]))


def _read_block(
    source: "_Source", fence: _Fence, later: Sequence[_Fence], is_program: Callable[[str], bool]
) -> tuple[Block, int]:
    """Return the block that a fence opens, and the number of the line after it."""
    opening, match = fence

    def made(end: int, next_line: int, last: str | None = None) -> tuple[Block, int]:
        return source.cut(fence, end, next_line, last, is_program), next_line

    for end, closing in later[:MAX_ENDS]:
        block, next_line = made(end, end + (not closing["info"].strip()))
        if block.is_program or not block.code.strip():
            return block, next_line
    usual = next((row for row in later if _closes(row[1], match) or _opens_another(row[1])), None)
    end = len(source.lines) if usual is None else usual[0]
    if match["quote"]:  # a quotation ends with its last line
        inside = range(opening + 1, end)
        end = next((n for n in inside if not source.lines[n].lstrip().startswith(">")), end)
        usual = usual if usual is not None and usual[0] == end else None
    block, next_line = made(end, end + (usual is not None and not usual[1]["info"].strip()))
    glued = None if block.is_program else _find_glued(source.lines, opening, end)
    if glued is not None:
        shorter = made(glued[0], glued[0] + 1, glued[1])
        if shorter[0].is_program or usual is None:
            return shorter
    return block, next_line


class _Source:
    """The lines of a text, where each begins, and which are fences."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.fences: list[_Fence] = [
            (n, match)
            for n, line in enumerate(self.lines)
            if "```" in line or "~~~" in line
            if (match := _FENCE.match(line) or _BEHIND_PROSE.match(line))
        ]

    def cut(
        self, fence: _Fence, end: int, next_line: int, last: str | None, is_program: Callable[[str], bool]
    ) -> Block:
        """Return the block between a fence and a line; `last` is what of that line still belongs to it."""
        (opening, match), size = fence, self.starts[-1] - 1
        inside = [*self.lines[opening + 1 : end], *([] if last is None else [last])]
        quote = match["quote"].count(">")
        code = "\n".join(_strip_indent(_strip_quote(line, quote), len(match["indent"])) for line in inside)
        if match["info"].startswith(_IN_HTML):
            code = html.unescape(code)
        start = min(self.starts[opening + 1], size)
        return Block(
            code=code,
            tag=(_TAG.match(match["info"].strip()) or [""])[0].lower(),
            start=start,
            end=max(start, min(self.starts[end] - 1 if last is None else self.starts[end] + len(last), size)),
            opening=self.starts[opening],
            closing=min(self.starts[next_line] - 1, size),
            is_closed=next_line > end or end < len(self.lines),
            is_program=bool(code.strip()) and is_program(code),
        )


def _find_glued(lines: list[str], opening: int, end: int) -> tuple[int, str] | None:
    """Return the first line in a block that a closing fence is glued to, and that line without the fence."""
    for number in range(opening + 1, end):
        if (match := _GLUED.match(lines[number])) is not None:
            return number, match["last"]
    return None


def _may_end(fence: re.Match[str], opened: re.Match[str]) -> bool:
    """Return whether a fence could end a block: of its kind, and at least as long."""
    return fence["fence"][0] == opened["fence"][0] and len(fence["fence"]) >= len(opened["fence"])


def _closes(fence: re.Match[str], opened: re.Match[str]) -> bool:
    return not fence["info"].strip() and len(fence["indent"]) <= len(opened["indent"]) + _CLOSING_INDENT


def _opens_another(fence: re.Match[str]) -> bool:
    """Return whether a fence with a tag stands where a closing one was forgotten: never so in CommonMark."""
    return bool(re.fullmatch(r"\s*[\w+#]+\s*", fence["info"]))


def _strip_quote(line: str, depth: int) -> str:
    """Remove the marks of a quotation."""
    return re.sub(rf"^(?:[ \t]*>[ \t]?){{0,{depth}}}", "", line) if depth else line


def _strip_indent(line: str, indent: int) -> str:
    """Remove at most `indent` characters of leading white space."""
    n_space = len(line) - len(line.lstrip(" \t"))
    return line[min(n_space, indent) :]


def _moved(block: Block, by: int) -> Block:
    return Block(
        block.code, block.tag, block.start + by, block.end + by, block.opening + by, block.closing + by,
        block.is_closed, block.is_program,
    )  # fmt: skip


# Only whole sentences of a few fixed forms take a block back: the one that leads to it ("This does not work:",
# "The corrected version:") and the one that follows it at once ("Wait, that is wrong."). Anything else with such
# words in it ("There is nothing wrong with", "wrong for edge cases", "the final version") takes nothing back: then
# the labels of the blocks decide (`ExtractionConfig.blocks`).
_CODE = r"(?:version|code|program|function|solution|answer|attempt|approach|implementation|alternative|one|way)"
_WRONG = r"(?:wrong|incorrect|buggy|broken|faulty|flawed)"
_FAILS = r"(?:does(?:n['\u2019]t| not)|won['\u2019]t|will not) work"
# The sentence that leads to a block which is not meant as the answer.
_LEADS_TO_WRONG = re.compile(
    rf"\W*(?:(?:this|that|it|the following)|an? (?:\w+ )?{_CODE})(?: (?:that|which))? "
    rf"(?:{_FAILS}|(?:is|would be) {_WRONG})\W*|\W*(?:an? |the |my )?{_WRONG} {_CODE}\W*|\W*{_WRONG}:\W*",
    re.IGNORECASE,
)
# The sentence that leads to a block which is in the place of all before it.
_LEADS_TO_CORRECTION = re.compile(
    rf"[^?]*\b(?:(?:corrected|repaired|fixed) {_CODE}(?: (?:of|with) [\w'\u2019 ]+)?|it should be|corrected|"
    r"correction|fixed)[\s*_]*:?[\s*_]*",
    re.IGNORECASE,
)
_UNSURE = re.compile(r"\b(?:not|n['\u2019]t|never|if|could|would|might|may|no)\b", re.IGNORECASE)
_FOLLOWS_WRONG = re.compile(
    r"\W*(?:but |no, |hmm,? |wait,? |oops,? |actually,? )*(?:that|this|it|the above)(?:['\u2019]s| is| was)? "
    rf"(?:(?:is |was )?(?:{_WRONG}|not (?:right|correct))|{_FAILS})\s*(?:[.,;!\u2014-]|:[ \t]+\w)",
    re.IGNORECASE,
)


def is_withdrawn(text: str, blocks: Sequence[Block], block: Block) -> bool:
    """Return whether the model takes a block back: by words at the block, or by a later block that corrects it.

    Args:
        blocks: all blocks that answer, in order.
    """
    if _LEADS_TO_WRONG.fullmatch(_sentence_before(text, blocks, block)):
        return True
    later = [other for other in blocks if other.start > block.start and other.code != block.code]
    if later and _FOLLOWS_WRONG.match(text[block.closing : block.closing + 200]):
        return True
    leading = (_sentence_before(text, blocks, other) for other in later)
    return any(_LEADS_TO_CORRECTION.fullmatch(words) and not _UNSURE.search(words) for words in leading)


def _sentence_before(text: str, blocks: Sequence[Block], block: Block) -> str:
    """Return the last sentence between a block and the one before it."""
    begin = max((other.closing for other in blocks if other.closing <= block.opening), default=0)
    lines = [line.strip() for line in text[begin : block.opening].split("\n") if line.strip()]
    last = lines[-1] if lines else ""
    return re.split(r"(?<=[.!?])\s+", last)[-1]


def indented_chunks(text: str) -> list[str]:
    """Return what is set off by four spaces or more, or a tab: blocks of code in Markdown; moved to the margin."""
    found = re.findall(r"(?:(?:^|\n)(?:(?: {4}|\t)[^\n]*|[ \t]*(?=\n)))+", text)
    return ["\n".join(re.sub(r"^(?: {4}|\t)", "", line) for line in chunk.split("\n")) for chunk in found]


def indented_code(text: str, entry_point: str) -> str:
    """Return the code block that is set off by indentation and begins or holds the entry point; else nothing.

    A method is not taken out of its class, nor a function out of another statement.
    """
    header = re.search(rf"^([ \t]+)(?:(?:async\s+)?def|class)\s+{re.escape(entry_point)}\b", text, re.MULTILINE)
    if header is None:
        return ""
    before = text[: header.start()].split("\n")
    width = len(header[1])
    outer = [line for line in before if line.strip() and len(line) - len(line.lstrip()) < width]
    if outer and re.match(
        r"\s*(?:class|def|async|if|elif|else|for|while|with|try|except|finally)\b.*:", outer[-1]
    ):
        return ""
    start = len(before)
    while start and (not before[start - 1].strip() or not before[start - 1][:width].strip()):
        start -= 1
    return "\n".join(line[width:] if not line[:width].strip() else line for line in text.split("\n")[start:])
