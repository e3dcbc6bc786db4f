"""Which of a problem's possible pairs are taken. A policy is a pure function over its guarded entries."""

from collections import Counter
from collections.abc import Sequence

from pipeline.pairing.entries import Entry
from pipeline.pairing.guards import pair_fault
from pipeline.pairing.reasons import Drop
from pipeline.pairing.splits import digest

PASSED_OVER_FAILED = "passed_over_failed"


def passed_over_failed(
    entries: Sequence[Entry], max_per_problem: int, max_per_candidate: int, seed: int
) -> tuple[list[tuple[Entry, Entry]], Counter[Drop]]:
    """Return (chosen, rejected) pairs of a problem in the order taken, and the reasons of the others.

    Pairs are taken one by one, so that what the caps leave is as varied as it can be: the rejected one whose
    behaviour, then cause, was used least; the chosen one whose syntax cluster was used least. Rejects without
    runnable code come after all others. Ties are broken by a digest of seed and id, never by length.

    Args:
        entries: guarded entries, in any order.
        max_per_problem: pairs at most.
        max_per_candidate: pairs that one candidate may be part of.
        seed: breaks ties.
    """
    passed = [entry for entry in entries if entry.passed]
    failed = [entry for entry in entries if not entry.passed]
    ties = {entry.id: digest(str(seed), entry.id) for entry in entries}
    dropped: Counter[Drop] = Counter()
    possible: set[tuple[str, str]] = set()
    for chosen in passed:
        for rejected in failed:
            fault = pair_fault(chosen, rejected)
            if fault is None:
                possible.add((chosen.id, rejected.id))
            else:
                dropped[fault] += 1
    taken: list[tuple[Entry, Entry]] = []
    uses: Counter[tuple[str, str]] = Counter()
    while len(taken) < max_per_problem:
        pair = _next_pair(passed, failed, possible, uses, max_per_candidate, ties)
        if pair is None:
            break
        taken.append(pair)
        possible.discard((pair[0].id, pair[1].id))
        _count_uses(pair, uses)
    for ids in possible:
        is_spent = any(uses["candidate", key] >= max_per_candidate for key in ids)
        dropped[Drop.OVER_CANDIDATE_CAP if is_spent else Drop.OVER_PROBLEM_CAP] += 1
    return taken, dropped


def _next_pair(
    passed: Sequence[Entry],
    failed: Sequence[Entry],
    possible: set[tuple[str, str]],
    uses: Counter[tuple[str, str]],
    max_per_candidate: int,
    ties: dict[str, str],
) -> tuple[Entry, Entry] | None:
    def by_use_of_approach(entry: Entry) -> tuple[int, int, str]:
        return uses["cluster", entry.cluster], uses["candidate", entry.id], ties[entry.id]

    def by_use_of_mistake(entry: Entry) -> tuple[bool, int, int, int, str]:
        of_behaviour, of_cause = uses["behaviour", entry.behaviour], uses["cause", entry.verdict.cause]
        return entry.is_trivial, of_behaviour, of_cause, uses["candidate", entry.id], ties[entry.id]

    def is_open(entry: Entry) -> bool:
        return uses["candidate", entry.id] < max_per_candidate

    choices = sorted(filter(is_open, passed), key=by_use_of_approach)
    for rejected in sorted(filter(is_open, failed), key=by_use_of_mistake):
        for chosen in choices:
            if (chosen.id, rejected.id) in possible:
                return chosen, rejected
    return None


def _count_uses(pair: tuple[Entry, Entry], uses: Counter[tuple[str, str]]) -> None:
    chosen, rejected = pair
    uses["candidate", chosen.id] += 1
    uses["candidate", rejected.id] += 1
    uses["cluster", chosen.cluster] += 1
    uses["behaviour", rejected.behaviour] += 1
    uses["cause", rejected.verdict.cause] += 1
