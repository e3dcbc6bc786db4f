from pairsmith.pipeline.evaluation.compare import compare_slices, find_slices, pass_gains
from pairsmith.schemas.config import ScoringConfig
from pairsmith.schemas.score import Interval, ProblemScore, Score
from tests.pairing_records import problem

NOTHING = Interval(0.0, 0.0, 0.0)


def score(passed: dict[str, int]) -> Score:
    parts = tuple(ProblemScore(key, 4, c, 2, 2, min(c, 2)) for key, c in sorted(passed.items()))
    return Score("s", "m", 4 * len(parts), 0, {}, NOTHING, NOTHING, NOTHING, 0.0, parts)


def test_slices_are_what_the_problems_say() -> None:
    problems = [problem(f"p/{place}", topic="sorting" if place == 1 else "") for place in range(3)]
    problems.append(problem("p/w", level=""))
    slices = find_slices(problems)
    assert slices["topic=sorting"] == ("p/1",)
    assert slices["language=python"] == ("p/0", "p/1", "p/2", "p/w")
    assert slices["level=easy"] == ("p/0", "p/1", "p/2")


def test_only_slices_with_enough_problems_are_told_and_each_is_compared_alone() -> None:
    strings, lists = ([f"{topic}/{place}" for place in range(10)] for topic in ("strings", "lists"))
    before = score(dict.fromkeys([*strings, *lists], 2))
    after = score(dict.fromkeys(strings, 0) | dict.fromkeys(lists, 4))
    slices = {
        "topic=strings": strings,
        "topic=lists": lists,
        "level=rare": strings[:7],
        "language=python": [*strings, *lists],
    }
    found = compare_slices(before, after, slices, ScoringConfig(n_bootstrap=200, min_slice=8), 0)
    assert [(part.name, part.n_problems) for part in found] == [("topic=lists", 10), ("topic=strings", 10)]
    gains = pass_gains(found)
    assert (gains["topic=strings"].change.value, gains["topic=lists"].change.value) == (-0.5, 0.5)
    assert gains["topic=strings"].is_significant
