"""Synthesis is one package with one door."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
INSIDE = re.compile(r"(?:from|import) pairsmith\.pipeline\.synthesis\.")


def test_nothing_outside_imports_its_inside() -> None:
    files = [path for folder in ("pipeline", "flows", "schemas") for path in (ROOT / folder).rglob("*.py")]
    outside = [path for path in files if not path.is_relative_to(ROOT / "pipeline" / "synthesis")]
    assert len(outside) > 100
    assert [str(path.relative_to(ROOT)) for path in outside if INSIDE.search(path.read_text("utf-8"))] == []
