"""Keys and private addresses in what would be published: a model repeats what it has seen.

Keys are found by detect-secrets' own detectors of forms: private keys, tokens of known services.
"""

import functools
import hashlib
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

# Those that know a key by its form. Detectors of mere entropy call every long constant a secret.
_BY_FORM = (
    "AWSKeyDetector", "ArtifactoryDetector", "AzureStorageKeyDetector", "BasicAuthDetector",
    "CloudantDetector", "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector",
    "IbmCloudIamDetector", "JwtTokenDetector", "KeywordDetector", "MailchimpDetector", "NpmDetector",
    "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector",
    "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
_TOO_EAGER = "KeywordDetector"  # `password =` is in half of all programs about passwords
_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24})\b")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
# RFC 2606 and 6761 keep these for examples: no person reads mail there.
_NOBODYS = re.compile(r"(?i)(?:^|\.)(?:example\.(?:com|org|net)|example|test|invalid|localhost)$")
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918
_EDGE = 4096  # characters: no finding is longer, so that texts may be scanned in pieces
_PIECE = 1 << 14  # bounds what a hostile text costs: one detector is quadratic (9 s a MB at worst)


@dataclass(frozen=True, slots=True)
class Finding:
    """One text that must not be published."""

    kind: str  # what it looks like
    # what `publish.allowed` takes: kind and 12 hex digits of its digest. The text itself is shown nowhere
    name: str
    file: str  # where it was first found; `row` from 0, `column` its name
    row: int
    column: str
    n: int  # places that it was found at


def scan_files(files: Iterable[Path], allowed: Iterable[str] = ()) -> list[Finding]:
    """Return what no one should see of the text columns of Parquet files, by name; allowed ones are left out."""
    scan, permitted = make_scanner(), set(allowed)
    found: dict[str, Finding] = {}
    seen: dict[bytes, frozenset[tuple[str, str]]] = {}
    for path in files:
        for row, column, text in _texts(path):
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            if key not in seen:  # most texts are in several configurations
                seen[key] = frozenset(scan(text))
            for kind, secret in sorted(seen[key]):
                name = name_of(kind, secret)
                if name in permitted:
                    continue
                first = found.get(name)
                place = (path.name, row, column) if first is None else (first.file, first.row, first.column)
                found[name] = Finding(kind, name, *place, 1 if first is None else first.n + 1)
    return sorted(found.values(), key=lambda finding: finding.name)


def has_secret(code: str) -> bool:
    """Return whether a line of code looks like a key, a token, a private key or a password.

    Placeholders count too: a seed more or less does not matter, a leaked key does.
    """
    return any(
        any(True for _ in detector.analyze_string(line)) for line in code.splitlines() for detector in detectors()
    )


@functools.cache
def detectors() -> tuple[Any, ...]:
    """Return detect-secrets' detectors of forms."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: Any = get_mapping_from_secret_type_to_class().values()
    return tuple(
        detector() for detector in sorted(classes, key=lambda kind: kind.__name__) if detector.__name__ in _BY_FORM
    )


def name_of(kind: str, secret: str) -> str:
    """Return what a finding is called without showing it."""
    return f"{kind.lower().replace(' ', '-')}:{hashlib.sha256(secret.encode()).hexdigest()[:12]}"


def make_scanner() -> Callable[[str], Iterator[tuple[str, str]]]:
    """Return a function from a text to kinds and texts of what it holds."""
    asked = [
        (str(detector.secret_type), detector) for detector in detectors() if type(detector).__name__ != _TOO_EAGER
    ]

    def scan(text: str) -> Iterator[tuple[str, str]]:
        for start in range(0, max(len(text), 1), _PIECE):
            piece = text[max(start - _EDGE, 0) : start + _PIECE]
            for name, detector in asked:
                # Its own expressions, asked for a hit first: almost no text has one.
                if any(pattern.search(piece) for pattern in detector.denylist):
                    yield from ((name, secret) for secret in detector.analyze_string(piece) if secret)
            if "@" in piece:
                yield from (
                    ("email address", match[0])
                    for match in _EMAIL.finditer(piece)
                    if not _NOBODYS.search(match[1])
                )
            found = [match[0] for match in _IPV4.finditer(piece)]
            yield from (("private network address", text) for text in found if _is_private(text))

    return scan


def _is_private(text: str) -> bool:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return any(address in network for network in _PRIVATE)


def _texts(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield row, column and text of every text in a file, those inside lists and structs too."""
    row = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
        columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        for offset in range(batch.num_rows):
            for name, values in columns.items():
                yield from ((row + offset, name, text) for text in _strings(values[offset]))
        row += batch.num_rows


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)
