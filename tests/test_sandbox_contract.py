"""What every sandbox must do, checked on each of them: the list is the contract."""

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pairsmith.pipeline.sandbox.contract import Answer, Ending, Engine, Job, SandboxError, SandboxFaultError
from pairsmith.pipeline.sandbox.docker_engine import LABEL, DockerEngine
from pairsmith.pipeline.sandbox.memory import memory_of_tree_mib
from pairsmith.pipeline.sandbox.pool import Bench, SandboxPool
from pairsmith.pipeline.sandbox.sandbox import Sandbox
from pairsmith.schemas.execution import Status
from pairsmith.schemas.values import decode_value, encode_arguments
from tests.sandboxes import LIMITS, why_no_docker


def run(pool: SandboxPool, code: str, *inputs: tuple[object, ...]) -> tuple[list[Answer], Ending]:
    """Run code whose entry point is `f` on inputs, by default one call without arguments."""
    texts = tuple(encode_arguments(arguments) for arguments in inputs or ((),))
    return pool.run(lambda bench: bench.candidate.run(Job("", code, "f", texts)))


def value(pool: SandboxPool, body: str, *arguments: object) -> object:
    """Return what `def f(*args)` with this body gives; it must give a value."""
    code = "def f(*args):\n" + "\n".join("    " + line for line in body.splitlines())
    answers, ending = run(pool, code, arguments)
    assert answers[0].status is Status.OK, (answers, ending)
    return decode_value(answers[0].value)


def test_values_come_out(pool: SandboxPool) -> None:
    answers, ending = run(pool, "def f(a, b=2): return [a, (b,), {a: {b}}]", (1,), (True, None))
    assert [answer.value for answer in answers] == [
        '[1,{"tuple":[2]},{"dict":[[1,{"set":[2]}]]}]',
        '[true,{"tuple":[null]},{"dict":[[true,{"set":[null]}]]}]',
    ]
    assert ending.status is Status.OK
    assert ending.peak_memory_mib > 1


def test_setup_runs_before_the_code(pool: SandboxPool) -> None:
    job = Job("from math import floor\ndef helper(x): return x * 2", "def f(x): return helper(floor(x))", "f")
    answers, _ = pool.run(lambda bench: bench.candidate.run(Job(job.setup, job.code, "f", ("[2.5]",))))
    assert answers[0].value == "4"


def test_a_program_under_other_limits_does_not_wait_for_the_end_of_the_one_kept_ready(pool: SandboxPool) -> None:
    """Each second program finds one ready that it can't take: that one was forked just before, and is ended."""
    jobs = [Job("", "def f(): return 1", "f", ("[]",), lower=(("memory_mib", 64 + n % 2),)) for n in range(40)]

    def run_all(bench: Bench) -> list[float]:
        seconds = []
        for job in jobs:
            began = time.monotonic()
            answers, _ = bench.candidate.run(job)
            assert [answer.value for answer in answers] == ["1"]
            seconds.append(time.monotonic() - began)
        return seconds

    assert max(pool.run(run_all)) < 4  # an init that missed its signal was waited for 5 s


@pytest.mark.parametrize(
    ("code", "status", "exception"),
    [
        ("def f(): raise KeyError(1)", Status.EXCEPTION, "KeyError"),
        ("def f(): raise BaseException", Status.EXCEPTION, "BaseException"),
        ("def f(): return f()", Status.EXCEPTION, "RecursionError"),
        ("def f(): return bytearray(1 << 40)", Status.MEMORY, "MemoryError"),
        ("def f(): return [bytearray(1 << 20) for _ in range(10_000)]", Status.MEMORY, "MemoryError"),
        ("def f():\n while True: pass", Status.TIMEOUT, ""),
        ("def f():\n import time\n time.sleep(99)", Status.TIMEOUT, ""),
        ("def f():\n import os\n os.abort()", Status.EXITED, ""),
        ("def f():\n import ctypes\n ctypes.string_at(0)", Status.EXITED, ""),
        ("def f():\n import os, signal\n os.kill(os.getpid(), signal.SIGKILL)", Status.EXITED, ""),
        ("def f():\n import os\n os._exit(0)", Status.EXITED, ""),
        ("def f():\n import sys\n sys.exit(0)", Status.EXITED, "SystemExit"),
        ("def f():\n while True: print('x' * 100_000)", Status.OUTPUT_LIMIT, ""),
        ("def f():\n import sys\n while True: sys.stderr.write('x' * 100_000)", Status.OUTPUT_LIMIT, ""),
        ("def f(): return 'x' * 30_000_000", Status.OUTPUT_LIMIT, ""),
        ("def f():\n x = []\n for _ in range(500): x = [x]\n return x", Status.OUTPUT_LIMIT, ""),
        ("def f():\n i = 0\n while True:\n  yield i", Status.OUTPUT_LIMIT, ""),
    ],
)
def test_each_end_has_its_status(pool: SandboxPool, code: str, status: Status, exception: str) -> None:
    answers, _ = run(pool, code)
    assert (answers[0].status, answers[0].exception) == (status, exception)


