"""Which candidates of a problem repeat which: classes of equal fingerprints, clusters of near-duplicates."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from pairsmith.pipeline.syntax.near import Near, Shingles, find_near
from pairsmith.schemas.syntax import Syntax


def mark_duplicates(rows: Sequence[Syntax], shingles: Sequence[Shingles | None], threshold: float) -> list[Syntax]:
    """Return the rows of one problem, in the order given, with duplicates and clusters filled in.

    A program with the exact or the renamed fingerprint of another one is a duplicate: all but the class's
    representative name it in `duplicate_of`. Near-duplicates are kept: they only share a `cluster`, which
    joins everything that exact, renamed and near edges connect, and name in `near` the representative that they
    are most similar to. A program that doesn't parse is compared by
    its exact fingerprint only. Nothing here depends on the order of the rows.

    Args:
        rows: all of one problem.
        shingles: one set a row, None where it doesn't parse.
        threshold: Jaccard similarity from which two programs are near, in (0, 1].

    Raises:
        ValueError: if the rows are of several problems, an id comes twice, or the lengths differ.
    """
    _check(rows, shingles)
    ranks = {row.candidate_id: _rank(row.candidate_id) for row in rows}

    def pick(group: Sequence[int]) -> int:
        return min(group, key=lambda place: ranks[rows[place].candidate_id])

    classes = _group(range(len(rows)), lambda place: _class_key(rows[place]))
    heads = [pick(group) for group in classes]
    comparable = [place for place, head in enumerate(heads) if shingles[head] is not None]
    near = find_near([shingles[heads[place]] or frozenset() for place in comparable], threshold)
    near = [Near(comparable[i], comparable[j], similarity) for i, j, similarity in near]
    roots = _join(len(classes), [(i, j) for i, j, _ in near])
    nearest = _nearest(near, [ranks[rows[head].candidate_id] for head in heads])

    marked: list[Syntax] = list(rows)
    for component in _group(range(len(classes)), lambda place: roots[place]):
        members = [place for part in component for place in classes[part]]
        cluster = rows[pick(members)].candidate_id
        for part in component:
            other, similarity = nearest.get(part, (None, 0.0))
            near_id = "" if other is None else rows[heads[other]].candidate_id
            for place in classes[part]:
                row = replace(rows[place], cluster=cluster, near=near_id, similarity=similarity)
                marked[place] = _name_head(row, rows[heads[part]])
    return marked


def _nearest(near: Sequence[Near], ranks: Sequence[bytes]) -> dict[int, tuple[int, float]]:
    """Return for each class that is near to others the one that it is most similar to; the ranks decide ties."""
    found: dict[int, tuple[int, float]] = {}
    for left, right, similarity in near:
        for one, other in ((left, right), (right, left)):
            best = found.get(one)
            if best is None or (-similarity, ranks[other]) < (-best[1], ranks[best[0]]):
                found[one] = (other, similarity)
    return found


def _check(rows: Sequence[Syntax], shingles: Sequence[Shingles | None]) -> None:
    if len(rows) != len(shingles):
        raise ValueError(f"{len(rows)} rows but {len(shingles)} sets of shingles")
    if len({row.problem_id for row in rows}) > 1:
        raise ValueError("rows of several problems; mark duplicates one problem at a time")
    if len({row.candidate_id for row in rows}) < len(rows):
        raise ValueError("a candidate_id comes twice")


def _class_key(row: Syntax) -> tuple[str, str]:
    return ("renamed", row.renamed) if row.renamed else ("exact", row.exact)


def _rank(candidate_id: str) -> bytes:
    """Return what representatives are chosen by, smallest first: a digest favours neither short nor long."""
    return hashlib.blake2b(candidate_id.encode(), digest_size=16).digest()


def _name_head(row: Syntax, head: Syntax) -> Syntax:
    if row.candidate_id == head.candidate_id:
        return replace(row, duplicate_of="", duplicate_rule="")
    rule = "exact" if row.exact == head.exact else "plain" if row.plain == head.plain else "renamed"
    return replace(row, duplicate_of=head.candidate_id, duplicate_rule=rule)


def _group(places: Sequence[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for place in places:
        groups[key(place)].append(place)
    return list(groups.values())


def _join(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Return, for each of n things, the root of its component: union-find with path halving."""
    parents = list(range(n))

    def find(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    for left, right in edges:
        parents[find(left)] = find(right)
    return [find(place) for place in range(n)]
