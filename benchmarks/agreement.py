"""Labels without tests: CodeGen's solutions and CodeGen's own tests of HumanEval judge each other.

    python -m benchmarks.agreement --samples humaneval_codegen16b_100_samples.jsonl.gz
        --tests humaneval_codegen16b_100_test_samples.jsonl.gz --plus HumanEvalPlus.jsonl.gz --cache FOLDER

No test of HumanEval is used but to say at the end what was right (HumanEval+: base and plus inputs). The
coefficients are fitted and judged on different problems: ten folds. What was run is kept in the folder; scoring
takes seconds.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.agreement_data import Judged, Source
from benchmarks.agreement_fitting import fit, measure_bins
from benchmarks.dual_agreement import find_consensus_sets
from benchmarks.humaneval_truth import Truth
from pairsmith.pipeline.evaluation.estimates import generator, percentile_intervals
from pairsmith.pipeline.sandbox import open_pool
from pairsmith.pipeline.synthesis.estimate import (
    CHOSEN_TESTS,
    FEATURES,
    Coefficients,
    can_decide,
    estimate,
    features,
)
from pairsmith.pipeline.synthesis.evidence import Behaviours, find_behaviours
from pairsmith.schemas.config import (
    AgreementConfig,
    CrosscheckConfig,
    ExecutionConfig,
    SandboxConfig,
    beyond_limits,
)

N_FOLDS, N_DRAWN = 10, 100
SOURCE = (
    "100 CodeGen-16B solutions and 100 of its test completions for each HumanEval problem, truth by HumanEval+"
)


@dataclass(frozen=True)
class Known:
    """One problem, ready to be fitted and scored.

    Attributes:
        right: whether each response with code is right. n_right: how many of all are.
        posteriors: estimated without this problem's fold; picked: whether each is of the likeliest behaviour.
    """

    judged: Judged
    behaviours: Behaviours
    rows: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    right_groups: npt.NDArray[np.bool_]

    def estimates(self, coefficients: Coefficients) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the posterior of each response, and the share of the tests' surprise that it passes."""
        joint = estimate(self.judged.evidence, self.behaviours, coefficients)
        of_program = {
            program: (share, passed)
            for group, share, passed in zip(self.behaviours.groups, joint.groups, joint.passed, strict=True)
            for program in group.programs
        }
        rows = np.array([of_program[program] for program in self.judged.evidence.program_of], np.float64)
        return rows.reshape(-1, 2)[:, 0], rows.reshape(-1, 2)[:, 1]


def main() -> None:
    """Run what is missing, fit, score and print."""
    options = _options()
    known = [_prepare(judged) for judged in _collect(options)]
    folds = [
        fit([(one.rows, one.right_groups) for place, one in enumerate(known) if place % N_FOLDS != fold])
        for fold in range(N_FOLDS)
    ]
    estimates = [one.estimates(folds[place % N_FOLDS]) for place, one in enumerate(known)]
    held_out = [posteriors for posteriors, _ in estimates]
    _show_data(known)
    _show_picks(known, held_out)
    _show_chosen(known, estimates, AgreementConfig())
    _show_rejected(known, held_out, AgreementConfig())
    bins, error = measure_bins(held_out, [one.right for one in known])
    whole = fit([(one.rows, one.right_groups) for one in known])
    print(f"\ncalibration error {error:.3f}; posterior, share that is right, responses:")
    for one in bins:
        print(f"  {one.predicted:.3f}  {one.right:.3f}  {one.n:>6}")
    print(f"coefficients {tuple(round(value, 3) for value in whole.weights)}, none {whole.none:.3f}")
    if options.write is not None:
        tree = {
            "features": FEATURES,
            "coefficients": asdict(whole),
            "bins": [one._asdict() for one in bins],
            "error": error,
            "n_problems": len(known),
            "source": SOURCE,
        }
        options.write.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, required=True, help="solutions, one row a problem")
    parser.add_argument("--tests", type=Path, required=True, help="test completions, one row a problem")
    parser.add_argument("--plus", type=Path, required=True, help="HumanEval+ as EvalPlus publishes it")
    parser.add_argument("--cache", type=Path, required=True, help="folder for what was run")
    parser.add_argument("--every", type=int, default=1, help="only every so manyeth problem")
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", type=Path, help="file for the calibration")
    return parser.parse_args()


def _collect(options: argparse.Namespace) -> list[Judged]:
    limits = SandboxConfig.model_validate({"backend": options.backend, "workers": options.workers})
    quick = beyond_limits(limits, CrosscheckConfig())
    with (
        open_pool(limits, ExecutionConfig(), "benchmark", print) as pool,
        open_pool(quick, ExecutionConfig(), "beyond", print) as beyond,
    ):
        source = Source(options.samples, options.tests, options.cache, Truth(options.plus, pool), beyond)
        return [source.judge(problem) for problem in source.problems[:: options.every]]


def _prepare(judged: Judged) -> Known:
    evidence = judged.evidence
    behaviours = find_behaviours(evidence)
    right = np.array([response.response_id in judged.right for response in evidence.responses], np.bool_)
    of_program: dict[int, list[bool]] = {}
    for program, is_right in zip(evidence.program_of, right, strict=True):
        of_program.setdefault(program, []).append(bool(is_right))
    right_groups = [
        2 * sum(sum(of_program[program]) for program in group.programs)
        > sum(len(of_program[program]) for program in group.programs)
        for group in behaviours.groups
    ]
    return Known(judged, behaviours, features(evidence, behaviours), right, np.array(right_groups, np.bool_))


