"""Candidates that would pass by what tests give them or take from them: none passes, no honest one fails for it."""

import pytest

from pairsmith.pipeline.execution.runner import execute_programs
from pairsmith.pipeline.judging.verdict import judge
from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.candidate import Extraction, Program
from pairsmith.schemas.problem import JudgedBy
from pairsmith.schemas.verdict import Cause, Label, Verdict
from tests.pairing_records import problem as make_problem

SUITE = "import pytest\nimport solution\nfrom solution import *\n"
# A test that the decorator or the class of a solution may lose, beside one that a wrong solution passes.
_LOST = SUITE + "{}def test_a():\n    assert f(17) == 289\ndef test_b():\n    assert f(0) == 1\n"
_LOST_CLASS = (
    SUITE + "{}:\n    def test_a(self):\n        assert f(17) == 289\ndef test_b():\n    assert f(0) == 1\n"
)
_WRONG = "def f(x, *more): return 1\n"
_MOCK = "from unittest.mock import Mock\nm = Mock()\nf(17, m)\n"
_CONTEXT = "with f(17) as r:\n    assert r == 289\n"
_NEAR = "assert abs(f(17) - 289) < 1e-6\n"
_SUBTRACTS = "class F{}:\n    def __sub__(self, other): return {}\n    __rsub__ = __sub__\n    def __abs__(self): return 0.0\ndef f(x): return F()\n"
_ASKS = """import gc
def f(x, cb):
    s = next(one for one in gc.get_objects() if type(one).__name__ == "Session")
    g = s._ask(("begin", (1, 1), True, "get", {}))[1][1]
"""
_SEALED = "class T:\n    def __init__(self): self.n = 289\n    def on(self, x): pass\nt = T()\nassert f(17, t.on) == t.n\n"
_SILENT = "import warnings\ndef f(x):\n    warnings.warn('negative')\n    return abs(x)\n"
_RECORD = "import warnings\nwith warnings.catch_warnings(record=True) as w:\n    warnings.simplefilter('always')\n    assert f(-1) == 1\n"
_LEARNS = "from dataclasses import dataclass\nkept = []\n@dataclass\nclass P:\n    x: int\n    def __post_init__(self):\n        {}\n"

