"""The report of a run: one self-contained HTML file.

`gather` reads the run folder into a record of counts, `plots` and `curves` draw them, `page` fills the
template. The page shows what there is: a run that has only been built has no training in it. Candidates' text
is hostile and is only ever shown as escaped text; the page forbids itself scripts and everything external.
"""

from pathlib import Path

from pairsmith.pipeline.report.facts import ReportError
from pairsmith.pipeline.report.gather import gather_run
from pairsmith.pipeline.report.page import render_page
from pairsmith.pipeline.run.folder import write_whole

__all__ = ["ReportError", "write_report"]


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write the report of a run folder, and return where it is.

    Args:
        run: the run folder; any later part of it may be absent.
        out: file to write; None for `report.html` in the run folder.

    Raises:
        ReportError: if the folder can't be read as a run.
        FolderError: if the file can't be written.
    """
    target = out if out is not None else run / "report.html"
    write_whole(target, render_page(gather_run(run)).encode("utf-8"))
    return target