def _show_data(known: Sequence[Known]) -> None:
    reasons: Counter[str] = sum((one.judged.reasons for one in known), Counter())
    n_tests = sum(len(one.judged.evidence.tests) for one in known)
    n_cases = sum(test.case is not None for one in known for test in one.judged.evidence.tests)
    n_inputs = sum(len(one.judged.evidence.inputs) for one in known)
    n_programs = sum(len(one.judged.evidence.keys) for one in known)
    solvable = sum(bool(one.right.any()) for one in known)
    without = sum(not one.judged.evidence.tests for one in known)
    print(f"{len(known)} problems, {solvable} with a right solution, {without} without any usable test")
    print(
        f"{n_programs} different programs, {n_inputs} inputs, {n_tests} different tests, {n_cases} of them cases"
    )
    print(f"tests left out: {', '.join(f'{reason} {n}' for reason, n in reasons.most_common())}")


def _show_picks(known: Sequence[Known], held_out: Sequence[npt.NDArray[np.float64]]) -> None:
    """Print pass@1 by each way of picking; of equals one is drawn."""
    names = ("random", "most responses", "dual execution agreement", "joint estimate")
    rows = np.array([_picks(one, posteriors) for one, posteriors in zip(known, held_out, strict=True)])
    numbers = generator(0, "agreement")
    print("\npass@1 of the picked solution, with 95% intervals over problems")
    for name, interval in zip(names, percentile_intervals(rows, 10_000, 0.95, numbers), strict=True):
        print(f"  {name:<26} {interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    gain = (rows[:, 3] - rows[:, 2])[:, None]
    (interval,) = percentile_intervals(gain, 10_000, 0.95, numbers)
    print(f"  joint over dual            {interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]")
    best = float(np.mean([one.right.any() for one in known]))
    print(f"  the best possible          {best:.3f}")


def _picks(one: Known, posteriors: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    if not len(one.right):
        return 0.0, 0.0, 0.0, 0.0
    random = float(one.right.sum()) / N_DRAWN
    sets = find_consensus_sets(one.judged.evidence)
    top = [number for part in sets if part.score == sets[0].score for number in part.responses]
    sizes = Counter(one.judged.evidence.program_of)
    totals = {group.programs: sum(sizes[program] for program in group.programs) for group in one.behaviours.groups}
    largest = max(totals.values())
    programs = {program for group, total in totals.items() if total == largest for program in group}
    many = np.array([program in programs for program in one.judged.evidence.program_of], np.bool_)
    best = posteriors >= posteriors.max() - 1e-12
    dual = float(one.right[top].mean()) if sets[0].score else random
    return random, float(one.right[many].mean()), dual, float(one.right[best].mean())


def _show_chosen(
    known: Sequence[Known],
    estimates: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    config: AgreementConfig,
) -> None:
    print("\nchosen, on problems that had no part in the fit; by problem: mean over problems that have any")
    print("  posterior  tests  chosen precision by problem  solvable covered")
    solvable = sum(bool(one.right.any()) for one in known)
    pairs = {(least, tests) for least in (0.5, 0.6, 0.7, 0.8) for tests in (0.0, CHOSEN_TESTS)}
    for least, tests in sorted({*pairs, (config.chosen_posterior, CHOSEN_TESTS)}):
        picked = [
            (posteriors >= least) & (passed >= tests) & can_decide(one.judged.evidence)
            for one, (posteriors, passed) in zip(known, estimates, strict=True)
        ]
        n = sum(int(part.sum()) for part in picked)
        right = sum(int((one.right & part).sum()) for one, part in zip(known, picked, strict=True))
        shares = [float(one.right[part].mean()) for one, part in zip(known, picked, strict=True) if part.any()]
        covered = sum(bool((one.right & part).any()) for one, part in zip(known, picked, strict=True))
        mark = " (default)" if (least, tests) == (config.chosen_posterior, CHOSEN_TESTS) else ""
        row = f"{right / max(n, 1):>9.3f} {float(np.mean(shares or [0.0])):>10.3f} {covered:>10} of {solvable}"
        print(f"  {least:>9} {tests:>6} {n:>7} {row}{mark}")


def _show_rejected(
    known: Sequence[Known], held_out: Sequence[npt.NDArray[np.float64]], config: AgreementConfig
) -> None:
    print("\nrejected, on the same")
    print(f"  {'posterior':>9} {'rejected':>8} {'precision':>9} {'of the wrong':>12}")
    n_wrong = sum(int((~one.right).sum()) for one in known)
    for most in sorted({0.005, 0.01, 0.02, 0.05, 0.1, 0.2, config.rejected_posterior}):
        picked = [rows <= most for rows in held_out]
        n = sum(int(part.sum()) for part in picked)
        wrong = sum(int((~one.right & part).sum()) for one, part in zip(known, picked, strict=True))
        mark = " (default)" if most == config.rejected_posterior else ""
        print(f"  {most:>9} {n:>8} {wrong / max(n, 1):>9.3f} {wrong / max(n_wrong, 1):>12.3f}{mark}")


if __name__ == "__main__":
    main()
