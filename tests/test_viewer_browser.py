"""The viewer in a real browser: filter, diff, mark, next; hostile text does nothing there."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pairsmith.pipeline.chain.table import stage_folder
from pairsmith.pipeline.pairing.drops import read_marks
from pairsmith.pipeline.report.words import counted
from pairsmith.pipeline.viewer.index import Filter, PairIndex
from pairsmith.schemas.pair import MarkKind, Pair
from tests.hostile import HOSTILE
from tests.viewer_kit import poison, served

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; skips where there is none, unless CI asks for it."""
    if CHROMIUM is None and not os.environ.get("PAIRSMITH_REQUIRE_CHROMIUM"):
        pytest.skip("no Chromium on this machine; Debian's package is `chromium`")
    with sync_playwright() as playwright:
        # Its own sandbox needs user namespaces, which containers forbid; pages come from this test alone.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose every complaint fails the test: also of the policy that forbids foreign scripts and styles."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield page
    context.close()
    assert complaints == []


def test_filter_diff_mark_next(run: Path, page: Page) -> None:
    rows = [pair["pair_id"] for pair in map(PairIndex(run).pair, PairIndex(run).rows(Filter(cause="wrong_value")))]
    with served(run) as address:
        page.goto(address)
        with page.expect_navigation():  # ends with the load: keys are heard from then on
            page.select_option("select[name=cause]", "wrong_value")
        expect(page.locator("#found")).to_have_text(f"{counted(len(rows), 'pair')} found")
        expect(page.locator("tbody tr")).to_have_count(min(len(rows), 50))
        page.keyboard.press("Escape")  # out of the select
        page.keyboard.press("o")
        page.wait_for_url(f"**/pairs/{rows[0]}?cause=wrong_value")

        changed = page.locator("tr.changed").first
        assert changed.locator(".left").inner_text() != changed.locator(".right").inner_text()
        colours = {
            changed.locator(side).evaluate("cell => getComputedStyle(cell).backgroundColor")
            for side in (".left", ".right")
        }
        assert len(colours) == 2
        assert (
            page.locator("td.left .t-k").first.evaluate("span => getComputedStyle(span).color")
            != "rgb(27, 36, 48)"
        )
        expect(page.locator(".cases tbody tr").first.locator(".no")).to_have_count(1)
        expect(page.locator(".cases code").first).to_have_css("white-space", "pre-wrap")  # blanks are not merged

        page.keyboard.press("b")
        expect(page.locator("#said")).to_have_text("saved")
        expect(page.locator("#n-marks")).to_have_text("1")
        expect(page.locator("[data-mark=bad]")).to_have_attribute("aria-pressed", "true")
        (mark,) = read_marks(run)
        assert (mark.pair_id, mark.mark) == (rows[0], MarkKind.BAD)

        page.keyboard.press("j")
        page.wait_for_url(f"**/pairs/{rows[1]}?cause=wrong_value")
        page.click("[data-mark=rejected_right]")
        expect(page.locator("#n-marks")).to_have_text("2")
        page.keyboard.press("r")  # again removes it
        expect(page.locator("#said")).to_have_text("mark removed")
        page.keyboard.press("k")
        page.wait_for_url(f"**/pairs/{rows[0]}?cause=wrong_value")
        expect(page.locator("[data-mark=bad]")).to_have_attribute("aria-pressed", "true")

        page.keyboard.press("Escape")
        page.wait_for_url("**/?cause=wrong_value")
        expect(page.locator(".mark-bad")).to_have_count(1)


def test_help_opens_and_closes_by_its_key(run: Path, page: Page) -> None:
    with served(run) as address:
        for path in ("/", "/problems", "/undecided"):
            page.goto(address + path)
            page.keyboard.press("?")
            expect(page.locator("#help")).to_be_visible()
            page.keyboard.press("?")
            expect(page.locator("#help")).to_be_hidden()
        page.goto(f"{address}/problems")
        page.keyboard.press("o")
        page.wait_for_url("**/problems/starter/*")
        assert page.locator("details.card").count() > 3


def test_the_funnel_and_the_plots_are_there(run: Path, page: Page) -> None:
    with served(run) as address:
        page.goto(f"{address}/plots")
        frame = page.frame_locator("iframe.report")
        expect(frame.locator("h3", has_text="Candidates at each step")).to_be_visible()
        assert frame.locator("svg").count() >= 4


def test_hostile_text_runs_and_hides_nothing(run: Path, page: Page) -> None:
    pair: Pair = stage_folder(run, "pairs").read_all()[0]
    poison(run, pair, HOSTILE)
    with served(run) as address:
        for path in ("/", f"/pairs/{pair.pair_id}"):
            page.goto(address + path)
            page.wait_for_load_state("networkidle")
            assert "owned" not in page.title()
            assert page.locator("script").count() == 1
            assert page.locator("img").count() == 0
        text = page.locator("main").inner_text()
        assert "<script>document.title='owned'</script>" in text
        assert "⟨U+202E⟩" in text
        assert "\u202e" not in text
