"""Planned completions of a problem with their identities.

An arm is one entry of the schedule with one prompt template. Draws are dealt to the arms one by
one, each to the arm that lags most behind its share: the first n draws are the same whatever n is, and a larger n
only adds. The same request has the same id and seed, whichever run draws it and when.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pairsmith.pipeline.sampling.opening import make_opening, resolve_template, stop_texts
from pairsmith.pipeline.sampling.protocol import (
    Drawn,
    Failure,
    NoSignatureError,
    Opening,
    Request,
    Sampler,
    Trouble,
    answer_limit,
)
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config.sampling import SamplingConfig, ScheduleConfig
from pairsmith.schemas.problem import Problem

N_SEEDS = 2**31  # the widest range that every server takes
_LAST_FIRST_SEED = N_SEEDS - 2**20  # room for the seeds that follow the first
DRAWING_VERSION = 2  # raise it when the same request would be drawn otherwise: nothing stored is used then
_UNKNOWN = -1  # files don't say how their samples were drawn


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to draw."""

    template: str  # name of the prompt template, or `auto`
    temperature: float
    top_p: float
    weight: float  # share of the draws, > 0; all arms' weights sum to 1


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw of a problem."""

    arm: Arm
    index: int  # number among all draws of the problem, from 0
    number: int  # number among the draws of its arm, from 0


def list_arms(config: SamplingConfig) -> tuple[Arm, ...]:
    """Return all arms."""
    schedule = config.schedule or (ScheduleConfig(temperature=config.temperature, top_p=config.top_p),)
    whole = sum(entry.share for entry in schedule) * len(config.templates)
    return tuple(
        Arm(template, entry.temperature, entry.top_p, entry.share / whole)
        for entry in schedule
        for template in config.templates
    )


def deal(arms: Sequence[Arm], n: int) -> list[Draw]:
    """Return the first n draws; those of a smaller n are the first of them."""
    counts = [0] * len(arms)
    draws = []
    for index in range(n):
        # Rounded, so that equal shares stay equal whatever the order of their sums; ties go to the first.
        lags = [round(arm.weight * (index + 1) - counts[i], 9) for i, arm in enumerate(arms)]
        chosen = lags.index(max(lags))
        draws.append(Draw(arms[chosen], index, counts[chosen]))
        counts[chosen] += 1
    return draws


def draw_seed(seed: int, problem_id: str, number: int) -> int:
    """Return the seed of one draw, 0 <= seed < 2**31.

    Seeds of one problem are consecutive, as vLLM seeds the completions of one request with `n`: so a draw has
    its seed however many are asked for at once.
    """
    digest = hashlib.sha256(f"{seed}:{problem_id}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") % _LAST_FIRST_SEED + number) % N_SEEDS


def candidate_id(
    model: str,
    revision: str,
    opening: Opening,
    temperature: float,
    top_p: float,
    max_tokens: int,
    stop: tuple[str, ...],
    seed: int,
    problem_id: str,
    number: int,
    extra: str = "",
) -> str:
    """Return 32 hex digits over all that decides what is drawn.

    `revision` is that of the weights, adapter included; `seed` is the run's; `number` counts the draws that
    differ in nothing else; `extra` holds further sampling parameters as canonical JSON. The problem's id is part
    of it: two problems of one wording have candidates of their own. The name of the prompt template is not: what
    it wrote is.
    """
    context = [f"{message.role}: {message.content}" for message in opening.context]
    asked = [opening.template, *context, opening.text]
    parts: list[object] = [model, revision, asked, temperature, top_p, max_tokens, list(stop)]
    parts += [seed, problem_id, number]
    if extra:  # without further parameters, ids are those of older versions
        parts.append(extra)
    return hashlib.sha256(json.dumps([DRAWING_VERSION, parts]).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of one problem."""

    # by arm, then number: those that differ in nothing but their number stand side by side
    requests: tuple[Request, ...]
    failures: tuple[Failure, ...] = ()  # draws that can't be asked for


def plan_problem(
    problem: Problem, draws: Sequence[Draw], config: SamplingConfig, seed: int, sampler: Sampler
) -> Plan:
    """Return the requests for the draws of one problem; a file has none past its last sample.

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
        reasoning=drawn.reasoning,
        n_reasoning_tokens=drawn.n_reasoning_tokens,
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
    stop: tuple[str, ...]
    if sampler.backend == "files":
        temperature = top_p = float(_UNKNOWN)
        max_tokens = asked_tokens = _UNKNOWN
        stop, extra = (), ""
    else:
        temperature, top_p, extra = draw.arm.temperature, draw.arm.top_p, config.extra_json
        max_tokens = answer_limit(config, sampler.context())
        asked_tokens = config.fixed_max_tokens or 0  # a limit that follows the model is no part of the identity
        # What ends a function goes on inside a program, which has no entry point.
        stop = stop_texts(opening.template, problem.language) if problem.entry_point else ()
    revision = sampler.revision_of(problem.problem_id, draw.number)
    identity = candidate_id(
        sampler.model, revision, opening, temperature, top_p, asked_tokens, stop, seed, problem.problem_id,
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
