"""Three catalogs that share no column but the lake's own."""

from pathlib import Path
from typing import Final

CATALOGS: Final = sorted(Path(__file__).parent.glob("*.json"))
