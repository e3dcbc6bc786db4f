"""Requests that can be one call to a model: equal but for their number, numbers in a row."""

from collections.abc import Callable, Iterable, Iterator

from pairsmith.pipeline.sampling.protocol import Request


def group_requests(requests: Iterable[Request], n_most: Callable[[], int]) -> Iterator[tuple[Request, ...]]:
    """Yield runs of requests that differ only in their number, each at most `n_most()` long.

    Numbers in a row have seeds in a row (see `draw_seed`), which is how vLLM seeds the completions of one request.
    """
    run: list[Request] = []
    for request in requests:
        if run and (not _goes_on(run[-1], request) or len(run) >= n_most()):
            yield tuple(run)
            run = []
        run.append(request)
    if run:
        yield tuple(run)


def _goes_on(last: Request, request: Request) -> bool:
    return (
        (request.problem_id, request.number, request.opening) == (last.problem_id, last.number + 1, last.opening)
        and (request.temperature, request.top_p) == (last.temperature, last.top_p)
        and (request.max_tokens, request.stop, request.extra) == (last.max_tokens, last.stop, last.extra)
    )
