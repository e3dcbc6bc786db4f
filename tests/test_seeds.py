"""Seeds: which functions of a folder are kept, why others are not."""

from collections import Counter
from pathlib import Path

import pytest

from pairsmith.pipeline.problems.contamination import Benchmarks, Item
from pairsmith.pipeline.publishing.scanning import has_secret
from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.synthesis.seeds import Collected, collect_seeds
from pairsmith.pipeline.synthesis.source_files import (
    SeedsError,
    decode_source,
    is_allowed,
    licence_of_text,
    read_sources,
    why_no_source,
)
from pairsmith.schemas.config.sampling import SeedsConfig

GOOD = '''import math

RATE = 2


def half(x: float) -> float:
    """Return half of it, rounded up."""
    y = x / RATE
    return math.ceil(y)


def whole(x: float) -> float:
    """Return the double of half."""
    y = half(x) * 2
    return y


# Returns the sum of two numbers.
def add(a, b):
    c = a + b
    return c
'''
DOC = '    """Return what the name says, roughly."""\n'
REASONS = {
    "too_short": f"def f(x):\n{DOC}    return x\n",
    "too_long": f"def f(x):\n{DOC}" + "    x += 1\n" * 70 + "    return x\n",
    "undocumented": "def f(x):\n    y = x\n    return y\n",
    "no_value": f"def f(x):\n{DOC}    y = x\n    print(y)\n",
    "async_or_generator": f"def f(x):\n{DOC}    y = x\n    yield y\n",
    "not_self_contained": f"import numpy\n\n\ndef f(x):\n{DOC}    y = numpy.sum(x)\n    return y\n",
    "dynamic": f"def f(x):\n{DOC}    y = eval(x)\n    return y\n",
    "test": f"def test_f(x):\n{DOC}    y = x\n    return y\n",
    "secret": f"def f(x):\n{DOC}    key = 'AKIAIOSFODNN7EXAMPLE'\n    return key + x\n",
}


def collect(folder: Path, **settings: object) -> tuple[Collected, Counter[str]]:
    config = SeedsConfig.model_validate({"folders": [folder], **settings})
    files: Counter[str] = Counter()
    return collect_seeds(read_sources(config, files), config, settings.get("benchmarks")), files  # type: ignore[arg-type]


def test_seeds_bring_what_they_need(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(GOOD)
    found, files = collect(tmp_path)
    assert not files
    for seed in found.seeds:
        assert analyse(seed.code).status == "parsed", seed
    named = {seed.name: seed for seed in found.seeds}
    assert named["whole"].code.index("import math") < named["whole"].code.index("def half")  # what it needs, too
    assert not named["add"].is_typed
    assert named["half"].is_typed
    assert named["half"].line == 6


@pytest.mark.parametrize("reason", REASONS)
def test_a_function_that_is_no_seed_has_its_reason(tmp_path: Path, reason: str) -> None:
    (tmp_path / "a.py").write_text(REASONS[reason])
    found, _ = collect(tmp_path)
    assert (len(found.seeds), dict(found.reasons)) == (0, {reason: 1})


def test_duplicates_near_ones_and_benchmarks(tmp_path: Path) -> None:
    body = "    y = x + 1\n    z = y * 2\n    w = z - 3\n    v = w * w\n    u = v + y\n    return u\n"
    first = f"def f(x: int) -> int:\n{DOC}{body}"
    (tmp_path / "a.py").write_text(first)
    (tmp_path / "b.py").write_text(first.replace("y", "q").replace("f(", "f("))
    (tmp_path / "c.py").write_text(first.replace("return u", "return u + 1"))
    found, _ = collect(tmp_path)
    assert len(found.seeds) == 1
    assert found.reasons == {"duplicate": 1, "near_duplicate": 1}
    benchmarks = Benchmarks()
    benchmarks.add(Item("known/1", "", first, "f"))
    config = SeedsConfig(folders=(tmp_path,))
    found = collect_seeds(read_sources(config, Counter()), config, benchmarks)
    assert found.reasons["benchmark"] == 2


def test_the_limit_takes_typed_ones_and_files_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairsmith.pipeline.synthesis.seeds._NEAR_THRESHOLD", 1.0)
    for file in "ab":
        text = "".join(
            f"def f{file}{n}(x{hint}):\n{DOC}" + f"    x = x {op} {n}\n" * (n + 2) + "    return x\n\n\n"
            for n, (hint, op) in enumerate([("", "+"), (": int", "*"), (": int", "//")])
        ).replace("x: int)", "x: int) -> int")
        (tmp_path / f"{file}.py").write_text(text.replace("x = x", "x = x" if file == "a" else "x = 1 + x"))
    found, _ = collect(tmp_path, limit=2)
    assert [seed.path for seed in found.seeds] == ["a.py", "b.py"]
    assert all(seed.is_typed for seed in found.seeds)
    assert found.reasons["over_limit"] == 4


@pytest.mark.parametrize(
    ("name", "reason"),
    [("tests/a.py", "test"), ("src/test_a.py", "test"), ("a_test.py", "test"),
     ("vendor/x/a.py", "vendored"), ("a_pb2.py", "generated"), ("src/a.py", ""),
     ("contest.py", ""), ("latest/a.py", "")],
)  # fmt: skip
def test_paths_that_hold_no_seeds(name: str, reason: str) -> None:
    assert why_no_source(name) == reason


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("é".encode(), "é"),
        (b"\xef\xbb\xbfa", "a"),
        ("é".encode("utf-16"), None),
        (b"# -*- coding: latin-1 -*-\n\xe9", "# -*- coding: latin-1 -*-\né"),
        (b"a\r\nb\rc", "a\nb\nc"),
        (b"\xe9", None),
        ("é".encode() + b"\n\xe9", None),
        (b"# coding: no-such-one\na", None),
        (b"a\0b", None),
    ],
)
def test_encodings(content: bytes, text: str | None) -> None:
    assert decode_source(content) == text


