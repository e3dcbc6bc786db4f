"""Which licence a piece of code is under, by what its file or its repository says."""

import re
from pathlib import Path

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
    """Return what stands before a file's first line of code: comments, and a documentation string."""
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
        allowed: SPDX names.
        unknown: whether code without a licence may be used.
    """
    if not licence:
        return unknown
    options = re.split(r"\s+OR\s+", licence)
    return any(all(_plain(part) in allowed for part in re.split(r"\s+AND\s+", option)) for option in options)


def _plain(name: str) -> str:
    return re.sub(r"\s+WITH\s+.*", "", name).removesuffix("-only").removesuffix("-or-later").strip("() ")
