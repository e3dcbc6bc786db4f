"""Versions of a run's dataset: a manifest each, and a changelog from two manifests.

`versions/v1/manifest.json` says what the dataset held and what it was made of; `changelog.md` beside it says what
differs from the version before. Earlier datasets themselves are kept by the Hub, under the version's tag.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pairsmith.pipeline.chain.stage import flatten
from pairsmith.pipeline.chain.table import stage_folder, stored_stages
from pairsmith.pipeline.pairing.splits import split_of
from pairsmith.pipeline.publishing.card import inline
from pairsmith.pipeline.run.digests import content_digest, digest, file_digest
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.config import RunConfig
from pairsmith.schemas.dataset import DatasetVersion, ProblemVersion, VersionFile
from pairsmith.schemas.problem import Problem

_FOLDER, _MANIFEST, _CHANGELOG = "versions", "manifest.json", "changelog.md"
_SHOWN = 20  # ids and rates that are listed by name
# Settings that change where and how fast a run works, not its dataset.
_NOT_SHAPING = (
    "run", "publish.", "schedule.", "overlap.", "engine.", "sampling.api_key_variable", "sampling.base_url",
)  # fmt: skip


class VersionError(PairsmithError):
    """A version can't be recorded or read."""


def list_versions(run: Path) -> list[DatasetVersion]:
    """Return the versions of a run, the oldest first.

    Raises:
        VersionError: if a manifest is broken.
    """
    versions = []
    for path in (run / _FOLDER).glob(f"v*/{_MANIFEST}"):
        try:
            versions.append(DatasetVersion.from_json(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise VersionError(f"{path}: {error}; restore the file, or remove its folder") from None
    return sorted(versions, key=lambda version: version.number)


def version_folder(run: Path, version: DatasetVersion) -> Path:
    """Return the folder of a version."""
    return run / _FOLDER / version.name


def read_version_changelog(run: Path, version: DatasetVersion) -> str:
    """Return the changelog of one version."""
    return (version_folder(run, version) / _CHANGELOG).read_text(encoding="utf-8")


def read_changelog(run: Path) -> str:
    """Return the changelogs of all versions, the newest first; empty without a version."""
    parts = [read_version_changelog(run, version) for version in reversed(list_versions(run))]
    return "# Changelog\n\n" + "\n".join(parts) if parts else ""


def check_splits(known: Mapping[str, str], problem_ids: Iterable[str], test_share: float) -> None:
    """Raise if a problem would lie in another split than in an earlier version.

    Raises:
        VersionError: names the first such problem and the remedy.
    """
    for problem_id in sorted(problem_ids):
        split = split_of(problem_id, test_share)
        if known.get(problem_id, split) != split:
            raise VersionError(
                f"{problem_id} was in the {known[problem_id]} split and would now be in the {split} split; put "
                "pairs.test_share back, or begin another dataset with --set run=..."
            )


def record_version(run: Path, config: RunConfig) -> tuple[DatasetVersion, bool]:
    """Return the version that the dataset is, and whether it is a new one.

    Raises:
        VersionError: if there is no dataset, or a problem would change its split.
    """
    paths = [path for path in sorted((run / "dataset").rglob("*")) if path.is_file()]
    if not paths:
        raise VersionError(f"{run}: no dataset; run `pairsmith build` first")
    files = tuple(
        VersionFile(path.relative_to(run).as_posix(), path.stat().st_size, file_digest(path)) for path in paths
    )
    newest = next(reversed(list_versions(run)), None)
    if newest is not None and newest.files == files:
        return newest, False
    problems = _summarise(run)
    known = newest.splits if newest else {}
    check_splits(known, problems, config.pairs.test_share)
    splits = known | {problem_id: split_of(problem_id, config.pairs.test_share) for problem_id in problems}
    manifests = {stage: stage_folder(run, stage).manifest() for stage in stored_stages()}
    version = DatasetVersion(
        number=newest.number + 1 if newest else 1,
        config=config.model_dump_json(),
        files=files,
        fingerprints={
            stage: manifest.fingerprint for stage, manifest in manifests.items() if manifest is not None
        },
        versions={stage: manifest.versions for stage, manifest in manifests.items() if manifest is not None},
        splits=dict(sorted(splits.items())),
        problems=problems,
    )
    partial = run / _FOLDER / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    write_whole(partial / _CHANGELOG, changelog_of(version, newest).encode())
    write_whole(partial / _MANIFEST, version.to_json().encode())
    partial.rename(version_folder(run, version))
    return version, True


def _summarise(run: Path) -> dict[str, ProblemVersion]:
    """Return what the dataset holds of each problem, by its id."""
    labels: dict[str, Counter[str]] = {}
    for problem_id, label, n in _count(run, "candidates", ["problem_id", "label"]):
        labels.setdefault(problem_id, Counter())[label] = n
    pairs: dict[str, list[str]] = {}
    for pair_id, problem_id, _ in _count(run, "data", ["pair_id", "problem_id"]):
        pairs.setdefault(problem_id, []).append(pair_id)
    rows: list[Problem] = stage_folder(run, "problems").read_all()
    return {
        row.problem_id: ProblemVersion(
            content=content_digest([row], Problem),
            n_passed=labels.get(row.problem_id, Counter())["passed"],
            n_failed=labels.get(row.problem_id, Counter())["failed"],
            n_candidates=labels.get(row.problem_id, Counter()).total(),
            n_pairs=len(pairs.get(row.problem_id, ())),
            pairs=digest(*sorted(pairs.get(row.problem_id, ()))),
        )
        for row in sorted(rows, key=lambda row: row.problem_id)
    }


def _count(run: Path, configuration: str, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the distinct rows of some columns of the dataset, each with its count."""
    files = sorted((run / "dataset" / configuration).glob("*.parquet"))
    if files:
        yield from pl.scan_parquet(files).group_by(columns).len().sort(columns).collect().iter_rows()


def changelog_of(version: DatasetVersion, before: DatasetVersion | None) -> str:
    """Return what a version brought, against the one before it, in Markdown."""
    splits = Counter[str]()
    for problem_id, row in version.problems.items():
        splits[version.splits[problem_id]] += row.n_pairs
    n_candidates = sum(row.n_candidates for row in version.problems.values())
    counts = ", ".join(f"{n} {split}" for split, n in sorted(splits.items()) if n) or "none"
    lines = [f"## {version.name}", "", f"{splits.total()} pairs ({counts}) of {n_candidates} candidates."]
    rate = _mean_rate(version)
    if before is None or not before.problems:
        return "\n".join([*lines, f"Pass rate, mean over problems: {rate}.", ""])
    old, new = before.problems, version.problems
    n_before = sum(row.n_pairs for row in old.values()), sum(row.n_candidates for row in old.values())
    both = sorted(old.keys() & new.keys())
    rates = [(key, old[key].pass_rate, new[key].pass_rate) for key in both]
    rates = [row for row in rates if row[1] != row[2]]
    rates.sort(key=lambda row: (-abs((row[1] or 0.0) - (row[2] or 0.0)), row[0]))
    lines += [
        f"{before.name} had {n_before[0]} pairs of {n_before[1]} candidates.",
        f"Pass rate, mean over problems: {_mean_rate(before)} before, {rate} now.",
        "",
    ]
    parts: dict[str, Iterable[str]] = {
        "New problems": map(inline, sorted(new.keys() - old.keys())),
        "Problems that were removed": map(inline, sorted(old.keys() - new.keys())),
        "Problems that changed": (inline(key) for key in both if old[key].content != new[key].content),
        "Problems whose pairs changed": (inline(key) for key in both if old[key].pairs != new[key].pairs),
        "Pass rates that changed": (f"{inline(key)}: {_rate(was)} to {_rate(now)}" for key, was, now in rates),
        "Settings that changed": _settings(before, version),
        "Code that changed": _code(before, version),
    }
    for title, found in parts.items():
        lines += _listed(title, list(found))
    return "\n".join(lines).rstrip("\n") + "\n"


def _mean_rate(version: DatasetVersion) -> str:
    rates = [rate for row in version.problems.values() if (rate := row.pass_rate) is not None]
    return _rate(sum(rates) / len(rates) if rates else None)


def _rate(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.3f}"


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"- and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return [f"### {title}", "", *(f"- {line}" for line in lines[:_SHOWN]), *more, ""]


def _settings(before: DatasetVersion, now: DatasetVersion) -> Iterator[str]:
    old, new = (dict(flatten(json.loads(version.config))) for version in (before, now))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key) and not key.startswith(_NOT_SHAPING):
            # A path of this machine is left out: the changelog is published.
            is_path = any("/" in str(tree.get(key)) for tree in (old, new))
            yield f"`{key}`" if is_path else f"`{key}`: {inline(str(old.get(key)))} to {inline(str(new.get(key)))}"


def _code(before: DatasetVersion, now: DatasetVersion) -> Iterator[str]:
    for stage, versions in sorted(now.versions.items()):
        old = before.versions.get(stage, {})
        for package, version in sorted(versions.items()):
            if old.get(package, version) != version:
                what = "its code" if package == "stage" else package
                yield f"{stage}: {what} {inline(old[package])} to {inline(version)}"
