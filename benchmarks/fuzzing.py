"""Reads mangled text with every parser of strangers' text, for as long as wanted.

    python -m benchmarks.fuzzing --n 50000

The parsers and the texts are those of `tests/fuzz_kit.py`, mangled by a seeded generator: Hypothesis, which the
nightly test uses and which makes a failing text small, takes ten times as long for each. Each different error
that a parser doesn't say it raises is printed once, with the text. Exits with 1 where there was one.
"""

import argparse
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz_kit import PARSERS, TOKENS, Parser, mangle

_ALPHABETS = ((32, 127), (0, 0x300), (0xD700, 0xE100), (0x2000, 0x2070), (0x1F300, 0x1F600))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=50_000, help="texts a parser")
    parser.add_argument("--parsers", nargs="+", default=list(PARSERS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    n_errors = 0
    print("| parser | texts | CPU seconds | longest, s | errors |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.parsers:
            draw = random.Random(f"{options.seed}:{name}")
            n_errors += read_many(name, PARSERS[name], options.n, draw, Path(folder))
    return 1 if n_errors else 0


def read_many(name: str, parser: Parser, n: int, draw: random.Random, folder: Path) -> int:
    """Read so many texts with one parser; print a row, and return how many different errors came."""
    errors: dict[tuple[str, ...], str] = {}
    longest, began = 0.0, time.process_time()
    for _ in range(n):
        edits = [(draw.randrange(9), draw.randrange(10_000), token(draw)) for _ in range(draw.randrange(1, 5))]
        text = mangle(draw.choice((*parser.seeds, "")), edits)
        started = time.process_time()
        try:
            parser.try_one(text, folder)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[-3:]
            places = (f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
            if errors.setdefault((type(error).__name__, *places), text) is text:
                print(f"{name}: {type(error).__name__}: {str(error)[:200]!r} of {text[:2000]!r}", flush=True)
        longest = max(longest, time.process_time() - started)
    took = time.process_time() - began
    print(f"| {name} | {n:,} | {took:.0f} | {longest:.2f} | {len(errors)} |", flush=True)
    return len(errors)


def token(draw: random.Random) -> str:
    """Return what one edit puts in."""
    kind = draw.random()
    if kind < 0.7:
        return draw.choice(TOKENS)
    if kind < 0.9:
        return "".join(chr(draw.randrange(*draw.choice(_ALPHABETS))) for _ in range(draw.randrange(1, 6)))
    return str(draw.randrange(-(10 ** draw.randrange(1, 30)), 10**20))


if __name__ == "__main__":
    sys.exit(main())
