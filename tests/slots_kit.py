"""A model that works on so many draws at a time, for tests and measures of forecasts."""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pairsmith.flows.runtime.metering import Meter
from pairsmith.schemas.candidate import Candidate


class Clock:
    """Tells the step of the model, which draws one token of each answer in a step."""

    step = 0

    def __call__(self) -> float:
        return float(self.step)


def draw_in_slots(
    problems: Sequence[Sequence[Candidate]], n_slots: int, meter: Meter, clock: Clock, by_prompt: bool = False
) -> Iterator[int]:
    """Tell a meter of draws as they are done, the short ones of those at work first; yield how many are.

    Args:
        problems: candidates of each problem, in the order in which they are planned.
        n_slots: draws at work at a time; as many wait.
        meter: is told of each draw, and of each problem that is whole.
        clock: of the meter.
        by_prompt: of what waits the longest prompts go first, not what came first.
    """
    source = ((row, place) for place, own in enumerate(problems) for row in own)
    n_left, number = [len(own) for own in problems], itertools.count()
    waiting: list[tuple[int, int, Candidate, int]] = []
    at_work: list[tuple[int, int, Candidate, int]] = []  # when it is done
    meter.expect(own[0].problem_id for own in problems)
    for n_done in range(1, sum(n_left) + 1):
        while True:
            for row, place in itertools.islice(source, n_slots - len(waiting)):
                key = -row.n_prompt_tokens if by_prompt else 0
                heapq.heappush(waiting, (key, next(number), row, place))
            if not waiting or len(at_work) == n_slots:
                break
            _, _, row, place = heapq.heappop(waiting)
            heapq.heappush(at_work, (clock.step + row.n_tokens, next(number), row, place))
        clock.step, _, row, place = heapq.heappop(at_work)
        meter.drawn(replace(row, wall_s=row.n_tokens))
        n_left[place] -= 1
        if not n_left[place]:
            meter.filled(row.problem_id, problems[place])
        yield n_done
