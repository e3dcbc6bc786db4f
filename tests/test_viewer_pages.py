"""The viewer's pages: filters, one pair, marks; who may ask; hostile text."""

import asyncio
import re
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pyarrow.parquet as pq
import pytest

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.pairing.drops import read_marks
from pairsmith.pipeline.report.history import RunReader
from pairsmith.pipeline.report.words import counted
from pairsmith.pipeline.run import AddressError, is_loopback
from pairsmith.pipeline.viewer.index import Filter, PairIndex
from pairsmith.pipeline.viewer.serving import allowed_hosts, open_listener
from pairsmith.schemas.arrow import to_table
from pairsmith.schemas.pair import MarkKind, Pair
from pairsmith.schemas.verdict import Cause, Label, Verdict
from tests.cli_kit import assert_one_line, call_pairsmith
from tests.hostile import FORBIDDEN, HOSTILE, LARGE
from tests.viewer_kit import HOST, client_of, own_headers, poison

T = TypeVar("T")


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def pairs(run: Path) -> list[Pair]:
    return stage_folder(run, "pairs").read_all()


def ask(run: Path, work: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
    async def asked() -> T:
        async with client_of(run) as client:
            return await work(client)

    return asyncio.run(asked())


def get(run: Path, path: str, **headers: str) -> httpx.Response:
    return ask(run, lambda client: client.get(path, headers=headers))


def post(run: Path, body: Any, headers: dict[str, str]) -> httpx.Response:
    return ask(run, lambda client: client.post("/marks", json=body, headers=headers))


def test_the_list_shows_all_pairs_and_filters_them(run: Path, pairs: list[Pair]) -> None:
    index = PairIndex(run)
    part = pairs[0].problem_id[3:12]

    def tagged(pair: Pair) -> bool:
        return "one_statement" in f"{pair.chosen_tags} {pair.rejected_tags}".split()

    wanted: list[tuple[Filter, Callable[[Pair], bool]]] = [
        (Filter(), lambda pair: True),
        (Filter(problem=part.upper()), lambda pair: part in pair.problem_id),
        (Filter(cause="wrong_value"), lambda pair: pair.rejected_cause == "wrong_value"),
        (Filter(cause="exception"), lambda pair: pair.rejected_cause == "exception"),
        (Filter(split="test"), lambda pair: pair.split == "test"),
        (Filter(tag="one_statement"), tagged),
        (Filter(tag="one_state"), lambda pair: False),
        (Filter(doubt="unchecked"), lambda pair: pair.chosen_standing == "unchecked"),
        (Filter(policy="cleaner"), lambda pair: False),
        (Filter(mark="some"), lambda pair: False),
        (Filter(mark="none"), lambda pair: True),
    ]  # fmt: skip
    for one, holds in wanted:
        found = [index.pair(row)["pair_id"] for row in index.rows(one)]
        assert found == [
            pair.pair_id for pair in sorted(pairs, key=lambda pair: index.row_of[pair.pair_id]) if holds(pair)
        ], one
        page = get(run, f"/?{one.query()}")
        assert f"{counted(len(found), 'pair')} found" in page.text
        assert [key for key in found[:50] if f"/pairs/{key}" not in page.text] == []


def test_a_pair_has_diff_cases_clusters_and_its_neighbours(run: Path, pairs: list[Pair]) -> None:
    index = PairIndex(run)
    rows = index.rows(Filter(cause="wrong_value"))
    pair = index.pair(rows[1])
    page = get(run, f"/pairs/{pair['pair_id']}?cause=wrong_value").text
    before, after = (index.pair(rows[place])["pair_id"] for place in (0, 2))
    assert f'data-before="/pairs/{before}?cause=wrong_value"' in page
    assert f'data-after="/pairs/{after}?cause=wrong_value"' in page
    assert f"2 of {len(rows)}" in page
    history = RunReader(run).history(pair["problem_id"])
    assert page.count('<td class="n">') == len(history.problem.cases)
    assert page.count('<figure class="card">') == len(
        {known.syntax.cluster for known in history.candidates if known.syntax}
    )
    assert '<tr class="changed">' in page
    assert 'class="t-k' in page


def test_problems_are_listed_by_what_came_of_them(run: Path, pairs: list[Pair]) -> None:
    verdicts = stage_folder(run, "verdicts").read_all()
    problems = stage_folder(run, "problems").read_all()
    paired = {pair.problem_id for pair in pairs}
    page = get(run, "/problems").text
    assert f"{len(problems)} problems found" in page
    assert [one.problem_id for one in problems if f'href="/problems/{one.problem_id}"' not in page] == []
    without = [one.problem_id for one in problems if one.problem_id not in paired]
    page = get(run, "/problems?kind=without_pairs").text
    assert f"{len(without)} problems found" in page or (len(without) == 1 and "1 problem found" in page)
    shown = get(run, f"/problems/{pairs[0].problem_id}").text
    for verdict in verdicts:
        assert (f'id="c-{verdict.candidate_id}"' in shown) == (verdict.problem_id == pairs[0].problem_id)
    assert get(run, "/problems/starter/none").status_code == 404


def test_a_run_without_pairs_opens_with_its_problems(run: Path) -> None:
    shutil.rmtree(run / "pairs")
    front = get(run, "/")
    assert (front.status_code, front.headers["location"]) == (307, "/problems")
    problem = stage_folder(run, "problems").read_all()[0]
    page = get(run, "/problems").text
    assert f'href="/problems/{problem.problem_id}"' in page
    assert "0 pairs" in page
    candidate = next(
        row for row in stage_folder(run, "candidates").read_all() if row.problem_id == problem.problem_id
    )
    assert f'id="c-{candidate.candidate_id}"' in get(run, f"/problems/{problem.problem_id}").text
    assert get(run, "/undecided").status_code == 200
    shutil.rmtree(run / "verdicts")
    assert get(run, "/problems").status_code == 200


def test_undecided_candidates_are_listed_with_their_cause(run: Path, pairs: list[Pair]) -> None:
    assert "0 undecided candidates found" in get(run, "/undecided").text
    folder = stage_folder(run, "verdicts")
    for name in folder.shard_names():
        rows = [
            replace(row, label=Label.UNDECIDED, cause=Cause.MISSING_PACKAGE, detail="<b>nltk", n_cases=0)
            if row.candidate_id == pairs[0].rejected_id
            else row
            for row in folder.read(name)
        ]
        pq.write_table(to_table(rows, Verdict), folder.path / name)
    page = get(run, "/undecided?kind=missing_package").text
    assert f'href="/problems/{pairs[0].problem_id}#c-{pairs[0].rejected_id}"' in page
    assert "&lt;b&gt;nltk" in page
    assert "0 undecided candidates found" in get(run, "/undecided?kind=flaky").text
    page = get(run, f"/problems/{pairs[0].problem_id}").text
    assert f'id="c-{pairs[0].rejected_id}" open' in page
    assert "no case was judged" in page


def test_a_page_that_is_not_there_is_told(run: Path) -> None:
    assert get(run, "/pairs/%3Cscript%3E").status_code == 404
    assert get(run, "/nothing").status_code == 404
    assert get(run, "/static/../pages.py").status_code == 404
    assert get(run, "/?page=99999999999&problem=" + "x" * 5000).status_code == 200


def test_the_report_is_framed_and_may_run_nothing(run: Path) -> None:
    report = get(run, "/report")
    assert "pairsmith report" in report.text
    assert "script-src" not in report.headers["content-security-policy"]
    assert report.headers["content-security-policy"].endswith("sandbox")
    assert '<iframe class="report" src="/report" sandbox' in get(run, "/plots").text


def test_a_mark_is_written_shown_and_taken_back(run: Path, pairs: list[Pair]) -> None:
    pair = pairs[0]
    for given, judged, side in [
        ("good", MarkKind.GOOD, ""), ("bad", MarkKind.BAD, ""), ("wrong_label", MarkKind.WRONG_LABEL, ""),
        ("chosen_wrong", MarkKind.WRONG_LABEL, "chosen"), ("rejected_right", MarkKind.WRONG_LABEL, "rejected"),
    ]:  # fmt: skip
        answer = post(run, {"pair_id": pair.pair_id, "mark": given}, own_headers())
        assert answer.json() == {"mark": given, "n_marks": 1}
        (mark,) = read_marks(run)
        assert (mark.chosen_id, mark.rejected_id, mark.mark, mark.side) == (
            pair.chosen_id,
            pair.rejected_id,
            judged,
            side,
        )
        page = get(run, f"/pairs/{pair.pair_id}").text
        assert re.findall(r'data-mark="(\w+)"[^>]*aria-pressed="true"', page) == [given]
    assert f"/pairs/{pair.pair_id}" in get(run, "/?mark=wrong_label").text
    assert post(run, {"pair_id": pair.pair_id, "mark": "none"}, own_headers()).json()["n_marks"] == 0
    assert read_marks(run) == []


@pytest.mark.parametrize(
    "body", [{}, [], {"pair_id": "x"}, {"mark": "good", "pair_id": "gone"}, {"mark": ["good"]}]
)
def test_what_is_no_mark_changes_nothing(run: Path, body: Any) -> None:
    assert post(run, body, own_headers()).status_code in (400, 404)
    assert read_marks(run) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": f"https://{HOST}"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-Pairsmith-Token": "guessed"}, 403),
        ({"X-Pairsmith-Token": ""}, 403),
        ({"Host": "evil.example:8765"}, 421),
        ({"Host": "127.0.0.1"}, 421),
    ],
)
def test_other_sites_write_nothing(run: Path, pairs: list[Pair], headers: dict[str, str], status: int) -> None:
    answer = post(run, {"pair_id": pairs[0].pair_id, "mark": "bad"}, own_headers(**headers))
    assert answer.status_code == status
    assert read_marks(run) == []


