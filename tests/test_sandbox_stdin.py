"""Programs on stdin and stdout: a child for each input, on every sandbox."""

import pytest

from pairsmith.pipeline.sandbox.contract import Answer, Ending, Engine, Job
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import decode_value, encode_value
from tests.sandboxes import LIMITS


def run(pool: SandboxPool, code: str, *texts: str, setup: str = "") -> tuple[list[Answer], Ending]:
    """Run a program on texts, one child each."""
    job = Job(setup, code, "", tuple(encode_value(text) for text in texts or ("",)), mode="stdin")
    return pool.run(lambda bench: bench.candidate.run(job))


def printed(pool: SandboxPool, code: str, text: str = "") -> object:
    """Return what a program prints on a text; it must end well."""
    answers, ending = run(pool, code, text)
    assert answers[0].status is Status.OK, (answers, ending)
    assert ending.status is Status.OK, ending
    return decode_value(answers[0].value)


@pytest.mark.parametrize(
    "code",
    [
        "n = int(input())\nprint(sum(int(input()) for _ in range(n)))",
        "import sys\nprint(sum(map(int, sys.stdin.read().split()[1:])))",
        "print(sum(map(int, open(0).read().split()[1:])))",
        "import sys\ndata = sys.stdin.buffer.read().split()\n"
        "sys.stdout.buffer.write(b'%d\\n' % sum(map(int, data[1:])))",
        "import sys\nlines = sys.stdin.readlines()\nprint(sum(int(line) for line in lines[1:]))",
        "import fileinput\nprint(sum(int(line) for line in list(fileinput.input())[1:]))",
        "import os\nprint(sum(map(int, os.read(0, os.fstat(0).st_size).split()[1:])))",
        "import mmap\nprint(sum(map(int, mmap.mmap(0, 0, prot=mmap.PROT_READ)[:].split()[1:])))",
        "import sys\nfor line in sys.stdin: pass\nsys.stdin.seek(0)\n"
        "print(sum(map(int, sys.stdin.read().split()[1:])))",
        "def main():\n print(sum(int(input()) for _ in range(int(input()))))\nif __name__ == '__main__': main()",
        "import sys\nn = int(input())\nprint(sum(int(input()) for _ in range(n)))\nsys.exit(0)",
        "import sys\nn = int(input())\nprint(sum(int(input()) for _ in range(n)))\nsys.exit()",
        "n = int(input())\nout = open(1, 'w')\nout.write(f'{sum(int(input()) for _ in range(n))}\\n')",
        "import sys, io\nreal = sys.stdout\nsys.stdout = io.StringIO()\nn = int(input())\n"
        "print(sum(int(input()) for _ in range(n)))\nreal.write(sys.stdout.getvalue())",
        "import atexit\natexit.register(lambda: print(sum(int(input()) for _ in range(int(input())))))",
        "import threading, sys\nsys.setrecursionlimit(10**6)\nthreading.stack_size(1 << 26)\n"
        "def main():\n print(sum(int(input()) for _ in range(int(input()))))\n"
        "threading.Thread(target=main).start()",
        "import os\nn = int(input())\ns = sum(int(input()) for _ in range(n))\nprint(s, flush=True)\nos._exit(0)",
    ],
)
def test_input_is_read_and_output_written_in_every_usual_way(pool: SandboxPool, code: str) -> None:
    assert printed(pool, code, "3\n4\n5\n6\n") == "15\n"


def test_text_of_any_alphabet_passes_unchanged(pool: SandboxPool) -> None:
    text = "Grüße, 世界 \U0001f600 \x00 \t\n\n"
    assert printed(pool, "import sys; sys.stdout.write(sys.stdin.read())", text) == text


def test_output_that_is_no_text_comes_as_bytes(pool: SandboxPool) -> None:
    assert printed(pool, "import sys; sys.stdout.buffer.write(b'\\xff\\n')") == b"\xff\n"


def test_each_input_meets_a_fresh_program(pool: SandboxPool) -> None:
    code = (
        "import builtins, os, sys\n"
        "print(getattr(builtins, 'seen', 0), os.path.exists('/tmp/seen'), os.path.exists('/dev/shm/seen'))\n"
        "builtins.seen = 1\n"
        "for folder in ('/tmp', '/dev/shm'):\n"
        "  try: open(folder + '/seen', 'w').close()\n"
        "  except OSError: pass\n"
    )
    answers, _ = run(pool, code, "", "", "")
    assert {decode_value(answer.value) for answer in answers} == {"0 False False\n"}


def test_what_a_child_leaves_running_is_gone_before_the_next_input(pool: SandboxPool) -> None:
    code = (
        "import os, socket, sys, time\n"
        "probe = socket.socket(socket.AF_UNIX)\n"
        "try: probe.connect('\\0left'); print('found')\n"
        "except OSError: print('alone')\n"
        "sys.stdout.flush()\n"
        "if os.fork() == 0:\n"
        "  os.setsid()\n"
        "  if os.fork() == 0:\n"
        "    server = socket.socket(socket.AF_UNIX); server.bind('\\0left'); server.listen()\n"
        "    open('/tmp/ready', 'w').close()\n"
        "    time.sleep(60)\n"
        "  os._exit(0)\n"
        "while not os.path.exists('/tmp/ready'): time.sleep(0.01)\n"
    )
    answers, ending = run(pool, code, "", "", "")
    assert [decode_value(answer.value) for answer in answers] == ["alone\n"] * 3
    assert ending.status is Status.OK
    assert ending.wall_s < 15


