"""Source files of folders, git checkouts and Hub datasets, as text, and the licence that each is under."""

import codecs
import functools
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pairsmith.pipeline.languages.table import ALIASES, find_grammar, language_names
from pairsmith.pipeline.problems.sources.hub import dataset_rows
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.schemas.config import ProblemsConfig
from pairsmith.schemas.config.sampling import SeedsConfig

_HEAD = 4_000  # characters of a file in which a licence is looked for
_LINE_MARKS = ("#", "//", "--", ";", "package ", "<?", "'use strict'", '"use strict"')
_ENDINGS = {"/*": "*/", '"""': '"""', "'''": "'''", "<!--": "-->"}
_BLOCK = re.compile("|".join(map(re.escape, _ENDINGS)))
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([\w.+-]+(?:\s+(?:OR|AND|WITH)\s+[\w.+-]+)*)")
_FILES = ("LICENSE", "LICENCE", "COPYING", "UNLICENSE")
PROPRIETARY = "proprietary"

# From the special to the general: the LGPL's text names the GPL, and the BSD licences say "All rights reserved".
_PHRASES: tuple[tuple[str, str], ...] = (
    (r"GNU Affero General Public License|\bAGPL", "AGPL-3.0"),
    (r"GNU (?:Lesser|Library) General Public License|\bLGPL", "LGPL-3.0"),
    (r"GNU General Public License|\bGPL ?v?[23]\b", "GPL-3.0"),
    (r"Mozilla Public License", "MPL-2.0"),
    (r"Eclipse Public License", "EPL-2.0"),
    (r"Apache License,?\s+(?:Version )?2\.0|Apache License\s+Version 2\.0", "Apache-2.0"),
    (r"Boost Software License", "BSL-1.0"),
    (r"PSF License|Python Software Foundation License|PYTHON SOFTWARE FOUNDATION LICENSE", "PSF-2.0"),
    (r"This is free and unencumbered software", "Unlicense"),
    (r"CC0 1\.0", "CC0-1.0"),
    (r"\bISC License|Permission to use, copy, modify, and/or distribute", "ISC"),
    (r"Permission is hereby granted, free of charge|\bMIT License|under the MIT\b|MIT-style", "MIT"),
    (r"Redistribution and use in source and binary|\bBSD[- ](?:style )?licen[sc]e|BSD-\d-Clause", "BSD-3-Clause"),
    (r"Confidential and Proprietary|proprietary and confidential|unauthorized copying", PROPRIETARY),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), name) for pattern, name in _PHRASES)


def licence_of_text(text: str) -> str:
    """Return the SPDX name of the licence that a file's head names, `proprietary`, or an empty string."""
    head = text[:_HEAD]
    found = _SPDX.search(head)
    if found:
        return found.group(1).strip()
    return next((name for pattern, name in _COMPILED if pattern.search(head)), "")


def header_of(text: str) -> str:
    """Return what precedes a file's first line of code: comments, and a documentation string."""
    kept: list[str] = []
    ending = ""
    for line in text[:_HEAD].splitlines():
        stripped = line.strip()
        if ending:
            ending = "" if ending in stripped else ending
        elif mark := _BLOCK.match(stripped):
            closing = _ENDINGS[mark.group()]
            ending = "" if closing in stripped[len(mark.group()) :] else closing
        elif stripped and not stripped.startswith(_LINE_MARKS):
            break
        kept.append(line)
    return "\n".join(kept)


def licence_of_folder(folder: Path, root: Path) -> str:
    """Return the licence that the nearest LICENSE file names, from a folder upwards to the root."""
    for place in (folder, *folder.parents):
        for path in sorted(place.glob("*")) if place.is_dir() else ():
            if path.name.upper().split(".")[0].split("-")[0] in _FILES and path.is_file():
                found = licence_of_text(path.read_bytes()[:_HEAD].decode("utf-8", "replace"))
                if found:
                    return found
        if place == root:
            break
    return ""


def is_allowed(licence: str, allowed: frozenset[str], unknown: bool) -> bool:
    """Return whether code under a licence may be used; of `A OR B` one must be allowed, of `A AND B` both.

    Args:
        licence: SPDX name or expression; empty if unknown.
        unknown: whether code without a licence may be used.
    """
    if not licence:
        return unknown
    for option in re.split(r"\s+OR\s+", licence):
        parts = (re.sub(r"\s+WITH\s+.*", "", part) for part in re.split(r"\s+AND\s+", option))
        if {part.removesuffix("-only").removesuffix("-or-later").strip("() ") for part in parts} <= allowed:
            return True
    return False


