"""The card of a synthesised problem: where it comes from, and what speaks for it and against it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemCard:
    """One problem, kept or not.

    Attributes:
        reason: why it was left out, the first rule that it breaks; empty for a kept one.
        seed_id, seed_path, seed_line, seed_language: the function that it began with.
        license: SPDX name of the seed's licence; empty where nobody says.
        concepts_id, instruction_id: the answers of the chain that it was made of, in their steps' tables.
        models: who wrote it, its responses and its tests; sorted.
        difficulty, topic: as drawn.
        n_responses: responses drawn; n_chosen and n_rejected: those that agreement decided.
        posterior: of the likeliest behaviour.
        n_tests: different tests that were written for it; n_cases: accepted ones.
        n_off_signature: tests whose arguments or value are not what the signature says.
        pass_rate: share of the weak draws (else of the responses) that pass the accepted cases, in [0, 1].
        n_mutants: changed solutions that behave otherwise on some input; n_killed: those that the cases tell.
        near: kept problem that it repeats; empty for none.
        contaminated_by: item of a benchmark that it overlaps with; empty for none.
        best_id: the response that is likeliest right; empty for none.
    """

    problem_id: str
    reason: str
    seed_id: str
    seed_path: str
    seed_line: int
    seed_language: str
    license: str
    concepts_id: str
    instruction_id: str
    models: tuple[str, ...]
    difficulty: str
    topic: str
    n_responses: int
    n_chosen: int
    n_rejected: int
    posterior: float
    n_tests: int
    n_cases: int
    n_off_signature: int
    pass_rate: float
    n_mutants: int
    n_killed: int
    near: str
    contaminated_by: str
    best_id: str
