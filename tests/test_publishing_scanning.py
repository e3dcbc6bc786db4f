"""What the scan finds in the texts of a dataset, and what it lets through."""

import time
from pathlib import Path

import polars as pl
import pytest

from pairsmith.pipeline.publishing.hub import PublishError
from pairsmith.pipeline.publishing.publish import refuse_secrets
from pairsmith.pipeline.publishing.scanning import make_scanner, scan_files

_KEY = "ghp_" + "A1b2C3d4E5f6" * 3  # put together here: whole ones make scanners of repositories ring


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f'token = "{_KEY}"', "GitHub Token"),
        ("AKIA" + "QWERTYUIOP123456", "AWS Access Key"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE", "Private Key"),
        ("postgres://me:" + "s3cr3tpw@db.internal/x", "Basic Auth Credentials"),
        ("write to jane.doe@" + "corp-mail.de today", "email address"),
        ("connect('192.168.7.21')", "private network address"),
        ("host = 10.1.2.3", "private network address"),
    ],
)
def test_finds_keys_and_private_addresses(text: str, kind: str) -> None:
    assert kind in {found for found, _ in make_scanner()(text)}


@pytest.mark.parametrize(
    "text",
    [
        "def f(password):\n    return password == 'hunter2'",
        "mail = 'user@example.com'",
        "assert is_ip('127.0.0.1') and is_ip('8.8.8.8')",
        "version 10.1.2.3.4",
        "@property\ndef x(self): return self.a@self.b",
        "digest = '0123456789abcdef0123456789abcdef'",
        "assert valid('999.168.1.1') is False",
    ],
)
def test_lets_programs_be_programs(text: str) -> None:
    assert list(make_scanner()(text)) == []


def test_names_what_it_found_without_showing_it_and_lets_it_through_by_name(tmp_path: Path) -> None:
    rows = {
        "candidate_id": ["a", "b"],
        "prompt": [[{"role": "user", "content": "x"}], []],
        "code": ["1", f"k='{_KEY}'"],
    }
    path = tmp_path / "train-00000.parquet"
    pl.DataFrame(rows, strict=False).write_parquet(path)
    found = scan_files([path])
    assert [(one.file, one.row, one.column, one.n) for one in found] == [("train-00000.parquet", 1, "code", 1)]
    with pytest.raises(PublishError, match=r"row 1 column code.*publish\.allowed") as caught:
        refuse_secrets(found)
    assert _KEY not in str(caught.value)
    assert scan_files([path], [found[0].name]) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", ["a", "a@", "1.", "-----BEGIN ", "eyJ", "://a:"])
def test_a_text_of_anything_takes_seconds_at_most(part: str) -> None:
    scan, began = make_scanner(), time.process_time()
    list(scan(part * (200_000 // len(part))))
    assert time.process_time() - began < 20


def test_finds_what_lies_across_pieces() -> None:
    text = "x" * ((1 << 14) - 10) + " " + _KEY
    assert [kind for kind, _ in make_scanner()(text)] == ["GitHub Token"]
