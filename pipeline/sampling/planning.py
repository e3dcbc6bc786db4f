"""Which completions are to be drawn, and drawing them."""

import importlib.util
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from pipeline.sampling.errors import SamplingError
from pipeline.sampling.files_backend import FilesSampler
from pipeline.sampling.identity import candidate_id, draw_seed
from pipeline.sampling.openai_backend import OpenAISampler
from pipeline.sampling.opening import CONTINUATION_STOP
from pipeline.sampling.protocol import Drawn, Request, Sampler
from schemas.candidate import Candidate
from schemas.config import SamplingConfig
from schemas.problem import Problem

_UNKNOWN = -1  # files don't say how their samples were drawn


def open_sampler(
    config: SamplingConfig,
    cache: Path,
    api_key: str | None,
    say: Callable[[str], None],
    progress: Callable[[str, float], None] | None = None,
    seed: int = 0,
) -> Sampler:
    """Return the sampler that a configuration asks for, ready to draw.

    `auto` takes the file if one is given, else vLLM where it is installed, else transformers; a server is
    asked only by name.

    Args:
        config: what to draw from.
        cache: folder for converted models.
        api_key: key of the server, for openai.
        say: takes a line for the user.
        progress: takes phase and share done while the embedded model is converted.
        seed: seed of an engine that takes no seed a request (vLLM on a CPU).

    Raises:
        SamplingError: if the backend isn't installed, or there is no such model or file.
    """
    backend = choose_backend(config)
    if backend == "files":
        return FilesSampler(config, say)
    if backend == "openai":
        return OpenAISampler(config, api_key, say)
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise SamplingError(
            "no model can be run here; pip install 'pairsmith[train]', or set sampling.backend to openai or files"
        )
    from pipeline.sampling.models import resolve_model

    model = resolve_model(config, cache, say, progress)
    if backend == "vllm":
        from pipeline.sampling.vllm_backend import VllmSampler

        return VllmSampler(config, model, seed, say)
    from pipeline.sampling.transformers_backend import TransformersSampler

    return TransformersSampler(config, model, say)


def choose_backend(config: SamplingConfig) -> str:
    """Return the backend that a configuration means: transformers, vllm, openai or files."""
    if config.backend != "auto":
        return config.backend
    if config.samples is not None:
        return "files"
    return "vllm" if importlib.util.find_spec("vllm") is not None else "transformers"


def plan_requests(
    problems: Sequence[Problem], config: SamplingConfig, seed: int, sampler: Sampler
) -> list[Request]:
    """Return the requests for `config.n` completions a problem, sorted by problem and index.

    Of samples from files there may be fewer.

    Raises:
        SamplingError: if a problem can't be put to the model (no signature to continue).
    """
    from_file = sampler.backend == "files"
    temperature = float(_UNKNOWN) if from_file else config.temperature
    top_p = float(_UNKNOWN) if from_file else config.top_p
    max_tokens = _UNKNOWN if from_file else config.max_tokens
    requests = []
    for problem in sorted(problems, key=lambda problem: problem.problem_id):
        for index in range(config.n):
            opening = sampler.opening(problem, index)
            if opening is None:
                break
            identity = candidate_id(
                sampler.model,
                sampler.revision,
                opening.template,
                temperature,
                top_p,
                max_tokens,
                seed,
                problem.problem_id,
                opening.text,
                index,
            )
            requests.append(
                Request(
                    candidate_id=identity,
                    problem_id=problem.problem_id,
                    index=index,
                    opening=opening,
                    entry_point=problem.entry_point,
                    temperature=temperature,
                    top_p=top_p,
                    max_tokens=max_tokens,
                    seed=draw_seed(seed, problem.problem_id, index),
                    # What ends a function goes on inside a program.
                    stop=CONTINUATION_STOP if opening.template == "continuation" and problem.entry_point else (),
                )
            )
    return requests


def sample_problems(
    problems: Sequence[Problem],
    sampler: Sampler,
    config: SamplingConfig,
    seed: int,
    have: Collection[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Candidate]:
    """Return the candidates that are not there yet, sorted by problem and index.

    Empty completions are candidates too. Requests that a server could not fill are missing.

    Args:
        problems: at least one.
        sampler: where completions come from.
        config: how many, how hot, how long.
        seed: seed of the run.
        have: ids of candidates that exist and are not drawn again.
        on_progress: takes the candidates and the tokens drawn so far.

    Raises:
        SamplingError: see `Sampler.sample` and `plan_requests`.
    """
    known = frozenset(have)
    planned = plan_requests(problems, config, seed, sampler)
    requests = [request for request in planned if request.candidate_id not in known]
    candidates = []
    n_tokens = 0
    for drawn in sampler.sample(requests):
        candidates.append(_candidate(drawn, sampler))
        n_tokens += max(drawn.n_tokens, 0)
        if on_progress is not None:
            on_progress(len(candidates), n_tokens)
    return sorted(candidates, key=lambda candidate: (candidate.problem_id, candidate.index))


def _candidate(drawn: Drawn, sampler: Sampler) -> Candidate:
    request = drawn.request
    return Candidate(
        candidate_id=request.candidate_id,
        problem_id=request.problem_id,
        index=request.index,
        backend=sampler.backend,
        model=sampler.model,
        revision=sampler.revision,
        template=request.opening.template,
        prompt=request.opening.text,
        completion=drawn.completion,
        temperature=request.temperature,
        top_p=request.top_p,
        max_tokens=request.max_tokens,
        seed=drawn.seed,
        n_prompt_tokens=drawn.n_prompt_tokens,
        n_tokens=drawn.n_tokens,
        finish_reason=drawn.finish_reason,
        mean_logprob=drawn.mean_logprob,
    )
