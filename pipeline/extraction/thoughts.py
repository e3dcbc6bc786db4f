"""Separates a model's thoughts from its answer, by the marks that models put around thoughts.

A completion is shown in parts: thoughts, what was judged, and the rest.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pairsmith.schemas.candidate import Program

_NAMES = (
    "think", "thinking", "thought", "thoughts", "reason", "reasoning", "reflection", "scratchpad", "analysis",
    "inner_monologue", "seed:think", "antthinking", "thought_process", "thinking_process", "chain_of_thought",
    "cot", "internal_thoughts",
)  # fmt: skip
_PAIRS = (
    ("[THINK]", "[/THINK]"),  # Mistral's Magistral
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),  # Moonshot's Kimi
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1, OpenThinker
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Cohere's Command A Reasoning
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<unused94>thought", "<unused95>"),  # MedGemma
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),  # gpt-oss (harmony)
    ("<|channel|>commentary<|message|>", "<|channel|>final<|message|>"),
)
# What is left of gpt-oss's channels where a server removes special tokens, and what Ollama's terminal prints.
_PLAIN_CHANNELS = re.compile(
    r"\s*(?:(?:assistant)?analysis(?=[A-Z\s]).*?assistantfinal|Thinking\.\.\.\n.*?\n\.\.\.done thinking\.\n)",
    re.DOTALL,
)
_ANSWER = re.compile(r"^[ \t]*<answer>[ \t]*\n?(.*?)[ \t]*</answer>", re.DOTALL | re.MULTILINE | re.IGNORECASE)
# Lines that enclose a program without a fence: those of MBPP's and Code Llama's prompts, and tags.
_NAMES_OF_CODE = "CODE|ANSWER|PYTHON|JAVASCRIPT|TYPESCRIPT|JAVA|CPP|C|GO|RUST|BASH"
_BARE = re.compile(
    rf"^[ \t]*(?:\[(?:BEGIN|{_NAMES_OF_CODE})\]|<(?:code|solution)>)[ \t]*\n(.*?)"
    rf"^[ \t]*(?:\[(?:DONE|/(?:{_NAMES_OF_CODE}))\]|</(?:code|solution)>)[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
# Marks of an answer's end, where a server gives special tokens as text.
_SPECIAL = re.compile(
    r"(?:<\|(?:return|end|im_end|end_of_solution|eot_id|eom_id|endoftext|end_of_text|end_of_turn|eos|END_OF_TURN_TOKEN)"
    r"\|>|</s>|<eos>|<end_of_turn>|<turn\|>|<\uff5cend\u2581of\u2581sentence\uff5c>)\s{0,16}\Z"
)
_MAX_END_MARKS, _LONGEST_END_MARK = 8, 48
MAX_CHECKED = 16  # thoughts behind which code is looked for, since marks in code are data
_QUOTES = "\"'`"
_HINT = (
    "think", "thought", "reason", "reflect", "scratch", "analysis", "commentary", "cot>", "monologue", "unused9"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thoughts:
    """Where a text thinks and where it answers.

    Attributes:
        spans: first character of each thought, with its marks, and the one behind its last, in order.
        is_unclosed: whether the last thought was never closed: it goes to the end of the text.
    """

    spans: tuple[tuple[int, int], ...] = ()
    is_unclosed: bool = False


@dataclass(frozen=True, slots=True)
class _Mark:
    kind: int
    opens: bool
    start: int
    end: int


def find_thoughts(text: str, tags: Iterable[str], is_code: Callable[[str], Iterable[tuple[int, int]]]) -> Thoughts:
    """Return the thoughts of a text.

    A mark between quotes is data, and so is one inside of code. An opening mark counts at the margin of a line. A
    closing mark without an opening one ends a thought that the prompt's template opened. Thoughts of one kind may
    be nested; where fewer are closed than opened, the last closing mark ends all of them.

    Args:
        tags: see `ExtractionConfig.thought_tags`.
        is_code: returns the parts of a text, first character and end, that are whole programs.
    """
    channels = _PLAIN_CHANNELS.match(text)
    if channels is not None:
        return Thoughts(((0, channels.end()),))
    own = tuple(tags)
    marks = list(_find_marks(text, own)) if own != ("auto",) or _may_think(text) else []
    if not marks:
        return Thoughts()
    spans: list[tuple[int, int]] = []
    place = begin = 0
    code = list(is_code(text))
    while place < len(marks):
        mark = marks[place]
        if any(start <= mark.start < end for start, end in code) or (mark.opens and not _is_at_margin(text, mark)):
            place += 1
            continue
        if not mark.opens:
            spans = [(0, mark.end)] if not spans else [*spans, (begin, mark.end)]
        else:
            inside = is_code(text[mark.end :]) if len(spans) < MAX_CHECKED else ()
            inner = [(start + mark.end, end + mark.end) for start, end in inside]
            last = _find_end(marks, place, inner)
            if last is None:
                return Thoughts((*spans, (mark.start, len(text))), is_unclosed=True)
            place = last
            spans.append((mark.start, marks[last].end))
        begin = spans[-1][1]
        behind = is_code(text[begin:]) if len(spans) < MAX_CHECKED else ()
        code = [(start + begin, end + begin) for start, end in behind]
        place += 1
    return Thoughts(tuple(spans))


def _may_think(text: str) -> bool:
    """Return whether a text may hold a mark: other alphabets have letters that a pattern takes for Latin ones."""
    lower = text.lower()
    return not text.isascii() or any(hint in lower for hint in _HINT)


def find_answer(text: str) -> tuple[int, int]:
    """Return where the answer of a text without thoughts begins and ends: all of it, or what `<answer>` or
    `[BEGIN]` encloses.
    """
    bare = _BARE.search(text) if "```" not in text and "~~~" not in text else None
    if bare is not None:
        return bare.span(1)
    found = _ANSWER.search(text)
    if found is not None and text[: found.start()].count("```") % 2 == 0:
        return found.span(1)
    end = len(text)
    for _ in range(_MAX_END_MARKS):
        mark = _SPECIAL.search(text, max(0, end - _LONGEST_END_MARK), end)
        if mark is None:
            break
        end = mark.start()
    return 0, end


def _find_end(marks: list[_Mark], place: int, code: list[tuple[int, int]]) -> int | None:
    """Return the number of the mark that closes the one at a place; the last of its kind if nesting is broken."""
    depth, last = 0, None
    for number in range(place, len(marks)):
        mark = marks[number]
        if mark.kind != marks[place].kind or any(start <= mark.start < end for start, end in code):
            continue
        depth += 1 if mark.opens else -1
        if not mark.opens:
            last = number
        if depth == 0:
            break
    return last


def _find_marks(text: str, tags: tuple[str, ...]) -> Iterator[_Mark]:
    """Give all marks that are not quoted, in order."""
    kinds, pattern = _compile(tags)
    for match in pattern.finditer(text):
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        if (before and before in _QUOTES) or (after and after in _QUOTES and text[match.end() :][:3] != "```"):
            continue
        kind, opens = kinds[match.lastgroup or ""]
        yield _Mark(kind, opens, match.start(), match.end())


@functools.cache
def _compile(tags: tuple[str, ...]) -> tuple[dict[str, tuple[int, bool]], re.Pattern[str]]:
    pairs: list[tuple[str, str]] = []
    for tag in tags:
        if tag == "auto":
            pairs += [(re.escape(opening), re.escape(closing)) for opening, closing in _PAIRS]
            pairs += [_patterns_of(name) for name in _NAMES]
        elif " " in tag.strip():
            opening, closing = tag.split(maxsplit=1)
            pairs.append((re.escape(opening), re.escape(closing)))
        else:
            pairs.append(_patterns_of(tag.strip().strip("<>")))
    kinds: dict[str, tuple[int, bool]] = {}
    parts = []
    closings: dict[str, int] = {}
    for number, (opening, closing) in enumerate(pairs):
        kind = closings.setdefault(closing, number)
        parts.append(f"(?P<o{number}>{opening})")
        kinds[f"o{number}"] = kind, True
        if kind == number:
            parts.append(f"(?P<c{number}>{closing})")
            kinds[f"c{number}"] = kind, False
    return kinds, re.compile("|".join(parts), re.IGNORECASE)


def _patterns_of(name: str) -> tuple[str, str]:
    escaped = re.escape(name)
    return rf"<\|?{escaped}(?:\s[^<>\n]{{0,80}})?\|?>", rf"<\|?/\s?{escaped}\s?\|?>"


def _is_at_margin(text: str, mark: _Mark) -> bool:
    return not text[text.rfind("\n", 0, mark.start) + 1 : mark.start].strip(" \t>*_")


class Part(NamedTuple):
    """One part of a completion: `thought`, `judged`, or empty for the rest."""

    kind: Literal["thought", "judged", ""]
    text: str


def clean_text(text: str) -> str:
    """Return the text with the line ends that Python reads, and no character that UTF-8 can't hold."""
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def answer_parts(completion: str, reasoning: str, program: Program | None) -> list[Part]:
    """Return the parts of a completion in order; what a server gave as thoughts comes first."""
    text = clean_text(completion)
    found: list[Part] = [Part("thought", reasoning)] if reasoning else []
    spans: list[tuple[int, int, Literal["thought", "judged", ""]]] = []
    if program is not None:
        spans += [(span.start, span.end, "thought") for span in program.thoughts]
        spans += [(span.start, span.end, "judged") for span in program.judged]
    place = 0
    for start, end, kind in sorted(spans):
        if start < place:
            continue
        found += [Part("", text[place:start]), Part(kind, text[start:end])]
        place = end
    return [part for part in [*found, Part("", text[place:])] if part.text]