@pytest.mark.parametrize(
    ("code", "status", "exception"),
    [
        ("x = 1 / 0\ndef f(): return 1", Status.EXCEPTION, "ZeroDivisionError"),
        ("import sys; sys.exit(0)", Status.EXITED, "SystemExit"),
        ("import os; os._exit(0)", Status.EXITED, ""),
        ("while True: pass", Status.TIMEOUT, ""),
        ("def g(): return 1", Status.MISSING, ""),
        ("f = 3", Status.MISSING, ""),
        ("def f(: return 1", Status.EXCEPTION, "SyntaxError"),
    ],
)
def test_each_failed_load_has_its_status(pool: SandboxPool, code: str, status: Status, exception: str) -> None:
    answers, ending = run(pool, code)
    assert (ending.status, ending.exception) == (status, exception)
    assert answers[0].status is Status.NOT_RUN


def test_a_method_is_called_on_a_fresh_object(pool: SandboxPool) -> None:
    code = "class Solution:\n n = 0\n seen = None\n def f(self, x):\n  self.n += x\n  return self.n"
    for entry_point, status in (
        ("Solution.f", Status.OK),
        ("Solution.g", Status.MISSING),
        ("Other.f", Status.MISSING),
    ):
        job = Job("", code, entry_point, ("[1]", "[2]"))
        answers, ending = pool.run(lambda bench, job=job: bench.candidate.run(job))  # type: ignore[misc]
        assert ending.status is status
        assert [answer.value for answer in answers] == (["1", "2"] if status is Status.OK else ["", ""])


def test_calls_after_the_end_are_not_run(pool: SandboxPool) -> None:
    answers, _ = run(pool, "def f(x):\n import os\n if x == 1: os._exit(0)\n return x", (0,), (1,), (2,))
    assert [answer.status for answer in answers] == [Status.OK, Status.EXITED, Status.NOT_RUN]


def test_an_exception_in_one_call_leaves_the_others(pool: SandboxPool) -> None:
    answers, ending = run(pool, "def f(x): return 1 // x", (0,), (1,))
    assert [answer.status for answer in answers] == [Status.EXCEPTION, Status.OK]
    assert ending.status is Status.OK


def test_cpu_time_is_limited_apart_from_wall_time(pool: SandboxPool) -> None:
    code = (
        "def f(x):\n import time\n t = time.process_time()\n while time.process_time() - t < 1.3: pass\n return 1"
    )
    answers, ending = run(pool, code, (1,), (2,), (3,))
    assert [answer.status for answer in answers] == [Status.OK, Status.TIMEOUT, Status.NOT_RUN]
    assert ending.detail == "cpu"
    assert ending.cpu_s >= LIMITS.cpu_s - 0.5


def test_cpu_time_counts_for_all_processes_together(pool: SandboxPool) -> None:
    code = "def f():\n import os, time\n for _ in range(3):\n  if os.fork() == 0:\n"
    code += "   while time.process_time() < 1.1: pass\n   os._exit(0)\n  os.wait()\n return 1"
    answers, ending = run(pool, code)
    assert answers[0].status in (Status.OK, Status.TIMEOUT)  # a slow machine may run into the wall first
    assert ending.status is Status.TIMEOUT


def test_memory_is_limited_for_all_processes_together(engine: Engine, pool: SandboxPool) -> None:
    code = "def f():\n import os, time\n pids = []\n for _ in range(6):\n  pids.append(os.fork())\n"
    code += "  if pids[-1] == 0:\n   kept = b'x' * (100 << 20)\n   time.sleep(1)\n   os._exit(0)\n"
    code += " return sum(os.waitpid(pid, 0)[1] == 9 for pid in pids)"
    answers, _ = run(pool, code)
    if not engine.limits_tree:
        pytest.skip("this user may make no control group here: each process is limited alone")
    assert answers[0].status is Status.OK
    assert int(answers[0].value) >= 1