ENDINGS = {suffix: name for name in language_names() for suffix in find_grammar(name).suffixes}
_VENDORED = frozenset(
    {"node_modules", "vendor", "third_party", "site-packages", ".venv", "venv", "bower_components", "_vendor",
     "target"}
)  # fmt: skip
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "spec", "specs", "__tests__", "testdata"})
_TEST_FILE = re.compile(r"(^test_|_tests?\.|\.test\.|\.spec\.|^conftest\.|Tests?\.java$)")
_GENERATED_FILE = re.compile(r"(_pb2(_grpc)?\.py$|\.pb\.(go|cc|h)$|\.min\.js$|\.d\.ts$|_generated\.|\.g\.)")
_GENERATED = re.compile(
    r"@generated|code generated by|autogenerated|auto-generated|automatically generated|do not edit", re.IGNORECASE
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_MAX_FILE = 1 << 18  # characters; larger files are data or generated
_LONG_LINE = 1_000  # mean characters of a line in minified code are far above


class SeedsError(PairsmithError):
    """Seeds can't be read: no such folder, or no such dataset."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of code.

    Attributes:
        path: below its folder, or as the dataset has it.
        language: name in the table of languages.
        license: SPDX name; empty if unknown.
    """

    path: str
    language: str
    text: str
    license: str


def read_sources(config: SeedsConfig, reasons: Counter[str], cache: Path | None = None) -> Iterator[SourceFile]:
    """Give every file that may hold seeds; count those left out by reason, as `file:...`.

    Args:
        reasons: counted up.
        cache: folder for what `datasets` downloads and converts; None takes its own.

    Raises:
        SeedsError: if a folder isn't there, or nothing at all is named.
        ProblemsError: if the dataset can't be loaded.
    """
    if not config.folders and not config.dataset:
        raise SeedsError("no seeds: set synthesis.seeds.folders to folders of code, or synthesis.seeds.dataset")
    for folder in config.folders:
        if not folder.is_dir():
            raise SeedsError(f"{folder}: no such folder; see synthesis.seeds.folders")
        yield from _read_folder(folder, config, reasons)
    if config.dataset:
        yield from _read_dataset(config, reasons, cache)


def _read_folder(folder: Path, config: SeedsConfig, reasons: Counter[str]) -> Iterator[SourceFile]:
    licence_above = functools.cache(lambda place: licence_of_folder(place, folder))
    for path in _list_files(folder):
        language = _language_of(path.name, config.languages)
        if not language:
            continue
        inner = path.relative_to(folder).as_posix()
        try:
            text = None if why_no_source(inner) else decode_source(path.read_bytes(), language)
        except OSError:
            reasons["file:unreadable"] += 1
            continue
        if reason := why_no_source(inner) or _why_no_text(text):
            reasons[f"file:{reason}"] += 1
        elif text is not None:
            licence = licence_of_text(header_of(text)) or licence_above(path.parent)
            yield SourceFile(inner, language, text, licence)


def _list_files(folder: Path) -> list[Path]:
    """Return the files of a folder, sorted: those that git knows in a checkout, else all but hidden ones."""
    if (folder / ".git").exists():
        command = ["git", "-C", str(folder), "ls-files", "-z"]
        try:
            done = subprocess.run(command, capture_output=True, check=True, timeout=120)
            names = [name.decode("utf-8", "surrogateescape") for name in done.stdout.split(b"\0") if name]
            return sorted(path for path in map(folder.joinpath, names) if path.is_file() and not path.is_symlink())
        except (OSError, subprocess.SubprocessError):
            pass  # no git here: list the files themselves
    found = []
    for path in folder.rglob("*"):
        inner = path.relative_to(folder).parts
        if not any(part.startswith(".") for part in inner) and path.is_file() and not path.is_symlink():
            found.append(path)
    return sorted(found)


def _read_dataset(config: SeedsConfig, reasons: Counter[str], cache: Path | None) -> Iterator[SourceFile]:
    source = ProblemsConfig(
        source="hub", dataset=config.dataset, dataset_config=config.dataset_config, split=config.split,
        revision=config.revision, data_files=config.data_files,
    )  # fmt: skip
    for place, row in dataset_rows(source, cache):
        given, path = row.get(config.content_column), str(row.get(config.path_column) or place)
        text = given if isinstance(given, str) else ""
        language = _language_of(path, ())
        if named := str(row.get(config.language_column) or "").lower():
            language = ALIASES.get(named, named)
        if language not in (config.languages or ENDINGS.values()):
            language = ""
        reason = why_no_source(path) or _why_no_text(text) if language else "language"
        if reason:
            reasons[f"file:{reason}"] += 1
            continue
        licence = row.get(config.license_column) or licence_of_text(header_of(text))
        if isinstance(licence, (list, tuple)):
            licence = " OR ".join(map(str, licence))
        yield SourceFile(path, language, text, str(licence))


def _language_of(name: str, wanted: Sequence[str]) -> str:
    language = ENDINGS.get(Path(name).suffix.lower(), "")
    return language if not wanted or language in wanted else ""


def why_no_source(path: str) -> str:
    """Return why a file of this path is no source of seeds; an empty string if it may be."""
    *folders, name = path.lower().split("/")
    if not _VENDORED.isdisjoint(folders):
        return "vendored"
    if not _TEST_FOLDERS.isdisjoint(folders) or _TEST_FILE.search(name):
        return "test"
    return "generated" if _GENERATED_FILE.search(name) else ""


def _why_no_text(text: str | None) -> str:
    if text is None:
        return "encoding"
    if not text.strip():
        return "empty"
    if len(text) > _MAX_FILE:
        return "too_large"
    is_minified = len(text) > _LONG_LINE * (text.count("\n") + 1)
    return "generated" if is_minified or _GENERATED.search(header_of(text)) else ""


def decode_source(content: bytes, language: str) -> str | None:
    """Return a file's text; None where its bytes are not text of the encoding that it names, UTF-8 otherwise."""
    encoding = next((name for mark, name in _BOMS if content.startswith(mark)), "")
    if not encoding and language == "python":
        named = _CODING.search(b"\n".join(content.split(b"\n", 2)[:2]))
        encoding = named.group(1).decode("ascii", "replace") if named else ""
    try:
        text = content.decode(encoding or "utf-8")
    except (UnicodeDecodeError, LookupError):
        return None
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")
