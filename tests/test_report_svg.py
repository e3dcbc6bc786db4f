import re

import pytest
from matplotlib.axes import Axes

from pairsmith.pipeline.report import plots
from pairsmith.pipeline.report.facts import ProblemOutcome, VerdictCount
from pairsmith.pipeline.report.svg import PASSED, Drawing, draw_svg, plain_label
from tests.report_run import training_steps


def paint(axes: Axes) -> None:
    axes.bar(['a<b>&"$x$'], [1], color=PASSED)


def test_figure_is_themed_escaped_and_named() -> None:
    svg = draw_svg(Drawing(paint, 2.0, "one", "A bar"))
    assert svg.startswith('<svg viewBox="0 0 360 144" role="img" aria-label="A bar">')
    assert "fill: var(--passed)" in svg
    assert 'a&lt;b&gt;&amp;"$x$' in svg
    assert not re.search(r"#[0-9a-f]{6}|http|<style|font-family|<metadata", svg)
    assert all(name.startswith("one-") for name in re.findall(r'id="([^"]*)"', svg))
    used = re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', svg)
    assert used
    assert {left or right for left, right in used} <= set(re.findall(r'id="([^"]*)"', svg))


def test_figure_ignores_the_users_matplotlib_settings() -> None:
    import matplotlib as mpl

    plain = draw_svg(Drawing(paint, 2.0, "one", "A bar"))
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        assert draw_svg(Drawing(paint, 2.0, "one", "A bar")) == plain
        assert mpl.rcParams["font.size"] == 30


@pytest.mark.parametrize(
    ("text", "label"),
    [("loop_for", "loop_for"), ("a\u202eb", "a\\u202eb"), ("a\x1bb\n", "a?b?"), ("x" * 40, "x" * 31 + "...")],
)
def test_labels_are_printable_ascii(text: str, label: str) -> None:
    assert plain_label(text) == label


def test_pass_rate_bins_are_exact_and_set_the_ends_apart() -> None:
    tables = [(0, 7), (1, 10), (1, 9), (3, 10), (9, 10), (99, 100), (5, 5), (0, 0)]
    problems = [ProblemOutcome(f"p{place}", "", n, c, 0, "") for place, (c, n) in enumerate(tables)]
    #                                        none .1 .2 .3             .9 <1 all
    assert plots.pass_rate_bins(problems) == [1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1]


def test_bars_say_count_and_share() -> None:
    svg = draw_svg(
        plots.plot_outcomes([VerdictCount("passed", "", 1500), VerdictCount("failed", "wrong_value", 500)])
    )
    assert "1,500 (75%)" in svg
    assert "500 (25%)" in svg
    assert "wrong value" in svg


def test_running_mean() -> None:
    assert plots.running_mean([1.0, 3.0, 5.0, 7.0], 2) == [1.0, 2.0, 4.0, 6.0]


@pytest.mark.parametrize("n_steps", [1, 2, 200])
def test_curves_of_any_number_of_steps(n_steps: int) -> None:
    drawings = plots.plot_training(training_steps(n_steps), 0.693)
    assert list(drawings) == ["loss", "margin", "accuracy", "logprobs"]
    figures = [draw_svg(drawing) for drawing in drawings.values()]
    assert len(set(figures)) == len(figures)
    assert all("step" in figure for figure in figures)
