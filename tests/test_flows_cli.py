"""The command as a user meets it: what it prints, and how it refuses bad input."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from pairsmith.flows.cli.limits import TooLittleError, need_memory, what_ran_out
from tests.cli_kit import N_PROBLEMS, assert_one_line, call_pairsmith, run_pairsmith


def test_dry_run_prints_the_plan_and_writes_nothing(config: Path, home: Path, tmp_path: Path) -> None:
    done = call_pairsmith("build", config, "--dry-run", "--set", f"run={tmp_path / 'none'}", home=home)
    assert done.returncode == 0
    assert f"{N_PROBLEMS} problems of starter" in done.stdout
    assert not (tmp_path / "none").exists()


def test_inspect_shows_stages_and_pairs(built: Path, home: Path) -> None:
    done = call_pairsmith("inspect", built, "--pairs", "2", home=home)
    assert done.returncode == 0
    assert done.stdout.count("-- chosen, passes") == 2


def test_verify_names_a_file_that_is_not_as_it_was_written(built: Path, home: Path) -> None:
    done = call_pairsmith("verify", built, home=home)
    assert (done.returncode, "all files are unchanged" in done.stdout) == (0, True), done.stderr
    path = built / "verdicts" / "part-00000.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + b"x" + whole[-8:])
    done = call_pairsmith("verify", built, home=home)
    path.write_bytes(whole)
    assert_one_line(done, "missing or changed: verdicts/part-00000.parquet")


def test_two_runs_do_not_share_a_folder(config: Path, built: Path, home: Path) -> None:
    with (built / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = call_pairsmith("build", config, home=home)
    assert_one_line(done, "another pairsmith process is using it")


@pytest.mark.usefixtures("prefect_here")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "sampling.temprature=1"), ("sampling.temprature", "sampling.temperature")),
        (("--set", "sampling.n=none"), ("sampling.n",)),
        (("nowhere.toml",), ("nowhere.toml", "no such")),
        (("--set", "problems.source=jsonl"), ("problems.path",)),
        (("--set", "problems.source=jsonl", "--set", "problems.path={tmp}/empty.jsonl"), ("empty.jsonl",)),
        (("--set", "problems.source=jsonl", "--set", "problems.path={tmp}/column.jsonl"), ("entry_point",)),
        pytest.param(
            ("--set", "sampling.backend=transformers", "--set", "sampling.model={tmp}"),
            ("not a model folder",),
            marks=pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra [train]"),
        ),
        (("--set", "sampling.backend=files", "--set", "sampling.samples={tmp}/no.jsonl"), ("no.jsonl",)),
        (("--set", "run=/proc/none/here"), ("/proc/none/here",)),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    arguments: tuple[str, ...], words: tuple[str, ...], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "column.jsonl").write_text(json.dumps({"problem_id": "a", "prompt": "p", "tests": []}) + "\n")
    given = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    if not any(argument.startswith("run=") for argument in given):
        given += ["--set", f"run={tmp_path / 'run'}"]
    assert_one_line(call_pairsmith("build", *given, home=home), *words)


def test_a_process_says_nothing_beside_that_line(home: Path, tmp_path: Path) -> None:
    samples = f"sampling.samples={tmp_path / 'no.jsonl'}"
    given = ["--set", "sampling.backend=files", "--set", samples, "--set", f"run={tmp_path / 'run'}"]
    assert_one_line(run_pairsmith("build", *given, home=home), "no.jsonl")


@pytest.mark.usefixtures("prefect_here")
def test_a_full_disk_is_one_line_and_keeps_what_is_there(config: Path, home: Path, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=28k", "tmpfs", disk], check=True)
    try:
        done = run_pairsmith("build", config, "--set", f"run={disk / 'run'}", home=home)
        assert_one_line(done, "No space left on device", str(disk))
        assert list(disk.glob("run/*/*.parquet"))
        subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
        assert call_pairsmith("build", config, "--set", f"run={disk / 'run'}", home=home).returncode == 0
    finally:
        subprocess.run(["umount", disk], check=True)


def test_train_before_build_says_what_to_do(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    cache = Path.home() / ".cache" / "pairsmith"
    assert_one_line(
        call_pairsmith("train", "--set", f"run={tmp_path / 'run'}", "--cache", cache, home=home), "pairs"
    )


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def server_error() -> Exception:
    """Return what a flow gets from a server whose database can't be written."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    response = httpx.Response(500, json={}, request=httpx.Request("POST", "http://127.0.0.1/api/flow_runs"))
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        return PrefectHTTPStatusError.from_httpx_error(error)
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory"),
        (chained(ValueError("x"), OSError(errno.ENOMEM, "no")), "out of memory"),
        (RuntimeError("can't start new thread"), "no further thread or process"),
        (BlockingIOError(errno.EAGAIN, "fork"), "lower sandbox.workers"),
        (ExceptionGroup("two", [ValueError("x"), OSError(errno.EMFILE, "no")]), "(ulimit -n)"),
        (OSError(errno.ENOSPC, "full", "/a/b"), "the disk is full (/a/b); free some"),
        (server_error(), "PREFECT_HOME"),
        (ValueError("x"), ""),
    ],
)
def test_what_ran_out_is_told_with_the_remedy(error: BaseException, words: str) -> None:
    told = what_ran_out(error)
    assert words in told
    assert bool(told) == bool(words)


