"""A run of small problems from a file that tests let grow, as a refresh finds it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pairsmith.pipeline.run.folder import write_whole
from pairsmith.schemas.config import RunConfig, load_config

_BODIES = ("x + {k}", "x * {k} + 1", "x - {k}", "[x] * {k}", "x // ({k} + 1)")


def write_problems(
    folder: Path, n: int, harder: int | None = None, published: bool = True, slow_s: float = 0.0
) -> Path:
    """Write `n` problems, samples of them, and a configuration; return the configuration's path.

    Args:
        harder: number of a problem whose tests have one case more.
        published: whether the configuration names a repository.
        slow_s: seconds that programs sleep in each call, of all problems but the first eight.
    """
    problems, samples = [], []
    for k in range(n):
        body = _BODIES[k % len(_BODIES)].format(k=k + 2)
        tests = [
            f"assert f{k}({x}) == {eval(body, {'x': x})!r}" for x in (3, 10, 25, *((40,) if k == harder else ()))
        ]
        prompt = f"Write f{k}, number {k * 7919} of its kind: it takes a number x and returns {body}."
        problems.append({"problem_id": f"own/{k}", "prompt": prompt, "entry_point": f"f{k}", "tests": tests})
        codes = [
            f"def f{k}(x):\n    return {body}",
            f"def f{k}(x):\n    y = {body}\n    return y",
            f"def f{k}(x):\n    return None",
            f"def f{k}(x):\n    if x > 20:\n        return 'big'\n    return {body}",
            f"def f{k}(x):\n    raise ValueError(x)",
        ]
        if slow_s and k >= 8:
            sleep = f"(x):\n    import time\n    time.sleep({slow_s})\n"
            codes = [code.replace("(x):\n", sleep, 1) for code in codes]
        samples += [{"task_id": f"own/{k}", "solution": f"```python\n{code}\n```"} for code in codes]
    write_rows(folder / "samples.jsonl", samples)  # first: whoever sees a problem finds its samples
    write_rows(folder / "problems.jsonl", problems)
    path = folder / "run.toml"
    path.write_text(
        f"""
run = "{folder / "run"}"
shard_problems = 2
[problems]
source = "jsonl"
path = "{folder / "problems.jsonl"}"
[sampling]
backend = "files"
samples = "{folder / "samples.jsonl"}"
n = 5
store = "run"
[sandbox]
backend = "bubblewrap"
[crosscheck]
n_inputs = 4
n_mutants = 2
[pairs]
test_share = 0.3
"""
        + ("[publish]\ndataset = 'tester/grown'\n" if published else ""),
        encoding="utf-8",
    )
    return path


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def build_small(folder: Path) -> RunConfig:
    """Build a run of four problems that one machine makes, without a store; return its configuration."""
    from pairsmith.flows.build import (
        build,  # benchmarks take this module before they say where Prefect's server is
    )

    path = write_problems(folder, 4, published=False)
    settings = load_config(path)
    build(settings, folder / "cache")
    return settings
