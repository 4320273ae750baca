"""Write what the estimate reckons with, then the tables of the pages about costs."""

from clickstream_lake.operate.costs.measured import MEASURED_PATH, measured
from dev.costs.calls import count
from dev.costs.figures import figures, text
from dev.costs.page import PAGES, updated


def main() -> None:
    """Write all of it."""
    MEASURED_PATH.write_text(text(figures(count())), encoding="utf-8")
    measured.cache_clear()
    for page in PAGES:
        page.write_text(updated(page), encoding="utf-8")
    print("wrote", MEASURED_PATH, *PAGES)


if __name__ == "__main__":
    main()
