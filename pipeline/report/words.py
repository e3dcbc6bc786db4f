"""How numbers, names and text of strangers are written on the page."""

import math
import re

from markupsafe import Markup, escape

from pairsmith.pipeline.pairing.drops import Drop
from pairsmith.pipeline.run.safe_text import visible
from pairsmith.schemas.score import Gain, Interval

MEASURES = {
    "distinct_syntax": "Distinct programs",
    "distinct_behaviour": "Distinct behaviours",
    "distinct_passed": "Distinct among passed",
    "effective_syntax": "Effective programs",
    "effective_behaviour": "Effective behaviours",
    "pass@1_greedy": "pass@1, greedy",
    "quality": "Quality",
}


def excerpt(code: str, n_lines: int = 48, n_chars: int = 4000) -> str:
    """Return the beginning of a program, and how much was left out."""
    lines = code[:n_chars].strip("\n").split("\n")
    shown = "\n".join(lines[:n_lines])
    n_left = len(code.strip("\n")) - len(shown)
    return shown if n_left <= 0 else f"{shown}\n… {n_left:,} more characters"


def breakable(name: str) -> Markup:
    """Return a name as HTML in which a line may end behind `/` and `_`."""
    return Markup(re.sub("(?<=[/_])", "<wbr>", str(escape(visible(name)))))


def with_code(text: str) -> Markup:
    """Return a text as HTML with `names` in backticks as code."""
    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(visible(text)))))


def spoken(name: str) -> str:
    """Return a measure, cause or stage as plain words."""
    kind, _, k = name.partition("@")
    if k.isdecimal() and kind in MEASURES:
        return f"{MEASURES[kind]} in {k}"
    words = MEASURES.get(name, name.replace("_", " "))
    return words.replace("quality ", "Quality: ", 1) if name.startswith("quality_") else words


def counted(n: int, noun: str) -> str:
    """Return a count with its noun: 1 pair, 1,200 pairs."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def drop_words(reason: str) -> str:
    """Return what a reason of pairing means; empty for the reasons of other stages."""
    return Drop(reason).words if reason in set(Drop) else ""


def drop_unit(reason: str, stage: str) -> str:
    """Return what a stage counts under a reason; for pairs it differs by reason."""
    if stage == "pairs" and reason in set(Drop):
        return Drop(reason).unit
    return "problem" if stage in ("problems", "problem_standings") else "candidate"


def percent(part: float, whole: float = 1.0) -> str:
    """Return a share in whole percent; under one percent with a decimal; `–` of nothing."""
    if not whole or not math.isfinite(part):
        return "–"
    share = 100 * part / whole
    return f"{share:.1f}%" if 0 < share < 0.95 else f"{share:.0f}%"


def decimal(value: float, digits: int = 2) -> str:
    """Return a number with a true minus sign; `–` where there is none."""
    return f"{value:.{digits}f}".replace("-", "−") if math.isfinite(value) else "–"


def maybe(value: float | None) -> str:
    """Return a number with three decimals; `–` where there is none."""
    return "–" if value is None else decimal(value, 3)


def signed(value: float) -> str:
    """Return a change with its sign, two decimals."""
    return f"{value:+.2f}".replace("-", "−") if math.isfinite(value) else "–"


def change(estimate: Interval) -> str:
    """Return a change with its interval: +0.05 (−0.02 to +0.12)."""
    return f"{signed(estimate.value)} ({signed(estimate.low)} to {signed(estimate.high)})"


def significance(gain: Gain) -> str:
    """Return the interval of a change in words."""
    if not math.isfinite(gain.change.value):
        return "nothing to measure"
    if not gain.is_significant:
        return "not significant"
    return "rose" if gain.change.value > 0 else "fell"


def cost_of(diversity: Gain) -> str:
    """Return in words what a significant change of diversity means."""
    return f"the range of programs {'widened' if diversity.change.value > 0 else 'narrowed'}"
