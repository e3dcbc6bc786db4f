"""Seeds of any folders: how many, why not the others, and whether each kept one parses alone.

    python -m benchmarks.seeds . /usr/lib/python3.11

Each seed is parsed again from its own text, by tree-sitter and by CPython.
"""

import argparse
import ast
import time
from collections import Counter
from pathlib import Path

from pairsmith.pipeline.syntax.analysing import analyse
from pairsmith.pipeline.synthesis import collect_seeds, read_sources
from pairsmith.schemas.config.sampling import SeedsConfig
from pairsmith.schemas.synthesis import Seed


def main() -> None:
    """Collect, check and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--show", type=int, default=0, help="seeds to print")
    options = parser.parse_args()
    for folder in options.folders:
        config = SeedsConfig(folders=(folder,))
        files: Counter[str] = Counter()
        start = time.perf_counter()
        found = collect_seeds(read_sources(config, files), config)
        seconds = time.perf_counter() - start
        n_typed = sum(seed.is_typed for seed in found.seeds)
        print(f"{folder.resolve().name}: {len(found.seeds)} seeds, {n_typed} typed,")
        print(f"  of {found.n_functions} functions in {found.n_files} files, {seconds:.1f} s")
        print(f"  functions left out: {_told(found.reasons)}")
        print(f"  files left out: {_told(files)}")
        print(f"  licences: {_told(Counter(seed.license or 'unknown' for seed in found.seeds))}")
        n_broken = sum(not _parses(seed) for seed in found.seeds)
        print(f"  seeds that don't parse alone: {n_broken}")
        for seed in found.seeds[: options.show]:
            print(f"--- {seed.path}:{seed.line}\n{seed.code}")


def _told(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {n}" for reason, n in reasons.most_common()) or "none"


def _parses(seed: Seed) -> bool:
    ast.parse(seed.code)
    return analyse(seed.code).status == "parsed"


if __name__ == "__main__":
    main()