ATTACKS = {
    "a decorator replaces a test": (_LOST.format("@solution.d\n"), _WRONG + "def d(f): return lambda: None"),
    "a decorator loses a test": (_LOST.format("@solution.d\n"), _WRONG + "def d(f): return None"),
    "a decorator with arguments loses a test": (_LOST.format("@solution.d(3)\n"), _WRONG + "def d(n): return lambda f: None"),
    "a decorator loses a decorated test": (
        _LOST.format("def local(f):\n    def run(): f()\n    return run\n@solution.d\n@local\n"), _WRONG + "def d(f): return int"),
    "a decorator changes a class of tests": (
        _LOST_CLASS.format("@solution.d\nclass TestA"), _WRONG + "def d(c):\n    c.test_a = lambda self: None\n    return c"),
    "a decorator loses a class of tests": (_LOST_CLASS.format("@solution.d\nclass TestA"), _WRONG + "def d(c): return 5"),
    "tests in a class derived from the solution's": (
        _LOST_CLASS.format("class TestA(solution.B)"),
        _WRONG + "class B:\n    def __init_subclass__(cls): cls.test_a = lambda self: None"),
    "unittest in a class derived from the solution's": (
        _LOST_CLASS.format("import unittest\nclass A(solution.B, unittest.TestCase)"), _WRONG + "class B: pass"),
    "a derived class that is none": (
        "class D(f):\n    def area(self): return 4\nassert D().show() == 4\n",
        "class M(type):\n    def __new__(m, n, b, d):\n"
        "        return (lambda: type('X', (), {'show': lambda s: 4})()) if b else type.__new__(m, n, b, d)\n"
        "class f(metaclass=M): pass"),
    "a failed assertion of a callback is kept": (
        "def check(x):\n    assert x == 289\nf(17, check)\n",
        "def f(x, check):\n    try: check(1)\n    except BaseException: pass"),
    "a context manager keeps a failed assertion": (
        _CONTEXT, "class f:\n    def __init__(s, x): pass\n    def __enter__(s): return 1\n    def __exit__(s, *a): return True"),
    "a generator keeps a failed assertion": (
        _CONTEXT, "import contextlib\n@contextlib.contextmanager\ndef f(x):\n    try: yield 1\n    except AssertionError: pass"),
    "an async context manager keeps a failed assertion": (
        "import asyncio\nasync def main():\n    async with f(17) as r:\n        assert r == 289\nasyncio.run(main())\n",
        "class f:\n    def __init__(s, x): pass\n    async def __aenter__(s): return 1\n    async def __aexit__(s, *a): return True"),
    "a forged thread asks for what is closed": (
        "expected = 289\ndef cb(): pass\nassert f(17, cb) == expected\n", _ASKS.format("cb, '__globals__'") + "    return g['expected']"),
    "a forged thread asks for the code of a function": (
        "def cb(x): assert x == 289\nassert f(17, cb) == 289\n",
        _ASKS.format("cb, '__code__'") + "    return g.co_consts[1]"),
    "a forged thread asks for a private attribute": (
        "class T:\n    def __init__(self): self._n = 289\nt = T()\nassert f(17, t) == t._n\n",
        _ASKS.format("cb, '_n'") + "    return g"),
    "a thread of the solution's keeps a failed assertion": (
        "def check(x):\n    assert x == 289\nf(17, check)\n",
        "import threading\ndef f(x, check):\n    def work():\n        try: check(1)\n        except BaseException: pass\n"
        "    t = threading.Thread(target=work)\n    t.start()\n    t.join()"),
    "a method gives away its object": (
        _SEALED, "import weakref\ndef f(x, cb): return cb.__self__.n"),
    "a method gives away its function": (
        _SEALED, "import weakref\ndef f(x, cb): return cb.__func__.__globals__['T']().n"),
    "a method gives away the attributes of its object": (
        _SEALED, "import weakref\ndef f(x, cb): return vars(cb.__self__)['n']"),
    "a method's object is changed": (
        "class T:\n    def __init__(self): self.got = []\n    def on(self, x): self.got.append(x)\n"
        "t = T()\nf(17, t.on)\nassert t.got == [289]\n",
        "import weakref\ndef f(x, cb): cb.__self__.got = [289]"),
    "an object that the test holds is forgotten": (
        "r = f(17)\nassert r.square() == 289\nassert not r.wrong\n",
        "import weakref, gc\nclass R:\n    wrong = True\n    def square(self):\n"
        "        s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')\n"
        "        s.lives._dead += [number for number in s.objects if number % 2]\n        return 289\ndef f(x): return R()"),
    "the test's own list is forgotten": (
        "xs = [3, 1, 2]\nr = f(xs)\nassert r == [1, 2, 3] and xs == [3, 1, 2] and r is not xs\n",
        "import weakref, gc\ndef f(xs):\n    s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')\n"
        "    s.lives._dead += list(s.known)\n    xs.sort()\n    return xs"),
    "what dies swallows an assertion": (
        "def check(x):\n    assert x == 289\nf(17, check)\n",
        "class R:\n    def __init__(self, check): self.check = check\n    def __del__(self): self.check(1)\n"
        "def f(x, check): R(check)"),
    "a thread of the tests is answered twice": (
        "import threading\nout = []\nt = threading.Thread(target=lambda: out.append(f(17)))\nt.start()\nt.join()\nassert out == [289]\n",
        "import gc\ndef f(x):\n    s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')\n"
        "    for job in list(s._crew._jobs.values()): job.set_result(('ok', 289, 289))\n    return 1"),
    "the other thread's inbox gets the work": (
        "import threading\nexpected = 289\nout = []\ndef cb(x): return x\n"
        "t = threading.Thread(target=lambda: out.append(f(17, cb)))\nt.start()\nt.join()\nassert out == [expected]\n",
        "import gc\ndef f(x, cb):\n    s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')\n"
        "    with s.line: g = s._ask(('begin', s._crew._here.name, True, 'get', cb, '__globals__'))[1]\n"
        "    return g[1]['expected']"),
    "a thread asks without end": (
        "def cb(): return 1\nassert f(17, cb) == 289\n",
        "import threading\ndef f(x, cb):\n    def work():\n        while True: cb()\n"
        "    for _ in range(4): threading.Thread(target=work, daemon=True).start()\n    return 1"),
    "a thousand threads stand in the tests": (
        "def cb(): return 1\nassert f(17, cb) == 289\n",
        "import gc\ndef f(x, cb):\n    s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')\n"
        "    for n in range(1000): s._ask(('begin', (0, n), True, 'call', cb, [], {}))\n    return 1"),
    "a thread's name is an object": (
        "def cb(): return 1\nassert f(17, cb) == 289\n",
        "import gc\nclass N:\n    def __hash__(self): return 5\n    def __eq__(self, o): return True\n"
        "def f(x, cb):\n    s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')\n"
        "    s._ask(('begin', N(), True, 'call', cb, [], {}))\n    return 1"),
    "an end that nobody began": (
        "def cb(): return 1\nassert f(17, cb) == 289\n",
        "import gc\ndef f(x, cb):\n    s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')\n"
        "    try: return s._ask(('end', 99))\n    except KeyError: return 1"),
    "a weak claim on what the test holds": (
        "class T: pass\nt = T()\nt.n = 289\nf(17, t)\nassert f(17, t) == 289\n",
        "import gc, weakref\ndef f(x, t):\n    s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')\n"
        "    s.lives._told.clear()\n    s.lives._dead += [number for number in s.objects if number % 2 == 0]\n    return 1"),
    "a method of other parts": (
        "class T:\n    def on(self, x): return x\nt = T()\nassert f(17, t.on)(1) == 289\n",
        "import weakref, types\ndef f(x, cb): return types.MethodType(cb.__func__, 289)"),
    "what dies answers for the test": (
        "import weakref\nr = f(17)\nw = weakref.ref(r)\nassert w() is r and r.n == 289\ndel r\nassert w() is None\n",
        "class R:\n    n = 1\n    def __del__(self): R.n = 289\ndef f(x): return R()"),
    "the attributes of a test's object are replaced": (
        "class T:\n    def __init__(self): self._n, self.m = 289, 0\nt = T()\nassert f(17, t) == t._n\n",
        "def f(x, t):\n    d = vars(t)\n    d.update(m=1)\n    try: d['_n'] = 1\n    except KeyError: pass\n    return d.get('_n', 1)"),
    "a coroutine keeps a failed assertion": (
        "import asyncio\nasync def check():\n    assert g(17) == 289\nasyncio.run(f(check()))\n",
        "async def f(c):\n    try: await c\n    except BaseException: pass\ndef g(x): return 1"),
    "a coroutine of the tests is left alone and cancelled": (
        "import asyncio\nasync def check():\n    await asyncio.sleep(0)\n    assert g(17) == 289\n"
        "async def main():\n    await f(check())\nasyncio.run(main())\n",
        "import asyncio\nasync def f(c):\n    task = asyncio.ensure_future(c)\n    await asyncio.sleep(0.2)\n"
        "    task.cancel()\ndef g(x): return 1"),
    "a coroutine cancels everybody": (
        "import asyncio\nasync def main():\n    assert await f(17) == 289\nasyncio.run(main())\n",
        "import asyncio\nasync def f(x):\n    for task in asyncio.all_tasks(): task.cancel()\n    return 1"),
    "a generator keeps an assertion that fails where it is closed": (
        "def items():\n    try: yield 1\n    finally: assert g(17) == 289\nassert f(items()) == 1\n",
        "def f(xs):\n    first = next(xs)\n    try: xs.close()\n    except BaseException: pass\n"
        "    return first\ndef g(x): return 1"),
    "a star import brings a builtin": (SUITE + "def test_a():\n    " + _NEAR, _WRONG + "def abs(x): return 0"),
    "a star import brings what the tests imported": (
        "from pytest import approx\nfrom solution import *\ndef test_a():\n    assert f(17) == approx(289)\n",
        "__all__ = ['f', 'approx']\ndef approx(x): return 1\n" + _WRONG),
    "a star import brings a hook": (
        SUITE + "@pytest.mark.parametrize('x, y', [(17, 289), (0, 1)])\ndef test_a(x, y):\n    assert f(x) == y\n",
        "__all__ = ['f', 'pytest_generate_tests']\ndef pytest_generate_tests(m): m.parametrize('x, y', [(0, 1)])\n" + _WRONG),
    "a dataclass that compares no field": (
        "e = P(289)\nassert f(17) == e\n",
        "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int = field(compare=False)\n"
        "def f(x): return P(0)"),
    "items of what counts as a sequence equal everything": (
        SUITE + "def test_a():\n    assert f(17) == pytest.approx([289, 1])\n",
        "import collections.abc\nclass E(float):\n    def __eq__(self, other): return True\n"
        "    __hash__ = None\n@collections.abc.Sequence.register\nclass S:\n    def __len__(self): return 2\n"
        "    def __getitem__(self, i): return E()\n    def __iter__(self): return iter([E(), E()])\n"
        "def f(x): return S()"),
    "what counts as a number is a fraction of any size": (
        "from fractions import Fraction\nassert Fraction(289) - f(17) == 0\n",
        "import numbers\n@numbers.Rational.register\nclass R:\n    def __rsub__(self, other): return 0\n"
        "    numerator, denominator = 0, 1\ndef f(x): return R()"),
    "an error that comes of itself": (
        SUITE + "def test_a():\n    with pytest.raises(ValueError) as e:\n        f(17)\n"
        "    assert e.value.__context__.args == (289,)\n",
        "def f(x):\n    e = ValueError(1)\n    e.__context__ = KeyError(2)\n    e.__context__.__context__ = e\n    raise e"),
    "a view of more than there is": (
        "assert bytes(f(17)) == b'289'\n",
        "from pairsmith.pipeline.sandbox.inside import layouts\n"
        "layouts.memory_parts = lambda view: [b'1', -5, 1 << 60, 'B', (1 << 60, 1 << 60)]\n"
        "def f(x): return memoryview(bytearray(b'1'))"),
    "a mock's assertion is replaced": (
        _MOCK + "m.assert_called_once_with(289)\n", "def f(x, m): m.assert_called_once_with = lambda *a: None"),
    "a mock's count is set": (_MOCK + "assert m.call_count == 2\n", "def f(x, m): m.call_count = 2"),
    "a mock is configured": (_MOCK + "assert m.call_count == 2\n", "def f(x, m): m.configure_mock(call_count=2)"),
    "a mock's calls are changed in place": (
        _MOCK + "assert m.mock_calls[0].args == (289,)\n", "def f(x, m):\n    m(1)\n    m.mock_calls.clear()"),
    "a mock's class is changed": (
        _MOCK + "m.assert_called_once_with(289)\n", "def f(x, m): type(m).assert_called_once_with = lambda *a: None"),
    "a method of the tests is replaced": (
        "class Log:\n    def __init__(self): self.n = 0\n    def total(self): return self.n\n"
        "log = Log()\nf(17, log)\nassert log.total() == 289\n", "def f(x, log): log.total = lambda: 289"),
    "a float that subtracts as it likes": (_NEAR, _SUBTRACTS.format("(float)", "0.0")),
    "a float that subtracts as it likes, for approx": (
        SUITE + "def test_a():\n    assert f(17) == pytest.approx(289)\n", _SUBTRACTS.format("(float)", "0.0")),
    "a float that subtracts as it likes, for unittest": (
        "import unittest, solution\nclass A(unittest.TestCase):\n"
        "    def test_a(self): self.assertAlmostEqual(solution.f(17), 289)\n", _SUBTRACTS.format("(float)", "0.0")),
    "an object that subtracts to a number": (_NEAR, _SUBTRACTS.format("", "0.0")),
    "an object that subtracts to an object": (_NEAR, _SUBTRACTS.format("", "self")),
    "a dataclass changes its earlier objects": (
        "assert f(17) == P(289)\n", _LEARNS.format("[vars(one).update(vars(self)) for one in kept]; kept.append(self)")
        + "def f(x): return P(0)"),
    "a dataclass remembers what it was made with": (
        "e = P(289)\nassert f(17) == e\n", _LEARNS.format("kept.append(self.x)") + "def f(x): return P(kept[0])"),
    "a dataclass gives the tests' own object back": (
        "e = [P(289), P(289)]\nassert f(17) == e[1]\n", _LEARNS.format("kept.append(self)") + "def f(x): return kept[0]"),
    "a patched open leads to the tests": (
        "import builtins, io\nimport solution\ndef test_a(monkeypatch):\n    real = open\n    monkeypatch.setattr(builtins, 'open',\n"
        "        lambda p, *a, **k: io.StringIO('17') if p == 'x' else real(p, *a, **k))\n    assert solution.f('x') == 289\n",
        "import re\ndef f(p):\n    text = open('/tmp/suite/test_solution.py').read()\n"
        "    return int(re.search(r'== (\\d+)$', text, re.M).group(1))"),
    **{
        f"files that are none of the tests': {path}": (
            "from solution import f\ndef test_a(tmp_path):\n    (tmp_path / 'a').write_text('x')\n    assert f(17) == 289\n",
            "import pairsmith.pipeline.sandbox.inside.surroundings as it\n"
            f"it.Copies.changed = lambda self: ([[{path!r}, b'def test_a(): pass']], None, False)\ndef f(x): return 1")
        for path in ("/tmp/suite/test_solution.py", "/tmp/a/../suite/conftest.py", "/etc/passwd", 5)
    },
    "files that change while they are looked at": (
        "from solution import f\ndef test_a(tmp_path):\n    (tmp_path / 'a').write_text('x')\n    assert f(17) == 289\n",
        "import pairsmith.pipeline.sandbox.inside.surroundings as it\n"
        "class Files:\n    n = 0\n    def __iter__(self):\n        self.n += 1\n"
        "        return iter([] if self.n == 1 else [['/tmp/suite/wave.py', b'']])\n"
        "it.Copies.changed = lambda self: (Files(), None, False)\ndef f(x): return 1"),
    "files that steer pytest": (
        "from solution import f\ndef test_a(tmp_path):\n    (tmp_path / 'a').write_text('x')\n    assert f(str(tmp_path)) == 289\n",
        "import os\nos.environ.update(PYTHONPATH='/tmp', PYTEST_ADDOPTS='--co', LD_PRELOAD='/tmp/x.so', PATH='/tmp')\n"
        "def f(p):\n    for name in ('conftest.py', 'sitecustomize.py', 'x.pth', 'pytest.ini'):\n"
        "        for folder in (p, os.path.dirname(p), '/tmp', '/tmp/suite'):\n            os.makedirs(folder, exist_ok=True)\n"
        "            open(folder + '/' + name, 'w').write('import os; os._exit(0)')\n    return 1"),
    "links and pipes among the files": (
        "from solution import f\ndef test_a(tmp_path):\n    (tmp_path / 'a').write_text('x')\n    assert f(str(tmp_path)) == 289\n",
        "import os\ndef f(p):\n    os.mkfifo(p + '/b')\n    os.symlink('/tmp/suite/test_solution.py', p + '/c')\n    return 1"),
    "a file of many MiB": (
        "from solution import f\ndef test_a(tmp_path):\n    f(str(tmp_path / 'a'))\n    assert (tmp_path / 'a').read_text() == 'x'\n"
        "def test_b(tmp_path):\n    (tmp_path / 'a').write_text('x')\n    f(str(tmp_path / 'a'))\n    assert (tmp_path / 'a').read_text() == 'y'\n",
        "def f(p):\n    with open(p, 'wb') as file: file.truncate(30 << 20)"),
    "a patched function is changed": (
        "import time\nfrom unittest import mock\nimport solution\ndef test_a():\n    with mock.patch('time.sleep') as s:\n"
        "        assert solution.f(2) == 4\n        s.assert_called_once_with(5)\n",
        "import time\ndef f(x):\n    time.sleep.assert_called_once_with = lambda *a: None\n    return 4"),
    **{
        f"a context of decimals that is none: {context}": (
            "from decimal import Decimal\nassert f(17) * 1 == Decimal(289)\n",
            "import pairsmith.pipeline.sandbox.inside.surroundings as it\nfrom decimal import Decimal\n"
            f"it._context = lambda: {context}\ndef f(x): return Decimal(1)")
        for context in ("5", "('a',) * 7", "(10**18, 'ROUND_UP', 0, 0, 0, 0, ())", "[1, 2]", "object()")
    },
    "a context in which all decimals are alike": (
        "from decimal import Decimal\nassert abs(f(17) - Decimal(289)) < Decimal('0.001')\n",
        "from decimal import Decimal, getcontext, InvalidOperation\ndef f(x):\n    c = getcontext()\n    c.prec = 1\n"
        "    c.Emin, c.Emax = -1, 1\n    c.traps[InvalidOperation] = False\n    return Decimal(300)"),
    "random numbers that are drawn behind the seed": (
        "import random\nrandom.seed(1)\nx = random.randint(2, 99)\nassert f(x) == x * x\n"
        "x = random.randint(2, 99)\nassert f(x) == x * x\n",
        "import random\ndef f(x):\n    random.setstate((3, (0,) * 624 + (624,), None))\n    return 1"),
    "what has seen the other operand lets it compute": (
        "from fractions import Fraction\nassert f(17) - Fraction(289) == 0\n",
        "import numbers\n@numbers.Rational.register\nclass R:\n    denominator = numerator = 1\n"
        "    def __sub__(self, other):\n        self.numerator = other.numerator\n        return NotImplemented\n"
        "def f(x): return R()"),
    "a pickle that runs code where it is read": (
        "import pickle\nassert pickle.loads(pickle.dumps(f(17))) == 289\n",
        "class R:\n    def __reduce__(self): return (eval, ('__import__(\"os\")._exit(0)',))\ndef f(x): return R()"),
    "a pickle of an object that equals everything": (
        "import pickle\nassert pickle.loads(pickle.dumps(f(17))) == 289\n",
        "class R:\n    def __eq__(self, other): return True\ndef f(x): return R()"),
    "the tests are asked to read a pickle": (
        "class Own: pass\nassert f(Own()) == 289\n",
        "import pickle, sys\nclass R:\n    def __reduce__(self): return (eval, ('289',))\ndef f(x):\n"
        "    return type(x).__peer__.request('op', '__setstate__', [x, pickle.dumps(R())])"),
    "an object of the tests is pickled": (
        "class Own:\n    secret = 289\nassert f(Own()) == 289\n",
        "import pickle\ndef f(x): return 289 if b'secret' in pickle.dumps(x) else 0"),
    "a class whose metaclass says that it holds everything": (
        "assert f == 289\n", "class M(type):\n    def __eq__(c, o): return True\n    __hash__ = type.__hash__\nclass f(metaclass=M): pass"),
    "a warning that the solution silenced": (
        _RECORD + "    assert not w\n", _SILENT.replace("def", "warnings.simplefilter('ignore')\ndef")),
    "a warning that nobody gave": (_RECORD + "    assert len(w) == 1\n", "def f(x): return abs(x)"),
    "a flood of warnings": (
        _RECORD + "    assert len(w) == 1\n", _SILENT.replace("warnings.warn(", "for i in range(3000): warnings.warn(")),
    "a warning that is no warning": (_RECORD, "import warnings\ndef f(x):\n    warnings.showwarning(5, 5, 5, 5)\n    return 0"),
}  # fmt: skip

