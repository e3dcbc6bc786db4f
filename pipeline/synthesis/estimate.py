"""How likely each behaviour is the right one.

One behaviour is right, or none of those seen. For it speak the weight of its responses; the tests that it passes,
each weighed by how surprising it would be if a wrong test said the same (minus the logarithm of how often the
problem's tests say that value about other inputs: so two values to choose from prove little, a rare one much); and
answers that vary with the input. Against it speak inputs that it refuses. The parts are combined log-linearly (a
logarithmic opinion pool, Genest and Zidek 1986, doi:10.1214/ss/1177013825), with coefficients that were fitted on
problems with known tests.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter
from scipy.special import log_softmax

from pairsmith.pipeline.crosscheck.run import RAISED, UNKNOWN
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.packaged import packaged_folder
from pairsmith.pipeline.synthesis.evidence import AgreementEvidence

_VALID = 0.5  # share of the weight that must answer an input with a value for it to count


@dataclass(frozen=True, slots=True)
class Group:
    """Responses of one behaviour.

    Attributes:
        keys: their answers to the inputs that count.
        programs: numbers of their programs.
        weight: the sum of the square roots of their clusters' sizes.
    """

    keys: tuple[str, ...]
    programs: tuple[int, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Behaviours:
    """All groups of a problem, the heaviest first; `counted` has the places of the inputs that count."""

    counted: tuple[int, ...]
    groups: tuple[Group, ...]

    @property
    def weight(self) -> float:
        """Return the weight of all groups."""
        return sum(group.weight for group in self.groups)


def find_behaviours(evidence: AgreementEvidence) -> Behaviours:
    """Return the groups of a problem's responses: programs that give the same answers to all inputs that count.

    Near-duplicates are one opinion repeated: a cluster of n responses within a group counts sqrt(n), as Chen et
    al. 2022 (CodeT, arXiv:2207.10397, section 2.3) weight equal programs, and as `pipeline.crosscheck.vote` does.

    An input counts if half of the weight of those that were run answers it with a value; where none does, all
    count.
    """
    sizes = Counter(response.cluster for response in evidence.responses)
    weights: defaultdict[int, float] = defaultdict(float)
    for response, program in zip(evidence.responses, evidence.program_of, strict=True):
        weights[program] += 1 / math.sqrt(sizes[response.cluster])
    total = sum(weights.values())
    answered = [
        sum(
            weight for program, weight in weights.items() if evidence.keys[program][place] not in (RAISED, UNKNOWN)
        )
        for place in range(len(evidence.inputs))
    ]
    counted = tuple(place for place, weight in enumerate(answered) if weight >= _VALID * total)
    counted = counted or tuple(range(len(evidence.inputs)))
    members: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    clusters: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for response, program in zip(evidence.responses, evidence.program_of, strict=True):
        keys = tuple(evidence.keys[program][place] for place in counted)
        members[keys].add(program)
        clusters[keys][response.cluster] += 1
    groups = [
        Group(keys, tuple(sorted(programs)), sum(math.sqrt(n) for n in clusters[keys].values()))
        for keys, programs in members.items()
    ]
    return Behaviours(counted, tuple(sorted(groups, key=lambda group: (-group.weight, group.keys))))


Floats = npt.NDArray[np.float64]
FEATURES = ("share", "tests", "variety", "refusals", "constant")
_LEAST_CHANCE, _MOST_CHANCE = 0.02, 0.9  # bounds of how often a wrong test says a value
_CODE_CHANCE = 0.5  # a test that is code is true or not


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Weights of the evidence, and the log-odds that no behaviour seen is right."""

    weights: tuple[float, ...]
    none: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was estimated of one problem, an entry a behaviour.

    Attributes:
        groups: probability that it is right; what is missing to 1 is the probability that none is.
        passed: share of the tests' surprise that it passes, in [0, 1].
    """

    groups: Floats
    passed: Floats


def estimate(evidence: AgreementEvidence, behaviours: Behaviours, coefficients: Coefficients) -> Estimate:
    """Return how likely each behaviour of a problem is right."""
    rows = features(evidence, behaviours)
    scores = np.append(rows @ np.array(coefficients.weights), coefficients.none)
    return Estimate(np.exp(log_softmax(scores))[:-1], rows[:, FEATURES.index("tests")])


def features(evidence: AgreementEvidence, behaviours: Behaviours) -> Floats:
    """Return the evidence for each behaviour, [groups, features], as `FEATURES` names it."""
    total = behaviours.weight
    rows = [
        (
            math.log(group.weight / total),
            passed,
            _variety(group),
            _refusals(group),
            float(len(set(group.keys)) < 2),
        )
        for group, passed in zip(behaviours.groups, _passed_shares(evidence, behaviours), strict=True)
    ]
    return np.array(rows, np.float64).reshape(len(rows), len(FEATURES))


def _passed_shares(evidence: AgreementEvidence, behaviours: Behaviours) -> Floats:
    """Return the share of the tests' surprise that each behaviour passes, in [0, 1]; 0 without tests.

    A test of n suites counts sqrt(n), since suites of one model repeat its mistakes.
    """
    n_suites = Counter(test for suite in evidence.suites for test in suite)
    weights = np.sqrt([float(n_suites[number]) for number in range(len(evidence.tests))])
    surprise = weights * -np.log(_chances(evidence))
    passes = np.array(
        [[_passes(row, group) for row in evidence.passes] for group in behaviours.groups], np.float64
    )
    passes = passes.reshape(len(behaviours.groups), len(evidence.tests))
    shares: Floats = passes @ surprise / max(float(surprise.sum()), 1e-12)
    return shares


def _passes(row: Sequence[bool | None], group: Group) -> bool:
    """Return whether a behaviour passes a test: what most of its programs do; not where nothing is known."""
    known = [bool(row[program]) for program in group.programs if row[program] is not None]
    return bool(known) and 2 * sum(known) >= len(known)


def _chances(evidence: AgreementEvidence) -> Floats:
    """Return how often tests about other inputs say the same value as each test."""
    values = [None if test.case is None else (test.case.expected, test.case.view) for test in evidence.tests]
    inputs = [None if test.case is None else test.case.arguments for test in evidence.tests]
    of_value, of_both, of_input = Counter(values), Counter(zip(values, inputs, strict=True)), Counter(inputs)
    total = len(values)
    chances = [
        _CODE_CHANCE
        if value is None
        else (of_value[value] - of_both[value, place] + 0.5) / (total - of_input[place] + 1.0)
        for value, place in zip(values, inputs, strict=True)
    ]
    return np.clip(np.array(chances, np.float64), _LEAST_CHANCE, _MOST_CHANCE)


def _refusals(group: Group) -> float:
    """Return the share of the inputs that count to which a behaviour gives no value, in [0, 1]."""
    return sum(key in (RAISED, UNKNOWN) for key in group.keys) / max(len(group.keys), 1)


def _variety(group: Group) -> float:
    """Return how much a behaviour's answers vary, in [0, 1]: entropy over its most; 0 for one answer to all."""
    known = [key for key in group.keys if key not in (RAISED, UNKNOWN)]
    if len(known) < 2:
        return 0.0
    counts = np.array(list(Counter(known).values()), np.float64)
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum() / math.log(len(known)))


