"""Who a candidate is: the same request has the same id and seed, whoever draws it and when."""

import hashlib
import json

from pairsmith.pipeline.sampling.protocol import Opening

N_SEEDS = 2**31  # the widest range that every server takes
_LAST_FIRST_SEED = N_SEEDS - 2**20  # room for the seeds that follow the first
DRAWING_VERSION = 2  # raise it when the same request would be drawn otherwise: nothing stored is used then


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
    asked = [
        opening.template,
        *(f"{message.role}: {message.content}" for message in opening.context),
        opening.text,
    ]
    parts: list[object] = [model, revision, asked, temperature, top_p, max_tokens, list(stop)]
    parts += [seed, problem_id, number]
    if extra:  # without further parameters, ids are those of older versions
        parts.append(extra)
    return hashlib.sha256(json.dumps([DRAWING_VERSION, parts]).encode()).hexdigest()[:32]
