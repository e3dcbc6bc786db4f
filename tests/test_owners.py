import os
import subprocess
import sys
from dataclasses import replace

import pytest

from pairsmith.pipeline.run.lock import Owner, _started


def test_this_process_is_not_gone() -> None:
    mine = Owner.here()
    assert mine.pid == os.getpid()
    assert Owner.from_text(mine.to_text()) == mine
    assert not mine.is_gone()


@pytest.mark.slow
def test_a_killed_process_is_gone_also_before_it_is_waited_for() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        other = replace(Owner.here(), pid=process.pid, started=_started(process.pid) or 0)
        assert other.started
        assert not other.is_gone()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert other.is_gone()
    assert other.is_gone()


@pytest.mark.parametrize(
    ("changes", "is_gone"),
    [
        ({"started": 1}, True),  # another process has its number now
        ({"boot": "before"}, True),
        ({"host": "elsewhere", "pid": 1 << 30}, False),
        ({"host": "elsewhere", "boot": "other"}, False),
        ({"space": "pid:[1]", "pid": 1 << 30}, False),
        ({"boot": "", "pid": 1 << 30}, False),
    ],
)
def test_gone_is_only_who_is_known_to_be(changes: dict[str, object], is_gone: bool) -> None:
    assert replace(Owner.here(), **changes).is_gone() is is_gone  # type: ignore[arg-type]


def test_other_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unpack|literal"):
        Owner.from_text("something else")
