"""Tokens a second of the sampler and of a plain client that sends the same requests at once, from one vLLM.

    python -m benchmarks.raw_client --vllm ENVIRONMENT

The embedded model is served on a CPU. Both clients ask for the same completions with the same seeds, in turns, so
that the machine's load falls on both; a first turn of each is not counted. Tokens are those of vLLM's metrics.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from pairsmith.flows.cli.shared import default_cache
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.sampling.concurrency import read_metrics
from pairsmith.pipeline.sampling.models import open_sampler
from pairsmith.pipeline.sampling.openai_api import Dialect, make_body
from pairsmith.pipeline.sampling.openai_backend import OpenAISampler
from pairsmith.pipeline.sampling.protocol import Drawn, Opening, Request, group_requests
from pairsmith.schemas.config.sampling import SamplingConfig, VllmConfig


def main() -> None:
    """Measure both clients in turns."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vllm", type=Path, required=True, help="virtual environment with vLLM")
    parser.add_argument("--problems", type=int, default=12)
    parser.add_argument("--draws", type=int, default=8, help="of each problem")
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    engine = {"max_num_seqs": 32, "gpu_memory_utilization": 0.1}
    config = SamplingConfig(
        backend="vllm", max_tokens=48, vllm=VllmConfig(environment=given.vllm.expanduser(), engine=engine)
    )
    asked = list_requests(given.problems, given.draws)
    rates: dict[str, list[float]] = {"sampler": [], "plain": []}
    with (
        tempfile.TemporaryDirectory() as logs,
        open_sampler(config, default_cache(), None, print, logs=Path(logs)) as sampler,
    ):
        assert isinstance(sampler, OpenAISampler)
        for turn in range(given.turns + 1):
            for name in rates:
                before, began = asyncio.run(count_tokens(sampler)), time.monotonic()
                if name == "sampler":
                    assert all(isinstance(one, Drawn) for one in sampler.sample(asked))
                else:
                    asyncio.run(draw_plainly(sampler, asked))
                wall_s = time.monotonic() - began
                n = asyncio.run(count_tokens(sampler)) - before
                print(f"turn {turn}, {name:<7}: {n:.0f} tokens, {n / wall_s:.1f} tokens/s", flush=True)
                if turn:
                    rates[name].append(n / wall_s)
    ratios = [ours / theirs for ours, theirs in zip(*rates.values(), strict=True)]
    print(f"sampler over plain: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def list_requests(n_problems: int, n_draws: int) -> list[Request]:
    """Return the draws of some starter problems."""
    items = load_starter(starter_folder())[:n_problems]
    return [
        Request(
            candidate_id=f"{item.problem.problem_id}/{number}", problem_id=item.problem.problem_id, index=number,
            seed=1000 * place + number, number=number, temperature=0.8, top_p=0.95, max_tokens=48,
            opening=Opening("chat", item.problem.prompt, "instruct"), entry_point=item.problem.entry_point,
        )
        for place, item in enumerate(items)
        for number in range(n_draws)
    ]  # fmt: skip


async def count_tokens(sampler: OpenAISampler) -> float:
    """Return the tokens that the server has made so far."""
    async with httpx.AsyncClient(trust_env=False) as client:
        metrics = await read_metrics(client, sampler.urls[0])
    assert metrics is not None
    return metrics.n_tokens


async def draw_plainly(sampler: OpenAISampler, asked: Sequence[Request]) -> None:
    """Send all requests at once, and wait for the answers."""
    bodies = [
        make_body(group, sampler.served_name, Dialect({"logprobs"})) for group in group_requests(asked, lambda: 16)
    ]
    async with httpx.AsyncClient(headers=sampler._headers, timeout=None, trust_env=False) as client:
        answers = await asyncio.gather(*(client.post(sampler.urls[0] + path, json=body) for path, body in bodies))
    for answer in answers:
        answer.raise_for_status()


if __name__ == "__main__":
    main()
