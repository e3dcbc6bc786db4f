"""What length alone, and style with it, tell of chosen and rejected in the pairs of the CodeGen samples.

    python -m benchmarks.leakage --samples humaneval_codegen16b_100_samples.jsonl.gz --cache folder

Each number is the share of pairs whose chosen answer a classifier scores higher (within), and the area under the
ROC curve over all answers (overall), on problems that the classifier has not seen: before the guards of the whole
split, after those of the default configuration, and after both bounds at 0.52.
"""

import argparse
from pathlib import Path

from benchmarks.codegen import judged_tables
from pairsmith.pipeline.pairing.pairs import PairingResult, make_pairs
from pairsmith.pipeline.pairing.tables import scan_tables
from pairsmith.schemas.config.pairs import PairsConfig


def main() -> None:
    """Make the pairs with and without bounds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the judged samples")
    parser.add_argument("--per-problem", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    files = judged_tables(options.samples, options.per_problem, options.cache, options.workers)
    tables = scan_tables({name: [path] for name, path in files.items()})
    # One split: the HumanEval test half alone would have too few pairs to tell anything.
    plain = PairsConfig(test_share=0.0, max_per_problem=16)
    print(f"{'guards':<26}{'pairs':>7}{'length within':>15}{'overall':>9}{'style within':>14}{'overall':>9}")
    made = make_pairs(tables, plain, 0)
    _show("before", made, "before", sum(made.dropped.get(reason, 0) for reason in ("length_tells", "style_tells")))  # type: ignore[call-overload]
    _show("default bounds", made, "after", 0)
    strict = plain.model_copy(update={"max_length_auc": 0.52, "max_style_auc": 0.52})
    _show("both bounds 0.52", make_pairs(tables, strict, 0), "after", 0)
    weighed = plain.model_copy(update={"leakage": "weigh"})
    _show("default bounds, by weight", make_pairs(tables, weighed, 0), "after", 0)


def _show(name: str, made: PairingResult, when: str, n_more: int) -> None:
    rows = [row for row in made.leaks if row.split == "train"]
    values = [getattr(row, f"{part}_{when}") for row in rows for part in ("within", "overall")]
    texts = ["-" if value is None else f"{value:.3f}" for value in values]
    cells = "".join(f"{text:>{width}}" for text, width in zip(texts, (15, 9, 14, 9), strict=True))
    print(f"{name:<26}{made.pairs.height + n_more:>7}{cells}")


if __name__ == "__main__":
    main()