def test_bad_files_are_counted_and_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "b.py").write_bytes(b"def f(:\n")
    (tmp_path / "c.py").write_text("")
    (tmp_path / "d.py").write_text("# Code generated by x; DO NOT EDIT\nx = 1\n")
    (tmp_path / "e.py").write_text("x = 1\n" * 60_000)
    (tmp_path / "f.py").write_text("(\n" * 5_000)
    found, files = collect(tmp_path)
    assert (found.seeds, found.n_functions) == ((), 0)
    assert files == {"file:encoding": 1, "file:empty": 1, "file:generated": 1, "file:too_large": 1}


def test_no_folder_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SeedsError, match=r"synthesis\.seeds\.folders"):
        collect(tmp_path / "missing")
    with pytest.raises(SeedsError, match="no seeds"):
        list(read_sources(SeedsConfig(), Counter()))


def test_only_the_header_of_a_file_speaks_for_it(tmp_path: Path) -> None:
    text = "import re\n\nGPL = 'GNU General Public License'\nMARK = '@generated'\n\n\n" + GOOD
    (tmp_path / "a.py").write_text(text)
    (tmp_path / "b.py").write_text("# GNU General Public License\n\n" + GOOD)
    found, files = collect(tmp_path)
    assert {(seed.name, seed.license) for seed in found.seeds} == {("half", ""), ("whole", ""), ("add", "")}
    assert (found.reasons["license"], files) == (3, {})


LICENCES = {
    "# SPDX-License-Identifier: MIT OR Apache-2.0\n": "MIT OR Apache-2.0",
    "Licensed under the Apache License, Version 2.0": "Apache-2.0",
    "under the terms of the GNU General Public License as published": "GPL-3.0",
    "GNU Lesser General Public License": "LGPL-3.0",
    "Permission is hereby granted, free of charge, to any person": "MIT",
    "Copyright: proprietary and confidential": "proprietary",
    "def f(): pass": "",
}


@pytest.mark.parametrize("text", LICENCES)
def test_licences_of_headers(text: str) -> None:
    assert licence_of_text(text) == LICENCES[text]


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [("MIT", True), ("MIT OR GPL-3.0", True), ("MIT AND GPL-3.0", False), ("GPL-3.0-or-later", False), ("", True),
     ("Apache-2.0 WITH LLVM-exception", True), ("proprietary", False)],
)  # fmt: skip
def test_which_licences_are_allowed(licence: str, allowed: bool) -> None:
    assert is_allowed(licence, frozenset({"MIT", "Apache-2.0"}), unknown=True) is allowed


def test_a_repository_licence_holds_for_files_without_one(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "LICENSE").write_text("GNU General Public License, version 3")
    (tmp_path / "src" / "a.py").write_text(GOOD)
    (tmp_path / "src" / "b.py").write_text("# SPDX-License-Identifier: MIT\n\n" + GOOD)
    found, _ = collect(tmp_path)
    assert {(seed.path, seed.license) for seed in found.seeds} == {("src/b.py", "MIT")}
    assert found.reasons["license"] == 3


def test_secrets_are_told_by_their_form() -> None:
    assert has_secret("key = 'AKIAIOSFODNN7EXAMPLE'")
    assert has_secret("-----BEGIN RSA PRIVATE KEY-----")
    assert not has_secret("def f(x):\n    return 'abcdefghijklmnopqrstuvwxyz0123456789'\n")
