"""Further measures of one problem, beside pass@k and the plain distinct shares.

`distinct_syntax@k`, `distinct_behaviour@k` and `distinct_passed@k` are the expected numbers of kinds among k draws
(of passed ones for the last), so that k is comparable whatever was drawn; `effective_syntax@k` and
`effective_behaviour@k` weigh kinds by how often they come (`pipeline.evaluation.estimates`). `quality` and its
five dimensions are means over the candidates that parse (`pipeline.syntax.quality`). `self_bleu` is for comparison
with papers on text: it looks at words in a row, so a renamed variable lowers it and a copied docstring raises it.
`pass@1_greedy` is whether the one greedy draw passed.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pairsmith.pipeline.evaluation.estimates import Abundances, rarefied_hill
from pairsmith.schemas.candidate import Program, Syntax
from pairsmith.schemas.score import ProblemScore
from pairsmith.schemas.verdict import Label, Verdict

GREEDY = "pass@1_greedy"
EFFICIENCY = "efficiency"
_DIMENSIONS = ("instruction", "explanation", "complexity", "readability", "style")
_MAX_TEXTS = 64  # self-BLEU costs their square


_ORDER = (
    GREEDY, "distinct_syntax", "distinct_behaviour", "distinct_passed", "effective_syntax", "effective_behaviour",
    EFFICIENCY, "quality", *(f"quality_{dimension}" for dimension in _DIMENSIONS), "self_bleu",
)  # fmt: skip


def measure_rank(measure: str) -> tuple[int, int, str]:
    """Return what further measures are sorted by: kind, then number of draws."""
    if measure == GREEDY:
        return 0, 0, measure
    kind, _, k = measure.partition("@")
    place = _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
    return place, int(k) if k.isdecimal() else 0, measure


def bounds_of(measure: str) -> tuple[float, float]:
    """Return the least and the largest value of a problem: shares lie in [0, 1], kinds among k draws in [1, k]."""
    kind, _, k = measure.partition("@")
    return (1.0, float(k)) if kind.startswith(("distinct_", "effective_")) and k else (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class MeasureInputs:
    """What a problem's further measures are made of, all of it of sampled candidates with a label."""

    abundances: Abundances  # kinds and how often they came
    syntax: Sequence[Syntax]  # of the candidates with code
    programs: Sequence[Program]  # likewise
    greedy: Label | None = None  # label of the greedy draw; None where there is none
    efficiency: float | None = None  # differential performance of its passed candidates; None where none was timed


def gather_measure_inputs(
    abundances: Mapping[str, Abundances],
    verdicts: Iterable[Verdict],
    syntax: Iterable[Syntax],
    programs: Iterable[Program],
    greedy: Collection[str] = (),
    efficiency: Mapping[str, float] | None = None,
) -> dict[str, MeasureInputs]:
    """Return the evidence of each problem of `abundances`.

    Args:
        verdicts: of sampled and greedy candidates.
        syntax, programs: likewise.
        greedy: candidates that were drawn greedily: one a problem.
        efficiency: see `pipeline.crosscheck.timing.problem_efficiency`, by problem.
    """
    labels = {verdict.candidate_id: verdict.label for verdict in verdicts}
    counted = {key for key, label in labels.items() if label is not Label.UNDECIDED and key not in greedy}
    trees: defaultdict[str, list[Syntax]] = defaultdict(list)
    sources: defaultdict[str, list[Program]] = defaultdict(list)
    greedy_labels: dict[str, Label] = {}
    for row in sorted(syntax, key=lambda row: row.candidate_id):
        if row.candidate_id in counted:
            trees[row.problem_id].append(row)
    for program in sorted(programs, key=lambda program: program.candidate_id):
        if program.candidate_id in counted and program.code:
            sources[program.problem_id].append(program)
        if program.candidate_id in greedy:
            greedy_labels[program.problem_id] = labels[program.candidate_id]
    return {
        key: MeasureInputs(row, trees[key], sources[key], greedy_labels.get(key), (efficiency or {}).get(key))
        for key, row in abundances.items()
    }


