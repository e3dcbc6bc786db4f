"""Measures three rounds of the embedded model: plain, with `pairs.keep_approaches`, and with `pairs.rarity`.

    python -m benchmarks.rounds_small --seeds 1 2 3 --out /tmp/rounds-small

Prints held-out pass@1 and the effective number of behaviours by round, each with its interval, and whether round 3
is over round 1 in pass@1 beyond its interval at 0.9 of the start's effective number or more.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pairsmith.flows.cli.shared import default_cache, prepare_libraries
from pairsmith.pipeline.evaluation.rounds import pass_gain
from pairsmith.schemas.config import load_config
from pairsmith.schemas.score import Interval, RoundsResult

CONFIG = Path(__file__).with_suffix(".toml")
ARMS = {"plain": (), "kept": ("pairs.keep_approaches=true",), "rare": ("pairs.rarity=1.0",)}
DIVERSITY = "effective_behaviour@4"
LEAST = 0.9  # of the start's effective number of behaviours


def main() -> None:
    """Run and print all arms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--out", type=Path, default=Path("runs/rounds-small"))
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    given = parser.parse_args()
    prepare_libraries()
    from pairsmith.flows.studying import rounds

    for arm in given.arms:
        for seed in given.seeds:
            run = given.out / f"{arm}-{seed}"
            settings = [*ARMS[arm], f"seed={seed}", f"run={run}", *given.overrides]
            print_rounds(f"{arm}, seed {seed}", rounds(load_config(CONFIG, settings), default_cache()))


def print_rounds(title: str, result: RoundsResult) -> None:
    """Print the rounds of one arm and seed, and whether the goal is reached."""
    print(f"\n{title}: keep {result.recommended}")
    start = result.rows[0]
    for name in ("pass@1", DIVERSITY):
        gain = start.gain(name)
        if gain is not None:
            print(f"  start    {name} {_words(gain.before)}")
    for row in result.rows:
        gains = [(name, gain) for name in ("pass@1", DIVERSITY) if (gain := row.gain(name)) is not None]
        told = "; ".join(f"{name} {_words(gain.after)}, change {_words(gain.change)}" for name, gain in gains)
        pairs = sum(row.pairs.values())
        print(
            f"  round {row.number}  {told}; {pairs} pairs, {len(row.lost)} approaches gone, {row.training_s:.0f} s"
        )
    print(f"  goal     {'reached' if is_reached(result.rows) else 'not reached'}")


def is_reached(rows: Sequence[object]) -> bool:
    """Return whether round 3 is over round 1 in pass@1 beyond its interval, at enough of the start's diversity."""
    from pairsmith.schemas.score import RoundRow

    done = [row for row in rows if isinstance(row, RoundRow) and row.gains]
    if len(done) < 3:
        return False
    first, last, kinds = pass_gain(done[0].gains), pass_gain(done[2].gains), done[2].gain(DIVERSITY)
    assert first is not None
    assert last is not None
    return (
        last.after.low > first.after.value
        and kinds is not None
        and kinds.after.value >= LEAST * kinds.before.value
    )


def _words(interval: Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


if __name__ == "__main__":
    main()
