"""Seconds for `pairsmith.make_pairs` on a table of own verdicts: CodeGen's samples under many names.

    python -m benchmarks.own_verdicts --samples humaneval_codegen16b_100_samples.jsonl.gz --cache FOLDER
    python -m benchmarks.own_verdicts --samples ... --cache FOLDER --form continuation --problems 200

The samples are judged once on HumanEval's tests. Each copy of a problem has words of its own in its prompt and a
function name of its own in its answers, so no completion comes twice because of the copying. As an `answer` a
completion is the program in a block between prose, as a `continuation` it is the raw sample. The table is made
first and is not measured. Prints the seconds and a digest of the pairs.
"""

import argparse
import hashlib
import re
import time
from pathlib import Path

import polars as pl

from benchmarks.codegen import judged_tables
from pairsmith import make_pairs


def main() -> None:
    """Make the table, then time its pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="JSONL of samples on HumanEval")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the judged samples")
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--per-problem", type=int, default=50)
    parser.add_argument("--form", choices=("answer", "continuation"), default="answer")
    parser.add_argument("--workers", type=int, help="processes that read programs; by default one a processor")
    options = parser.parse_args()
    files = judged_tables(options.samples, options.per_problem, options.cache, 2)
    rows = own_verdicts(
        {name: pl.read_parquet(path) for name, path in files.items()}, options.problems, options.form
    )
    start = time.perf_counter()
    made = make_pairs(rows, problems=_problems(rows), workers=options.workers)
    seconds = time.perf_counter() - start
    same = hashlib.sha256(made.table.write_ndjson().encode()).hexdigest()[:16]
    n_texts = rows.select("prompt", "completion").n_unique()
    print(f"{rows.height:,} {options.form}s ({n_texts:,} different) to {len(made):,} pairs in {seconds:.1f} s")
    print(f"dropped {dict(made.dropped)}; digest of the pairs {same}")


def own_verdicts(frames: dict[str, pl.DataFrame], n_problems: int, form: str) -> pl.DataFrame:
    """Return a table of verdicts on so many problems, the real ones again and again under new names."""
    rows = frames["candidates"].join(frames["programs"].select("candidate_id", "code"), on="candidate_id")
    rows = rows.join(frames["verdicts"].select("candidate_id", "label"), on="candidate_id")
    problems = frames["problems"].select("problem_id", "entry_point", question="prompt")
    tables = []
    for number in range(n_problems):
        problem = problems.row(number % problems.height, named=True)
        copy = number // problems.height
        name, own = problem["entry_point"], f"{problem['entry_point']}_{copy}"
        mine = rows.filter(problem_id=problem["problem_id"])
        texts = mine["completion" if form == "continuation" else "code"]
        if form == "answer":
            texts = texts.map_elements(
                lambda code: f"Here is a solution:\n\n```python\n{code}```\n\nIt does what was asked.", pl.String
            )
        tables.append(
            pl.DataFrame(
                {
                    "problem_id": f"{problem['problem_id']}#{copy}",
                    "question": re.sub(r"(\w+)", rf"\g<1>{copy}", problem["question"]),
                    "entry_point": own,
                    "template": "chat" if form == "answer" else "continuation",
                    "prompt": pl.Series(
                        mine["prompt"] if form == "continuation" else [None] * mine.height, dtype=pl.String
                    ).str.replace_all(rf"\b{name}\b", own),
                    "completion": texts.str.replace_all(rf"\b{name}\b", own),
                    "label": mine["label"],
                }
            )
        )
    return pl.concat(tables)


def _problems(rows: pl.DataFrame) -> list[dict[str, str]]:
    first = rows.unique("problem_id", keep="first", maintain_order=True)
    columns = first.select("problem_id", "entry_point", prompt="question")
    return [{**row, "tests": f"assert {row['entry_point']}"} for row in columns.to_dicts()]


if __name__ == "__main__":
    main()
