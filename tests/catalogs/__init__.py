"""Three catalogs that share no column but the lake's own: two of an example, and one more."""

from pathlib import Path
from typing import Final

EXAMPLES: Final = Path(__file__).parents[2] / "terraform/examples/production/catalogs"
CATALOGS: Final = sorted(
    [*EXAMPLES.glob("*.json"), *Path(__file__).parent.glob("*.json")], key=lambda path: path.stem
)
