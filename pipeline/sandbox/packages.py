"""Packages that programs may import: fetched once into a folder with a lock file, shown to sandboxes read-only.

| `sandbox.packages` holds | from | where |
| --- | --- | --- |
| `numpy`, `numpy==2.3.5` | PyPI, wheels for the sandbox's Python | `/packages/python`, last on `sys.path` |
| `npm:lodash`, `npm:lodash@4.17.21` | npm, without install scripts | `/node_modules`, where Node looks |
| `crate:rand`, `crate:serde[derive]==1` | `cargo vendor` | `/packages/built/rust`, named by its `flags` |
| `go:github.com/google/uuid@v1.6.0` | `go mod download` | `/packages/built/go`, beside its sources |

A folder is made for one list and one version of Python, by `pairsmith sandbox build --packages`. `lock.txt` in it
names every package with its version and hash, also those that others need; its digest is in the keys of shards.
No code of any package runs on this machine: crates and modules are compiled where programs run, without network.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pairsmith.pipeline.run.digests import digest
from pairsmith.pipeline.sandbox.contract import SandboxError

INSIDE = "/packages"
COMPILE, BUILT = "compile.sh", "built"  # what compiles crates and modules, and the folder that it makes
_LOCK = "lock.txt"
_PYPI = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[\w,.-]*\])?(?:[=<>!~][^\s;]*)?")
_OTHERS = re.compile(
    r"(npm:(?:@[\w.-]+/)?[A-Za-z0-9][\w.-]*)(?:@\S+)?"
    r"|(crate:[A-Za-z][\w-]*)(?:\[[\w,/-]+\])?(?:==[\w.+-]+)?"
    r"|(go:[A-Za-z0-9][\w.~-]*(?:/[\w.~-]+)*)(?:@[\w.+-]+)?"
)
_CRATE = re.compile(r"([\w-]+)(?:\[(.*)\])?(?:==(.*))?")
_BUILD_LIMIT_S = 1800


def packages_root() -> Path:
    """Return where environments lie: root's sandboxes run as a user who can't read root's home."""
    return (Path("/var/cache") if os.getuid() == 0 else Path.home() / ".cache") / "pairsmith" / "packages"


def name_of(requirement: str) -> str:
    """Return a requirement's name without its version, as locks have it: `npm:lodash`, `scikit-learn`.

    Raises:
        SandboxError: if it is none.
    """
    if found := _OTHERS.fullmatch(requirement.strip()):
        return next(name for name in found.groups() if name)
    if found := _PYPI.fullmatch(requirement.strip()):
        return re.sub(r"[-_.]+", "-", found[1]).lower()  # PEP 503
    raise SandboxError(
        f"{requirement!r} is not a package; write `numpy==2.3.5`, `npm:lodash@4`, `crate:rand` or `go:MODULE`"
    )


def find_environment(packages: Sequence[str], python: str) -> Path:
    """Return the folder of these packages for a version of Python, such as `3.11`.

    Raises:
        SandboxError: if it was not made; it says how.
    """
    folder = _folder(packages, python)
    if not (folder / _LOCK).is_file() or ((folder / COMPILE).exists() and not (folder / BUILT).is_dir()):
        raise SandboxError(f"sandbox.packages are not built for Python {python}: {how_to_build(packages)}")
    return folder


def why_no_packages(packages: Sequence[str]) -> list[str]:
    """Return a line on packages that were fetched for no Python on this machine; nothing where they were."""
    if not packages or _locks(packages):
        return []
    return [f"sandbox.packages are not built: {how_to_build(packages)}"]


def how_to_build(packages: Sequence[str]) -> str:
    """Return what makes them, in words."""
    return f"build them with `pairsmith sandbox build --packages {','.join(packages)}`"


def tag_of(packages: Sequence[str], base: str) -> str:
    """Return the name of the Docker image that has these packages beside what an image has.

    Args:
        base: id of that image.
    """
    return f"pairsmith-packages:{_digest([*packages, base])}"


