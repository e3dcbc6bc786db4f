"""Which completions are to be drawn of a problem, by which model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pairsmith.pipeline.sampling.arms import Draw
from pairsmith.pipeline.sampling.errors import NoSignatureError
from pairsmith.pipeline.sampling.identity import candidate_id, draw_seed
from pairsmith.pipeline.sampling.opening import make_opening, resolve_template
from pairsmith.pipeline.sampling.protocol import Drawn, Failure, Opening, Request, Sampler, Trouble
from pairsmith.pipeline.sampling.stopping import stop_texts
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Problem

_UNKNOWN = -1  # files don't say how their samples were drawn


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one problem to one model.

    Attributes:
        requests: by arm, then number: those that differ in nothing but their number stand side by side.
        failures: draws that can't be asked for.
    """

    requests: tuple[Request, ...]
    failures: tuple[Failure, ...] = ()


def plan_problem(
    problem: Problem, draws: Sequence[Draw], config: SamplingConfig, seed: int, sampler: Sampler
) -> Plan:
    """Return the requests for the draws of one problem; draws past a file's last sample are left out.

    Args:
        problem: what is asked.
        draws: of this sampler's model.
        config: the settings of this model.
        seed: seed of the run.
        sampler: where completions come from.

    Raises:
        SamplingError: if a template isn't there, or needs a chat template that the model lacks.
    """
    requests: list[Request] = []
    failures: list[Failure] = []
    openings: dict[str, Opening | NoSignatureError] = {}
    for draw in draws:
        if sampler.backend == "files":
            opening = sampler.stored(problem, draw.number)
            if opening is not None:
                requests.append(_request(problem, draw, opening, config, seed, sampler))
            continue
        name = resolve_template(draw.arm.template, sampler.has_chat, sampler.model, config.prompts)
        if name not in openings:
            try:
                openings[name] = make_opening(problem, name, config.prompts)
            except NoSignatureError as error:
                openings[name] = error
        found = openings[name]
        if isinstance(found, Opening):
            requests.append(_request(problem, draw, found, config, seed, sampler))
        else:
            nothing = _request(problem, draw, Opening("continuation", "", name), config, seed, sampler)
            failures.append(Failure(nothing, Trouble.NO_SIGNATURE, str(found)))
    places = {draw.arm: place for place, draw in reversed(list(enumerate(draws)))}
    order = {draw.index: (places[draw.arm], draw.number) for draw in draws}
    return Plan(tuple(sorted(requests, key=lambda request: order[request.index])), tuple(failures))


def make_candidate(drawn: Drawn, sampler: Sampler, is_on_policy: bool) -> Candidate:
    """Return the candidate that came of a request."""
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
        prompt_template=request.opening.name,
        context=request.opening.context,
        is_on_policy=is_on_policy,
        token_logprobs=drawn.token_logprobs,
        wall_s=round(drawn.wall_s, 3),
        extra=request.extra,
    )


def renew(stored: Candidate, request: Request, is_on_policy: bool) -> Candidate:
    """Return a stored sample as this run asks for it: place, name of the template and policy may differ."""
    return replace(
        stored,
        index=request.index,
        problem_id=request.problem_id,
        prompt_template=request.opening.name,
        is_on_policy=is_on_policy,
    )


def _request(
    problem: Problem, draw: Draw, opening: Opening, config: SamplingConfig, seed: int, sampler: Sampler
) -> Request:
    from_file = sampler.backend == "files"
    temperature = float(_UNKNOWN) if from_file else draw.arm.temperature
    top_p = float(_UNKNOWN) if from_file else draw.arm.top_p
    max_tokens = _UNKNOWN if from_file else config.max_tokens
    # What ends a function goes on inside a program, which has no entry point.
    stop = () if from_file or not problem.entry_point else stop_texts(opening.template, problem.language)
    extra = "" if from_file else config.extra_json
    revision = sampler.revision_of(problem.problem_id, draw.number)
    identity = candidate_id(
        sampler.model, revision, opening, temperature, top_p, max_tokens, stop, seed, problem.problem_id,
        draw.number, extra,
    )  # fmt: skip
    return Request(
        candidate_id=identity,
        problem_id=problem.problem_id,
        index=draw.index,
        opening=opening,
        entry_point=problem.entry_point,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        seed=draw_seed(seed, problem.problem_id, draw.number),
        stop=stop,
        number=draw.number,
        extra=extra,
    )