def test_what_is_sent_after_the_last_answer_is_forged(pool: SandboxPool) -> None:
    code = "import os, threading, time\ndef late():\n time.sleep(0.05)\n os.write(201, b'late')\n"
    code += "def f():\n t = threading.Thread(target=late)\n t.start()\n import sys\n"
    code += " reader = sys._getframe(2).f_globals['FrameReader']\n read = reader.read\n"
    code += " reader.read = lambda self: (t.join(), read(self))[1]\n return 1"
    answers, ending = run(pool, code)
    assert (answers[0].value, ending.status) == ("1", Status.FORGED)


def test_hostile_frames_are_never_a_fault(pool: SandboxPool) -> None:
    code = "import os, sys\ndef f():\n nonce = sys._getframe(2).f_locals['frame'][:16]\n"
    code += " body = nonce + BODY\n data = len(body).to_bytes(4, 'big') + body\n"
    code += " while data: data = data[os.write(201, data):]\n os.read(200, 1)\n os._exit(0)"
    for body, status in (
        ("b'V' + bytes(4_000_000)", Status.FORGED),
        ("b'V' + b'\"' * 4_000_000", Status.FORGED),
        ("b'R' + bytes([255]) * 4_000_000", Status.EXCEPTION),
        ("b'V{\"int\":1}'", Status.FORGED),
        ("b'?'", Status.FORGED),
        ("b''", Status.FORGED),
    ):
        answers, ending = run(pool, code.replace("BODY", body))
        assert answers[0].status is status, body
        assert len(answers[0].exception) <= 100
        assert ending.status is not Status.FAULT


def test_nothing_in_proc_can_be_opened(pool: SandboxPool) -> None:
    for path in ("/proc/1/cmdline", "/proc/self/environ", "/proc/self/mem", "/proc/self/maps", "/proc/meminfo"):
        answers, _ = run(pool, f"def f():\n open({path!r}, 'rb')")
        assert answers[0].status is Status.EXCEPTION, path
    for path in ("/proc", "/proc/self", "/dev/mqueue"):
        answers, _ = run(pool, f"def f():\n import os\n return os.listdir({path!r})")
        assert answers[0].status is Status.EXCEPTION, path


def test_descriptors_have_names(pool: SandboxPool) -> None:
    code = "for name in ('stdin', 'fd/0'): print(open('/dev/' + name).read().strip())\n"
    code += "open('/dev/stdout', 'w').write(open('/proc/self/fd/0').read())\nopen('/dev/stderr', 'w').write('x')"
    answers, _ = pool.run(lambda bench: bench.candidate.run(Job("", code, "", ('"a"',), mode="stdin")))
    assert sorted(decode_value(answers[0].value)) == sorted("a\na\na")


def test_the_stack_may_take_the_memory(pool: SandboxPool) -> None:
    code = "import functools, sys, threading\nsys.setrecursionlimit(10**6)\n@functools.cache\n"
    code += "def depth(n): return 0 if n == 0 else 1 + depth(n - 1)\n"
    code += "def f():\n found = [depth(60000)]\n threading.stack_size(2**29)\n"
    code += " thread = threading.Thread(target=lambda: found.append(1))\n thread.start()\n thread.join()\n"
    code += " return found"
    assert run(pool, code)[0][0].value == "[60000,1]"


def test_more_memory_than_the_limit_is_no_pass(pool: SandboxPool) -> None:
    answers, ending = run(pool, f"def f(): return len(b'x' * ({LIMITS.memory_mib + 64} << 20))")
    assert ending.status is Status.MEMORY or answers[0].status is Status.MEMORY


def test_integers_of_any_length_are_printed(pool: SandboxPool) -> None:
    assert value(pool, "return len(str(7 ** 20000))") == 16902


def test_sandboxes_outlive_the_thread_that_started_them(pool: SandboxPool) -> None:
    def once() -> str:
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(lambda: run(pool, "def f(): return 1")[0][0].value).result()

    before = pool.n_faults
    assert [once() for _ in range(4)] == ["1"] * 4
    assert pool.n_faults == before


def test_solutions_installed_beside_python_are_out_of_sight(pool: SandboxPool) -> None:
    body = "import glob\nroots = ('/usr', '/usr/local')\n"
    body += "return [path for root in roots for path in glob.glob(root + '/lib/python3*/*-packages/*')]"
    assert value(pool, body) == []


