"""Thirty problems about classes and objects, each with right and wrong solutions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassProblem:
    name: str
    entry_point: str
    tests: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    setup: str = ""


def _of(name: str, entry: str, tests: str, right: str, *changes: tuple[str, str], setup: str = "") -> ClassProblem:
    """Return a problem whose wrong solutions are the right one with one place changed."""
    wrong = tuple(right.replace(old, new) for old, new in changes)
    assert all(code != right for code in wrong), name
    return ClassProblem(name, entry, tests, (right,), wrong, setup)


_NODE = """class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
"""
_TREE = """class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right
"""
_LISTS = (
    _NODE
    + """
def make(values):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head

def read(node):
    values = []
    while node is not None:
        values.append(node.val)
        node = node.next
    return values
"""
)

PROBLEMS = (
    _of("lru", "LRUCache", "def check(candidate):\n    c = candidate(2)\n    c.put(1, 1)\n    c.put(2, 2)\n"
        "    assert c.get(1) == 1\n    c.put(3, 3)\n    assert c.get(2) == -1\n    assert c.get(3) == 3\n",
        "from collections import OrderedDict\nclass LRUCache:\n    def __init__(self, n):\n        self.n = n\n"
        "        self.d = OrderedDict()\n    def get(self, k):\n        if k not in self.d: return -1\n"
        "        self.d.move_to_end(k)\n        return self.d[k]\n    def put(self, k, v):\n        self.d[k] = v\n" "        self.d.move_to_end(k)\n        if len(self.d) > self.n: self.d.popitem(last=False)\n",
        ("        self.d.move_to_end(k)\n        return", "        return"), ("last=False", "last=True")),
    _of("lru_subclass", "LRU", "c = LRU(2)\nc['a'] = 1\nc['b'] = 2\nc['a']\nc['c'] = 3\nassert list(c) == ['a', 'c']\n"
        "assert 'b' not in c and len(c) == 2\n",
        "from collections import OrderedDict\nclass LRU(OrderedDict):\n    def __init__(self, n):\n"
        "        super().__init__()\n        self.n = n\n    def __getitem__(self, k):\n        self.move_to_end(k)\n" "        return super().__getitem__(k)\n    def __setitem__(self, k, v):\n        super().__setitem__(k, v)\n" "        if len(self) > self.n: self.popitem(last=False)\n", ("        self.move_to_end(k)\n", "")),
    _of("stack", "Stack", "s = Stack()\nassert s.is_empty()\ns.push(1)\ns.push(2)\nassert s.peek() == 2\n"
        "assert s.pop() == 2 and s.pop() == 1\nassert s.is_empty()\n",
        "class Stack:\n    def __init__(self): self.xs = []\n    def push(self, x): self.xs.append(x)\n"
        "    def pop(self): return self.xs.pop()\n    def peek(self): return self.xs[-1]\n"
        "    def is_empty(self): return not self.xs\n", ("pop()", "pop(0)"), ("[-1]", "[0]")),
    _of("stack_suite", "Stack", "import pytest\nfrom solution import Stack, EmptyError\n\ndef test_a():\n"
        "    s = Stack()\n    s.push(3)\n    assert len(s) == 1\n    assert s.pop() == 3\n\ndef test_b():\n"
        "    with pytest.raises(EmptyError, match='empty'):\n        Stack().pop()\n",
        "class EmptyError(Exception): pass\nclass Stack:\n    def __init__(self): self.xs = []\n"
        "    def push(self, x): self.xs.append(x)\n    def pop(self):\n        if not self.xs: raise EmptyError('empty')\n" "        return self.xs.pop()\n    def __len__(self): return len(self.xs)\n",
        ("raise EmptyError('empty')", "raise IndexError('empty')"), ("return len(self.xs)", "return 0")),
    _of("queue", "Queue", "q = Queue()\nfor i in range(5): q.put(i)\nassert [q.get() for _ in range(5)] == [0, 1, 2, 3, 4]\n",
        "class Queue:\n    def __init__(self): self.a, self.b = [], []\n    def put(self, x): self.a.append(x)\n"
        "    def get(self):\n        if not self.b:\n            while self.a: self.b.append(self.a.pop())\n"
        "        return self.b.pop()\n", ("self.b.append(self.a.pop())", "self.b.append(self.a.pop(0))")),
    _of("counter_object", "Counter2", "a, b = Counter2(), Counter2()\na.hit()\na.hit()\nb.hit()\n"
        "assert (a.count, b.count) == (2, 1)\n",
        "class Counter2:\n    def __init__(self): self.count = 0\n    def hit(self): self.count += 1\n",
        ("    def __init__(self): self.count = 0\n    def hit(self): self.count += 1",
         "    count = 0\n    def hit(self): Counter2.count += 1")),
    _of("iterator", "Countdown", "assert list(Countdown(3)) == [3, 2, 1]\nc = Countdown(2)\nassert next(c) == 2\n"
        "assert [x for x in c] == [1]\n",
        "class Countdown:\n    def __init__(self, n): self.n = n\n    def __iter__(self): return self\n"
        "    def __next__(self):\n        if self.n == 0: raise StopIteration\n        self.n -= 1\n"
        "        return self.n + 1\n", ("self.n + 1", "self.n")),
    _of("generator_send", "averager", "a = averager()\nnext(a)\nassert a.send(10) == 10\nassert a.send(20) == 15\n",
        "def averager():\n    total = n = 0\n    mean = None\n    while True:\n        total += yield mean\n"
        "        n += 1\n        mean = total / n\n", ("n += 1", "n = 1")),
    _of("endless", "primes", "import itertools\nassert list(itertools.islice(primes(), 50))[-1] == 229\n",
        "def primes():\n    n = 2\n    while True:\n        if all(n % d for d in range(2, int(n ** 0.5) + 1)): yield n\n" "        n += 1\n", ("int(n ** 0.5) + 1", "int(n ** 0.5)")),
    _of("context", "Recorder", "r = Recorder()\nwith r as inner:\n    assert inner is r and r.is_open\n    r.add(1)\n"
        "assert not r.is_open\nassert r.items == [1]\n",
        "class Recorder:\n    def __init__(self): self.items, self.is_open = [], False\n"
        "    def __enter__(self):\n        self.is_open = True\n        return self\n"
        "    def __exit__(self, *e): self.is_open = False\n    def add(self, x): self.items.append(x)\n",
        ("__exit__(self, *e): self.is_open = False", "__exit__(self, *e): pass"), ("return self\n", "return None\n")),
    _of("swallows", "Ignore", "with Ignore(ValueError) as i:\n    int('x')\nassert i.caught == 1\n"
        "try:\n    with Ignore(ValueError):\n        {}['x']\n    assert False, 'swallowed'\nexcept KeyError:\n   pass\n", "class Ignore:\n    def __init__(self, kind): self.kind, self.caught = kind, 0\n    def __enter__(self): return self\n" "    def __exit__(self, kind, error, trace):\n        if kind is not None and issubclass(kind, self.kind):\n" "            self.caught += 1\n            return True\n        return False\n", ("        return False", "        return True")),
    _of("matrix", "Matrix", "m = Matrix([[1, 2], [3, 4]]) * Matrix([[0, 1], [2, 0]])\nassert m.rows == [[4, 1], [8, 3]]\n"
        "assert m[0][1] == 1\nassert (m + m).rows == [[8, 2], [16, 6]]\n",
        "class Matrix:\n    def __init__(self, rows): self.rows = rows\n    def __getitem__(self, i): return self.rows[i]\n" "    def __add__(self, o): return Matrix([[a + b for a, b in zip(r, s)] for r, s in zip(self.rows, o.rows)])\n" "    def __mul__(self, o):\n        return Matrix([[sum(a * b for a, b in zip(r, c)) for c in zip(*o.rows)] for r in self.rows])\n", ("zip(*o.rows)", "o.rows"), ("a + b", "a - b")),
    _of("vector", "Vector", "v = 2 * Vector(1, 2) - Vector(0, 1)\nassert (v.x, v.y) == (2, 3)\nassert abs(Vector(3, 4)) == 5\n"
        "assert (-v).x == -2\n",
        "class Vector:\n    def __init__(self, x, y): self.x, self.y = x, y\n"
        "    def __sub__(self, o): return Vector(self.x - o.x, self.y - o.y)\n"
        "    def __rmul__(self, k): return Vector(k * self.x, k * self.y)\n"
        "    def __neg__(self): return Vector(-self.x, -self.y)\n"
        "    def __abs__(self): return (self.x ** 2 + self.y ** 2) ** 0.5\n",
        ("k * self.y", "self.y"), ("__neg__(self): return Vector(-self.x", "__neg__(self): return Vector(self.x")),
    _of("point_dataclass", "Point", "assert Point(1, 2).moved(3, 4) == Point(4, 6)\nassert Point(1, 2) != Point(2, 1)\n"
        "p = Point(1, 2)\np.x = 7\nassert p.moved(1, 0).x == 8\n",
        "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n    y: int\n"
        "    def moved(self, dx, dy): return Point(self.x + dx, self.y + dy)\n", ("self.y + dy", "self.y")),
    _of("named_tuple", "Card", "c = Card('K', 'hearts')\nassert c == ('K', 'hearts') and c.rank == 'K'\n"
        "rank, suit = c\nassert suit == 'hearts'\nassert c.label() == 'K of hearts'\n",
        "from typing import NamedTuple\nclass Card(NamedTuple):\n    rank: str\n    suit: str\n"
        "    def label(self): return f'{self.rank} of {self.suit}'\n", ("{self.rank} of", "{self.rank} in"),
        ("    rank: str\n    suit: str", "    suit: str\n    rank: str")),
    _of("enum", "next_light", "assert next_light(Light.RED) is Light.GREEN\nassert next_light(Light.GREEN) == Light.YELLOW\n"
        "assert next_light(Light.YELLOW) == Light.RED\nassert Light.RED.value == 1\n",
        "from enum import Enum\nclass Light(Enum):\n    RED = 1\n    GREEN = 2\n    YELLOW = 3\n"
        "def next_light(l): return Light(l.value % 3 + 1)\n", ("l.value % 3 + 1", "l.value")),
    _of("linked_reverse", "reverse", "assert read(reverse(make([1, 2, 3]))) == [3, 2, 1]\nassert reverse(None) is None\n",
        "def reverse(head):\n    last = None\n    while head:\n        head.next, last, head = last, head, head.next\n" "    return last\n", ("    return last", "    return head"), setup=_LISTS),
    _of("linked_in_place", "drop_second", "h = make([1, 2, 3])\nr = drop_second(h)\nassert r is h\nassert read(h) == [1, 3]\n",
        "def drop_second(head):\n    head.next = head.next.next\n    return head\n",
        ("    head.next = head.next.next\n    return head", "    return ListNode(head.val, head.next.next)"),
        setup=_LISTS),
    _of("linked_cycle", "has_cycle", "a = ListNode(1)\nb = ListNode(2, a)\na.next = b\nassert has_cycle(a) is True\n"
        "assert has_cycle(make([1, 2, 3])) is False\n",
        "def has_cycle(h):\n    seen = set()\n    while h:\n        if id(h) in seen: return True\n        seen.add(id(h))\n" "        h = h.next\n    return False\n", ("    return False", "    return True"),
        ("return True", "return False"), setup=_LISTS),
    _of("tree_depth", "depth", "t = TreeNode(1, TreeNode(2, TreeNode(3)), TreeNode(4))\nassert depth(t) == 3\nassert depth(None) == 0\n",
        "def depth(t): return 0 if t is None else 1 + max(depth(t.left), depth(t.right))\n", ("max(", "min("),
        setup=_TREE),
    _of("tree_invert", "invert", "t = TreeNode(1, TreeNode(2), TreeNode(3))\nr = invert(t)\n"
        "assert (r.left.val, r.right.val) == (3, 2)\nassert r is t\n",
        "def invert(t):\n    if t: t.left, t.right = invert(t.right), invert(t.left)\n    return t\n",
        ("invert(t.right), invert(t.left)", "invert(t.left), invert(t.right)"), setup=_TREE),
    _of("own_node", "build", "t = build([2, 1, 3])\nassert t.val == 2 and t.left.val == 1 and t.right.val == 3\nassert t.left.left is None\n",
        "class N:\n    def __init__(self, v): self.val, self.left, self.right = v, None, None\ndef build(xs):\n    root = N(xs[0])\n" "    for x in xs[1:]:\n        n = root\n        while True:\n            side = 'left' if x < n.val else 'right'\n" "            if getattr(n, side) is None:\n                setattr(n, side, N(x))\n                break\n            n = getattr(n, side)\n" "    return root\n", ("x < n.val", "x > n.val")),
    _of("solution_class", "Solution", "assert Solution().twoSum([2, 7, 11], 9) == [0, 1]\ns = Solution()\nassert s.twoSum([3, 3], 6) == [0, 1]\n",
        "class Solution:\n    def twoSum(self, xs, t):\n        seen = {}\n        for i, x in enumerate(xs):\n"
        "            if t - x in seen: return [seen[t - x], i]\n            seen[x] = i\n", ("[seen[t - x], i]",
        "[i, seen[t - x]]")),
    _of("bank", "Account", "a = Account(10)\na.withdraw(3)\nassert a.balance == 7\ntry:\n    a.withdraw(8)\n    assert False\n"
        "except InsufficientFunds as e:\n    assert e.missing == 1\nassert a.balance == 7\n",
        "class InsufficientFunds(Exception):\n    def __init__(self, missing):\n        super().__init__(f'{missing} missing')\n" "        self.missing = missing\nclass Account:\n    def __init__(self, b): self.balance = b\n    def withdraw(self, n):\n" "        if n > self.balance: raise InsufficientFunds(n - self.balance)\n        self.balance -= n\n", ("if n > self.balance: raise", "self.balance -= n\n        if self.balance < 0: raise"), ("n - self.balance)", "n)")),
    _of("state_machine", "Turnstile", "t = Turnstile()\nassert t.push() == 'locked'\nt.coin()\nassert t.state == 'unlocked'\n"
        "assert t.push() == 'passed'\nassert t.state == 'locked'\n",
        "class Turnstile:\n    def __init__(self): self.state = 'locked'\n    def coin(self): self.state = 'unlocked'\n" "    def push(self):\n        if self.state == 'locked': return 'locked'\n        self.state = 'locked'\n        return 'passed'\n", ("        self.state = 'locked'\n        return", "        return")),
    _of("property", "Celsius", "c = Celsius(100)\nassert c.fahrenheit == 212\nc.fahrenheit = 32\nassert c.degrees == 0\n",
        "class Celsius:\n    def __init__(self, d): self.degrees = d\n    @property\n    def fahrenheit(self): return self.degrees * 9 / 5 + 32\n" "    @fahrenheit.setter\n    def fahrenheit(self, f): self.degrees = (f - 32) * 5 / 9\n", ("(f - 32)", "f")),
    _of("decorator", "memo", "calls = []\n@memo\ndef slow(x):\n    calls.append(x)\n    return x * x\n"
        "assert slow(3) == 9 and slow(3) == 9\nassert calls == [3]\nassert slow(4) == 16 and calls == [3, 4]\n",
        "def memo(f):\n    known = {}\n    def inner(x):\n        if x not in known: known[x] = f(x)\n        return known[x]\n    return inner\n", ("if x not in known: known", "known"), ("known[x] = f(x)",
        "known[x] = x * x")),
    _of("closure", "counter", "c, d = counter(), counter(10)\nassert [c(), c(), d()] == [1, 2, 11]\n",
        "def counter(n=0):\n    def step():\n        nonlocal n\n        n += 1\n        return n\n    return step\n", ("        n += 1\n", "")),
    _of("observer", "Subject", "seen = []\ns = Subject()\ns.attach(seen.append)\ns.attach(lambda e: seen.append(e * 2))\ns.notify(3)\n"
        "assert seen == [3, 6]\n",
        "class Subject:\n    def __init__(self): self.fs = []\n    def attach(self, f): self.fs.append(f)\n"
        "    def notify(self, e):\n        for f in self.fs: f(e)\n", ("self.fs: f(e)", "self.fs[:1]: f(e)")),
    _of("container", "Bag", "b = Bag()\nb.add('x')\nb.add('x')\nassert 'x' in b and 'y' not in b\nassert len(b) == 2 and sorted(b) == ['x', 'x']\n"
        "del b['x']\nassert len(b) == 1\n",
        "class Bag:\n    def __init__(self): self.xs = []\n    def add(self, x): self.xs.append(x)\n    def __contains__(self, x): return x in self.xs\n" "    def __len__(self): return len(self.xs)\n    def __iter__(self): return iter(self.xs)\n    def __delitem__(self, x): self.xs.remove(x)\n",
        ("self.xs.append(x)", "self.xs[:] = [x]"), ("self.xs.remove(x)", "self.xs.clear()")),
    _of("inventory_kept", "Inventory", "i = Inventory()\ni.items.append('a')\ni.items.append('b')\nassert i.total() == 2\nxs = i.items\n"
        "i.clear()\nassert xs == []\n",
        "class Inventory:\n    def __init__(self): self.items = []\n    def total(self): return len(self.items)\n    def clear(self): self.items.clear()\n", ("self.items.clear()", "self.items = []")),
    _of("class_attribute", "Robot", "a, b = Robot('x'), Robot('y')\nassert Robot.count == 2\nassert Robot.make('z').name == 'z' and Robot.count == 3\n"
        "assert Robot.is_name('x') and not Robot.is_name('')\n",
        "class Robot:\n    count = 0\n    def __init__(self, name):\n        self.name = name\n        Robot.count += 1\n    @classmethod\n" "    def make(cls, name): return cls(name)\n    @staticmethod\n    def is_name(n): return bool(n)\n", ("Robot.count += 1", "self.count += 1"), ("bool(n)", "True")),
)  # fmt: skip

# Answers with a class where a function `fact` is asked for; each call makes an object of its own.
METHODS = {
    "recursion": "class Solution:\n    def fact(self, n):\n        return ONE if n < 2 else n * self.fact(n - 1)\n",
    "several methods": "class Solution:\n    def go(self, n, m):\n        return m if n < 2 else self.go(n - 1, m * n)\n"
    "    def fact(self, n):\n        return self.go(n, ONE)\n",
    "by a base": "class Base:\n    def fact(self, n):\n        return self.one() if n < 2 else n * self.fact(n - 1)\n"
    "class Fast(Base):\n    def one(self):\n        return ONE\n",
    "abstract base": "from abc import ABC, abstractmethod\nclass Task(ABC):\n    @abstractmethod\n"
    "    def fact(self, n): ...\nclass Loop(Task):\n    def fact(self, n):\n"
    "        return ONE if n < 2 else n * self.fact(n - 1)\n",
    "defaults": "class Solution:\n    def __init__(self, one=ONE): self.one = one\n"
    "    def fact(self, n):\n        return self.one if n < 2 else n * self.fact(n - 1)\n",
    "static": "class Solution:\n    @staticmethod\n    def fact(n):\n        return ONE if n < 2 else n * Solution.fact(n - 1)\n",
    "class method": "class Maths:\n    @classmethod\n    def fact(cls, n):\n        return ONE if n < 2 else n * cls.fact(n - 1)\n",
    "memo of an object": "class Solution:\n    def __init__(self): self.total = ONE\n    def fact(self, n):\n"
    "        for i in range(2, n + 1): self.total *= i\n        return self.total\n",
    "cached": "from functools import lru_cache\nclass Solution:\n    @lru_cache(None)\n    def fact(self, n: int) -> int:\n"
    "        return ONE if n < 2 else n * self.fact(n - 1)\n",
    "used behind": "class Solution:\n    def fact(self, n):\n        return ONE if n < 2 else n * self.fact(n - 1)\n\n"
    "solution = Solution()\nprint(solution.fact(5))\n",
}
WRONG_METHODS = {
    "calls a name that is not there": "class Solution:\n    def fact(self, n):\n        return 1 if n < 2 else n * fact(n - 1)\n",
    "needs an argument": "class Solution:\n    def __init__(self, n): self.n = n\n"
    "    def fact(self, n):\n        return 1 if n < 2 else n * Solution(n).fact(n - 1)\n",
    "counts in its class": "class Solution:\n    total = 1\n    def fact(self, n):\n"
    "        for i in range(2, n + 1): Solution.total *= i\n        return Solution.total\n",
}
ASKED = {
    "cases": "assert fact(1) == 1\nassert fact(5) == 120\nassert fact(4) == 24\n",
    "check": "def check(candidate):\n    assert sorted([4, 1, 5], key=candidate) == [1, 4, 5]\n"
    "    assert [candidate(n) for n in (1, 5, 4)] == [1, 120, 24]\n    assert candidate(n=3) == 6\n",
    "suite": "import solution\nfrom solution import *\n\ndef test_a():\n    assert fact(5) == 120\n    assert fact(n=4) == 24\n\n"
    "def test_b():\n    assert solution.fact(1) == 1\n",
}
