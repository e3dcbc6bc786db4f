from dataclasses import replace

from pairsmith.pipeline.evaluation.compare import compare_slices, find_slices, pass_gains, rare
from pairsmith.schemas.config import ScoringConfig
from pairsmith.schemas.score import Interval, ProblemScore, Score
from tests.pairing_records import judged, problem

NOTHING = Interval(0.0, 0.0, 0.0)


def score(passed: dict[str, int]) -> Score:
    parts = tuple(ProblemScore(key, 4, c, 2, 2, min(c, 2)) for key, c in sorted(passed.items()))
    return Score("s", "m", 4 * len(parts), 0, {}, NOTHING, NOTHING, NOTHING, {}, 0.0, parts)


def test_slices_are_what_the_problems_say_and_what_few_references_have() -> None:
    plain = "def f(a):\n    return a"
    problems = [problem(f"p/{place}", reference=plain) for place in range(18)]
    problems.append(
        problem("p/m", reference="import heapq\n\ndef f(a):\n    return heapq.nlargest(1, a)", topic="sorting")
    )
    problems.append(problem("p/w", reference="def f(a):\n    while a:\n        a -= 1\n    return a", level=""))
    slices = find_slices(problems, {}, rare_share=0.05)
    assert slices["niche=imports"] == ("p/m",)
    assert "p/w" in slices["niche=tags"]
    assert "p/0" not in slices["niche=tags"]
    assert slices["topic=sorting"] == ("p/m",)
    assert len(slices["language=python"]) == 20
    assert len(slices["level=easy"]) == 19


def test_without_a_reference_half_of_the_passed_decide() -> None:
    problems = [problem(f"p/{place}") for place in range(20)]
    common = [judged("c", problem_id="p/0").program]
    passed = {f"p/{place}": [replace(common[0], code="def f(a):\n    return a")] for place in range(20)}
    odd = [replace(common[0], code="import re\n\ndef f(a):\n    return re.sub('a', '', a)")] * 2
    passed["p/3"] = [*odd, *passed["p/3"]]
    assert find_slices(problems, passed, 0.05)["niche=imports"] == ("p/3",)
    del passed["p/3"]
    assert "niche=imports" not in find_slices(problems, passed, 0.05)


def test_a_feature_of_many_is_not_rare() -> None:
    features = {str(place): frozenset({"common"} | ({"seldom"} if place < 2 else set())) for place in range(40)}
    assert rare(features, 0.05) == {"0", "1"}
    assert rare(features, 0.04) == set()


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
