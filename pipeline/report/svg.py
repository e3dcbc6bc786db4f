"""Figures as inline SVG with the colours of the page's light or dark theme.

Matplotlib draws in the light theme's colours; afterwards each is replaced by the CSS variable of its role, so
one drawing serves both themes. Text stays text, in the page's own font.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK, MUTED, GRID = "#1b2430", "#5a6573", "#dde2e8"
PASSED, FAILED, UNRUN, UNDECIDED = "#1f6fb2", "#c2571a", "#e6b48f", "#98a1ad"
PLAIN = "#2a857b"  # what is neither passed nor failed: problems, training, scores
ROLES = {
    INK: "ink", MUTED: "muted", GRID: "grid", PASSED: "passed", FAILED: "failed", UNRUN: "unrun",
    UNDECIDED: "undecided", PLAIN: "plain",
}  # fmt: skip
"""Colour to its variable, which is also the class of keys in that colour."""
_WIDTH = 5.0  # inches: 360 CSS pixels, a phone's width; wider columns scale it up
_SIZE = 10.5  # points, CSS pixels of the unscaled figure
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "pairsmith",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],  # ships with Matplotlib: the layout is the same everywhere
    "font.size": _SIZE,
    "axes.titlesize": _SIZE,
    "axes.labelsize": _SIZE,
    "xtick.labelsize": _SIZE,
    "ytick.labelsize": _SIZE,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure that is still to be drawn.

    Attributes:
        paint: draws on empty axes; the style is set while it runs.
        height: inches of the whole figure.
        name: prefix of all ids in it, so that several fit into one page.
        description: text for screen readers; plain text of pairsmith's own, without `<`, `&` or quotes.
    """

    paint: Callable[[Axes], None]
    height: float
    name: str
    description: str


def draw_svg(drawing: Drawing) -> str:
    """Return a drawing as an `svg` element."""
    # No time of day and no version in the bytes.
    data = _save(drawing, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return _inline(data.decode(), drawing.name, drawing.description)


def _save(drawing: Drawing, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's own matplotlibrc must not change the bytes
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=(_WIDTH, drawing.height), layout="constrained")
        drawing.paint(figure.add_subplot())
        figure.savefig(buffer, **options)
    return buffer.getvalue()


def count_axis(axes: Axes, which: str) -> None:
    """Put whole numbers only on the axis `x` or `y`, with a light grid."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))
    axis.grid(visible=True)


def plain_label(text: str, limit: int = 34) -> str:
    """Return text for a label: printable ASCII (others as escapes), cut to `limit` characters."""
    ascii_text = text.encode("ascii", "backslashreplace").decode()
    shown = "".join(char if char.isprintable() else "?" for char in ascii_text)
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def _inline(text: str, name: str, description: str) -> str:
    """Return Matplotlib's SVG document as an element of an HTML page."""
    box = re.search(r'viewBox="([\d. ]+)"', text)
    assert box is not None
    body = text[text.index("<g ") : text.rindex("</svg>")]
    body = re.sub(r"\s*\n\s*", " ", body).replace("> <", "><")
    body = body.replace('id="', f'id="{name}-').replace('xlink:href="#', f'href="#{name}-')
    body = body.replace("url(#", f"url(#{name}-")
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)  # the family is the page's
    body = re.sub(r" ?font-family: [^;\"]*;?", "", body)
    for colour, role in ROLES.items():
        body = body.replace(colour, f"var(--{role})")
    return f'<svg viewBox="{box[1]}" role="img" aria-label="{description}">{body.strip()}</svg>'
