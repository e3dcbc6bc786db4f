"""Runs one candidate: loads its code, then answers inputs with values. Knows no expected value.

Nothing here is trusted by anybody: the candidate shares this process and may change all of it. What it can
forge is only its own answer.
"""

from __future__ import annotations

import datetime
import gc
import itertools
import json
import os
import random
import sys
import time
import types
from typing import Any

from pairsmith.pipeline.sandbox.inside import lockdown
from pairsmith.pipeline.sandbox.inside.frames import (
    LOADED,
    MISSING,
    NONCE_BYTES,
    RAISED,
    TOO_LARGE,
    VALUE,
    FrameReader,
    pack,
    type_name,
    write_all,
)
from pairsmith.pipeline.sandbox.inside.serving import own_classes, run_tester, serve
from pairsmith.pipeline.sandbox.inside.stdin import python_program, serve_stdin
from pairsmith.schemas.values import Record, ValueTooLargeError, Viewed, decode_value, encode_value


def run_program(inputs: int, answers: int) -> None:
    """Serve one program over two descriptors until the input ends.

    The first frame is a nonce and a JSON object {setup, code, entry_point, mode, tester, foreign, limits}; each
    later one is a nonce and the text of a list of arguments. Each answer repeats its nonce.
    """
    frames = FrameReader(inputs, os.getpid())
    frame = frames.read()
    if frame is None:
        return
    nonce, load = frame[:NONCE_BYTES], json.loads(frame[NONCE_BYTES:])
    _vary(load["variation"], moves=load["mode"] != "stdin" and not load["foreign"])
    if load["foreign"]:
        from pairsmith.pipeline.sandbox.inside.foreign import run_foreign  # rare, and not loaded in every sandbox

        run_foreign(load, nonce, frames, answers)
        return
    sys.argv = ["solution"]
    module = types.ModuleType("solution")
    sys.modules["solution"] = module
    if load["mode"] == "stdin":
        _run_on_stdin(load, nonce, frames, answers)
        return
    lockdown.forbid_broad_kill()
    if load["mode"] == "suite":
        from pairsmith.pipeline.sandbox.inside.suite import run_suite  # only sandboxes of suites have it

        run_suite(load, nonce, frames, answers)
        return
    if load["tester"]:
        run_tester(load, nonce, frames, answers)
        return
    lockdown.hide_from_tracers(False)  # else /proc/self/fd, where /dev/stdin leads, is not its own
    setup: dict[str, type] = {}
    problem = _load(load, module.__dict__, setup)
    frames.leave_if_forked()
    if problem is not None:
        write_all(answers, pack(nonce + problem))
        return
    is_module = load["mode"] == "module"
    entry_point = load["entry_point"]
    function = _find(module.__dict__, entry_point) if entry_point or not is_module else None
    is_bound = is_module and (not entry_point or entry_point in module.__dict__)  # tests may want no function
    if function is None and not is_bound:
        write_all(answers, pack(nonce + MISSING))
        return
    if is_module:
        write_all(answers, pack(nonce + LOADED))
        owner, _, name = entry_point.rpartition(".")
        serve(load, module.__dict__, {name: function} if owner else {}, setup, frames, answers)
        return
    write_all(answers, pack(nonce + LOADED))
    for view in itertools.chain(load["views"], itertools.repeat("")):
        frame = frames.read()
        if frame is None:
            return
        text = frame[NONCE_BYTES:].decode("ascii")
        answer = _answer(function, text, module.__dict__, view)
        frames.leave_if_forked()
        write_all(answers, pack(frame[:NONCE_BYTES] + answer))


_kept: list[Any] = []
CLOCK_STEP_S = 400 * 86_400 + 18_077.31
"""From one variation to the next: another year, month, weekday, minute and second, and hours all over the day."""


def _vary(number: int, moves: bool) -> None:
    """Make this process another one in what no right program depends on; 0 changes nothing."""
    if not number:
        return
    random.seed(number)
    for kind in (object, list, dict, float):  # what is made later lies where these lay
        made: list[Any] = [kind() for _ in range(2000)]
        random.shuffle(made)
        _kept.append(made)
    for made in _kept:
        del made[:150]
    sys.setswitchinterval(1e-5 * number)
    if moves:
        folder = f"/tmp/work{number}"
        os.mkdir(folder)
        os.chdir(folder)
    # Nearly a day ahead or behind: another date, hour, minute and second. A zone's name has three letters or more.
    os.environ["TZ"] = f"VAR{'-' if number % 2 else '+'}23:{11 + 6 * number}:{5 + 6 * number}"
    time.tzset()
    _shift_clock(number * CLOCK_STEP_S)