def locked(packages: Sequence[str]) -> str:
    """Return a digest of what was fetched for these packages on this machine; empty for nothing."""
    texts = [path.read_text(encoding="utf-8") for path in _locks(packages)]
    return digest(*texts) if texts else ""


def lock_of(folder: Path) -> list[str]:
    """Return the lines of a folder's lock: a package each, with version and hash."""
    return (folder / _LOCK).read_text(encoding="utf-8").splitlines()


def names_there(packages: Sequence[str]) -> set[str]:
    """Return the names of these packages, and where they were fetched of all that came with them.

    Beside each name of PyPI stand the modules that it brings (`scikit-learn`, `sklearn`).
    """
    names = {name_of(package) for package in packages}
    for lock in _locks(packages):
        names |= {name_of(line.split(" ")[0]) for line in lock_of(lock.parent)}
        names |= {path.name.partition(".")[0] for path in (lock.parent / "python").glob("[!_.]*")}
    return names


def describe_packages() -> list[str]:
    """Return a line for each list of packages that was fetched on this machine, with their versions."""
    lines = []
    for path in sorted(packages_root().glob(f"*/{_LOCK}")):
        there = ", ".join(line.split(" ")[0] for line in lock_of(path.parent))
        lines.append(f"packages for Python {path.parent.name.rpartition('-')[2]}: {there}")
    return lines


def build_environment(packages: Sequence[str], python: str) -> Path:
    """Fetch packages into their folder, with their lock file, and return it; one that is there is kept.

    Raises:
        SandboxError: if a package can't be had, or a tool that fetches it is missing.
    """
    folder = _folder(packages, python)
    if (folder / _LOCK).is_file():
        if (folder / COMPILE).exists():  # this version's, not that of the version that fetched
            shutil.copy(Path(__file__).with_name(COMPILE), folder)
        return folder
    kinds: dict[str, list[str]] = {}
    for package in packages:
        kind, _, name = package.strip().rpartition(":") if name_of(package) else ("",) * 3
        kinds.setdefault(kind, []).append(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        made = Path(name) / "made"
        made.mkdir(mode=0o755)
        lines = []
        for kind, requirements in kinds.items():
            lines += _fetch_python(requirements, python, made) if not kind else _FETCH[kind](requirements, made)
        if not kinds.keys().isdisjoint(("crate", "go")):
            shutil.copy(Path(__file__).with_name(COMPILE), made)
        (made / _LOCK).write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")
        for path in made.rglob("*"):  # for every user
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return folder


def _fetch_python(requirements: Sequence[str], python: str, folder: Path) -> list[str]:
    """Install wheels by pip, without running any code of theirs; return the lines of the lock."""
    report = folder / "report.json"
    is_ours = python == f"{sys.version_info.major}.{sys.version_info.minor}"
    _do(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input"),
            *("--only-binary", ":all:", "--python-version", python, "--implementation", "cp"),
            *(() if is_ours else ("--no-compile",)),  # bytecode of another version is of no use
            *("--target", str(folder / "python"), "--report", str(report), *requirements),
        ]
    )
    rows = json.loads(report.read_text(encoding="utf-8"))["install"]
    report.unlink()
    shutil.rmtree(folder / "python" / "bin", ignore_errors=True)
    return [
        f"{name_of(row['metadata']['name'])}=={row['metadata']['version']} "
        f"--hash=sha256:{row['download_info']['archive_info']['hashes']['sha256']}"
        for row in rows
    ]


def _fetch_node(requirements: Sequence[str], folder: Path) -> list[str]:
    """Install packages by npm, without running any code of theirs; return the lines of the lock."""
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--install-links")
    _do(["npm", "install", "--prefix", str(folder), *quiet, *requirements])
    tree = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for name in ("package.json", "package-lock.json"):
        (folder / name).unlink()
    return [
        f"npm:{path.rpartition('node_modules/')[2]}@{row['version']} {row.get('integrity', '')}".rstrip()
        for path, row in tree.items()
        if path
    ]


