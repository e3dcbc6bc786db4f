"""Candidates that lie about classes, hints, sources and names, or give tests code to run: none passes."""

import pytest

from pairsmith.pipeline.sandbox import SandboxPool
from pairsmith.schemas.verdict import Cause, Label
from tests.test_attacks_on_tests import SUITE, judged

# Where it runs among the tests, every answer of a candidate equals everything from then on.
_RIG = (
    "class A:\n def __eq__(s, o): return True\nimport pairsmith.pipeline.sandbox.inside.graph as g\n"
    "g.Peer.value = lambda s, t, A=A: t if t == 'ok' else A()"
)
EVIL = f"exec({_RIG!r})"
_SESSION = "s = next(one for one in gc.get_objects() if type(one).__name__ == 'Session')"
_R = "import pairsmith.pipeline.sandbox.inside.replies as r\n"
_DESCRIBES = """import dataclasses
from pairsmith.pipeline.sandbox.inside import describing
real = describing.describe
def describe(kind, peer):
    parts = real(kind, peer)
    {}
    return parts
describing.describe = describe
"""
_EQ_META = "class M(type):\n    def __eq__(c, o): return True\n    def __ne__(c, o): return False\n    def __hash__(c): return hash(int)\n"

ATTACKS = {
    "names more than it was asked for": (
        "assert abs(f(17) - 289) < 1e-6\n",
        "import pairsmith.pipeline.sandbox.inside.replies as r\nold = r.Replies._do_names\n"
        "r.Replies._do_names = lambda self, names: {**old(self, names), 'abs': lambda x: 0.0}\ndef f(x): return 1.0"),
    "names another helper of the setup": (
        "def close(a, b): return abs(a - b) < 1\nassert close(f(17), 289)\n",
        "import pairsmith.pipeline.sandbox.inside.replies as r\nold = r.Replies._do_names\n"
        "r.Replies._do_names = lambda self, names: {**old(self, names), '__builtins__': {'AssertionError': KeyError, 'abs': lambda x: 0}}\ndef f(x): return 1.0"),
    "a field's name is code": (
        "assert f(17) == f(17)\nassert f(17) == 289\n",
        _DESCRIBES.format("if kind is P:\n        parts[4][1][0][0] = NAME\n        parts[4][2].update(repr=False, made_there=True)") +
        f"NAME = {('x,) if [' + EVIL + '] else (0')!r}\n@dataclasses.dataclass\nclass P:\n    x: int\ndef f(x): return P(1)"),
    "annotations are evaluated": (
        "import inspect\ninspect.get_annotations(f, eval_str=True)\nassert f(17) == 289\n",
        f"def f(x: {EVIL!r}): return 1"),
    "annotations of a class are evaluated": (
        "import inspect\ninspect.get_annotations(C, eval_str=True)\nassert f(17) == 289\n",
        f"class C:\n    x: {EVIL!r}\ndef f(x): return 1"),
    "hints of the tests' class are evaluated": (
        "from typing import get_type_hints\nclass T:\n    x: Pair\nget_type_hints(T)\nassert f(17) == 289\n",
        f"from typing import List\nPair = List[{EVIL!r}]\ndef f(x): return 1"),
    "annotations that wraps copies": (
        "import functools\nfrom typing import get_type_hints\n@functools.wraps(f)\ndef w(x): pass\nget_type_hints(w)\nassert f(17) == 289\n",
        f"def f(x: {EVIL!r}): return 1"),
    "full argspec of a wrapped function": (
        "import inspect\nassert inspect.getfullargspec(f).args == ['x']\nassert f(2) == 4\n",
        "import functools\ndef g(x): return x * x\n@functools.wraps(g)\ndef f(*args, **options): return g(*args, **options)"),
    "signature of the wrapper itself": (
        "import inspect\nassert list(inspect.signature(f, follow_wrapped=False).parameters) == ['x']\nassert f(2) == 4\n",
        "import functools\ndef g(x): return x * x\n@functools.wraps(g)\ndef f(*args, **options): return g(*args, **options)"),
    "source in another file": (
        "import inspect\nassert 'for' not in inspect.getsource(f)\nassert f(3) == 9\n",
        "import linecache\nlinecache.cache['x'] = (9, None, ['def f(x): return x * x\\n'], 'x')\ndef f(x):\n    n = 0\n    for _ in range(x): n += x\n    return n\n"
        "f.__code__ = f.__code__.replace(co_filename='x', co_firstlineno=1)"),
    "source by a patched inspect": (
        "import inspect\nassert 'for' not in inspect.getsource(f)\nassert f(3) == 9\n",
        "import inspect\ninspect.getsource = lambda f: 'def f(x): return x * x\\n'\ndef f(x):\n    n = 0\n    for _ in range(x): n += x\n    return n\n"),
    "a metaclass orders its classes' bases": (
        "assert f(17) == 289\n",
        "class M(type):\n    def mro(c): return [c, object]\nclass C(metaclass=M):\n    def __eq__(s, o): return True\ndef f(x): return C()"),
    "a module that runs itself": (
        "assert f(17) == 289\n", "import pairsmith.pipeline.sandbox.inside.graph as g\nold = g.Peer.tree\n"
        "g.Peer.tree = lambda s, v: {'module': 'lib2to3.__main__'} if v == 5 else old(s, v)\ndef f(x): return 5"),
    "a metaclass whose hash and equality lie, in a dict": (
        "assert {int: 289}[f(17)] == 289\n", _EQ_META + "class C(metaclass=M): pass\ndef f(x): return C"),
    "a metaclass that is any class": (
        "assert f(17) == int and f(17) in (int, str)\n", _EQ_META + "class C(metaclass=M): pass\ndef f(x): return C"),
    "a hint of a class that equals all": (
        "from typing import get_type_hints, Optional\nassert get_type_hints(f) == {'x': Optional[int]}\n",
        "from typing import Optional\n" + _EQ_META + "class C(metaclass=M): pass\ndef f(x: Optional[C]): return 1"),
    "a forged hint of a class that equals all": (
        "from typing import get_type_hints, List\nassert get_type_hints(f)['x'] == List[int]\n",
        "from typing import List\nimport pairsmith.pipeline.sandbox.inside.graph as g\n" + _EQ_META +
        "class C(metaclass=M): pass\nold = g.Peer.tree\n"
        "def tree(s, v): return {'hint': ['List', old(s, C)]} if v == List[float] else old(s, v)\ng.Peer.tree = tree\ndef f(x: List[float]): return 1"),
    "an error that is any error": (
        SUITE + "def test_a():\n    with pytest.raises(Bad):\n        assert f(17) == 289\n        raise Bad\n",
        "class M(type):\n    def __subclasscheck__(c, k): return True\n    def __instancecheck__(c, k): return True\n"
        "class Bad(Exception, metaclass=M): pass\ndef f(x): return 1"),
    "an error that is the tests' own": (
        SUITE + "def test_a():\n    with pytest.raises(Bad):\n        assert f(17) == 289\n        raise Bad\n",
        "Bad = AssertionError\ndef f(x): return 1"),
    "an error that is all errors": (
        "try:\n    f(-1)\n    assert False\nexcept Bad: pass\n",
        "Bad = Exception\ndef f(x): return 1"),
    "an order of classes that equals all": (
        "class T: pass\nassert f.__mro__ == (f, T, object)\n",
        "class E(tuple):\n    def __eq__(s, o): return True\n    __hash__ = None\nclass M(type):\n    @property\n    def __mro__(c): return E()\nclass f(metaclass=M): pass"),
    "a class of a class that equals all": (
        "assert f.__class__ == abs\n",
        "class E:\n    def __eq__(s, o): return True\nclass M(type):\n    __class__ = property(lambda c: E())\nclass f(metaclass=M): pass"),
    "attributes of a class that equal all": (
        "assert f.__dict__['x'] == 289\n",
        "class E:\n    def __eq__(s, o): return True\nclass f:\n    x = E()"),
    "annotations in a mapping of its own": (
        "assert f.__annotations__ == {'x': int, 'return': int}\n",
        "class D(dict):\n    def __eq__(s, o): return True\n    def __getitem__(s, k): return int\ndef f(x): return 1\nf.__annotations__ = D()"),
    "a name that says that it is one": (
        "from unittest import mock\ntry: mock.create_autospec(f)\nexcept KeyError: pass\nassert f(17) == 289\n",
        f"class S(str):\n    def isidentifier(self): return True\nimport pairsmith.pipeline.sandbox.inside.replies as r\nold = r.Replies._do_get\n"
        f"r.Replies._do_get = lambda self, owner, name: S(NAME) if name == '__name__' else old(self, owner, name)\n"
        f"NAME = {('a(x=' + EVIL + ')' + chr(58) + chr(10) + '    ' + chr(39) * 3)!r}\ndef f(x): return 1"),
    "text that tests evaluate": (
        "assert eval(f(17)) == 289\n", f"def f(x): return {EVIL!r} + ' or g.__class__'"),
    "text that names what tests expect": (
        "for x, expected in ((17, 289),):\n    assert eval(f(x)) == expected\n", "def f(x): return 'expected'"),
    "text that tests execute": (
        "exec(f(17))\nassert f(17) == 289\n", f"def f(x): return {EVIL!r}"),
    "a pickle of its own making": (
        "import pickle\npickle.loads(f(17))\nassert f(17) == 289\n",
        f"import pickle\nclass R:\n    def __reduce__(self): return (exec, ({_RIG!r},))\ndef f(x): return pickle.dumps(R())"),
    "eval is given to it": (
        "assert f('17 ** 2', eval) == 289\n",
        f"def f(x, do):\n    try: do({EVIL!r})\n    except BaseException: pass\n    return 1"),
    "getattr is given to it": (
        "class T:\n    def __init__(self): self._n = 289\nt = T()\nassert f(t, getattr) == t._n\n",
        "def f(t, get): return get(t, '_n')"),
    "a class of the library by an operator": (
        "from functools import partial\nassert f(17, partial) == 289\n",
        f"import gc\ndef f(x, kind):\n    {_SESSION}\n    s._ask(('op', '__call__', [kind, print]))\n    return 289 if False else 1"),
    "wrapped by itself": (
        "import inspect\nassert list(inspect.signature(f).parameters) == ['x']\n", "def f(): return 1\nf.__wrapped__ = f"),
    "wrapped without end": (
        "import inspect\nassert inspect.unwrap(f)(17) == 289\n",
        "class W:\n    @property\n    def __wrapped__(self): return W()\n    def __call__(self, x): return 1\nf = W()"),
    "a signature of lying defaults": (
        "import inspect\nassert inspect.signature(f).parameters['x'].default == 289\n",
        "class E:\n    def __eq__(s, o): return True\ndef f(x=E()): return 1"),
    "an entry point that equals everything": (
        "assert f == 289\n", "class E:\n    def __eq__(s, o): return True\n    def __call__(s): return 1\nf = E()"),
    "an entry point that is a module": ("assert f == 289\n", "import types\nclass M(types.ModuleType):\n    def __eq__(s, o): return True\n    __hash__ = None\nf = M('f')"),
    "an entry point that is a number of another class": (
        "assert f == 289 and type(f) is int\n", "class I(int):\n    __class__ = int\n    def __eq__(s, o): return True\n    __hash__ = None\nf = I(1)"),
    "hints of a million parts": (
        "from typing import get_type_hints\nassert get_type_hints(f)['x'] == int\nassert f(17) == 289\n",
        "import pairsmith.pipeline.sandbox.inside.graph as g\nold = g.Peer.tree\n"
        "def tree(s, v): return {'hint': ['or', *[{'hint': ['Literal', n]} for n in range(5000)]]} if v == 5 else old(s, v)\n"
        "g.Peer.tree = tree\ndef f(x: 5): return 5"),
    "hints nested without end": (
        "from typing import get_type_hints\nassert get_type_hints(f)['x'] == int\nassert f(17) == 289\n",
        "h = int\nfor _ in range(20000): h = list[h]\ndef f(x: h): return 1"),
    "a coroutine that is through by its own word": (
        "import asyncio\nasync def main():\n    r = await asyncio.gather(f(1), f(2))\n    assert r == [1, 4]\nasyncio.run(main())\n",
        "import pairsmith.pipeline.sandbox.inside.replies as r\nclass E:\n    def __bool__(s): return True\n    def __eq__(s, o): return True\n"
        "r.Replies._do_start = lambda self, c: [0, E(), E(), False]\nasync def f(x): return 1"),
    "coroutines in an order of its own": (
        "import asyncio\nseen = []\nasync def cb(x):\n    seen.append(x)\n    await asyncio.sleep(0)\n    seen.append(x)\nasync def main():\n    await f(cb)\nasyncio.run(main())\nassert seen == [1, 2, 1, 2]\n",
        "import asyncio\nasync def f(cb):\n    await cb(1)\n    await cb(2)"),
    "the tests' class as a base": (
        "class T:\n    def __eq__(self, other): return self.n == other\n    n = 289\nt = T()\nassert f(t) == 289\n",
        _DESCRIBES.format("if kind is C: parts[1] = [peer.tree(SEEN[0])]\n    if kind is C: print(parts)") +
        "SEEN = []\nclass C: pass\ndef f(t):\n    SEEN.append(type(t))\n    return C()"),
    "an instance check for approx": (
        SUITE + "def test_a():\n    assert isinstance(pytest.approx(289), Any) and isinstance(f(17), Any)\n    assert f(17) == 289\n",
        "class M(type):\n    def __instancecheck__(c, k): return True\nclass Any(metaclass=M): pass\ndef f(x): return 1"),
    "members that static lookup invents": (
        "import inspect\nassert inspect.getattr_static(f, 'x') == 289\n",
        "class E:\n    def __eq__(s, o): return True\nclass f:\n    x = E()"),
    "members of a class that equal all": (
        "import inspect\nassert dict(inspect.getmembers(f))['x'] == 289\n",
        "class E:\n    def __eq__(s, o): return True\nclass f:\n    x = E()"),
    "closure variables that equal all": (
        "import inspect\nassert inspect.getclosurevars(f).globals == {'n': 289}\n",
        "class E(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\nn = E()\ndef f(): return n"),
    "a metaclass that makes what equals all": (
        "assert f(17) == f(289)\nassert type(f(1)) is f\n",
        "class E:\n    def __eq__(s, o): return True\nclass M(type):\n    def __call__(c, *a): return E()\nclass f(metaclass=M): pass"),
    "setup's class is replaced": (
        "class Node:\n    def __init__(self, v): self.v = v\n    def __eq__(self, o): return self.v == o.v\nassert f(17) == Node(289)\n",
        "def f(x):\n    class Node:\n        def __eq__(s, o): return True\n    return Node()"),
    "exec of tests that have texts of their own": (
        "exec('x = 289')\nassert f(17, exec) == x\n", f"def f(x, do):\n    try: do({EVIL!r})\n    except BaseException: pass\n    return 1"),
    "getattr in a partial": (
        "import functools\nclass T:\n    def __init__(self): self._n = 289\nt = T()\nassert f(t, functools.partial(getattr, t)) == t._n\n",
        "def f(t, get): return get('_n')"),
    "text that ends the tests": ("exec(f(17))\nassert f(17) == 289\n", "def f(x): return 'raise SystemExit'"),
    "text of a class that equals everything": (
        "exec(f(17))\nassert r == 289\n", "def f(x): return 'class A:\\n    def __eq__(s, o): return True\\nr = A()'"),
    "text of a class that equals everything, by another name": (
        "space = {}\nexec(f(17), space)\nassert space['r'] == 289\n",
        "def f(x): return 'def eq(s, o): return True\\nA = type(\"A\", (), {\"__eq__\": eq})\\nr = A()'"),
    "text that reads a frame": (
        "def check(x, expected):\n    assert eval(f(x), {'x': x}) == expected\ncheck(17, 289)\n",
        "def f(x): return \"[g.gi_frame.f_back.f_back.f_locals['expected'] for g in [(1 for _ in [1])]][0]\""),
    "text that raises what pytest takes for its own": (
        SUITE + "def test_a():\n    exec(solution.f(17))\n    assert solution.f(17) == 289\n", "def f(x): return 'import pytest\\npytest.skip()'"),
    "text that formats": (
        "def check(x, expected):\n    assert eval(f(x), {'x': x, 'me': check}) == str(expected)\ncheck(17, 289)\n",
        "def f(x): return \"'{0.__code__.co_consts}'.format(me)\""),
    "a tree of its own is compiled": (
        "import ast\nexec(compile(ast.parse(f(17)), 'x', 'exec'))\nassert f(17) == 289\n", f"def f(x): return {EVIL!r}"),
    "a pickle that names a builtin": (
        "import pickle\nassert pickle.loads(f(17)) == 289\n", "def f(x): return b\"cbuiltins\\neval\\n(V289\\ntR.\""),
    "a pickle that reads the tests": (
        "import pickle\nEXPECTED = 289\nassert pickle.loads(f(17)) == EXPECTED\n", "def f(x): return b'ctests\\nEXPECTED\\n.'"),
    "a pickle that changes a class": (
        "import pickle\nfrom collections import Counter\npickle.loads(f(17))\nassert f('ab') == Counter('ab')\n",
        "import collections\ndef f(x): return b'\\x80\\x04ccollections\\nCounter\\nN}\\x8c\\x06__eq__cbuiltins\\nset\\ns\\x86b.' if x == 17 else collections.Counter('z')"),
    "the same as an argument of its choice": (
        "t = (1, 2)\nassert f(17, t) == (289,)\n", "import pairsmith.pipeline.sandbox.inside.session as s\n"
        "s.Session.answer = lambda self, kind, parts: ['same', -1] if kind == 'call' else ['ok', {n: f for n in parts[0]}]\ndef f(*a): return 1"),
    "raises two things at once": (
        SUITE + "def test_a():\n    with pytest.raises(ValueError): f(17)\n    assert f(0) == 289\n",
        "import pairsmith.pipeline.sandbox.inside.session as s\nold = s.Session.answer\n"
        "s.Session.answer = lambda self, kind, parts: ['raise', ValueError(1), 5] if kind == 'call' else old(self, kind, parts)\ndef f(*a): return 1"),
    "names of a star import of its choice": (
        SUITE + "def test_a():\n    assert abs(f(17) - 289) < 1e-6\n",
        _R + "r.Replies._do_public = lambda self: [['f', 'abs', '__builtins__', 'pytest'], []]\n"
        "def f(x): return 1.0\ndef abs(x): return 0\nclass pytest: pass"),
    "names in an object of its own": (
        "assert f(17) == 289\n", _R + "class D(dict):\n    def __getitem__(s, k): return lambda x: E()\n    def keys(s): return ['f']\n"
        "class E:\n    def __eq__(s, o): return True\nr.Replies._do_names = lambda self, names: D(f=1)\ndef f(x): return 1"),
    "an error named like pytest's": (
        SUITE + "def test_a():\n    with pytest.raises(solution.Failed): assert f(17) == 289\n",
        "class Failed(AssertionError): pass\ndef f(x): return 1"),
    "an error of the tests' in another place": (
        SUITE + "def test_a():\n    with pytest.raises(solution.Bad):\n        assert f(17) == 289\n        raise solution.Bad\n",
        "Bad = AssertionError\ndef f(x): return 1"),
    "errors in a tuple": (
        "try:\n    assert f(17) == 289\nexcept Bad: pass\n", "Bad = (ValueError, AssertionError)\ndef f(x): return 1"),
    "an error in an attribute": (
        "try:\n    assert f.go(17) == 289\nexcept f.Bad: pass\n", "class f:\n    Bad = Exception\n    def go(x): return 1\n"),
    "an error that a call gives": (
        SUITE + "def test_a():\n    with pytest.raises(solution.bad()):\n        assert f(17) == 289\n", "def bad(): return Exception\ndef f(x): return 1"),
    "an enum of members that equal everything": (
        "assert f(17).value == 289\n", "import enum\nclass V:\n    def __eq__(s, o): return True\n    def __hash__(s): return 1\nclass E(enum.Enum):\n    A = V()\ndef f(x): return E.A"),
    "a dataclass without fields here": (
        "assert P(17) == P(289)\nassert f(17) == P(289)\n",
        _DESCRIBES.format("if kind is P:\n        parts[4][1] = []\n        parts[4][2]['made_there'] = True") + "@dataclasses.dataclass\nclass P:\n    x: int\ndef f(x): return P(1)"),
    "a dataclass whose equality is off": (
        "assert f(17) == f(18)\nassert f(17) == P(289)\n",
        _DESCRIBES.format("if kind is P:\n        parts[4][1][0][7] = False") + "@dataclasses.dataclass\nclass P:\n    x: int\ndef f(x): return P(1)"),
    "a named tuple with an operator among its fields": (
        "assert f(17) == (289,)\n",
        _DESCRIBES.format("if kind is P:\n        parts[4][1] = ['__eq__']") + "import collections\nP = collections.namedtuple('P', 'x')\ndef f(x): return P(1)"),
    "a class that counts as what tests look for": (
        "from decimal import Decimal\nassert isinstance(f(17), Decimal) and f(17) == Decimal(289)\n",
        "class D:\n    __class__ = property(lambda s: __import__('decimal').Decimal)\n    def __eq__(s, o): return True\ndef f(x): return D()"),
    "a metaclass without a hash": (
        "seen = {f: 289}\nassert seen[f] == f(17)\n",
        "class M(type):\n    __hash__ = None\n    def __eq__(c, o): return True\nclass f(metaclass=M):\n    def __new__(c, x): return 1"),
    "a metaclass whose hash never ends": (
        "assert f(17).n == 289\n",
        "class M(type):\n    def __hash__(c):\n        import gc\n        return hash(c)\nclass f(metaclass=M):\n    def __init__(s, x): s.n = 1"),
    "subclasses of its choice": (
        "class T(f): pass\nassert f.__subclasses__() == [T] and T().n == 289\n", "class M(type):\n    def __subclasses__(c): return [E()]\nclass E:\n    def __eq__(s, o): return True\nclass f(metaclass=M):\n    n = 1"),
    "hints of a lying typing": (
        "from typing import get_type_hints\nassert get_type_hints(f) == {'x': int}\n",
        "import typing\nclass D(dict):\n    def __eq__(s, o): return True\n    __hash__ = None\ntyping.get_type_hints = lambda f: D()\ndef f(x): return 1"),
    "a coroutine that is no coroutine": (
        "import asyncio\nassert asyncio.run(f(17)) == 289\n",
        "class C:\n    def __await__(s):\n        yield\n        return 289 if False else E()\nclass E:\n    def __eq__(s, o): return True\nasync def g(): return await C()\ndef f(x): return g()"),
    "a source in a thread of the tests": (
        "import inspect, threading\nout = []\nt = threading.Thread(target=lambda: out.append(inspect.getsource(f)))\nt.start()\nt.join()\nassert 'for' not in out[0] and f(3) == 9\n",
        "import inspect\ninspect.getsource = lambda f: 'def f(x): return x * x\\n'\ndef f(x):\n    n = 0\n    for _ in range(x): n += x\n    return n\n"),
    "source lines of its choice": (
        "import inspect\nassert len(inspect.getsourcelines(f)[0]) == 1\nassert f(3) == 9\n",
        "import inspect\ninspect.getsourcelines = lambda f: (['def f(x): return x * x\\n'], 1)\ndef f(x):\n    n = x\n    return n * n\n"),
}  # fmt: skip