@pytest.mark.parametrize(
    ("code", "status", "exception"),
    [
        ("print(1); raise KeyError(1)", Status.EXCEPTION, "KeyError"),
        ("print(1); x = int('a')", Status.EXCEPTION, "ValueError"),
        ("print(1); import sys; sys.exit(3)", Status.EXITED, "SystemExit"),
        ("print(1); exit('no')", Status.EXITED, "SystemExit"),
        ("import os; print(1, flush=True); os._exit(1)", Status.EXITED, "SystemExit"),
        ("import os; print(1, flush=True); os.abort()", Status.EXITED, "SIGABRT"),
        ("import ctypes; ctypes.string_at(0)", Status.EXITED, "SIGSEGV"),
        ("x = bytearray(1 << 40)", Status.MEMORY, "MemoryError"),
        ("print('x' * 30_000_000)", Status.OUTPUT_LIMIT, ""),
        ("while True: print('x' * 1000)", Status.OUTPUT_LIMIT, ""),
        ("print('\\u00e9' * 3_000_000)", Status.OUTPUT_LIMIT, ""),
        ("def f(): return f()\nf()", Status.EXCEPTION, "RecursionError"),
        ("input()", Status.EXCEPTION, "EOFError"),
    ],
)
def test_a_bad_end_is_that_inputs_alone(pool: SandboxPool, code: str, status: Status, exception: str) -> None:
    code = f"import sys\nif sys.stdin.read(): print('fine'); sys.exit()\n{code}"
    answers, ending = run(pool, code, "a", "", "b")
    assert [answer.status for answer in answers] == [Status.OK, status, Status.OK]
    assert answers[1].exception == exception
    assert ending.status is Status.OK


@pytest.mark.parametrize(
    ("code", "status", "detail"),
    [
        ("while True: pass", Status.TIMEOUT, ""),
        ("import signal\nsignal.signal(signal.SIGXCPU, lambda *_: None)\nwhile True: pass", Status.TIMEOUT, ""),
        ("import time\ntime.sleep(99)", Status.TIMEOUT, "wall"),
        ("import os\nos.close(1)\nimport time\ntime.sleep(99)", Status.TIMEOUT, "wall"),
        ("import os\nwhile True: os.write(2, b'x' * 100_000)", Status.OUTPUT_LIMIT, ""),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", Status.EXITED, "signal 9"),
        ("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nsignal.pause()", Status.EXITED, ""),
    ],
)
def test_an_input_that_uses_up_a_limit_ends_the_program(
    pool: SandboxPool, code: str, status: Status, detail: str
) -> None:
    code = f"import sys\nif sys.stdin.read(): print('fine'); sys.exit()\n{code}"
    answers, ending = run(pool, code, "a", "", "b")
    assert [answer.status for answer in answers] == [Status.OK, status, Status.NOT_RUN]
    assert ending.status is status
    assert ending.detail.startswith(detail)


def test_cpu_time_is_counted_for_each_input(engine: Engine) -> None:
    code = "import time\nwhile time.process_time() < 0.8: pass\nprint(1)"
    patient = LIMITS.model_copy(update={"case_wall_s": 60.0})
    sandbox = Sandbox(engine, patient)
    answers, ending = sandbox.run(Job("", code, "", ('""',) * 3, mode="stdin"))  # 2.4 s in all, 2 s allowed each
    sandbox.close()
    assert [answer.status for answer in answers] == [Status.OK] * 3
    assert ending.cpu_s > LIMITS.cpu_s


def test_code_that_does_not_compile_fails_at_load(pool: SandboxPool) -> None:
    answers, ending = run(pool, "print(1", "")
    assert (ending.status, ending.exception) == (Status.EXCEPTION, "SyntaxError")
    assert answers[0].status is Status.NOT_RUN


def test_setup_runs_in_the_programs_own_namespace(pool: SandboxPool) -> None:
    answers, _ = run(pool, "print(floor(2.5))", "", setup="from math import *")
    assert decode_value(answers[0].value) == "2\n"


def test_no_descriptor_leads_out_of_a_child(pool: SandboxPool) -> None:
    code = (
        "import os\n"
        "for fd in range(3, 256):\n"
        "  try: os.write(fd, b'\\0' * 64)\n"
        "  except OSError: pass\n"
        "try: os.kill(-1, 9)\n"
        "except PermissionError: print('refused')\n"
    )
    answers, _ = run(pool, code, "", "")
    # What it wrote where names of exceptions go makes its own end a bad one, and nobody else's.
    assert [answer.status for answer in answers] == [Status.EXCEPTION] * 2


def test_random_numbers_are_the_same_in_every_run(pool: SandboxPool) -> None:
    assert printed(pool, "import random; print(random.random())") == printed(
        pool, "import random; print(random.random())"
    )