def _fetch_crates(requirements: Sequence[str], folder: Path) -> list[str]:
    """Copy crates and all that they need by cargo, as its own configuration says; return the lines of the lock."""
    home = folder / "crates"
    (home / "src").mkdir(parents=True)
    (home / "src" / "main.rs").write_text("fn main() {}\n", encoding="utf-8")
    wanted = [found for name in requirements if (found := _CRATE.fullmatch(name))]
    rows = [
        f"{name} = {{ version = {json.dumps(f'={version}' if version else '*')}, "
        f"features = {json.dumps(features.split(',') if features else [])} }}\n"
        for name, features, version in (found.groups() for found in wanted)
    ]
    head = '[package]\nname = "packages"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n[dependencies]\n'
    (home / "Cargo.toml").write_text(head + "".join(rows), encoding="utf-8")
    # Not `cargo vendor`: it deletes the crates of a directory that the user's configuration names as their source.
    found = json.loads(_do(["cargo", "metadata", "--format-version", "1", "--quiet"], cwd=home))["packages"]
    locked_rows = tomllib.loads((home / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    hashes = {(row["name"], row["version"]): row.get("checksum", "") for row in locked_rows}
    (home / "Cargo.lock").unlink()  # its format is newer than some compilers'; what was copied says the same
    lines = []
    for row in (row for row in found if row["source"]):
        copied = home / "vendor" / f"{row['name']}-{row['version']}"
        shutil.copytree(Path(row["manifest_path"]).parent, copied)
        (copied / ".cargo-checksum.json").write_text('{"files": {}}', encoding="utf-8")
        checksum = hashes[row["name"], row["version"]]  # a sentence where the source of a crate has none
        lines.append(f"crate:{row['name']}=={row['version']} {checksum if ' ' not in checksum else ''}".rstrip())
    return lines


def _fetch_modules(requirements: Sequence[str], folder: Path) -> list[str]:
    """Copy modules and all that they need by Go, checked as its own settings say; return the lines of the lock."""
    names = [name.partition("@")[0] for name in requirements]
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        (Path(name) / "go.mod").write_text("module packages\n", encoding="utf-8")
        settings = {"GOMODCACHE": f"{name}/cache", "GOCACHE": f"{name}/built", "GO111MODULE": "on"}
        wanted = [f"{one.partition('@')[0]}/...@{one.partition('@')[2] or 'latest'}" for one in requirements]
        _do(["go", "get", "-modcacherw", *wanted], cwd=Path(name), **settings)
        text = _do(["go", "mod", "download", "-modcacherw", "-json"], cwd=Path(name), **settings)
        rows = json.loads(f"[{re.sub(r'^}$', '},', text, flags=re.MULTILINE).rstrip().rstrip(',')}]")
        for row in rows:
            shutil.copytree(row["Dir"], folder / "go" / "src" / row["Path"], dirs_exist_ok=True)
    (folder / "go" / "modules").write_text("".join(f"{one}/...\n" for one in names), encoding="utf-8")
    return [f"go:{row['Path']}@{row['Version']} {row['Sum']}" for row in rows]


_FETCH = {"npm": _fetch_node, "crate": _fetch_crates, "go": _fetch_modules}


def _do(command: Sequence[str], cwd: Path | None = None, **settings: str) -> str:
    title = "pip" if "pip" in command else command[0]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_BUILD_LIMIT_S, check=False,
            cwd=cwd, env={**os.environ, **settings},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxError(f"no packages: {title} can't be run ({error})") from None
    if done.returncode:
        raise SandboxError(f"no packages: {title} failed: {last_error(done.stderr) or done.returncode}")
    return done.stdout


def last_error(text: str) -> str:
    """Return the end of a tool's output in one line, from the last that speaks of an error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = next((n for n, line in reversed([*enumerate(lines)]) if "error" in line.lower()), -1)
    return " ".join(lines[first:])[:300]


def _folder(packages: Sequence[str], python: str) -> Path:
    return packages_root() / f"{_digest(packages)}-{python}"


def _locks(packages: Sequence[str]) -> list[Path]:
    return sorted(packages_root().glob(f"{_digest(packages)}-*/{_LOCK}"))


def _digest(packages: Iterable[str]) -> str:
    return digest(*sorted({package.strip() for package in packages}))[:16]
