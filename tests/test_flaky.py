"""Programs that guess, or depend on what no right program does: none passes, and honest ones beside them do."""

import pytest

from pairsmith.pipeline.execution.forms import N_GUESSES, n_further_runs
from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox.inside.program import CLOCK_STEP_S
from pairsmith.pipeline.sandbox.pool import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.problem import Case
from pairsmith.schemas.values import encode_arguments, encode_value
from pairsmith.schemas.verdict import Label
from tests.pairing_records import problem as make_problem

NAMES = ["banana", "cherry", "apple", "fig", "date"]
# Each is right in some runs for a problem that expects True, or the names in their order.
GUESSES = [
    "import random\ndef f(x): return random.random() > 0.5",
    "import random\ndef f(x): return random.choice([True, False])",
    "from random import randint\ndef f(x): return bool(randint(0, 1))",
    "import random\nr = random.Random()\ndef f(x): return r.random() < 0.5",
    "import random\ndef f(x): return random.getrandbits(1) == 1",
    "import random\ndef f(x): return random.SystemRandom().random() > 0.5",
    "import secrets\ndef f(x): return secrets.randbelow(2) == 1",
    "import os\ndef f(x): return os.urandom(1)[0] % 2 == 0",
    "import uuid\ndef f(x): return uuid.uuid4().int % 2 == 0",
    "import random\ndef f(x):\n y = [True, False]\n random.shuffle(y)\n return y[0]",
    "import random\ndef f(x): return random.sample([True, False], 1)[0]",
    "import random\ndef f(x): return random.gauss(0, 1) > 0",
    "import tempfile\ndef f(x): return ord(tempfile.mkdtemp()[-1]) % 2 == 0",
    "import time\ndef f(x): return time.time_ns() // 1000 % 2 == 0",
    "import time\ndef f(x): return int(time.time() * 1e6) % 2 == 0",
    "import time\ndef f(x): return time.perf_counter_ns() // 1000 % 2 == 0",
    "import time\ndef f(x): return time.monotonic_ns() // 1000 % 2 == 0",
    "import datetime\ndef f(x): return datetime.datetime.now().microsecond % 2 == 0",
    "import datetime\ndef f(x): return datetime.date.today().toordinal() % 2 == 0",
    "import time\ndef f(x): return time.localtime().tm_yday % 2 == 0",
    "import time\ndef f(x): return time.gmtime().tm_mon % 2 == 0",
    "import time\ndef f(x): return time.strftime('%S') < '30'",
    "import datetime\ndef f(x): return datetime.datetime.utcnow().weekday() % 2 == 0",
    "import datetime\ndef f(x): return datetime.datetime.now(tz=datetime.timezone.utc).year % 2 == 0",
    "from datetime import datetime\ndef f(x): return datetime.now().hour < 12",
    "from datetime import datetime\ndef f(x): return datetime.today().minute % 2 == 0",
    "import os\ndef f(x): return os.getpid() % 2 == 0",
    "import os\ndef f(x): return os.getcwd() == '/tmp'",
    "import os\ndef f(x): return os.environ['TZ'] == 'UTC'",
    "def f(x): return id(object()) // 16 % 7 < 3",
    "def f(x): return id(object()) // 32 % 2 == 0",
    "def f(x): return hash('pairsmith') % 2 == 0",
    "def f(x): return hash('a') < hash('b')",
    "def f(x): return str(object())[-4] < '8'",
    "import time\ndef f(x): return hash(time.time()) % 2 == 0",
    "import threading\ndef f(x):\n y = []\n def g(i): y.append((i, sum(range(20000))))\n"
    " ts = [threading.Thread(target=g, args=(i,)) for i in range(24)]\n"
    " [t.start() for t in ts]\n [t.join() for t in ts]\n return hash((str(y), id(y))) % 2 == 0",
]
ORDERS = [
    "def f(x): return list(set(x))",
    "def f(x): return list({*x})",
    "def f(x): return list(frozenset(x))",
    "def f(x): return [y for y in set(x)]",
    "def f(x): return list(dict.fromkeys(set(x)))",
    "def f(x):\n s = set()\n for y in x: s.add(y)\n return list(s)",
    "def f(x): return sorted(x, key=hash)",
    "def f(x): return [y for y in {z for z in x}]",
    "import random\ndef f(x):\n random.shuffle(x)\n return x",
    "def f(x):\n s = set(x)\n return [s.pop() for _ in range(len(s))]",
]
HONEST = [
    "import random\ndef f(x):\n random.shuffle(x)\n return True",
    "import time\ndef f(x):\n start = time.time()\n return time.time() >= start",
    "def f(x): return len(set(x)) == 5",
    "import os\ndef f(x): return os.getpid() == os.getpid()",
    "from datetime import datetime\n"
    "def f(x): return type(datetime.now()) is datetime and datetime.now() <= datetime.now()",
    "import time\ndef f(x): return time.localtime(0).tm_year in (1969, 1970) and time.ctime() != ''",
]


