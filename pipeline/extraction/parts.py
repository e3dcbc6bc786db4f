"""Cuts a completion into the parts that people are shown: thoughts, what was judged, and the rest."""

from typing import Literal, NamedTuple

from pairsmith.schemas.candidate import Program


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