HONEST = {
    "tests decorated by pytest and by themselves": (
        SUITE + "import functools\ndef twice(test):\n    @functools.wraps(test)\n    def run():\n        test()\n        test()\n"
        "    return run\n@twice\ndef test_a():\n    assert f(2) == 4\n@pytest.mark.parametrize('x', [1])\n"
        "def test_b(x):\n    assert f(x) == x\nclass TestC:\n    @staticmethod\n    def test_c():\n        assert f(3) == 9\n",
        "def f(x): return x * x"),
    "a decorator of a function in a test": (
        SUITE + "def test_a():\n    @solution.d\n    def test_function(x): return x\n    assert test_function(2) == 4\n",
        "def f(x): return x\ndef d(g): return lambda x: 2 * g(x)"),
    "a star import": (SUITE + "def test_a():\n    assert f(2) == 4 and Box(3).x == SIZE\n",
        "SIZE = 3\ndef f(x): return x * x\nclass Box:\n    def __init__(self, x): self.x = x"),
    "a callback that raises": (
        "def check(x):\n    if x < 0: raise ValueError('negative')\n    return x\nassert f([1, -1, 2], check) == [1, 2]\n",
        "def f(xs, check):\n    found = []\n    for x in xs:\n        try: found.append(check(x))\n"
        "        except ValueError: pass\n    return found"),
    "a mock that is called and has attributes": (
        _MOCK + "m.send.assert_called_once_with(289)\nassert m.state == 'done'\n",
        "def f(x, m):\n    m.send(x * x)\n    m.state = 'done'"),
    "an object of the tests with a default and a property": (
        "class Node:\n    seen = False\n    def __init__(self): self._n = 0\n    @property\n    def n(self): return self._n\n"
        "    @n.setter\n    def n(self, n): self._n = n\na = Node()\nf(a)\nassert a.seen and a.n == 3\n",
        "def f(node):\n    node.seen = True\n    node.n = 3"),
    "a vector with operators": (
        "v = f(3, 4)\nassert (v + f(1, 1)).x == 4 and (v - f(1, 1)).y == 3\nassert (v * 2).x == 6 and (2 * v).y == 8\n",
        "class f:\n    def __init__(self, x, y): self.x, self.y = x, y\n    def __add__(self, o): return f(self.x + o.x, self.y + o.y)\n"
        "    def __sub__(self, o): return f(self.x - o.x, self.y - o.y)\n    def __mul__(self, k): return f(k * self.x, k * self.y)\n"
        "    __rmul__ = __mul__"),
    "a dataclass that checks its fields": (
        "assert P(1) == P(1) and P(1) != P(2) and len({repr(P(1)), repr(P(2))}) == 2\n",
        _LEARNS.format("if self.x < 0: raise ValueError(self.x)") + "def f(x): return P(x)"),
    "a class of the tests, decorated": (
        "@f\nclass A:\n    x = 1\nassert A().hello() == 'hello 1'\n",
        "def f(kind):\n    kind.hello = lambda self: f'hello {self.x}'\n    return kind"),
    "a file becomes a folder, and a folder a file": (
        "from solution import f\ndef test_a(tmp_path):\n    (tmp_path / 'a').write_text('x')\n    (tmp_path / 'b').mkdir()\n"
        "    (tmp_path / 'b' / 'c').write_text('y')\n    f(str(tmp_path))\n"
        "    assert (tmp_path / 'a').is_dir() and (tmp_path / 'b').read_text() == 'z'\n",
        "import os, shutil\ndef f(p):\n    os.remove(p + '/a')\n    os.mkdir(p + '/a')\n    shutil.rmtree(p + '/b')\n"
        "    with open(p + '/b', 'w') as file: file.write('z')"),
    "warnings for pytest": (
        SUITE + "def test_a():\n    with pytest.warns(UserWarning, match='negative'):\n        assert f(-1) == 1\n"
        "def test_b(recwarn):\n    assert f(-1) == 1\n    assert len(recwarn) == 1\n", _SILENT),
    "warnings that are recorded": (_RECORD + "    assert [str(one.message) for one in w] == ['negative']\n", _SILENT),
    "warnings that are errors": (
        "import warnings\nwarnings.simplefilter('error')\ntry: f(-1)\nexcept UserWarning as error: assert 'neg' in str(error)\n"
        "else: assert False\n", _SILENT),
    "warnings for unittest": (
        "import unittest, solution\nclass A(unittest.TestCase):\n    def test_a(self):\n"
        "        with self.assertWarns(UserWarning): self.assertEqual(solution.f(-1), 1)\n", _SILENT),
    "warnings of a class of its own": (
        SUITE + "def test_a():\n    with pytest.warns(solution.Odd) as w:\n        assert f(1) == 1\n    assert w[0].message.args == (1, 2)\n",
        "import warnings\nclass Odd(UserWarning): pass\ndef f(x):\n    warnings.warn(Odd(1, 2))\n    return x"),
    "warnings of which nobody asks": ("assert f(-1) == 1 and f(-2) == 2\n", _SILENT),
}  # fmt: skip