def label(pool: SandboxPool, code: str, expected: object, view: str = "", n_cases: int = 1) -> Label:
    cases = tuple(
        Case(encode_arguments([NAMES[i:]]), encode_value(expected), view=view)  # type: ignore[arg-type]
        for i in range(n_cases)
    )
    problem = make_problem(entry_point="f", cases=cases)
    program = Program("c", problem.problem_id, Extraction.OK, "bare", code)
    return judge(problem, execute_programs([program], {problem.problem_id: problem}, pool)[0]).label


def test_there_are_forty_six() -> None:
    assert len(GUESSES) + len(ORDERS) == 46


@pytest.mark.parametrize("code", GUESSES)
def test_a_guess_does_not_pass(pool: SandboxPool, code: str) -> None:
    assert label(pool, code, True, n_cases=3) is not Label.PASSED  # one case of one bit passes one time in 256


@pytest.mark.parametrize("start", range(24))
def test_the_clocks_of_a_program_that_guesses_stand_on_both_sides_of_noon(start: int) -> None:
    hours = [(start + n * CLOCK_STEP_S / 3600) % 24 for n in range(N_GUESSES)]
    assert len({hour < 12 for hour in hours}) == 2


@pytest.mark.parametrize("code", ORDERS)
def test_an_order_by_chance_does_not_pass(pool: SandboxPool, code: str) -> None:
    assert label(pool, code, NAMES) is not Label.PASSED


@pytest.mark.parametrize("code", HONEST)
def test_chance_that_the_answer_does_not_depend_on_passes(pool: SandboxPool, code: str) -> None:
    assert label(pool, code, True) is Label.PASSED


def test_an_order_that_the_test_does_not_see_passes(pool: SandboxPool) -> None:
    assert label(pool, "def f(x): return list(set(x))", sorted(NAMES), view="sorted") is Label.PASSED


@pytest.mark.parametrize(
    ("code", "language", "n_runs", "n"),
    [
        ("def f(x): return x", "python", 2, 1),
        ("def f(x): return x", "python", 1, 0),
        ("import random", "python", 2, 7),
        ("x = set(y)", "python", 2, 3),
        ('def how_many_times(x):\n    """How many times, at random."""\n    return x  # time', "python", 2, 1),
        ("def f(timeout):\n    times = {}\n    times.update(a=timeout)\n    return times", "python", 2, 1),
        ("def f(x, time=__import__('time')): return time.time()", "python", 2, 7),
        ("from random import random as time\ndef f(x): return time()", "python", 2, 7),
        ("id = id(object())\ndef f(x): return id", "python", 2, 7),
        ("def rand(x): return getattr(x, 'random')()", "python", 2, 7),
        ("int f() { return 1; }", "c", 2, 1),
        ("std::unordered_map<int, int> m;", "cpp", 2, 3),
        ("srand(time(NULL));", "c", 2, 7),
    ],
)
def test_programs_that_name_chance_run_more_often(code: str, language: str, n_runs: int, n: int) -> None:
    assert n_further_runs(code, language, n_runs) == n