def test_mutated_arguments_are_the_programs_own(pool: SandboxPool) -> None:
    answers, _ = run(pool, "def f(x):\n x.append(1)\n return x", ([],), ([],))
    assert [answer.value for answer in answers] == ["[1]", "[1]"]


def test_one_and_eight_mib_on_stderr_are_honest(pool: SandboxPool) -> None:
    for n_bytes in (1 << 20, 8 << 20):
        assert value(pool, f"import sys\nsys.stderr.write('e' * {n_bytes})\nreturn 7") == 7


def test_honest_threads_and_processes_work(pool: SandboxPool) -> None:
    assert value(
        pool, "from concurrent.futures import ThreadPoolExecutor as T\nreturn list(T(4).map(abs, [-1]))"
    ) == [1]
    assert value(
        pool, "import subprocess\nreturn subprocess.run(['/bin/echo', 'hi'], capture_output=True).stdout"
    ) == (b"hi\n")


def test_a_program_has_files_of_its_own(pool: SandboxPool) -> None:
    body = "import os\nseen = os.listdir('/tmp') + os.listdir('/dev/shm')\n"
    body += "open('/tmp/left', 'w').write('x')\nos.makedirs('/tmp/d/e')\nos.chmod('/tmp/d', 0)\n"
    body += "open('/dev/shm/left', 'w').write('x')\nreturn seen"
    assert [value(pool, body) for _ in range(4)] == [[]] * 4


def test_the_root_is_read_only(pool: SandboxPool) -> None:
    for folder in ("/", "/usr", "/etc", "/dev", "/var", "/home", "/root", "/run", "/opt"):
        answers, _ = run(pool, f"def f(): open('{folder}/mine', 'w')")
        assert answers[0].status is Status.EXCEPTION, folder


def test_files_are_limited(pool: SandboxPool) -> None:
    code = "def f():\n for i in range(100):\n  open(f'/tmp/{i}', 'wb').write(bytes(5_000_000))"
    answers, _ = run(pool, code)
    assert (answers[0].status, answers[0].exception) == (Status.EXCEPTION, "OSError")


def test_processes_are_limited(pool: SandboxPool) -> None:
    body = "import os, time\nn = 0\nfor _ in range(500):\n  try:\n    if os.fork() == 0: time.sleep(9)\n"
    body += "    n += 1\n  except OSError: break\nreturn n"
    n = value(pool, body)
    assert isinstance(n, int)
    assert 1 <= n <= LIMITS.n_processes


def test_the_environment_is_empty(pool: SandboxPool) -> None:
    assert value(pool, "import os\nreturn sorted(os.environ)") == ["HOME", "LANG", "PATH", "PYTHONHASHSEED", "TZ"]


