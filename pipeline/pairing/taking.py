"""Takes offers under the caps, one a problem and round, all problems at once.

Each round takes a problem's first offer in this order: the policy that is furthest behind its weight; rejects with
runnable code before others; the chosen approach that was used least, so that rare right approaches survive; the
policy's own cost; the rejected behaviour, then cause, that was used least; the candidates that were used least;
numbers that order equals as if by chance. The rounds are counted in NumPy: a group's minimum is one `reduceat`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pairsmith.pipeline.pairing.reasons import Drop

Integers = npt.NDArray[np.int64]
_REASONS = (
    Drop.PAIR_TAKEN,
    Drop.OVER_APPROACH_CAP,
    Drop.OVER_CANDIDATE_CAP,
    Drop.OVER_POLICY_CAP,
    Drop.OVER_PROBLEM_CAP,
)


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be taken of a problem; `weights` and `per_policy` have one entry a policy."""

    per_problem: int
    per_candidate: int
    per_approach: int | None
    weights: tuple[float, ...]
    per_policy: tuple[int, ...]


def take_offers(offers: pl.DataFrame, caps: Caps) -> pl.Series:
    """Return for each offer why it was not taken, null where it was.

    Args:
        offers: sorted by problem. `problem`, `policy`, `chosen`, `rejected`, `approach`, `behaviour`, `cause`:
            integers from 0; `is_trivial`, `cost`, `chosen_tie`, `rejected_tie`; nothing null.
        caps: see `Caps`.
    """
    state = _State(offers, caps)
    alive = np.arange(offers.height)
    while (alive := alive[state.is_open(alive)]).size:
        state.take(state.first_of_each_problem(alive))
    return state.reasons()


class _State:
    """The offers as arrays, and what has been taken of each thing that a cap or an order counts."""

    def __init__(self, offers: pl.DataFrame, caps: Caps) -> None:
        self.caps = caps
        names = ("problem", "policy", "chosen", "rejected", "approach", "behaviour", "cause")
        columns = {name: offers[name].cast(pl.Int64).to_numpy() for name in names}
        self.problem, self.policy = columns["problem"], columns["policy"]
        self.chosen, self.rejected = columns["chosen"], columns["rejected"]
        self.approach, self.behaviour = columns["approach"], columns["behaviour"]
        self.cause = _dense(columns["problem"] * 1024 + columns["cause"])
        self.two = _dense(_pair_keys(self.chosen, self.rejected))
        self.fixed = {
            name: offers[name].to_numpy() for name in ("is_trivial", "cost", "chosen_tie", "rejected_tie")
        }
        self.weights = np.asarray(caps.weights)
        self.policy_caps = np.asarray(caps.per_policy)
        self.taken = np.zeros(offers.height, dtype=bool)
        self.n_problem = _zeros(self.problem)
        self.n_policy = np.zeros((len(self.n_problem), len(caps.weights)), dtype=np.int64)
        self.n_candidate = _zeros(np.concatenate([self.chosen, self.rejected]))
        self.n_approach, self.n_behaviour = _zeros(self.approach), _zeros(self.behaviour)
        self.n_cause, self.n_two = _zeros(self.cause), _zeros(self.two)

    def is_open(self, rows: Integers) -> npt.NDArray[np.bool_]:
        """Return which rows no cap closes."""
        is_closed: npt.NDArray[np.bool_] = np.any([closed for _, closed in self._closed(rows)], axis=0)
        return ~is_closed

    def first_of_each_problem(self, rows: Integers) -> Integers:
        """Return one row a problem, the first in the order of this module."""
        for key in self._keys():
            values = key(rows)
            starts = np.flatnonzero(np.diff(self.problem[rows], prepend=-1))
            least = np.minimum.reduceat(values, starts)
            rows = rows[values == np.repeat(least, np.diff(starts, append=len(rows)))]
        return rows[np.flatnonzero(np.diff(self.problem[rows], prepend=-1))]

    def take(self, rows: Integers) -> None:
        """Count these rows, one a problem, as taken."""
        self.taken[rows] = True
        self.n_policy[self.problem[rows], self.policy[rows]] += 1
        for counts, of in (
            (self.n_problem, self.problem),
            (self.n_candidate, self.chosen),
            (self.n_candidate, self.rejected),
            (self.n_approach, self.approach),
            (self.n_behaviour, self.behaviour),
            (self.n_cause, self.cause),
            (self.n_two, self.two),
        ):
            np.add.at(counts, of[rows], 1)

    def reasons(self) -> pl.Series:
        """Return the first cap that closes each row that was not taken."""
        rows = np.flatnonzero(~self.taken)
        codes = np.full(len(self.taken), len(_REASONS), dtype=np.int64)
        for reason, closed in reversed(self._closed(rows)):
            codes[rows[closed]] = _REASONS.index(reason)
        return pl.Series("reason", [*map(str, _REASONS), None], dtype=pl.String).gather(codes)

    def _closed(self, rows: Integers) -> list[tuple[Drop, npt.NDArray[np.bool_]]]:
        caps, spent = self.caps, self.n_candidate
        of_policy = self.n_policy[self.problem[rows], self.policy[rows]]
        closed = [
            (Drop.PAIR_TAKEN, self.n_two[self.two[rows]] > 0),
            (
                Drop.OVER_CANDIDATE_CAP,
                np.maximum(spent[self.chosen[rows]], spent[self.rejected[rows]]) >= caps.per_candidate,
            ),
            (Drop.OVER_POLICY_CAP, of_policy >= self.policy_caps[self.policy[rows]]),
            (Drop.OVER_PROBLEM_CAP, self.n_problem[self.problem[rows]] >= caps.per_problem),
        ]
        if caps.per_approach is not None:
            over = self.n_approach[self.approach[rows]] >= caps.per_approach
            closed.insert(1, (Drop.OVER_APPROACH_CAP, over))
        return closed

    def _keys(self) -> Iterator[Callable[[Integers], npt.NDArray[Any]]]:
        fixed = self.fixed
        yield from (
            lambda rows: (
                (self.n_policy[self.problem[rows], self.policy[rows]] + 1) / self.weights[self.policy[rows]]
            ),
            lambda rows: self.policy[rows],
            lambda rows: fixed["is_trivial"][rows].astype(np.int8),
            lambda rows: self.n_approach[self.approach[rows]],
            lambda rows: fixed["cost"][rows],
            lambda rows: self.n_behaviour[self.behaviour[rows]],
            lambda rows: self.n_cause[self.cause[rows]],
            lambda rows: self.n_candidate[self.rejected[rows]],
            lambda rows: self.n_candidate[self.chosen[rows]],
            lambda rows: fixed["rejected_tie"][rows],
            lambda rows: fixed["chosen_tie"][rows],
        )


def _pair_keys(one: Integers, other: Integers) -> Integers:
    low, high = np.minimum(one, other), np.maximum(one, other)
    return low * (int(high.max(initial=0)) + 1) + high


def _dense(values: Integers) -> Integers:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _zeros(places: Integers) -> Integers:
    return np.zeros(int(places.max(initial=-1)) + 1, dtype=np.int64)
