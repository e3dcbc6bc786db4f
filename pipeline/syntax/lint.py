"""What ruff finds in Python programs, counted by rule; run once for many programs, since a start costs most."""

import json
import subprocess
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pairsmith.pipeline.run.errors import PairsmithError

LIMIT_S = 300.0


class LintError(PairsmithError):
    """ruff isn't there, or broke."""


def lint(codes: Sequence[str], rules: Sequence[str]) -> list[tuple[str, ...]]:
    """Return, for each program, `rule=count` of what was found, sorted by rule.

    Args:
        codes: Python programs; equal ones are looked at once. One that doesn't parse has no findings.
        rules: prefixes of ruff's rules, such as `E` or `B006`. Nobody's own ruff configuration is read.

    Raises:
        LintError: if ruff isn't there, doesn't know a rule, or takes longer than five minutes.
    """
    distinct = {code: number for number, code in enumerate(dict.fromkeys(codes))}
    if not distinct or not rules:
        return [()] * len(codes)
    found = _run(list(distinct), rules)
    return [found[distinct[code]] for code in codes]


def _run(codes: Sequence[str], rules: Sequence[str]) -> list[tuple[str, ...]]:
    counts: list[Counter[str]] = [Counter() for _ in codes]
    with tempfile.TemporaryDirectory(prefix="pairsmith-lint-") as folder:
        for number, code in enumerate(codes):
            (Path(folder) / f"p{number}.py").write_bytes(code.encode("utf-8", "replace"))
        command = [_find_ruff(), "check", "--isolated", "--no-cache", "--quiet", "--exit-zero", "--output-format"]
        command += ["json-lines", "--select", ",".join(rules), "--target-version", "py311", "."]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=LIMIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LintError(f"ruff: {error}") from None
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise LintError(f"{said[:300]}; are all of syntax.lint_rules ruff's?")
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        if finding["code"] is not None and finding["code"] != "invalid-syntax":
            counts[int(Path(finding["filename"]).stem[1:])][finding["code"]] += 1
    return [tuple(f"{rule}={n}" for rule, n in sorted(count.items())) for count in counts]


def _find_ruff() -> str:
    """Return the ruff that is installed beside this Python, else the one that the shell finds."""
    own = Path(sysconfig.get_path("scripts")) / "ruff"
    return str(own) if own.exists() else "ruff"