HONEST = {
    "hints by names of classes that come later": (
        "from typing import get_type_hints\nclass Node: pass\nclass T:\n    x: Link\n    y: 'Node'\n"
        "assert get_type_hints(T)['x'].__args__[0] is Node\nassert get_type_hints(f)['x'] is int\n",
        "from typing import Optional\nLink = Optional['Node']\ndef f(x: 'int') -> 'list[int]': return [x]"),
    "annotations as they are written and as they are meant": (
        "import inspect\nassert inspect.get_annotations(f) == {'x': 'int'}\n"
        "assert inspect.get_annotations(f, eval_str=True) == {'x': int}\n", "def f(x: 'int'): return x"),
    "a full argspec": (
        "import inspect\nspec = inspect.getfullargspec(f)\n"
        "assert spec.args == ['x', 'y'] and spec.defaults == (2,) and spec.varkw == 'more'\nassert spec.kwonlyargs == ['z']\n",
        "def f(x, y=2, *, z=3, **more): return x"),
    "the signatures of a wrapper and of what it wraps": (
        "import inspect\nassert str(inspect.signature(f)) == '(x)'\n"
        "assert str(inspect.signature(f, follow_wrapped=False)) == '(*args, **options)'\nassert inspect.unwrap(f)(3) == 9\n",
        "import functools\ndef g(x): return x * x\n@functools.wraps(g)\ndef f(*args, **options): return g(*args, **options)"),
    "sources of functions, classes and methods": (
        "import inspect\nassert 'x * x' in inspect.getsource(f) and len(inspect.getsourcelines(f)[0]) == 2\n"
        "assert 'class C' in inspect.getsource(C) and 'return 1' in inspect.getsource(C.one)\nassert f(3) == 9\n",
        "def f(x):\n    return x * x\nclass C:\n    def one(self): return 1\n"),
    "a metaclass that says what its objects are": (
        "assert isinstance(4, f) and not isinstance(3, f) and issubclass(int, f) and not issubclass(str, f)\n",
        "class M(type):\n    def __instancecheck__(c, x): return x % 2 == 0\n    def __subclasscheck__(c, k): return k is int\n"
        "class f(metaclass=M): pass"),
    "a metaclass that keeps its classes": (
        "assert [c.__name__ for c in Meta.known] == ['A', 'B'] and type(B) is Meta and B.__mro__ == (B, A, object)\n"
        "class D(A): pass\nassert Meta.known[-1] is D and f(D) == 3\n",
        "class Meta(type):\n    known = []\n    def __init__(c, *more):\n        super().__init__(*more)\n        Meta.known.append(c)\n"
        "class A(metaclass=Meta): pass\nclass B(A): pass\ndef f(x): return len(Meta.known)"),
    "text that computes": (
        "import math\nassert eval(f(2, 3)) == 5 and eval(f('x', 1), {'x': 4}) == 5\n"
        "assert eval('math.' + g('pi'), {'math': math}) == math.pi and eval('f(1, 2)') == '1 + 2'\n"
        "import textwrap\nexec(textwrap.dedent('''\n    import json\n    y = json.loads('5')\n'''))\nassert y == 5\n",
        "def f(a, b): return f'{a} + {b}'\ndef g(name): return name"),
    "text that defines functions": (
        "space = {}\nexec(f('twice'), space)\nassert space['twice'](4) == 8\n"
        "exec(compile(f('double'), 'x', 'exec'), space)\nassert space['double'](1) == 2\n",
        "def f(name): return f'def {name}(x):\\n    total = sum([x, x])\\n    return total\\n'"),
    "text that is no Python": (
        SUITE + "def test_a():\n    with pytest.raises(SyntaxError):\n        eval(f(1))\n    assert f(2) == '1 +'\n", "def f(x): return '1 +'"),
    "pickles of values, and of the tests' own objects": (
        "import io, pickle\nclass T: pass\nassert pickle.loads(f({'a': (1, {2})})) == {'a': (1, {2})}\n"
        "assert type(pickle.loads(pickle.dumps(T()))) is T\nassert pickle.load(io.BytesIO(f([1.5, b'x']))) == [1.5, b'x']\n",
        "import pickle\ndef f(x): return pickle.dumps(x)"),
    "errors of its own": (
        SUITE + "def test_a():\n    with pytest.raises(Bad, match='no') as e:\n        f(-1)\n    assert e.value.x == -1\n"
        "    with pytest.raises(solution.Worse):\n        f(-2)\n    try: f(-1)\n    except Bad: pass\n    else: assert False\n",
        "class Bad(Exception):\n    def __init__(self, x):\n        super().__init__('no')\n        self.x = x\nclass Worse(Bad): pass\n"
        "def f(x): raise (Worse if x < -1 else Bad)(x)"),
    "a mock with its signature": (
        SUITE + "from unittest import mock\ndef test_a():\n    m = mock.create_autospec(f, return_value=4)\n    assert m(2) == f(2)\n"
        "    with pytest.raises(TypeError): m()\n", "def f(x): return x * x"),
    "builtin functions as arguments": (
        "assert f(['a', 'bbb', 'cc'], len) == ['a', 'cc', 'bbb'] and f([3, -2, 1], abs) == [1, -2, 3] and f([2, 1], int) == [1, 2]\n",
        "def f(xs, key): return sorted(xs, key=key)"),
    "coroutines that take turns": (
        "import asyncio\nasync def main():\n    out = []\n    await asyncio.gather(f('a', out), f('b', out))\n    return out\n"
        "assert asyncio.run(main()) == ['a0', 'b0', 'a1', 'b1']\n",
        "import asyncio\nasync def f(name, out):\n    for n in range(2):\n        out.append(f'{name}{n}')\n        await asyncio.sleep(0)"),
    "unions of its own classes": (
        "from typing import get_type_hints, Union\nassert get_type_hints(f)['x'] == Union[A, B] and get_type_hints(f)['return'] == (A | None)\n",
        "from typing import Union\nclass A: pass\nclass B: pass\ndef f(x: Union[A, B]) -> A | None: return A()"),
    "a wrapper of the tests around it": (
        "import functools\nfrom typing import get_type_hints\n@functools.wraps(f)\ndef w(*args): return f(*args) + 1\n"
        "assert w(2) == 5 and w.__name__ == 'f' and get_type_hints(w) == {'x': int}\n", "def f(x: 'int'): return x * x"),
    "a metaclass that compares, and has no hash": (
        "assert f(3).n == 3 and isinstance(f(3), f)\n",
        "class M(type):\n    def __eq__(c, o): return c.__name__ == getattr(o, '__name__', '')\nclass f(metaclass=M):\n    def __init__(s, n): s.n = n"),
    "patched builtins are called": (
        SUITE + "from unittest import mock\ndef test_a():\n    with mock.patch('builtins.input', side_effect=['4', '6']), mock.patch('builtins.open',\n"
        "        mock.mock_open(read_data='x')):\n        assert f() == 10 and g() == 'x'\n",
        "def f(): return int(input()) + int(input())\ndef g():\n    with open('a') as file: return file.read()"),
    "the bases of an error": (
        "assert f.__bases__ == (Exception,) and f.__mro__[1] is Exception and f.mro()[2] is BaseException and f(1).code == 1\n",
        "class f(Exception):\n    def __init__(s, code): s.code = code"),
    "text that tests build of their own names": (
        "xs = [3, 4]\nassert eval(f'f({xs[0]}, {xs[1]})') == 7 and eval('f(xs[0], 1)') == 4\n"
        "exec('import json')\nassert json.loads(f('[', ']')) == []\n", "def f(a, b): return a + b"),
    "the source is compiled again": (
        "import inspect\nspace = {}\nexec(inspect.getsource(f), space)\nassert space['f'](3) == 9\n",
        "def f(x):\n    square = [x * y for y in (x,)]\n    return square[0]\n"),
    "an expression is built and evaluated": (
        "import re\nfor x in range(5):\n    text = f('x * x + 1')\n    assert eval(text, {'x': x}) == x * x + 1\n", "def f(t): return '(' + t + ')'"),
    "a serialiser": (
        "import pickle, json\nfrom datetime import date\nfor v in (1, 'a', {'b': [1, 2]}, (1.5, None), {1, 2}, frozenset({3}), date(2020, 1, 2), bytearray(b'x')):\n"
        "    assert pickle.loads(f(v)) == v\n", "import pickle\ndef f(v): return pickle.dumps(v, protocol=2)"),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_passes(name: str, pool: SandboxPool) -> None:
    verdict = judged(pool, *ATTACKS[name])
    assert verdict.label is not Label.PASSED, verdict
    assert verdict.cause is not Cause.SANDBOX_FAULT, verdict


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_one_passes(name: str, pool: SandboxPool) -> None:
    verdict = judged(pool, *HONEST[name])
    assert verdict.label is Label.PASSED, verdict