def test_a_page_asked_for_under_another_name_is_refused(run: Path) -> None:
    answer = get(run, "/", Host="rebound.example:8765")
    assert answer.status_code == 421
    assert "pairsmith <b>" not in answer.text


def test_a_large_body_and_other_methods_are_refused(run: Path) -> None:
    assert post(run, {"pair_id": "x" * 5000, "mark": "bad"}, own_headers()).status_code == 413
    assert ask(run, lambda client: client.delete("/marks", headers=own_headers())).status_code == 405


@pytest.mark.parametrize(
    "text", [HOSTILE, LARGE, "def f(x):\n    return x\n" * 400_000], ids=["hostile", "large", "plain"]
)
def test_hostile_text_is_only_text(run: Path, pairs: list[Pair], text: str) -> None:
    poison(run, pairs[0], text)
    for path in (f"/pairs/{pairs[0].pair_id}", "/", f"/problems/{pairs[0].problem_id}"):
        answer = get(run, path)
        assert answer.status_code == 200
        assert [repr(bad) for bad in FORBIDDEN if bad in answer.text] == []
        assert len(answer.text) < 1_500_000
        assert answer.text.count("<script") == 1  # our own
        assert "<img" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_new_build_is_seen(run: Path, pairs: list[Pair]) -> None:
    index = PairIndex(run)
    assert index.facts.height == len(pairs)
    folder = stage_folder(run, "pairs")
    manifest = folder.manifest()
    assert manifest is not None
    folder.finish(folder.shard_names()[:1], "another", manifest.versions)
    index.refresh()
    assert index.facts.height < len(pairs)


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    loopback = {name: is_loopback(name) for name in ("127.0.0.1", "::1", "localhost", "192.0.2.1", "example.org")}
    assert [name for name, yes in loopback.items() if yes] == ["127.0.0.1", "::1", "localhost"]
    assert allowed_hosts("127.0.0.1", 8765) == {"127.0.0.1:8765", "localhost:8765"}
    assert allowed_hosts("192.0.2.1", 80) == {"192.0.2.1:80", "192.0.2.1"}
    for every in ("0.0.0.0", "::", ""):
        with pytest.raises(AddressError, match="give one address"):
            open_listener(every, 0)


def test_bad_input_is_one_line(run: Path, home: Path, tmp_path: Path) -> None:
    assert_one_line(call_pairsmith("view", tmp_path / "none", home=home), "none", "no such run folder")
    (tmp_path / "empty").mkdir()
    assert_one_line(call_pairsmith("view", tmp_path / "empty", home=home), "empty", "neither pairs nor problems")
    with open_listener("127.0.0.1", 0) as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        assert_one_line(call_pairsmith("view", run, "--port", port, home=home), port, "port 0 for any")
