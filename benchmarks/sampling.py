"""Tokens a second of vLLM alone, of our sampling, and of our sampling with judging at the same time.

    python -m benchmarks.sampling --problems 24 --n 8

Runs where vLLM and pairsmith's pipeline are both installed (Prefect isn't needed). One engine serves all three, in
one run: raw `LLM.chat` over the same prompts with `n`, our sampler alone, and our sampler feeding a line that
extracts, executes and judges. Judging is timed alone too. Prompts are read from vLLM's prefix cache alike: a first
pass, not timed, warms it.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.extraction import extract_program
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.pipeline.run.cpus import reserve_cpus
from pairsmith.pipeline.run.thread_pipeline import Line
from pairsmith.pipeline.sampling import SampleStore, open_sampler
from pairsmith.pipeline.sampling.filling import Group, fill
from pairsmith.pipeline.sampling.planning import Source, deal, list_arms, plan_problem
from pairsmith.pipeline.sampling.vllm_backend import VllmSampler
from pairsmith.pipeline.sandbox import SandboxPool, open_pool
from pairsmith.schemas.candidate import Candidate
from pairsmith.schemas.config import ExecutionConfig, SandboxConfig
from pairsmith.schemas.config.sampling import SamplingConfig
from pairsmith.schemas.problem import Problem


def main() -> None:
    options = _options()
    problems = [item.problem for item in load_starter(starter_folder())][: options.problems]
    config = SamplingConfig(backend="vllm", model=options.model, n=options.n, max_tokens=options.max_tokens)
    said: Callable[[str], None] = lambda text: None  # noqa: E731
    limits = SandboxConfig(backend=options.sandbox, workers=1)
    with (
        open_sampler(config, options.cache, None, print) as sampler,
        open_pool(limits, ExecutionConfig(), "benchmark", said) as pool,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert isinstance(sampler, VllmSampler)
        bench = Bench(problems, config, sampler, pool, Path(folder))
        bench.sample(seed=99)
        print(f"{len(problems)} problems, n = {options.n}, at most {options.max_tokens} tokens each")
        rates = []
        for seed in range(options.rounds):
            raw, ours = bench.raw(seed), bench.sample(seed + 1000)
            rates.append((raw, ours))
            print(
                f"round {seed}: raw {raw[0] / raw[1]:7.1f} tokens/s, ours alone {ours[0] / ours[1]:7.1f} tokens/s"
            )
        raw_rate = sum(raw[0] for raw, _ in rates) / sum(raw[1] for raw, _ in rates)
        our_rate = sum(ours[0] for _, ours in rates) / sum(ours[1] for _, ours in rates)
        print(f"ours over raw: {our_rate / raw_rate:.3f}")
        tokens, alone_s = bench.sample(seed=5000)
        judge_s = bench.judge_all()
        together_tokens, together_s = bench.sample(seed=6000, judging=True)
        print(f"sampling alone {alone_s:6.1f} s for {tokens} tokens; judging alone {judge_s:6.1f} s")
        print(f"overlapped     {together_s:6.1f} s for {together_tokens} tokens")
        scaled = together_s * tokens / together_tokens
        print(f"overlapped over the longer of both, for equal tokens: {scaled / max(alone_s, judge_s):.3f}")


class Bench:
    """One engine, one pool, and the problems."""

    def __init__(
        self,
        problems: list[Problem],
        config: SamplingConfig,
        sampler: VllmSampler,
        pool: SandboxPool,
        folder: Path,
    ) -> None:
        self.problems, self.config, self.sampler, self.pool, self.folder = problems, config, sampler, pool, folder
        self.by_id = {problem.problem_id: problem for problem in problems}
        self.last: dict[str, list[Candidate]] = {}

    def groups(self, seed: int) -> Iterator[Group]:
        draws = deal(list_arms([Source(self.config, 1.0)]), self.config.n)
        for problem in self.problems:
            plan = plan_problem(problem, draws, self.config, seed, self.sampler)
            yield Group(("", problem.problem_id), plan)

    def raw(self, seed: int) -> tuple[int, float]:
        """Return tokens and seconds of vLLM's own call, all prompts at once."""
        vllm = self.sampler._vllm
        firsts = [group.plan.requests[0] for group in self.groups(seed)]
        settings = [
            vllm.SamplingParams(
                n=self.config.n, temperature=first.temperature, top_p=first.top_p, max_tokens=first.max_tokens,
                logprobs=0, seed=first.seed,
            )
            for first in firsts
        ]  # fmt: skip
        started = time.monotonic()
        outputs = self.sampler._engine.chat(
            [first.opening.messages() for first in firsts], settings, use_tqdm=False
        )
        seconds = time.monotonic() - started
        return sum(len(one.token_ids) for output in outputs for one in output.outputs), seconds

    def sample(self, seed: int, judging: bool = False) -> tuple[int, float]:
        """Return tokens and seconds of our sampling, with a store, as a run does it."""
        store = SampleStore(self.folder / f"{seed}.sqlite")
        line = Line([self._judge], 64) if judging else None
        tokens, self.last = 0, {}
        started = time.monotonic()
        for group in fill(self.groups(seed), self.sampler, store):
            rows = list(group.candidates.values())
            tokens += sum(row.n_tokens for row in rows)
            self.last[group.name[1]] = rows
            if line is not None:
                line.put(rows)
        if line is not None:
            line.finish()
        seconds = time.monotonic() - started
        store.close()
        return tokens, seconds

    def judge_all(self) -> float:
        """Return the seconds that judging the last candidates takes alone."""
        started = time.monotonic()
        for rows in self.last.values():
            self._judge(rows)
        return time.monotonic() - started

    def _judge(self, rows: list[Candidate]) -> Iterator[None]:
        with reserve_cpus(1):
            programs = [extract_program(row, self.by_id[row.problem_id]) for row in rows]
            for execution in execute_programs(programs, self.by_id, self.pool):
                judge(self.by_id[execution.problem_id], execution)
        return iter(())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument("--n", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=2, help="of raw and ours alone, in turn")
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument(
        "--model", default="smollm2", help="a model folder, where the embedded one isn't installed"
    )
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "pairsmith")
    return parser.parse_args()


if __name__ == "__main__":
    main()