def test_there_is_no_network(pool: SandboxPool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for address in (("127.0.0.1", port), ("192.0.2.1", 80), ("localhost", port)):
            answers, _ = run(pool, f"def f():\n import socket\n socket.create_connection({address!r}, 2)")
            assert answers[0].status is Status.EXCEPTION, address


def test_rare_socket_families_are_refused(pool: SandboxPool) -> None:
    for family in (16, 17, 38, 40):  # netlink, packet, alg, vsock
        answers, _ = run(pool, f"def f():\n import socket\n socket.socket({family}, socket.SOCK_RAW)")
        assert answers[0].exception == "OSError", family


def test_a_program_has_no_rights(pool: SandboxPool) -> None:
    body = "import ctypes, os\nc = ctypes.CDLL(None, use_errno=True)\n"
    body += "return [c.unshare(0x10000000), c.mount(b't', b'/tmp', b'tmpfs', 0, None), c.ptrace(0, 0, 0, 0),"
    body += " c.setuid(0), c.syscall(250, 0, -3, 1), c.syscall(425, 8, 0), os.getuid() > 0]"
    assert value(pool, body) == [-1, -1, -1, -1, -1, -1, True]


def test_no_signal_is_blocked(pool: SandboxPool) -> None:
    assert value(pool, "import signal\nreturn list(signal.pthread_sigmask(signal.SIG_BLOCK, []))") == []


def test_a_program_can_signal_nobody(pool: SandboxPool) -> None:
    body = "import os\nkilled = []\nfor pid in range(1, 300):\n  try:\n"
    body += "    if pid not in (os.getpid(), os.getppid()): os.kill(pid, 9); killed.append(pid)\n"
    body += "  except OSError: pass\nreturn killed"
    assert value(pool, body) == []
    assert value(pool, "import os\ntry: os.kill(os.getppid(), 9)\nexcept OSError: pass\nreturn 5") == 5


def test_hash_seed_time_zone_and_random_are_fixed(pool: SandboxPool) -> None:
    body = "import random, time\nreturn [hash('a'), time.tzname[0], random.random()]"
    assert value(pool, body) == value(pool, body)
    assert value(pool, body)[1] == "UTC"  # type: ignore[index]


def test_nothing_of_a_program_survives(engine: Engine, pool: SandboxPool) -> None:
    name = f"survivor{os.getpid()}"
    daemon = "import os\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n"
    daemon += f"    os.execv('/bin/sleep', ['{name}', '987'])\n  os._exit(0)\nreturn 1"
    assert value(pool, daemon) == 1
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if name not in _running():
            return
        time.sleep(0.1)
    pytest.fail("a daemon of the program is still there")


def test_a_stopped_sandbox_is_gone(engine: Engine) -> None:
    name = f"stopped{os.getpid()}{engine.name}"
    code = f"import subprocess\ndef f(): subprocess.Popen(['{name}', '987'], executable='/bin/sleep')"
    sandbox = Sandbox(engine, LIMITS)
    assert sandbox.begin(Job("", code, "f")) is Status.OK
    assert sandbox.call("[]").status is Status.OK
    started = time.monotonic()
    while name not in _running() and time.monotonic() < started + 10:  # it may not be more than forked yet
        time.sleep(0.1)
    assert name in _running()
    sandbox.close()
    deadline = time.monotonic() + 10
    while name in _running() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert name not in _running()


def test_a_killed_sandbox_is_a_fault_not_a_failure(engine: Engine) -> None:
    sandbox = Sandbox(engine, LIMITS)
    sandbox._link.stop()
    with pytest.raises(SandboxFaultError):
        sandbox.run(Job("", "def f(): return 1", "f", ("[]",)))


def test_the_pool_recovers_from_a_killed_sandbox(pool: SandboxPool) -> None:
    def work(bench: object) -> Answer:
        answers, _ = bench.candidate.run(Job("", "def f(): return 1", "f", ("[]",)))  # type: ignore[attr-defined]
        return answers[0]  # type: ignore[no-any-return]

    def kill_first(bench: object) -> Answer:
        if not killed:
            killed.append(1)
            bench.candidate._link.stop()  # type: ignore[attr-defined]
        return work(bench)

    killed: list[int] = []
    assert pool.run(kill_first).value == "1"
    assert pool.run(work).value == "1"


def test_a_tester_sends_arguments_and_never_what_it_expects(pool: SandboxPool) -> None:
    def outcome_of(tests: str, code: str) -> tuple[str, str, str]:
        sent = list[str]()

        def both(bench: Bench) -> Ending:
            bench.candidate.begin(Job("", code, "f", mode="module"))

            def ask(request: str) -> Answer:
                sent.append(request)
                return bench.candidate.call(request, is_message=True)

            ending = bench.tester.run_tester(Job("", tests, "f", mode="function"), ask)
            bench.candidate.end()
            return ending

        results, _ = decode_value(pool.run(both).report)
        ((_, outcome, error),) = results
        return outcome, error, "".join(sent)

    tests = "for i in range(3): assert f(i, [i + 40]) == (i, [i + 40], 98765)"
    outcome, _, sent = outcome_of(tests, "def f(a, b): return a, b, 98765")
    assert outcome == "passed"
    assert all(str(number) in sent for number in (40, 41, 42))
    assert "98765" not in sent  # what is expected stays with the tests
    outcome, error, _ = outcome_of("assert f(1) == 2", "def f(a): return a")
    assert (outcome, error) == ("failed", "AssertionError")
    outcome, error, _ = outcome_of("assert f(1) == 2", "def f(a): raise ValueError")
    assert (outcome, error) == ("failed", "ValueError")


def _running() -> str:
    """Return the command lines of all processes of this machine."""
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


@pytest.mark.docker
def test_a_container_has_every_limit_that_is_promised(engine: Engine) -> None:
    if not isinstance(engine, DockerEngine):
        pytest.skip("of Docker only")
    sandbox = Sandbox(engine, LIMITS)
    try:
        (box, *_) = engine._client.containers.list(filters={"label": f"{LABEL}={engine._label}"})
        facts = engine._client.api.inspect_container(box.id)
    finally:
        sandbox.close()
    host, config = facts["HostConfig"], facts["Config"]
    assert (host["NetworkMode"], host["IpcMode"], host["CgroupnsMode"]) == ("none", "private", "private")
    assert (host["ReadonlyRootfs"], host["Privileged"], host["Binds"]) == (True, False, None)
    added = sorted(name.removeprefix("CAP_") for name in host["CapAdd"])
    assert (host["CapDrop"], added) == (["ALL"], ["KILL", "SETGID", "SETUID"])
    assert host["SecurityOpt"] == ["no-new-privileges"]  # and so the engine's default seccomp profile
    assert host["LogConfig"]["Type"] == "none"
    assert host["Memory"] == host["MemorySwap"] == memory_of_tree_mib(LIMITS) << 20
    assert host["PidsLimit"] == LIMITS.n_processes + 64
    assert 0 < host["NanoCpus"] <= LIMITS.cpus * 1e9
    assert {limit["Name"] for limit in host["Ulimits"]} == {"core", "nofile", "stack"}
    for folder in ("/tmp", "/dev/shm"):
        assert {"nosuid", "nodev", f"size={LIMITS.files_mib}m", "nr_inodes=4096"} <= set(
            host["Tmpfs"][folder].split(",")
        )
    assert facts["Image"].startswith("sha256:")
    assert config["Image"] == facts["Image"]


@pytest.mark.docker
def test_containers_of_a_killed_process_go_with_the_next_start(engine: Engine) -> None:
    """As of a worker of a cluster: its label is its own, so no later one has the same."""
    if not isinstance(engine, DockerEngine):
        pytest.skip("of Docker only")
    label = f"worker-{os.getpid()}"
    code = (
        "import sys, time; from tests.sandboxes import LIMITS, make_engine\n"
        "from pairsmith.pipeline.sandbox.sandbox import Sandbox\n"
        "box = Sandbox(make_engine('docker', sys.argv[1]), LIMITS); print('up', flush=True); time.sleep(600)"
    )

    def boxes(of: str) -> list[str]:
        found = engine._client.containers.list(all=True, filters={"label": f"{LABEL}={of}"}, ignore_removed=True)
        return [one.id for one in found]

    with subprocess.Popen([sys.executable, "-c", code, label], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"up\n"
        mine = Sandbox(engine, LIMITS)
        try:
            (left,) = boxes(label)
            DockerEngine(LIMITS, f"{label}-beside").close()
            assert boxes(label) == [left], "the container of a living process was removed"
            worker.kill()
            worker.wait()
            DockerEngine(LIMITS, f"{label}-next").close()
            assert boxes(label) == []
            assert boxes(engine._label), "those of others at work stay"
        finally:
            mine.close()


@pytest.mark.docker
def test_engines_of_one_process_and_label_leave_each_other_alone(engine: Engine) -> None:
    """As of one run: the tests and the checks beyond them have limits, and so an engine, of their own."""
    if not isinstance(engine, DockerEngine):
        pytest.skip("of Docker only")
    label = f"two-{os.getpid()}"
    first = DockerEngine(LIMITS, label)
    sandbox = Sandbox(first, LIMITS)
    try:
        second = DockerEngine(LIMITS, label)
        beside = Sandbox(second, LIMITS)
        second.close()
        beside.close()
        (box,) = first._client.containers.list(all=True, filters={"label": f"{LABEL}={label}"})
        assert box.status == "running"
    finally:
        sandbox.close()
        first.close()


@pytest.mark.docker
def test_another_runtime_reaches_the_engine() -> None:
    if why_no_docker() and not os.environ.get("PAIRSMITH_REQUIRE_DOCKER"):
        pytest.skip(why_no_docker())
    config = LIMITS.model_copy(update={"runtime": "runsc-that-is-not-there"})
    engine = DockerEngine(config, f"runtime-{os.getpid()}")
    try:
        with pytest.raises((SandboxError, SandboxFaultError), match="runsc-that-is-not-there"):
            Sandbox(engine, config)
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("code", "is_odd"),
    [
        ("def f():\n import os\n os.write(201, bytes([0, 0, 0, 18]) + b'x' * 18)\n return 1", True),
        ("def f(): return 1", False),
        ("def f(): raise KeyError", False),
        ("def f():\n while True: pass", False),
    ],
)
def test_a_sandbox_is_replaced_after_anything_odd(engine: Engine, code: str, is_odd: bool) -> None:
    sandbox = Sandbox(engine, LIMITS)
    try:
        sandbox.run(Job("", code, "f", ("[]",)))
        assert sandbox.is_tainted is is_odd
    finally:
        sandbox.close()
