"""Who a candidate is: the same request has the same id and seed, whoever draws it and when."""

import hashlib
import json

N_SEEDS = 2**31  # the widest range that every server takes


def draw_seed(seed: int, problem_id: str, index: int) -> int:
    """Return the seed of one draw, 0 <= seed < 2**31."""
    digest = hashlib.sha256(f"{seed}:{problem_id}:{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % N_SEEDS


def candidate_id(
    model: str,
    revision: str,
    template: str,
    temperature: float,
    top_p: float,
    max_tokens: int,
    seed: int,
    problem_id: str,
    prompt: str,
    index: int,
) -> str:
    """Return 32 hex digits over all that decides what is drawn.

    `revision` is that of the weights, adapter included; `seed` is the run's; `prompt` is the user message or
    the code. The problem's id is part of it: two problems of one wording have candidates of their own.
    """
    parts = [model, revision, template, temperature, top_p, max_tokens, seed, problem_id, prompt, index]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