class CalibrationError(PairsmithError):
    """A calibration can't be read."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Responses of about one posterior, each problem counting once.

    Attributes:
        n: responses; weight: problems' worth of them.
        predicted: mean posterior; right: share that is right, both in [0, 1].
    """

    n: int
    weight: float
    predicted: float
    right: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted and measured on problems with known tests.

    Attributes:
        coefficients: fitted on all of them.
        bins: posteriors of problems that had no part in their fit, against the truth.
        error: expected calibration error: mean distance of predicted and right, weighted.
        n_problems: known problems. source: what they were, for a person.
    """

    coefficients: Coefficients
    bins: tuple[Bin, ...]
    error: float
    n_problems: int
    source: str

    def to_json(self) -> str:
        """Return it as the text that `read_calibration` reads."""
        return json.dumps({"features": FEATURES, **asdict(self)}, indent=1) + "\n"


def read_calibration(path: Path | None = None) -> Calibration:
    """Return a calibration; None reads the one that comes with pairsmith.

    Raises:
        CalibrationError: if the file isn't there, or is none of this version.
    """
    path = path if path is not None else packaged_folder("calibration", "data/calibration") / "agreement.json"
    try:
        text = path.read_text(encoding="utf-8")
        features = json.loads(text)["features"]
        if tuple(features) != FEATURES:
            raise ValueError(f"features {features}, not {FEATURES}")
        return TypeAdapter(Calibration).validate_json(text)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CalibrationError(
            f"{path}: no calibration ({error}); make one with benchmarks/agreement.py"
        ) from None