def _shift_clock(offset_s: float) -> None:
    """Move every wall clock of Python's: `time.time` and what is read from it, and `datetime`."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + offset_s
    time.time_ns = lambda: now_ns() + int(offset_s * 1e9)
    for name in ("gmtime", "localtime", "ctime"):
        of_seconds = getattr(time, name)
        setattr(time, name, lambda seconds=None, of=of_seconds: of(time.time() if seconds is None else seconds))
    of_time, text_of = time.asctime, time.strftime
    time.asctime = lambda t=None: of_time(t or time.localtime())
    time.strftime = lambda form, t=None: text_of(form, t or time.localtime())
    methods = gc.get_referents(datetime.datetime.__dict__)[0]  # the class itself takes no attribute
    for name in ("now", "utcnow"):  # `today` asks `time.time`
        of_class = methods[name].__get__
        methods[name] = classmethod(
            lambda cls, *zone, of=of_class, **named: (
                of(None, cls)(*zone, **named) + datetime.timedelta(0, offset_s)
            )
        )


def _run_on_stdin(load: dict[str, Any], nonce: bytes, frames: FrameReader, answers: int) -> None:
    try:
        start = python_program(load["setup"], load["code"], load["variation"])
    except BaseException as error:
        write_all(answers, pack(nonce + RAISED + type_name(error)))
        return
    write_all(answers, pack(nonce + LOADED))
    serve_stdin(start, frames, answers, load["limits"])


def _load(load: dict[str, Any], namespace: dict[str, Any], setup: dict[str, type]) -> bytes | None:
    """Execute the code at module level; return the answer that says why it failed, None if it did not.

    The classes of the problem's setup that the code leaves as they are go into `setup`.
    """
    try:
        if load["setup"]:
            exec(compile(load["setup"], "<setup>", "exec", dont_inherit=True), namespace)
        classes = own_classes(namespace)
        exec(compile(load["code"], "<solution>", "exec", dont_inherit=True), namespace)
        setup.update({name: kind for name, kind in classes.items() if namespace.get(name) is kind})
    except BaseException as error:
        return RAISED + (_demonstration(error) or type_name(error))
    return None


def _demonstration(error: BaseException) -> bytes:
    """Return the name of a test runner's or a command line's exit, by which a demonstration ended the load."""
    trace, module = error.__traceback__, ""
    while trace is not None:
        module, trace = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0], trace.tb_next
    is_one = type(error) is SystemExit and module in ("unittest", "argparse")
    return f"SystemExit.{module}".encode() if is_one else b""


def _find(namespace: dict[str, Any], entry_point: str) -> Any:
    """Return the function of that name, or `Class.method` on a fresh object each time; None if there is none."""
    owner, _, method = entry_point.rpartition(".")
    if not owner:
        function = namespace.get(entry_point)
        return function if callable(function) else None
    kind = namespace.get(owner)
    if not isinstance(kind, type) or not callable(getattr(kind, method, None)):
        return None
    return lambda *arguments, **options: getattr(kind(), method)(*arguments, **options)


_VIEWS: dict[str, Any] = {
    "list": list, "tuple": tuple, "set": set, "sorted": sorted, "len": len, "str": str, "abs": abs, "sum": sum,
    "bool": bool,
}  # fmt: skip


def _answer(function: Any, text: str, namespace: dict[str, Any], view: str) -> bytes:
    try:
        arguments = decode_value(text)
        if '{"record":' in text:
            arguments = _with_objects(arguments, namespace)
        value = function(*arguments)
        answer = encode_value(value)
        if view and answer.startswith(('{"opaque":', '{"own":')):
            answer = encode_value(Viewed(view, _VIEWS[view](value)))
        return VALUE + answer.encode("ascii")
    except ValueTooLargeError:
        return TOO_LARGE
    except BaseException as error:
        return RAISED + type_name(error)


def _with_objects(value: Any, namespace: dict[str, Any]) -> Any:
    """Return arguments whose records are objects of the classes of these names, as far as there are such."""
    if isinstance(value, list):
        return [_with_objects(item, namespace) for item in value]
    if isinstance(value, tuple):
        return tuple(_with_objects(item, namespace) for item in value)
    if isinstance(value, dict):
        return {key: _with_objects(part, namespace) for key, part in value.items()}
    kind = namespace.get(value.name) if isinstance(value, Record) and not value.is_tuple else None
    if not isinstance(kind, type):
        return value
    fields = {name: _with_objects(part, namespace) for name, part in value.fields}
    made = _made_by_init(kind, fields)
    for name, part in fields.items():
        object.__setattr__(made, name, part)
    return made


def _made_by_init(kind: Any, fields: dict[str, Any]) -> Any:
    """Return an object as its class makes it of those parameters that are among the fields, else an empty one."""
    code = getattr(kind.__init__, "__code__", None)
    if code is None:
        return object.__new__(kind)
    names = code.co_varnames[1 : code.co_argcount]
    try:
        return kind(**{name: fields[name] for name in names if name in fields})
    except Exception:
        return object.__new__(kind)
