"""The pages: a list of pairs to filter, one pair, the report, and where marks are sent to."""

import bisect
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pairsmith.pipeline.extraction.thoughts import Part, answer_parts
from pairsmith.pipeline.report.gather import gather_run
from pairsmith.pipeline.report.history import (
    CandidateHistory,
    NoPairError,
    ProblemHistory,
    candidate_facts,
    case_rows,
    count_labels,
    outcomes_by_test,
)
from pairsmith.pipeline.report.page import make_environment, render_page
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.safe_text import shown_text
from pairsmith.pipeline.viewer.colouring import side_by_side
from pairsmith.pipeline.viewer.index import STATES, Filter, PairIndex
from pairsmith.schemas.pair import MarkKind
from pairsmith.schemas.verdict import Label

N_ROWS = 50  # pairs a page of the list
_N_CASES = 60
_N_CHARS = 400  # of a value in the table of cases
_N_CLUSTERS = 12
_N_CANDIDATES = 60  # shown of a problem
_HERE = Path(__file__).parent
_MARKS = {
    "good": (MarkKind.GOOD, ""),
    "bad": (MarkKind.BAD, ""),
    "wrong_label": (MarkKind.WRONG_LABEL, ""),
    "chosen_wrong": (MarkKind.WRONG_LABEL, "chosen"),
    "rejected_right": (MarkKind.WRONG_LABEL, "rejected"),
    "none": (None, ""),
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Near-duplicates among a problem's candidates, as they are shown."""

    n: int
    labels: str
    code: str
    has_chosen: bool
    has_rejected: bool


def make_app(run: Path) -> Starlette:
    """Return the viewer of a run, not guarded yet (see `pipeline.viewer.serving`).

    Raises:
        NoPairError: if the run has neither pairs nor problems.
    """
    index = PairIndex(run)

    async def take_mark(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_save_mark, index, body)

    async def show_error(request: Request, error: Exception) -> Response:
        status = 404 if isinstance(error, NoPairError) else 500
        return PlainTextResponse(shown_text(" ".join(str(error).split()), 1000), status)

    routes = [
        Route("/", partial(_list_page, index)),  # Starlette runs what is not async in a thread
        Route("/pairs/{pair_id}", partial(_pair_page, index)),
        Route("/problems", partial(_problems_page, index, False)),
        Route("/undecided", partial(_problems_page, index, True)),
        Route("/problems/{problem_id:path}", partial(_problem_page, index)),
        Route("/plots", partial(_page, "plots.html.jinja", index)),
        Route("/report", partial(_report, run)),
        Route("/marks", take_mark, methods=["POST"]),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    return Starlette(routes=routes, exception_handlers={PairsmithError: show_error})


def _list_page(index: PairIndex, request: Request) -> Response:
    index.refresh()
    if index.facts.is_empty():  # not built that far, or nothing could be paired
        return RedirectResponse("/problems")
    wanted = Filter.of_query(request.query_params)
    rows = index.rows(wanted)
    page, n_pages = _page_number(request, len(rows))
    part = [index.pair(row) for row in rows[(page - 1) * N_ROWS : page * N_ROWS]]
    return _page(
        "list.html.jinja", index, request, wanted=wanted, pairs=part, n_found=len(rows), page=page,
        n_pages=n_pages,
        choices=index.choices(), query=wanted.query(), page_query=lambda number: wanted.query(page=number),
    )  # fmt: skip


def _page_number(request: Request, n_rows: int) -> tuple[int, int]:
    """Return the page that is asked for, from 1, and how many there are."""
    n_pages = max(1, -(-n_rows // N_ROWS))
    asked = request.query_params.get("page", "1")
    return (min(max(int(asked), 1), n_pages) if asked.isdecimal() and len(asked) < 9 else 1), n_pages


def _problems_page(index: PairIndex, is_undecided: bool, request: Request) -> Response:
    index.refresh()
    table, query = index.problems(), request.query_params
    problem, kind = (query.get(name, "").strip()[:200] for name in ("problem", "kind"))
    rows = table.find_undecided(problem, kind) if is_undecided else table.find(problem, kind)
    if is_undecided:
        counts = table.undecided["cause"].value_counts().sort("count", "cause", descending=[True, False])
        kinds = list(counts.iter_rows())
    else:
        kinds = [(state, table.find("", state).height) for state in STATES]
    page, n_pages = _page_number(request, rows.height)
    path = request.url.path
    return _page(
        "problems.html.jinja", index, request, is_undecided=is_undecided, path=path, problem=problem, kind=kind,
        title="Undecided" if is_undecided else "Problems", kinds=kinds, n_found=rows.height, page=page,
        n_pages=n_pages, rows=rows.slice((page - 1) * N_ROWS, N_ROWS).to_dicts(),
        page_address=lambda number: f"{path}?" + urlencode({"problem": problem, "kind": kind, "page": number}),
    )  # fmt: skip


def _problem_page(index: PairIndex, request: Request) -> Response:
    index.refresh()
    history = index.history(request.path_params["problem_id"])
    order = [Label.UNDECIDED, Label.FAILED, Label.PASSED]
    candidates = sorted(
        history.candidates, key=lambda entry: order.index(entry.verdict.label) if entry.verdict else len(order)
    )
    return _page(
        "problem.html.jinja", index, request, problem=history.problem, candidates=candidates,
        n_shown=_N_CANDIDATES, labels=count_labels(candidates), parts=_parts,
        n_pairs_here=index.facts.filter(problem_id=history.problem.problem_id).height,
    )  # fmt: skip


def _parts(entry: CandidateHistory) -> list[Part]:
    return answer_parts(entry.candidate.completion, entry.candidate.reasoning, entry.program)


def _pair_page(index: PairIndex, request: Request) -> Response:
    index.refresh()
    wanted = Filter.of_query(request.query_params)
    row = index.number_of(request.path_params["pair_id"])
    pair = index.pair(row)
    history = index.history(pair["problem_id"])
    chosen, rejected = history.find(pair["chosen_id"]), history.find(pair["rejected_id"])
    rows = index.rows(wanted)
    before, after = _neighbours(rows, row)
    cases = case_rows(history.problem, chosen, rejected, _N_CHARS)
    return _page(
        "pair.html.jinja", index, request, wanted=wanted, pair=pair, query=wanted.query(), n_found=len(rows),
        place=bisect.bisect_right(rows, row) if row in rows[bisect.bisect_left(rows, row) :][:1] else 0,
        before=index.facts["pair_id"][before] if before is not None else "",
        after=index.facts["pair_id"][after] if after is not None else "",
        problem=history.problem, standing=history.standing, chosen=chosen, rejected=rejected,
        diff=side_by_side(shown_text(chosen.code), shown_text(rejected.code), history.problem.language),
        cases=cases[:_N_CASES], n_cases=len(cases), tests=outcomes_by_test(chosen, rejected)[:_N_CASES],
        clusters=_clusters(history, pair), n_candidates=len(history.candidates),
        parts=_parts,
        labels=count_labels(history.candidates),
    )  # fmt: skip


def _neighbours(rows: list[int], row: int) -> tuple[int | None, int | None]:
    """Return the pairs before and behind one in a list, also where it is not itself in the list."""
    low, high = bisect.bisect_left(rows, row), bisect.bisect_right(rows, row)
    return (rows[low - 1] if low else None), (rows[high] if high < len(rows) else None)


def _report(run: Path, request: Request) -> Response:
    path = run / "report.html"
    text = path.read_text(encoding="utf-8") if path.is_file() else render_page(gather_run(run))
    return HTMLResponse(text)


def _save_mark(index: PairIndex, body: bytes) -> Response:
    try:
        given = json.loads(body)
        judged, side = _MARKS[given["mark"]]
        pair_id = str(given["pair_id"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return PlainTextResponse("not a mark", 400)
    index.mark(pair_id, judged, side)
    return JSONResponse({"mark": given["mark"], "n_marks": len(index.marks)})


def _page(template: str, index: PairIndex, request: Request, **values: Any) -> Response:
    text = _TEMPLATES.get_template(template).render(
        run=index.run.name, n_pairs=index.facts.height, n_marks=len(index.marks),
        token=request.scope.get("pairsmith_token", ""), **values,
    )  # fmt: skip
    return HTMLResponse(text)


def _clusters(history: ProblemHistory, pair: dict[str, Any]) -> list[Cluster]:
    """Return the near-duplicate clusters of a problem, those of this pair first, then the largest."""
    members: dict[str, list[CandidateHistory]] = {}
    for entry in history.candidates:
        own = entry.candidate.candidate_id
        members.setdefault(entry.syntax.cluster if entry.syntax is not None else own, []).append(entry)
    shown = []
    for rows in members.values():
        ids = {entry.candidate.candidate_id for entry in rows}
        code = shown_text(rows[0].code.strip("\n"), 700, 14)
        labels = count_labels(rows)
        shown.append(Cluster(len(rows), labels, code, pair["chosen_id"] in ids, pair["rejected_id"] in ids))
    shown.sort(key=lambda row: (not row.has_chosen, not row.has_rejected, -row.n))
    return shown[:_N_CLUSTERS]


_TEMPLATES = make_environment(_HERE / "templates")
_TEMPLATES.filters |= {"shown": shown_text, "facts": candidate_facts}
