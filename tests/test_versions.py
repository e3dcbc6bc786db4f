"""The changelog of two manifests."""

import json

import pytest

from pairsmith.pipeline.publishing.versions import changelog_of
from pairsmith.schemas.dataset import DatasetVersion, ProblemVersion, VersionFile

PROBLEM = ProblemVersion(content="c", n_passed=1, n_failed=1, n_candidates=3, n_pairs=2, pairs="a,b")
HARDER = ProblemVersion(content="d", n_passed=1, n_failed=3, n_candidates=5, n_pairs=2, pairs="a,b")


def version(
    number: int, config: dict[str, object], problems: dict[str, ProblemVersion], code: int = 1
) -> DatasetVersion:
    return DatasetVersion(
        number=number,
        config=json.dumps(config),
        files=(VersionFile("dataset/data/x.parquet", 3, "0" * 64),),
        fingerprints={"pairs": "f"},
        versions={"syntax": {"stage": str(code)}},
        splits=dict.fromkeys(problems, "train") | {"held": "test"},
        problems=problems,
    )


FIRST = version(
    1,
    {"seed": 0, "run": "/a", "sampling": {"model": "m"}},
    {"own": PROBLEM, "gone": PROBLEM, "held": PROBLEM},
)


def test_a_first_version_counts_what_it_holds() -> None:
    assert changelog_of(FIRST, None) == (
        "## v1\n\n6 pairs (2 test, 4 train) of 9 candidates.\nPass rate, mean over problems: 0.500.\n"
    )


def test_a_later_version_names_what_changed() -> None:
    now = {"own": HARDER, "held": PROBLEM, "new": PROBLEM}
    second = version(2, {"seed": 1, "run": "/b", "sampling": {"model": "/m"}}, now, code=2)
    text = changelog_of(second, FIRST)
    assert "v1 had 6 pairs of 9 candidates." in text
    assert "Pass rate, mean over problems: 0.500 before, 0.417 now." in text
    for title, line in (
        ("New problems", "new"),
        ("Problems that were removed", "gone"),
        ("Problems that changed", "own"),
        ("Pass rates that changed", "own: 0.500 to 0.250"),
        ("Settings that changed", "`sampling.model`\n- `seed`: 0 to 1"),
        ("Code that changed", "syntax: its code 1 to 2"),
    ):
        assert f"### {title}\n\n- {line}\n" in text
    assert "`run`" not in text  # of this machine, and says nothing of the dataset
    assert "Problems whose pairs changed" not in text


def test_other_pairs_of_a_problem_are_named() -> None:
    other = ProblemVersion(content="c", n_passed=1, n_failed=1, n_candidates=3, n_pairs=2, pairs="a,z")
    text = changelog_of(version(2, {}, {"own": other}), version(1, {}, {"own": PROBLEM}))
    assert "### Problems whose pairs changed\n\n- own\n" in text
    assert "Problems that changed" not in text


def test_long_lists_are_cut_and_hostile_names_are_no_markup() -> None:
    many = {f"p{n:03}": PROBLEM for n in range(50)} | {"<b>": PROBLEM}
    text = changelog_of(version(2, {}, many), version(1, {}, {"own": PROBLEM}))
    assert "- and 31 more" in text
    assert "<b>" not in text


def test_manifests_read_back_and_older_ones_do_too() -> None:
    assert DatasetVersion.from_json(FIRST.to_json()) == FIRST
    old = json.loads(FIRST.to_json()) | {"inputs": [{"path": "x", "size": 1, "sha256": "0"}]}
    del old["problems"]
    read = DatasetVersion.from_json(json.dumps(old))
    assert (read.problems, read.splits) == ({}, FIRST.splits)
    assert "New problems" not in changelog_of(FIRST, read)
    with pytest.raises(ValueError, match="not a version"):
        DatasetVersion.from_json("[]")
