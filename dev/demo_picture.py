"""Draw README's picture of the demo: `python -m dev.demo_picture`.

Runs the demo, and writes what it shows on a terminal as docs/assets/demo.svg.
"""

import io
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from clickstream_lake.demo.report import show
from clickstream_lake.demo.run import DemoSettings, run

PICTURE: Final = Path(__file__).parents[1] / "docs" / "assets" / "demo.svg"
_WIDTH: Final = 86
# Rich's own format without its web fonts: a picture should fetch nothing.
_FORMAT: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>What make demo shows: events by type, bytes scanned by layout, rejects by reason</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def draw(events: int, target: Path) -> None:
    """Run the demo with some events, and draw its report."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory() as directory:
        report = run(
            DemoSettings(
                events=events,
                seed=7,
                malformed=0.002,
                start=today - timedelta(days=1),
                terraform=False,
                directory=Path(directory),
            )
        )
    # What people who type `make demo` see: their own directory, not ours.
    report.directory = Path(".clickstream/demo")
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text("$ make demo", style="bold"))
    show(report, console)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        console.export_svg(title="clickstream lake", code_format=_FORMAT, unique_id="demo"),
        encoding="utf-8",
    )


if __name__ == "__main__":
    draw(300_000, PICTURE)
    print(f"wrote {PICTURE.relative_to(PICTURE.parents[2])}")
