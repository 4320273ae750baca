"""How every report looks: Markdown tables, and plots that can be read at a README's width."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt

MB: Final = 1_000_000
OURS: Final = "#1f5130"
OTHERS: Final = "#9aa5b1"
WARM: Final = "#b3541e"
_STYLE: Final[Any] = {
    "font.size": 11,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 14,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "figure.facecolor": "white",
}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(*parts: str) -> str:
    """Write paragraphs, tables and headings, with an empty line between them."""
    return "\n\n".join(part for part in parts if part) + "\n"


def times(ratio: float) -> str:
    """A ratio for people: `2.6x`, `1,078x`."""
    return f"{ratio:,.1f}x" if ratio < 10 else f"{ratio:,.0f}x"  # noqa: PLR2004 - one digit less


@contextmanager
def plot(path: Path, title: str, height: float, **options: Any) -> Iterator[Any]:  # noqa: ANN401 - matplotlib's
    """Give the axes of a plot 9 inches wide, and save it as PNG."""
    mpl.use("Agg")
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(9, height), layout="constrained", **options)
        figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold")
        yield axes
        figure.savefig(path, dpi=150, metadata={"Software": None})  # the same for any version
        plt.close(figure)
