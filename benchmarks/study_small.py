"""A whole study on two cores: two starts, two methods, pairs from their own samples, held-out starter problems.

    python -m benchmarks.study_small [FOLDER]

It goes on where it was stopped. Prints what changed and where the report is.
"""

import argparse
import time
from pathlib import Path

from pairsmith.flows.cli.shared import default_cache, guard, prepare_libraries, read_key
from pairsmith.flows.cli.training import show_rows
from pairsmith.flows.runtime.reporting import reporter
from pairsmith.flows.studying import study
from pairsmith.schemas.config.study import load_study

_STUDY = Path(__file__).with_name("study_small.toml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/study_small"))
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="as in `pairsmith study`")
    given = parser.parse_args()
    guard(lambda: run(given.folder, given.overrides))


def run(folder: Path, overrides: list[str]) -> None:
    settings = load_study(_STUDY, overrides, folder)
    prepare_libraries()
    began = time.perf_counter()
    rows = study(settings, default_cache(), read_key)
    show_rows(rows)
    reporter().log(f"this call: {(time.perf_counter() - began) / 60:.1f} minutes")
    reporter().log(f"report: {folder / 'report.html'}")


if __name__ == "__main__":
    main()