@pytest.mark.parametrize(
    ("kind", "limit", "available_mib", "words"),
    [
        ("memory", "536870912", 8192, "control group of this process allows 512 MiB"),
        ("", "536870912", 8192, "control group of this process allows 512 MiB"),
        ("", "max", 300, "this machine has 300 MiB"),
        ("", "max", 8192, ""),
        ("memory", str(1 << 62), 8192, ""),
    ],
)
def test_too_little_memory_is_reported_before_a_run_begins(
    kind: str, limit: str, available_mib: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, groups = tmp_path / "cgroup", tmp_path / "groups"
    (groups / kind / "a").mkdir(parents=True)
    own.write_text(f"12:cpu:/x\n3:{kind}:/a\n")
    (groups / kind / "a" / ("memory.limit_in_bytes" if kind else "memory.max")).write_text(f"{limit}\n")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=available_mib << 20))
    monkeypatch.setattr("psutil.swap_memory", lambda: SimpleNamespace(free=0))
    if not words:
        need_memory(own, groups)
        return
    with pytest.raises(TooLittleError, match=words):
        need_memory(own, groups)


def test_a_build_with_little_memory_ends_by_one_line(
    config: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=512 << 20))
    monkeypatch.setattr("psutil.swap_memory", lambda: SimpleNamespace(free=0))
    done = call_pairsmith("build", config, "--set", f"run={tmp_path / 'new'}", home=home)
    assert_one_line(done, "this machine has 512 MiB of memory; a run takes 640 MiB or more")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "work", "words"),
    [
        ("NOFILE, (64, 64)", "print()", "open files are limited to 64 (ulimit -n); allow 256"),
        ("CORE, (0, 0)", "bytearray(1 << 50)", "out of memory; give it more"),
        ("AS, (1 << 29, 1 << 29)", "bytearray(1 << 30)", "address space is limited to 512 MiB (ulimit -v)"),
        ("AS, (2 << 30, 2 << 30)", "need_memory()", "limited to 2048 MiB (ulimit -v); allow 3072 MiB or more"),
    ],
)
def test_a_limit_of_the_machine_is_one_line(limit: str, work: str, words: str) -> None:
    code = f"""
import resource
from pairsmith.flows.cli.limits import need_memory
from pairsmith.flows.cli.shared import guard
resource.setrlimit(resource.RLIMIT_{limit})
try:
    guard(lambda: {work})
except BaseException as error:
    raise SystemExit(error.exit_code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert_one_line(done, words)
