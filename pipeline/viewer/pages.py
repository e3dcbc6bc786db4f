"""The pages: a list of pairs to filter, one pair, the report, and where marks are sent to."""

import bisect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pairsmith.pipeline.extraction.parts import Part, answer_parts
from pairsmith.pipeline.report.gather import gather_run
from pairsmith.pipeline.report.history import (
    Known,
    NoPairError,
    ProblemHistory,
    candidate_facts,
    case_rows,
    count_labels,
    outcomes_by_test,
)
from pairsmith.pipeline.report.page import render_page
from pairsmith.pipeline.report.words import percent, spoken
from pairsmith.pipeline.run.errors import PairsmithError
from pairsmith.pipeline.run.safe_text import shown_text, visible
from pairsmith.pipeline.viewer.colouring import side_by_side
from pairsmith.pipeline.viewer.index import Filter, PairIndex
from pairsmith.schemas.mark import MarkKind

N_ROWS = 50  # pairs a page of the list
_N_CASES = 60
_N_CHARS = 400  # of a value in the table of cases
_N_CLUSTERS = 12
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
        NoPairError: if the run has no pairs.
    """
    index = PairIndex(run)

    async def show_list(request: Request) -> Response:
        return await run_in_threadpool(_list_page, index, request)

    async def show_pair(request: Request) -> Response:
        return await run_in_threadpool(_pair_page, index, request)

    async def show_report(request: Request) -> Response:
        return await run_in_threadpool(_report, run)

    async def show_plots(request: Request) -> Response:
        return _page("plots.html.jinja", index, request)

    async def take_mark(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_take_mark, index, body)

    async def say_error(request: Request, error: Exception) -> Response:
        status = 404 if isinstance(error, NoPairError) else 500
        return PlainTextResponse(shown_text(" ".join(str(error).split()), 1000), status)

    routes = [
        Route("/", show_list),
        Route("/pairs/{pair_id}", show_pair),
        Route("/plots", show_plots),
        Route("/report", show_report),
        Route("/marks", take_mark, methods=["POST"]),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]
    return Starlette(routes=routes, exception_handlers={PairsmithError: say_error})


def _list_page(index: PairIndex, request: Request) -> Response:
    index.refresh()
    wanted = Filter.of_query(request.query_params)
    rows = index.rows(wanted)
    n_pages = max(1, -(-len(rows) // N_ROWS))
    asked = request.query_params.get("page", "1")
    page = min(max(int(asked), 1), n_pages) if asked.isdecimal() and len(asked) < 9 else 1
    part = [index.pair(row) for row in rows[(page - 1) * N_ROWS : page * N_ROWS]]
    return _page(
        "list.html.jinja", index, request, wanted=wanted, pairs=part, n_found=len(rows), page=page,
        n_pages=n_pages,
        choices=index.choices(), query=wanted.query(), page_query=lambda number: wanted.query(page=number),
    )  # fmt: skip


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
        diff=side_by_side(_program(chosen), _program(rejected), history.problem.language),
        cases=cases[:_N_CASES], n_cases=len(cases), tests=outcomes_by_test(chosen, rejected)[:_N_CASES],
        clusters=_clusters(history, pair), n_candidates=len(history.candidates),
        parts=_parts, labels=count_labels(history.candidates), judgements=index.reader.judgements(pair["pair_id"]),
    )  # fmt: skip


def _neighbours(rows: list[int], row: int) -> tuple[int | None, int | None]:
    """Return the pairs before and behind one in a list, also where it is not itself in there."""
    low, high = bisect.bisect_left(rows, row), bisect.bisect_right(rows, row)
    return (rows[low - 1] if low else None), (rows[high] if high < len(rows) else None)


def _report(run: Path) -> Response:
    path = run / "report.html"
    text = path.read_text(encoding="utf-8") if path.is_file() else render_page(gather_run(run))
    return HTMLResponse(text)


def _take_mark(index: PairIndex, body: bytes) -> Response:
    try:
        given = json.loads(body)
        judged, side = _MARKS[given["mark"]]
        pair_id = str(given["pair_id"])
    except (ValueError, KeyError, TypeError):
        return PlainTextResponse("not a mark", 400)
    index.mark(pair_id, judged, side)
    return JSONResponse({"mark": given["mark"], "n_marks": len(index.marks)})


def _page(template: str, index: PairIndex, request: Request, **values: Any) -> Response:
    text = _TEMPLATES.get_template(template).render(
        run=index.run.name, n_pairs=index.facts.height, n_marks=len(index.marks),
        token=request.scope.get("pairsmith_token", ""), **values,
    )  # fmt: skip
    return HTMLResponse(text)


def _finalize(value: Any) -> Any:
    """Make hidden characters of every text visible: no expression of a template can forget to."""
    return visible(value[:100_000]) if isinstance(value, str) and not isinstance(value, Markup) else value


def _parts(known: Known) -> list[Part]:
    """Return what a model wrote in parts: thoughts, what was judged, the rest."""
    return answer_parts(known.candidate.completion, known.candidate.reasoning, known.program)


def _program(known: Known) -> str:
    return shown_text(known.code)


def _clusters(history: ProblemHistory, pair: dict[str, Any]) -> list[Cluster]:
    """Return the near-duplicate clusters of a problem, those of this pair first, then the largest."""
    members: dict[str, list[Known]] = {}
    for known in history.candidates:
        own = known.candidate.candidate_id
        members.setdefault(known.syntax.cluster if known.syntax is not None else own, []).append(known)
    shown = []
    for rows in members.values():
        ids = {known.candidate.candidate_id for known in rows}
        code = shown_text(rows[0].code.strip("\n"), 700, 14)
        labels = count_labels(rows)
        shown.append(Cluster(len(rows), labels, code, pair["chosen_id"] in ids, pair["rejected_id"] in ids))
    shown.sort(key=lambda one: (not one.has_chosen, not one.has_rejected, -one.n))
    return shown[:_N_CLUSTERS]


_TEMPLATES = Environment(
    loader=PackageLoader("pairsmith.pipeline.viewer"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_finalize,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"spoken": spoken, "percent": percent, "shown": shown_text, "facts": candidate_facts}