def with_measures(part: ProblemScore, evidence: MeasureInputs, k: Iterable[int]) -> ProblemScore:
    """Return a problem's score with the further measures that its candidates allow, and the shares of its tags."""
    values = _of_kinds(evidence.abundances, sorted({draws for draws in k if draws > 1}))
    values |= _of_quality(evidence.syntax)
    texts = [code_tokens(program.code) for program in evidence.programs[:_MAX_TEXTS]]
    if len(texts) > 1:
        values["self_bleu"] = self_bleu(texts)
    if evidence.greedy in (Label.PASSED, Label.FAILED):
        values[GREEDY] = float(evidence.greedy is Label.PASSED)
    if evidence.efficiency is not None:
        values[EFFICIENCY] = evidence.efficiency
    counts = Counter(tag for row in evidence.syntax for tag in set(row.tags))
    tags = {tag: n / part.n for tag, n in sorted(counts.items())} if part.n else {}
    return replace(part, values=values, tags=tags)


def _of_kinds(row: Abundances, k: Sequence[int]) -> dict[str, float]:
    values: dict[str, float] = {}
    for kind in ("syntax", "behaviour", "passed"):
        counts: tuple[int, ...] = getattr(row, kind)
        allowed = [m for m in k if m <= sum(counts)]
        values |= {f"distinct_{kind}@{m}": rarefied_hill(counts, m, 0) for m in allowed}
        if kind != "passed" and allowed:
            values[f"effective_{kind}@{allowed[-1]}"] = rarefied_hill(counts, allowed[-1], 1)
    return values


def _of_quality(syntax: Sequence[Syntax]) -> dict[str, float]:
    values = {}
    for name in ("quality", *(f"quality_{dimension}" for dimension in _DIMENSIONS)):
        known = [value for value in (getattr(row, name) for row in syntax) if value is not None]
        if known:
            values[name] = sum(known) / len(known)
    return values


_MAX_N = 4  # n-grams of BLEU
_TOKENS = re.compile(r"#[^\n]*|\w+|[^\w\s]")


def code_tokens(code: str) -> list[str]:
    """Return words and marks of a program, line comments left out."""
    return [token for token in _TOKENS.findall(code) if not token.startswith("#")]


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Return the mean BLEU-4 of each text against all others, in [0, 1]; 1 where all are alike.

    An n-gram order without a match counts as if half a one matched once, then a quarter, and so on, as sacreBLEU's
    smoothing `exp` does; an order that a text is too short for is left out.

    Args:
        texts: tokens of each program; at least two.

    Raises:
        ValueError: for less than two texts.

    Source: Zhu et al. 2018, arXiv:1802.01886 (self-BLEU); Papineni et al. 2002, doi:10.3115/1073083.1073135
        (BLEU).
    """
    if len(texts) < 2:
        raise ValueError("self-BLEU needs two texts")
    kinds = Counter(tuple(text) for text in texts)
    scores = {
        kind: 1.0 if n > 1 else _bleu(kind, [other for other in kinds if other != kind])
        for kind, n in kinds.items()
    }
    return sum(scores[kind] * n for kind, n in kinds.items()) / len(texts)


def _bleu(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    if not text:
        return 0.0
    logs, smooth = [], 1.0
    for n in range(1, min(_MAX_N, len(text)) + 1):
        grams = _grams(text, n)
        most: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            most |= _grams(reference, n)
        matched = float((grams & most).total())
        if not matched:
            smooth *= 2.0
            matched = 1.0 / smooth
        logs.append(math.log(matched / grams.total()))
    nearest = min((abs(len(reference) - len(text)), len(reference)) for reference in references)[1]
    brevity = min(0.0, 1.0 - nearest / len(text))
    return math.exp(sum(logs) / len(logs) + brevity)


def _grams(text: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[place : place + n]) for place in range(len(text) - n + 1))
