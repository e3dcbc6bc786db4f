"""How often the interval of a forecast holds what came, with the draws of a real run in many orders.

    python -m benchmarks.forecasts runs/demo --slots 32

Replays the candidates of a run through the forecast of `pairsmith build`: problems in a shuffled order, as many
draws at work at a time as a batch has, and as many waiting, of which the longest prompts go first (with --fifo
those that came first), each done after as many steps as it has tokens. Prints, by the share of the draws that is
done, how often the interval held all tokens of the run (95% is what it says), how far the value was off, and half
the width of the interval, both as shares of these tokens.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pairsmith.flows.runtime.metering import Meter
from pairsmith.flows.runtime.reporting import set_console
from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import RunConfig
from tests.slots_kit import Clock, draw_in_slots

_SHARES = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class Told:
    """One forecast beside what came.

    Attributes:
        held: the interval holds it.
        off: of the value, as a share of what came.
        half: width of the interval above the value, likewise.
    """

    held: bool
    off: float
    half: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="a run with candidates whose tokens are known")
    parser.add_argument("--slots", type=int, default=32, help="draws at work at a time")
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--fifo", action="store_true", help="what waits goes in the order in which it came")
    options = parser.parse_args()
    set_console(Console(quiet=True))  # each replay tells a forecast after a minute
    rows: list[Candidate] = [
        row for row in stage_folder(options.run, "candidates").read_all() if row.n_tokens >= 0
    ]
    by_problem: dict[str, list[Candidate]] = {}
    for row in rows:
        by_problem.setdefault(row.problem_id, []).append(row)
    if len(by_problem) < 2:
        sys.exit(f"{options.run}: no candidates whose tokens are known, of two problems or more")
    total = sum(row.n_tokens for row in rows)
    numbers, problems = random.Random(0), sorted(by_problem)
    found: dict[float, list[Told]] = {share: [] for share in _SHARES}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(options.orders):
            numbers.shuffle(problems)
            told = replay([by_problem[one] for one in problems], options, total, Path(cache))
            for share, one in told.items():
                found[share].append(one)
    print(
        f"{options.run}: {len(problems)} problems, {len(rows)} draws, {total:,} tokens, {options.slots} at a time"
    )
    for share, parts in found.items():
        n = len(parts)
        held, off, half = (
            sum(getattr(one, name) for one in parts) / max(n, 1) for name in ("held", "off", "half")
        )
        print(f"{share:4.0%} drawn: held {held:.2f}, off {off:+.3f}, half {half:.3f} ({n} orders had a forecast)")
    return 0


def replay(
    problems: Sequence[Sequence[Candidate]], options: argparse.Namespace, total: int, cache: Path
) -> dict[float, Told]:
    """Draw once; return the forecast at each share of the draws, where there is one."""
    n_draws, clock = sum(map(len, problems)), Clock()
    meter = Meter(RunConfig(), cache, n_draws, len(problems), clock=clock)
    marks = {round(share * n_draws): share for share in _SHARES}
    told = {}
    for n_done in draw_in_slots(problems, options.slots, meter, clock, by_prompt=not options.fifo):
        forecast = meter.forecast() if n_done in marks else None
        if forecast is not None:
            tokens = forecast.tokens
            held = tokens.low <= total <= tokens.high
            told[marks[n_done]] = Told(held, tokens.value / total - 1, (tokens.high - tokens.value) / total)
        if n_done == max(marks):
            break
    return told


if __name__ == "__main__":
    sys.exit(main())
