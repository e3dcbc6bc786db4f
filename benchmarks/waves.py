"""Tokens that a number of pairs costs: a fixed n for all problems, and waves that go where pairs are likely.

    python -m benchmarks.waves --n 8

Builds pairs of starter problems with the embedded model and a fixed n; then asks for as many pairs in waves. Both
runs share a sample store, so that they differ by what they ask for, not by luck; tokens are counted over what each
asked for.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from pairsmith.pipeline.chain.table import stage_folder


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        fixed, waves = folder / "fixed", folder / "waves"
        _build(fixed, options)
        asked = options.pairs or _pairs(fixed)
        waves_of = {"first_n": options.first_n, "step_n": options.step_n, "max_n": options.max_n}
        more = [word for key, n in waves_of.items() for word in ("--set", f"adaptive.{key}={n}")]
        _build(waves, options, "--pairs", str(asked), *more)
        print(f"{options.levels or 'all'} starter problems, at most {options.max_tokens} tokens a draw")
        for name, run in ((f"fixed n = {options.n}", fixed), (f"--pairs {asked}", waves)):
            draws, tokens = _drawn(run)
            print(f"{name:<16} {_pairs(run):>5} pairs {draws:>6} draws {tokens:>8} tokens")
        print(f"tokens of waves over fixed: {_drawn(waves)[1] / _drawn(fixed)[1]:.2f}")


def _build(run: Path, options: argparse.Namespace, *more: str) -> None:
    settings = {
        "run": run, "sampling.n": options.n, "sampling.max_tokens": options.max_tokens,
        "sampling.store": run.parent / "samples.sqlite", "sampling.backend": "transformers",
        "sandbox.backend": options.sandbox, "problems.levels": options.levels.split(",") if options.levels else [],
    }  # fmt: skip
    command = [sys.executable, "-m", "pairsmith", "build", "--cache", str(options.cache), *more]
    for key, value in settings.items():
        command += ["--set", f"{key}={value}"]
    subprocess.run(command, check=True)


def _pairs(run: Path) -> int:
    manifest = stage_folder(run, "pairs").manifest()
    return manifest.n_out if manifest is not None else 0


def _drawn(run: Path) -> tuple[int, int]:
    manifest = stage_folder(run, "candidates").manifest()
    assert manifest is not None
    return manifest.n_out, manifest.counts["tokens"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=16)
    parser.add_argument("--pairs", type=int, help="asked for in waves; as many as the fixed n gave by default")
    parser.add_argument("--first-n", type=int, default=4)
    parser.add_argument("--step-n", type=int, default=4)
    parser.add_argument("--max-n", type=int, default=32)
    parser.add_argument("--folder", type=Path, help="keeps the runs: the same command goes on from there")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--levels", default="", help="of the starter set, such as trivial,easy; all by default")
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "pairsmith")
    return parser.parse_args()


if __name__ == "__main__":
    main()
