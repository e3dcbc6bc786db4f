"""A judge of pairs for tests."""

from collections.abc import Iterable, Iterator

from pairsmith.pipeline.pairing.llm_judge import DIMENSIONS
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Request, Sampler, Trouble


class Judge(Sampler):
    """Answers with the place that holds the word `good`; `biased` always prefers the first place."""

    backend, model, revision = "fake", "judge", ""

    def __init__(self, biased: bool = False, broken: bool = False) -> None:
        self.biased, self.broken = biased, broken
        self.asked: list[Request] = []

    def sample(self, requests: Iterable[Request]) -> Iterator[Drawn | Failure]:
        for request in requests:
            self.asked.append(request)
            text = request.opening.text
            place = "A" if self.biased or text.index("good") < text.index("bad") else "B"
            if self.broken:
                yield Failure(request, Trouble.TIMEOUT, "slow")
            else:
                said = ", ".join(f'"{name}": "{place}"' for name in DIMENSIONS)
                yield Drawn(request, f"Here: {{{said}}}", 1, 1, "stop", None, -1)
