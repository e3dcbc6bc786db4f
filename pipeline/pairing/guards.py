"""What may not become a pair. Each guard gives the reason of every drop."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from pipeline.pairing.entries import TRIVIAL, Entry, same_form
from pipeline.pairing.reasons import Drop
from pipeline.pairing.splits import digest
from schemas.pair import Pair


def guard_entries(entries: Sequence[Entry]) -> tuple[list[Entry], Counter[Drop]]:
    """Return a problem's decided entries that may be part of a pair, by id, and the reasons of the rest.

    Of equal programs one stays. A program that passed as one candidate and failed as another proves nothing on
    either side: all its candidates go. *Near*-duplicates stay, whatever their labels: a right program and a
    wrong one beside it show the mistake most finely, and policies spread what is chosen over clusters.
    """
    labels: defaultdict[str, set[bool]] = defaultdict(set)
    for entry in entries:
        labels[entry.fingerprint].add(entry.passed)
    kept: dict[str, Entry] = {}
    dropped: Counter[Drop] = Counter()
    for entry in sorted(entries, key=_representatives_first):
        fault = _entry_fault(entry, labels[entry.fingerprint])
        if fault is None and kept.setdefault(entry.fingerprint, entry) is not entry:
            fault = Drop.DUPLICATE
        if fault is not None:
            dropped[fault] += 1
    return sorted(kept.values(), key=lambda entry: entry.id), dropped


def pair_fault(chosen: Entry, rejected: Entry) -> Drop | None:
    """Return why these two can't be a pair, or None."""
    if not same_form(chosen, rejected):
        return Drop.DIFFERENT_PROMPT
    if _share_a_fingerprint(chosen, rejected):
        return Drop.SAME_FINGERPRINT
    if chosen.answer == rejected.answer:
        return Drop.SAME_TEXT
    return None


def cap_trivial(pairs: Sequence[Pair], max_share: float, seed: int) -> tuple[list[Pair], Counter[Drop]]:
    """Return the pairs without the trivial rejects that are too many, and the count of those.

    The cap holds in each split, and so over the whole set; what is held out never decides what is trained on.
    Trivial pairs are kept round-robin over problems.

    Args:
        pairs: pairs of all problems, in any order.
        max_share: share of a split's pairs whose rejected has no runnable code, in [0, 1].
        seed: breaks ties.
    """
    kept: list[Pair] = []
    dropped: Counter[Drop] = Counter()
    for split in sorted({pair.split for pair in pairs}):
        members = [pair for pair in pairs if pair.split == split]
        trivial = _round_robin([pair for pair in members if pair.rejected_cause in TRIVIAL], seed)
        n_kept = _most_trivial(len(trivial), len(members) - len(trivial), max_share)
        kept += [pair for pair in members if pair.rejected_cause not in TRIVIAL] + trivial[:n_kept]
        if n_kept < len(trivial):
            dropped[Drop.OVER_TRIVIAL_SHARE] += len(trivial) - n_kept
    return kept, dropped


def _entry_fault(entry: Entry, labels: set[bool]) -> Drop | None:
    if len(labels) > 1:
        return Drop.LABEL_CONFLICT
    if not entry.passed and entry.share >= 1.0:
        return Drop.TIE
    if not entry.answer.strip():
        return Drop.EMPTY_ANSWER
    return None


def _representatives_first(entry: Entry) -> tuple[bool, str]:
    return entry.syntax is not None and bool(entry.syntax.duplicate_of), entry.id


def _share_a_fingerprint(one: Entry, other: Entry) -> bool:
    if one.syntax is None or other.syntax is None:
        return False
    same_exact = bool(one.syntax.exact) and one.syntax.exact == other.syntax.exact
    return same_exact or (bool(one.syntax.renamed) and one.syntax.renamed == other.syntax.renamed)


def _round_robin(pairs: list[Pair], seed: int) -> list[Pair]:
    """Return pairs in rounds over problems: everybody's first, everybody's second, and so on."""
    ties = {pair.pair_id: digest(str(seed), pair.pair_id) for pair in pairs}
    rounds: dict[str, int] = {}
    seen: Counter[str] = Counter()
    for pair in sorted(pairs, key=lambda pair: ties[pair.pair_id]):
        rounds[pair.pair_id] = seen[pair.problem_id]
        seen[pair.problem_id] += 1
    return sorted(pairs, key=lambda pair: (rounds[pair.pair_id], ties[pair.pair_id]))


def _most_trivial(n_trivial: int, n_others: int, max_share: float) -> int:
    """Return the largest t <= n_trivial with t / (t + n_others) <= max_share."""
    if max_share >= 1.0:
        return n_trivial
    # One more than the formula gives: the division may round down.
    most = min(n_trivial, int(max_share * n_others / (1.0 - max_share)) + 1)
    while most and most / (most + n_others) > max_share:
        most -= 1
    return most