def judged(pool: SandboxPool, tests: str, code: str) -> Verdict:
    way = (
        JudgedBy.SUITE
        if "import solution" in tests or "from solution" in tests or ", solution" in tests
        else JudgedBy.TESTER
    )
    problem = make_problem(judged_by=way, test_code=tests)
    program = Program("c", problem.problem_id, Extraction.OK, "bare", code)
    return judge(problem, execute_programs([program], {problem.problem_id: problem}, pool, n_runs=1)[0])


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_passes(name: str, pool: SandboxPool) -> None:
    verdict = judged(pool, *ATTACKS[name])
    assert verdict.label is not Label.PASSED, verdict
    assert verdict.cause is not Cause.SANDBOX_FAULT, verdict


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_one_passes(name: str, pool: SandboxPool) -> None:
    verdict = judged(pool, *HONEST[name])
    assert verdict.label is Label.PASSED, verdict


def test_a_class_that_is_derived_from_the_tests_own_shows_nothing(pool: SandboxPool) -> None:
    tests = "@f\nclass A:\n    def hi(self): return 1\nassert A().hi() == 1\n"
    verdict = judged(pool, tests, "def f(c):\n    class B(c): pass\n    return B")
    assert (verdict.label, verdict.cause) == (Label.UNDECIDED, Cause.NO_CASES), verdict
