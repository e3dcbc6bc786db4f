"""The changelog of a version in Markdown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pairsmith.pipeline.publishing.markdown import inline
from pairsmith.pipeline.publishing.versions.comparing import REASONS, VersionChange
from pairsmith.schemas.version import DatasetVersion

_SHOWN = 20  # ids and rates that are listed by name
_ADDED = {
    "problem": "of new problems",
    "tests": "the problem's tests changed",
    "text": "the problem's text changed",
    "draw": "of new candidates",
    "label": "a candidate's label changed",
    "standing": "a candidate's standing on more inputs changed",
    "excluded": "a candidate is no longer left out",
    "selection": "chosen now under guards and caps",
}
_REMOVED = _ADDED | {
    "problem": "the problem is gone",
    "draw": "a candidate is no longer drawn",
    "excluded": "a candidate is left out now",
    "selection": "others were chosen under guards and caps",
}
# Where a run is and how fast it goes says nothing of its dataset.
_NOT_TOLD = (
    "run",
    "publish.",
    "schedule.",
    "overlap.",
    "engine.",
    "sampling.api_key_variable",
    "sampling.base_url",
)


def changelog_of(version: DatasetVersion, before: DatasetVersion | None, change: VersionChange) -> str:
    """Return what a version brought, against the one before it."""
    n = sum(change.n_pairs.values())
    counts = ", ".join(f"{number} {split}" for split, number in change.n_pairs.items()) or "none"
    lines = [f"## {version.name}", "", f"{n} pairs ({counts}) of {change.n_candidates} candidates."]
    rate = f"{change.rate:.3f}"
    if before is None:
        return "\n".join([*lines, f"Pass rate, mean over problems: {rate}.", ""])
    earlier = "–" if change.rate_before is None else f"{change.rate_before:.3f}"
    lines += [
        f"Against {before.name}: {change.n_kept} pairs kept, {_sum(change.added)} added, "
        f"{_sum(change.removed)} removed; {change.n_new_candidates} new candidates.",
        f"Pass rate, mean over problems: {earlier} before, {rate} now.",
        "",
    ]
    lines += [*_pairs("Added", change.added, _ADDED), *_pairs("Removed", change.removed, _REMOVED)]
    lines += [
        *_listed("New problems", [inline(one) for one in change.new_problems]),
        *_listed("Problems that are gone", [inline(one) for one in change.gone_problems]),
        *_listed("Problems that changed", [inline(one) for one in change.changed_problems]),
        *_listed(
            "Pass rates that changed",
            [f"{inline(row.problem_id)}: {row.before:.3f} to {row.after:.3f}" for row in change.rates],
        ),
        *_listed("Settings that changed", list(_settings(before, version))),
        *_listed("Code that changed", list(_code(before, version))),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _sum(counts: Mapping[tuple[str, str], int]) -> int:
    return sum(counts.values())


def _pairs(title: str, counts: Mapping[tuple[str, str], int], words: Mapping[str, str]) -> list[str]:
    found = []
    for reason in REASONS:
        of_splits = {split: n for (why, split), n in counts.items() if why == reason}
        if of_splits:
            told = ", ".join(f"{n} {split}" for split, n in sorted(of_splits.items()))
            found.append(f"{sum(of_splits.values())} pairs ({told}): {words[reason]}")
    return _listed(title, found)


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"- and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [f"### {title}", "", *(f"- {line}" for line in lines[:_SHOWN]), *more, ""]


def _settings(before: DatasetVersion, now: DatasetVersion) -> Iterator[str]:
    old, new = (dict(_flat(json.loads(one.config))) for one in (before, now))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key) and not key.startswith(_NOT_TOLD):
            # A path of this machine is not told: the changelog is published.
            is_path = any("/" in str(tree.get(key)) for tree in (old, new))
            yield f"`{key}`" if is_path else f"`{key}`: {inline(str(old.get(key)))} to {inline(str(new.get(key)))}"


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _flat(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, tree


def _code(before: DatasetVersion, now: DatasetVersion) -> Iterator[str]:
    for stage, versions in sorted(now.versions.items()):
        old = before.versions.get(stage, {})
        for package, version in sorted(versions.items()):
            if old.get(package, version) != version:
                what = "its code" if package == "stage" else package
                yield f"{stage}: {what} {inline(old[package])} to {inline(version)}"
