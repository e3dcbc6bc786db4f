"""More inputs for a problem, derived from its own by changes that respect their types.

The manner is EvalPlus' type-aware mutation (Liu et al. 2023, arXiv:2305.01210, section 2.2): seeds are the inputs
of the problem's tests, changes depend on a value's type, and values of other seeds are ingredients. On top come
the ends of each type's range, and a few scaled inputs. Small inputs come first: a program that a large one stops
has answered the others.
"""

import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any

from pairsmith.pipeline.crosscheck.changes import change_value
from pairsmith.pipeline.crosscheck.domain import infer_domain
from pairsmith.pipeline.crosscheck.extremes import range_ends, scaled_inputs, text_of
from pairsmith.pipeline.crosscheck.fitting import fit_arguments
from pairsmith.pipeline.crosscheck.sizes import size_of
from pairsmith.pipeline.crosscheck.small import small_arguments
from pairsmith.schemas.values import decode_value

N_SCALED = 6
_TRIES_EACH = 8
_MAX_CHANGES = 6
_N_LIKE = 40  # values whose types small inputs take
_FITTED = 0.75  # of the inputs: those that are not fitted say what others do beyond the likely bounds
_NO_END = object()


def derive_inputs(own: Sequence[str], n: int, seed: str) -> tuple[str, ...]:
    """Return up to n argument lists that are none of the given ones, the smallest first.

    Args:
        own: texts of argument lists (see `schemas.values`), the inputs of a problem's tests.
        n: inputs wanted at most; fewer come where changes repeat themselves.
        seed: of the changes, such as "0:HumanEval/3": the same seed gives the same inputs.
    """
    seeds = [value for value in map(decode_value, dict.fromkeys(own)) if isinstance(value, list)]
    if not any(seeds):
        return ()
    chance = random.Random(seed)
    pools = _ingredients(seeds)
    domain = infer_domain(own)
    known = set(own)
    found: list[str] = []
    n_most = max(n - N_SCALED, 1)
    for candidates, share in (
        (_at_one_end(seeds, pools, chance), 0.25),
        (_at_ends(pools, chance, n), 0.35),
        (_small_or_changed(seeds, pools, chance, _TRIES_EACH * n), 1.0),
    ):
        for arguments in candidates:
            if len(found) >= max(share * n_most, 1):
                break
            fitted = fit_arguments(domain, arguments) if chance.random() < _FITTED else arguments
            if (text := text_of(fitted)) and text not in known:
                known.add(text)
                found.append(text)
    scaled = [text for text in map(text_of, scaled_inputs(seeds)) if text and text not in known]
    found += list(dict.fromkeys(scaled))[: min(N_SCALED, n - len(found))]
    return tuple(sorted(found, key=lambda text: (size_of(decode_value(text)), text)))


def _at_one_end(
    seeds: Sequence[list[Any]], pools: Sequence[Sequence[Any]], chance: random.Random
) -> Iterable[list[Any]]:
    """Give own inputs with one argument at the end of its range, the places in turns."""
    ends = [range_ends(pools[place]) for place in range(min(map(len, seeds)))]
    for row in itertools.zip_longest(*ends, fillvalue=_NO_END):
        for place, end in enumerate(row):
            if end is not _NO_END:
                base = chance.choice(seeds)
                yield [*base[:place], end, *base[place + 1 :]]


def _at_ends(pools: Sequence[Sequence[Any]], chance: random.Random, n: int) -> Iterable[list[Any]]:
    """Give inputs with every argument at an end of its range."""
    ends = [range_ends(pool) for pool in pools]
    if len(pools) > 1 and all(ends):
        for _ in range(n):
            yield [chance.choice(values) for values in ends]


def _small_or_changed(
    seeds: Sequence[list[Any]], pools: Sequence[Sequence[Any]], chance: random.Random, n: int
) -> Iterable[list[Any]]:
    """Give small inputs and changed own ones in turns. Each further change is half as likely as the one before."""
    likes = [chance.sample(pool, min(len(pool), _N_LIKE)) for pool in pools]
    for number in range(n):
        arguments = list(chance.choice(seeds))
        if not arguments:
            continue
        if number % 2:
            yield small_arguments(likes[: len(arguments)], chance)
            continue
        for change in range(_MAX_CHANGES):
            if change and chance.random() < 0.5:
                break
            place = chance.randrange(len(arguments))
            arguments[place] = change_value(arguments[place], chance, pools[place])
        yield arguments


def _ingredients(seeds: Sequence[list[Any]]) -> list[list[Any]]:
    """Return the values that stand in each argument's place."""
    width = max(map(len, seeds))
    return [[arguments[place] for arguments in seeds if place < len(arguments)] for place in range(width)]
